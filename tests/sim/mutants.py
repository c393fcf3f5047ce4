"""The simulator is tested: each mutant is a fault put into the product, and a stated number of
seeds has to find it.

    tests/sim/mutants.py [--program FILE] [NAME...]     all, or those that are named
    tests/sim/mutants.py --applies                      only whether the patch fits the tree

mutants.patch puts all of them into a copy of the source tree (out/mutants), each behind a switch,
so that one build serves them all; the tree itself is left alone. Prints a table: the mutant, the
seeds that it is allowed, the seed that found it, the rule that it broke. Without a mutant the same
program has to be clean.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COPY = ROOT / "out" / "mutants" / "source"
BUILD = ROOT / "out" / "mutants" / "build"

# Name -> what is broken, and how many seeds are enough to notice.
MUTANTS = {
    "promote_before_catch_up": ("the target does not wait for the last byte", 100),
    "restart_goes_forward": (
        "a coordinator that finds a fence or a catch-up under way goes on to commit", 5000),
    "commit_of_an_old_epoch": (
        "a commit does not look whether somebody has committed meanwhile", 50000),
    "held_clients_are_forgotten": ("nobody lets the target's clients go after a call-off", 100),
    "called_off_is_not_told": ("the old region does not learn that a switchover is over", 1000),
    "fence_not_stored": ("the promise to another region is not on disk", 100),
    "operation_not_stored": ("an epoch is committed without its operation", 100),
    "operations_are_forgotten": ("a daemon that starts knows of no operation", 500),
    "memory_before_store": ("what changes is true before it is on disk", 500),
    "failed_store_counts": ("a store that has failed is taken for done", 500),
    "old_epoch_is_promised": ("a region promises an epoch that it knows to be over", 50000),
    "promises_are_given_twice": (
        "a region promises one epoch to two switchovers", 5000),
    "target_may_have_left": (
        "the writer moves to a region that has left the global cluster", 20000),
    "one_operation_is_known": (
        "a region with an operation of its own hears of no other one", 20000),
    "adopted_word_stays": (
        "a server that was open when the daemon came is opened again unasked", 50000),
    "discards_silently": ("what only one region has written is rewound and not kept", 1000),
    "older_timelines_are_forgotten": (
        "of what only one region has written, the last timeline alone is kept", 50000),
    "late_order_fences": ("a fence is carried out though its operation was called off", 50000),
    "engine_is_not_fenced": ("only the routers hold; the engine goes on taking writes", 100),
    "fence_answers_too_early": ("the fence is answered before the engine refuses writes", 100),
    "fence_is_lifted_by_anybody": ("any operation that is called off lifts the fence", 10000),
    "gossip_overwrites": ("what a peer says is taken whether or not it is newer", 100),
    "equal_epochs_have_no_order": ("of two decisions of one epoch neither gives way", 500),
    "keeper_lifts_a_fence": ("the keeper takes a promise that is in force for void", 100),
    "nobody_is_asked": ("a region that returns opens for writing on its own word", 500),
    "majority_is_enough": ("a region that returns asks half of the others", 2500),
    "old_primary_goes_on": (
        "a server that is open although the writer is elsewhere is left alone", 200),
    "rejoin_without_a_comparison": (
        "a former primary follows the new one without a look at its own WAL", 1000),
    "release_before_promote": ("clients are sent to the new writer before it is open", 200),
    "data_are_replaced_under_a_move": (
        "the writer moves to data that a copy is just taking the place of", 50000),
    "coordinators_word_is_enough": (
        "a region that returns opens because the coordinator has called its move off", 50000),
    "half_a_rewind_is_opened": (
        "a failover opens data that are half another server's", 50000),
    "heard_before_learnt": ("a peer counts as heard before its word is stored", 1000),
}


def run(command, **more):
    return subprocess.run(command, text=True, capture_output=True, check=False, **more)


def patched(place):
    """Copies the files that git knows, as they are now, and applies the patch there."""
    names = run(["git", "-C", str(ROOT), "ls-files"]).stdout.split("\n")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    patch = HERE / "mutants.patch"
    # Not as a part of the repository that `place` may lie in.
    applied = run(["git", "-C", str(place), "apply", str(patch)],
                  env=os.environ | {"GIT_CEILING_DIRECTORIES": str(place.parent)})
    if applied.returncode != 0:
        sys.exit(f"mutants.patch does not apply: {applied.stderr.strip()}")
    named = set(re.findall(r'mutant\("(\w+)"\)', patch.read_text()))
    if named != set(MUTANTS):
        sys.exit(f"in the patch or in the table only: {sorted(named ^ set(MUTANTS))}")


def applies():
    with tempfile.TemporaryDirectory() as place:
        patched(pathlib.Path(place))


def fresh_copy():
    """As patched(); files that have not changed since the last time keep their time."""
    plain = COPY.parent / "plain"
    shutil.rmtree(plain, ignore_errors=True)
    patched(plain)
    for source in filter(pathlib.Path.is_file, plain.rglob("*")):
        copy = COPY / source.relative_to(plain)
        if copy.is_file() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)


def build():
    fresh_copy()
    for command in (["cmake", "-S", str(COPY), "-B", str(BUILD), "-G", "Ninja",
                     "-DCMAKE_CXX_COMPILER=clang++-16", "-DCMAKE_CXX_FLAGS=-O2",
                     "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache", "-DAG_UNITY=ON",
                     "-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=mold"],
                    ["ninja", "-C", str(BUILD), "aurora-global-sim"]):
        done = run(command)
        if done.returncode != 0:
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return BUILD / "bin" / "aurora-global-sim"


def seeds_of(program, name, seeds):
    """The seed and the rule that a mutant was found by; None: it lives."""
    tried = run([str(program), "--seeds", str(seeds), "--no-shrink"],
                env=os.environ | {"AURORA_GLOBAL_MUTANT": name})
    found = re.search(r"^seed (\d+) \(.*?\): (.*)", tried.stdout, re.MULTILINE)
    if found:
        return found[1], found[2]
    # A daemon that a CHECK of its own has ended was found as well.
    return None if tried.returncode == 0 else ("", (tried.stderr.strip() or "?").splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", type=pathlib.Path, help="built from a tree with the patch")
    parser.add_argument("names", nargs="*", choices=[[], *MUTANTS])
    parser.add_argument("--applies", action="store_true", help="only whether the patch fits")
    given = parser.parse_args()
    if given.applies:
        return applies()
    program = given.program or build()
    clean = seeds_of(program, "", 200)
    if clean:
        sys.exit(f"without a mutant seed {clean[0]} breaks a rule: {clean[1]}")
    print("| mutant | seeds allowed | found by seed | rule |\n| --- | --- | --- | --- |", flush=True)
    alive = 0
    for name in given.names or MUTANTS:
        what, seeds = MUTANTS[name]
        found = seeds_of(program, name, seeds)
        alive += found is None
        seed, rule = found or ("LIVES", what)
        print(f"| {name} | {seeds} | {seed} | {rule[:120]} |", flush=True)
    sys.exit(1 if alive else 0)


if __name__ == "__main__":
    main()
