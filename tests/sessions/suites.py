"""Suites of the outside world, run against a plain server and through one of our ways.

A suite is a program that prints what it sees, case by case ("== NAME", then lines). What it prints
through us has to be what it prints directly; nothing else is expected of it.
"""

import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib import pair, postgres_source  # noqa: E402  (the path comes first)

BUILD = pair.ROOT / "build" / "sessions"
NODE_MODULES = pair.ROOT / "build" / "orm"  # Made by ./dev.
JDBC = pathlib.Path("/usr/share/java/postgresql.jar")
LIMIT_S = 900
# Process ids, and OIDs in names.
UNSTABLE = re.compile(r"(?<=PID )\d+|(?<=pid )\d+|(?<=pg_toast_)\d+|(?<=Trigger_[ac]_)\d+")
PGBENCH = ("pgbench", "-n", "-c", "4", "-j", "2", "-t", "60", "--random-seed=7")


class Cases(dict):
    """Name -> what was printed."""

    @staticmethod
    def of(text):
        found, name = Cases(), "(before the first)"
        for line in text.splitlines():
            if line.startswith("== "):
                name = line[3:]
                found[name] = ""
            elif line.strip() or name in found:
                found[name] = found.get(name, "") + UNSTABLE.sub("N", line) + "\n"
        return found


def run(argv, environment, limit_s=LIMIT_S, **options):
    done = subprocess.run(argv, env=environment, capture_output=True, timeout=limit_s, check=False,
                          stdin=options.pop("stdin", subprocess.DEVNULL), **options)
    return (done.stdout + done.stderr).decode("utf-8", errors="replace"), done.returncode


def program(*argv):
    """A suite that is one program."""
    def suite(environment, _builder, _name):
        text, code = run([str(one) for one in argv], environment)
        cases = Cases.of(text)
        cases["(exit code)"] = f"{code}\n"
        return cases
    return suite


def jdbc(environment, builder, name):
    if not JDBC.exists() or not shutil.which("java"):
        raise SystemExit(f"the suite jdbc needs java and {JDBC} (Debian: default-jdk-headless, "
                         "libpostgresql-jdbc-java)")
    if environment["PGHOST"].startswith("/"):
        return None  # It knows TCP only.
    classes = BUILD / "classes"
    classes.mkdir(parents=True, exist_ok=True)
    source = HERE / "suites" / "JdbcCases.java"
    if not (classes / "JdbcCases.class").exists() or \
            (classes / "JdbcCases.class").stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["javac", "-cp", JDBC, "-d", classes, source], check=True)
    return program("java", "-XX:+UseSerialGC", "-Xshare:auto", "-cp", f"{classes}:{JDBC}",
                   "JdbcCases")(environment, builder, name)


def pgbench(environment, _builder, _name):
    """Three protocols; what the tables have in the end follows from the seed."""
    cases = Cases()
    text, code = run(["pgbench", "-i", "-q", "-s", "1", "-I", "dtGp"], environment)
    cases["initialise"] = f"{code}\n" + ("" if code == 0 else text)
    for protocol in ("simple", "extended", "prepared"):
        text, code = run([*PGBENCH, "-M", protocol], environment)
        lines = re.findall(r"^(?:number of transactions actually|number of failed|pgbench: error).*$",
                           text, re.M)
        sums, _ = run(["psql", "-XqAt", "-c", "SELECT sum(abalance) = (SELECT sum(delta) FROM "
                       "pgbench_history), (SELECT count(*) FROM pgbench_history) FROM "
                       "pgbench_accounts"], environment)
        cases[protocol] = "\n".join([str(code), *lines, sums])
    return cases


def schedule():
    lines = (postgres_source.source() / "src/test/regress/parallel_schedule").read_text("ascii")
    return [one for line in re.findall(r"^test: (.*)$", lines, re.M) for one in line.split()]


def regress(environment, builder, name):
    """PostgreSQL's regression suite as an ordinary role: a superuser comes through no endpoint. Its
    first file is run by a superuser, directly; afterwards all belongs to the role.
    """
    suite = postgres_source.source() / "src" / "test" / "regress"
    work = BUILD / "regress" / name
    shutil.rmtree(work, ignore_errors=True)
    (work / "results").mkdir(parents=True)
    postgres_source.regress_library(work, pair.POSTGRES_BIN)
    public = {"PG_ABS_SRCDIR": str(suite), "PG_LIBDIR": str(work), "PG_DLSUFFIX": ".so",
              "PG_ABS_BUILDDIR": str(work), "PGTZ": "PST8PDT", "PGDATESTYLE": "Postgres, MDY",
              "PGOPTIONS": "-c intervalstyle=postgres_verbose", "LC_MESSAGES": "C"}
    # psql and the server read them, each as its own user.
    for one in (work, *work.parents, suite, *suite.parents):
        if os.stat(one).st_uid == os.geteuid():
            os.chmod(one, os.stat(one).st_mode | 0o055)
    psql = [str(pair.POSTGRES_BIN / "psql"), "-X", "-a", "-q", "-v", "HIDE_TABLEAM=on", "-v",
            "HIDE_TOAST_COMPRESSION=on"]
    with open(suite / "sql" / "test_setup.sql", "rb") as script:
        run(psql, {**builder, **public}, stdin=script)
    user = environment["PGUSER"]
    run([*psql, "-c", f"REASSIGN OWNED BY builder TO {user}; GRANT ALL ON SCHEMA public TO {user};"
         f"GRANT pg_read_server_files, pg_write_server_files TO {user}"], builder)
    cases = Cases()
    for test in schedule()[1:]:
        with open(suite / "sql" / f"{test}.sql", "rb") as script:
            text, _ = run(psql, {**environment, **public}, stdin=script, cwd=work, limit_s=300)
        (work / "results" / f"{test}.out").write_text(text, encoding="utf-8")
        cases[test] = UNSTABLE.sub("N", text).replace(str(work), "WORK")
    return cases


SUITES = {
    "psycopg": program("/usr/bin/python3", HERE / "suites" / "psycopg_cases.py"),
    "asyncpg": program("/usr/bin/python3", HERE / "suites" / "asyncpg_cases.py"),
    "node": program("node", HERE / "suites" / "node_cases.mjs"),
    "jdbc": jdbc,
    "pgbench": pgbench,
    "regress": regress,
}


def known(way):
    """Case -> why it differs through a way: known.txt has "WAY SUITE/CASE REASON" in its lines."""
    found = {}
    for line in (HERE / "known.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            ways, case, reason = line.split(None, 2)
            if way in ways.split(","):
                found[case] = reason
    return found


def environment(host, database, user, password=""):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "PGHOST": str(host), "PGPORT": "5432", "PGUSER": user, "PGDATABASE": database,
            "PGPASSWORD": password, "AG_MODULES": str(NODE_MODULES),
            "PYTHONDONTWRITEBYTECODE": "1", "NODE_NO_WARNINGS": "1", "LC_ALL": "C.UTF-8"}


def compare(name, direct, tested):
    """The names of the cases that differ, each with a difference for people."""
    found = {}
    for case in sorted({*direct, *tested}):
        one, other = direct.get(case, ""), tested.get(case, "")
        if one != other:
            lines = difflib.unified_diff(one.splitlines(), other.splitlines(), "direct", "tested",
                                         lineterm="", n=2)
            found[f"{name}/{case}"] = list(lines)
    return found
