"""What a compiler says of the code without running it: each header compiles alone, and clang-tidy
(.clang-tidy) has no complaint.

Looks at the files that differ from the upstream branch, or at all of them with --all. Needs the
build directory of the preset dev, for its compile commands.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
BUILD = SOURCE / "build" / "dev"
LOOKED_AT = ("src", "extension", "fuzz", "bench", "tests")
LIMIT_S = 600  # For one file.


def git(*arguments):
    done = subprocess.run(("git", "-C", SOURCE, *arguments), capture_output=True, text=True)
    return done.stdout.split("\n") if done.returncode == 0 else None


def changed_files():
    """Since the branch left its upstream (without one: since the last commit), and uncommitted."""
    base = git("merge-base", "HEAD", "@{upstream}") or git("rev-parse", "HEAD~1") or ["HEAD"]
    return set(git("diff", "--name-only", base[0]) or []) | set(
        git("ls-files", "--others", "--exclude-standard") or [])


def wanted_files(everything):
    names = set(git("ls-files") or []) if everything else changed_files()
    return [SOURCE / name for name in sorted(names)
            if name.split("/")[0] in LOOKED_AT and name.endswith((".h", ".cc"))
            and (SOURCE / name).exists()]


def compile_commands():
    """File -> its arguments, without the names of input and output."""
    commands = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        arguments = shlex.split(entry["command"])
        kept = [one for before, one in zip(["", *arguments], arguments)
                if not {before, one} & {"-o", "-c"}]
        commands[pathlib.Path(entry["file"])] = kept
    return commands


def without_precompiled_header(arguments):
    """A header that lives on what the precompiled one includes does not stand alone."""
    kept = []
    skip = 0
    for one, after in zip(arguments, [*arguments[1:], ""]):
        if skip > 0:
            skip -= 1
        elif one == "-Xclang" and after in ("-include-pch", "-include"):
            skip = 3
        elif one != "-Winvalid-pch":
            kept.append(one)
    return kept


def command_for_header(header, commands):
    """That of a source file as near to it as there is."""
    folder = header.parent
    while SOURCE in folder.parents:
        near = [file for file in sorted(commands) if folder in file.parents]
        plain = [file for file in near if not file.stem.endswith("_test")]
        if near:
            return commands[(plain or near)[0]]
        folder = folder.parent
    return None


def run(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"no answer in {LIMIT_S} s"
    return "" if done.returncode == 0 else done.stdout + done.stderr


def check(file, commands):
    if file.suffix == ".h":
        command = command_for_header(file, commands)
        if command is None:
            return f"{file}: no compile command is near it"
        return run([*without_precompiled_header(command), "-Wno-pragma-once-outside-header", "-fsyntax-only", "-x", "c++",
                    str(file)])
    if file not in commands:
        return ""  # Not part of this preset: a fuzzer's program.
    return run(["clang-tidy-16", "--quiet", str(file), "--", *commands[file][1:]])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="all files, not only the changed ones")
    everything = parser.parse_args().all
    files = wanted_files(everything)
    commands = compile_commands()
    complaints = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for file, text in zip(files, pool.map(lambda one: check(one, commands), files)):
            if text:
                complaints += 1
                print(f"{file.relative_to(SOURCE)}:\n{text}", flush=True)
    print(f"{len(files)} files, {complaints} with complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
