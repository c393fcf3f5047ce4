"""The simulator is tested: each mutant in mutants/ is a fault put into the product, and a stated
number of seeds has to find it.

A mutant is a patch. Its first lines say what is broken and how many seeds are enough:

    # The fence is answered before it is on disk.
    # seeds: 2000

    tests/sim/mutants.py [NAME...]     all, or those whose names contain one of the words

Works in a copy of the source tree under out/mutants, with a build of its own; the tree itself is
left alone. Prints a table: the mutant, the seed that found it, the rule that it broke.
"""

import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COPY = ROOT / "out" / "mutants" / "source"
BUILD = ROOT / "out" / "mutants" / "build"
PROGRAM = BUILD / "bin" / "aurora-global-sim"


def run(command, **more):
    return subprocess.run(command, text=True, capture_output=True, check=False, **more)


def fresh_copy():
    """The files that git knows, as they are now; unchanged ones keep their time."""
    names = run(["git", "-C", str(ROOT), "ls-files"]).stdout.split("\n")
    for name in filter(None, names):
        source, copy = ROOT / name, COPY / name
        if not source.is_file():
            continue
        if copy.is_file() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        shutil.copymode(source, copy)


def build():
    if not (BUILD / "build.ninja").exists():
        made = run(["cmake", "-S", str(COPY), "-B", str(BUILD), "-G", "Ninja",
                    "-DCMAKE_CXX_COMPILER=clang++-16", "-DCMAKE_BUILD_TYPE=Release",
                    "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"])
        if made.returncode != 0:
            sys.exit(made.stdout + made.stderr)
    return run(["ninja", "-C", str(BUILD), "aurora-global-sim"])


def check(patch):
    text = patch.read_text(encoding="utf-8")
    seeds = int(re.search(r"^# seeds: (\d+)$", text, re.MULTILINE)[1])
    fresh_copy()
    applied = run(["patch", "-p1", "-s", "-d", str(COPY), "-i", str(patch)])
    if applied.returncode != 0:
        return f"does not apply: {applied.stdout.strip()}"
    built = build()
    if built.returncode != 0:
        return "does not compile:\n" + built.stdout[-2000:]
    tried = run([str(PROGRAM), "--seeds", str(seeds), "--no-shrink"])
    found = re.search(r"^seed (\d+) \(.*?\): (.*)", tried.stdout, re.MULTILINE)
    if tried.returncode == 0 or not found:
        return f"LIVES: {seeds} seeds did not find it"
    print(f"| {patch.stem} | {seeds} | {found[1]} | {found[2][:110]} |", flush=True)
    return None


def main():
    words = sys.argv[1:]
    patches = sorted((HERE / "mutants").glob("*.patch"))
    patches = [p for p in patches if not words or any(word in p.stem for word in words)]
    if not patches:
        sys.exit("there is no such mutant")
    print("| mutant | seeds allowed | found by seed | rule |\n| --- | --- | --- | --- |", flush=True)
    alive = 0
    for patch in patches:
        problem = check(patch)
        if problem:
            alive += 1
            print(f"| {patch.stem} | | | {problem} |", flush=True)
    sys.exit(1 if alive else 0)


if __name__ == "__main__":
    main()
