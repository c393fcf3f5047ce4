"""PostgreSQL's own regression suite, directly on the primary and through the standby.

    python3 tests/regress/regress.py [--only NAME,...] [--output DIR] [--keep]

Prints which files pass directly and not through the standby. Exit code 0 if all of those are listed
in known.txt beside this file, each with its reason.
"""

import argparse
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib import pair, postgres_source  # noqa: E402  (the path comes first)

HERE = pathlib.Path(__file__).resolve().parent
PG_REGRESS = pathlib.Path("/usr/lib/postgresql/15/lib/pgxs/src/test/regress/pg_regress")
LIMIT_S = 1800


def known_differences():
    """Test -> the reason it cannot pass through a standby."""
    found = {}
    for line in (HERE / "known.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, reason = line.split(None, 1)
            found[name] = reason
    return found


def schedule(suite):
    """Every test of the parallel schedule, one after the other."""
    names = []
    for line in (suite / "parallel_schedule").read_text(encoding="ascii").splitlines():
        if line.startswith("test:"):
            names += line.split(":", 1)[1].split()
    return names


def run(server_name, names, output, settings):
    """Test -> whether it passed."""
    suite = postgres_source.source() / "src" / "test" / "regress"
    both = pair.Pair(settings).start()
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    postgres_source.regress_library(output, pair.POSTGRES_BIN)
    # PostgreSQL's user reads the suite and writes results.
    inputs = both.directory / "suite"
    shutil.copytree(suite, inputs)
    work = both.directory / "output"
    work.mkdir()
    shutil.copy(output / "regress.so", work)
    library_dir = subprocess.run([pair.POSTGRES_BIN / "pg_config", "--pkglibdir"], check=True,
                                 capture_output=True, text=True).stdout.strip()
    for library in ("autoinc.so", "refint.so"):
        shutil.copy(pathlib.Path(library_dir) / library, work)
    if os.geteuid() == 0:
        entry = pwd.getpwnam("postgres")
        os.chown(work, entry.pw_uid, entry.pw_gid)
    (work / "schedule").write_text("".join(f"test: {name}\n" for name in names), encoding="ascii")
    both.primary.psql("CREATE DATABASE regression TEMPLATE template0;" + "".join(
        f"ALTER DATABASE regression SET {name} TO '{value}';"
        for name, value in (("lc_messages", "C"), ("lc_monetary", "C"), ("lc_numeric", "C"),
                            ("lc_time", "C"), ("bytea_output", "hex"),
                            ("timezone_abbreviations", "Default"))))
    both.await_replay()
    server = getattr(both, server_name)
    # A program of the packaging reads PATH for psql; the suite wants the plain one.
    environment = {**os.environ, "HOME": str(work)}
    done = subprocess.run(
        [PG_REGRESS, "--use-existing", "--dbname=regression", f"--inputdir={inputs}",
         f"--outputdir={work}", f"--dlpath={work}", f"--bindir={pair.POSTGRES_BIN}",
         f"--host={server.directory}", "--port=5432", "--user=postgres", "--max-connections=1",
         f"--schedule={work}/schedule"], cwd=work, env=environment, capture_output=True, text=True,
        timeout=LIMIT_S, check=False, **pair.postgres_user())
    passed = {}
    for name, verdict in re.findall(r"^test (\S+)\s+\.\.\. (ok|FAILED)", done.stdout, re.M):
        passed[name] = verdict == "ok"
    for one in (work / "results", both.primary.directory / "server.log",
                both.standby.directory / "server.log", work / "regression.diffs"):
        target = output / (f"{one.parent.name}.log" if one.name == "server.log" else one.name)
        if one.is_dir():
            shutil.copytree(one, target)
        elif one.exists():
            shutil.copy(one, target)
    (output / "pg_regress.out").write_text(done.stdout + done.stderr, encoding="utf-8")
    both.destroy()
    if set(passed) != set(names):
        raise AssertionError(f"pg_regress broke off, see {output}/pg_regress.out")
    return passed


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", default="", help="comma-separated; test_setup always runs")
    arguments.add_argument("--output", type=pathlib.Path,
                           default=postgres_source.ROOT / "out" / "regress")
    arguments.add_argument("--through", choices=["both", "standby", "primary"], default="both")
    chosen = arguments.parse_args()
    everything = schedule(postgres_source.source() / "src" / "test" / "regress")
    only = set(filter(None, chosen.only.split(",")))
    if only - set(everything):
        sys.exit(f"no such test: {', '.join(sorted(only - set(everything)))}")
    names = [one for one in everything if not only or one in only or one == "test_setup"]
    # What pg_regress sets for a server of its own, and the one C function that has a state which
    # triggers read.
    settings = {"max_prepared_transactions": "2", "autovacuum": "on",
                "aurora_global.primary_functions": "set_ttdummy"}
    results = {}
    for side in ("primary", "standby"):
        if chosen.through in ("both", side):
            results[side] = run(side, names, chosen.output / side, settings)
            print(f"through the {side}: {sum(results[side].values())} of {len(names)} pass",
                  flush=True)
    if chosen.through != "both":
        failing = [name for name in names if not results[chosen.through][name]]
        print("failing:", " ".join(failing))
        return 0
    known = known_differences()
    different = [name for name in names
                 if results["primary"][name] and not results["standby"][name]]
    for name in different:
        print(f"  {name}: {known.get(name, 'NOT KNOWN')}")
    unknown = [name for name in different if name not in known]
    print(f"{len(different)} pass directly and not through the standby, {len(unknown)} of them "
          f"without a known reason")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
