"""What a write through the standby costs, as ratios to the same work sent to the primary over the
same link, measured in one run.

    bash bench/forwarding.sh [--seconds N] [--before BUILD]
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / os.environ.get("AURORA_GLOBAL_BUILD", "build/release")
os.environ.setdefault("AURORA_GLOBAL_PROGRAM", str(BUILD / "bin" / "aurora-global"))
os.environ.setdefault("AURORA_GLOBAL_EXTENSION", str(BUILD / "extension"))
sys.path.insert(0, str(ROOT / "tests"))

import psycopg  # noqa: E402  (the path comes first)

from lib.pair import POSTGRES_BIN, Pair, Server  # noqa: E402
from lib.platform import EAST, WEST, Platform  # noqa: E402

INSERT = "INSERT INTO bench(n) VALUES (1);\n"
BLOCK = ("BEGIN;\nINSERT INTO bench(n) VALUES (1);\nSELECT count(*) FROM bench WHERE id < 10;\n"
         "UPDATE bench SET n = 2 WHERE id = 1;\nCOMMIT;\n")
READ_BACK = INSERT + "SELECT n FROM bench WHERE id = 1;\n"
LIMIT_S = 600


def pgbench(environment, *options):
    with tempfile.TemporaryDirectory() as logs:
        subprocess.run([POSTGRES_BIN / "pgbench", "-n", "-l", f"--log-prefix={logs}/log",
                        *map(str, options)], env=environment, check=True, capture_output=True,
                       text=True, timeout=LIMIT_S)
        latencies = []
        for file in pathlib.Path(logs).iterdir():
            latencies += [int(line.split()[2]) / 1000 for line in file.read_text().splitlines()]
    return latencies


def median(environment, script, mode, seconds):
    """Milliseconds of a transaction, without the session's first three."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        return statistics.median(
            pgbench(environment, "-f", file.name, "-M", mode, "-c", 1, "-T", seconds)[3:])


def throughput(environment, seconds, *options):
    return len(pgbench(environment, "-T", seconds, *options)) / seconds


def first_writes(conninfo, count):
    """Milliseconds of the first write of fresh sessions, each opened when the last is closed."""
    took = []
    for _ in range(count):
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("SELECT 1")
            start = time.monotonic()
            connection.execute(INSERT)
            took.append(1000 * (time.monotonic() - start))
            # The next spare connection is open before the next session comes.
            time.sleep(0.5)
    return statistics.median(took[2:])


def through_the_link(seconds):
    platform = Platform()
    platform.up()
    platform.sql(EAST, "CREATE TABLE bench(id serial PRIMARY KEY, n int); "
                       "INSERT INTO bench(n) SELECT 0 FROM generate_series(1, 100)")
    direct = platform.environment(WEST)  # The global writer endpoint: the primary, over the link.
    forwarded = {**direct, "PGHOST": f"{platform.prefix.text}.2.12"}
    subprocess.run([POSTGRES_BIN / "pgbench", "-i", "-q", "-s", "5"], env=direct, check=True,
                   capture_output=True, timeout=LIMIT_S)
    for one_way in (31, 0):
        platform.command("link", "set", "--latency-ms", one_way)
        print(f"link {one_way} ms one way          direct ms  forwarded ms  ratio", flush=True)

        def compare(what, script, mode):
            a, b = median(direct, script, mode, seconds), median(forwarded, script, mode, seconds)
            trips = f"  {b / (2 * one_way):.2f} round trips" if one_way else ""
            print(f"  {what:28} {a:9.2f} {b:13.2f}  {b / a:5.2f}{trips}", flush=True)

        for mode in ("simple", "extended", "prepared"):
            compare(f"INSERT, {mode}", INSERT, mode)
        compare("BEGIN, 3 statements, COMMIT", BLOCK, "simple")
        compare("INSERT, SELECT in SESSION", READ_BACK, "simple")
        if one_way:
            conninfo = (f"host={forwarded['PGHOST']} dbname={direct['PGDATABASE']} "
                        f"user={direct['PGUSER']}")
            os.environ.update({key: direct[key] for key in ("PGPASSWORD", "PGPASSFILE",
                                                            "PGSSLROOTCERT", "PGSSLMODE")
                               if key in direct})
            took = first_writes(conninfo, 12)
            print(f"  first write of a session     {'':9} {took:13.2f}         "
                  f"{took / (2 * one_way):.2f} round trips", flush=True)
        a = throughput(direct, 2 * seconds, "-c", 8, "-j", 2)
        b = throughput(forwarded, 2 * seconds, "-c", 8, "-j", 2)
        print(f"  pgbench TPC-B, 8 clients: {a:.0f} tps direct, {b:.0f} tps forwarded, ratio "
              f"{b / a:.2f}", flush=True)
    platform.destroy()


def local_reads(seconds):
    """pgbench -S on two standbys of one primary, with and without the library, in turns."""
    pair = Pair().start()
    plain = Server(pair, "plain")
    plain.tool("pg_basebackup", "-D", plain.data, "-h", pair.primary.directory, "-U", "postgres",
               "-c", "fast", "-R", "--no-sync")
    plain.start(shared_preload_libraries="", unix_socket_directories=plain.directory,
                primary_slot_name="")
    subprocess.run([POSTGRES_BIN / "pgbench", "-i", "-q", "-s", "10"], check=True,
                   env=pair.primary.environment(), capture_output=True, timeout=LIMIT_S)
    pair.await_replay()
    for mode in ("simple", "extended", "prepared"):
        ratios = []
        for turn in range(5):
            servers = [pair.standby, plain] if turn % 2 == 0 else [plain, pair.standby]
            tps = {one.name: throughput(one.environment(), seconds, "-S", "-c", 2, "-M", mode)
                   for one in servers}
            ratios.append(tps["standby"] / tps["plain"])
        print(f"local reads, {mode:8}: {statistics.median(ratios):.3f} of the throughput without "
              f"the library (5 pairs: {', '.join(f'{one:.3f}' for one in sorted(ratios))})",
              flush=True)
    plain.stop()
    pair.destroy()


def many_sessions(count):
    pair = Pair({"max_connections": str(count + 100),
                 "apg_write_forward.max_forwarding_connections_percent": "100"}).start()
    pair.primary.value("CREATE TABLE bench(id serial PRIMARY KEY, n int)")
    pair.await_replay()
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(INSERT)
        file.flush()
        start = time.monotonic()
        pgbench(pair.standby.environment(), "-f", file.name, "-c", count, "-j", 2, "-t", 10)
        took = time.monotonic() - start
    rows = int(pair.primary.value("SELECT count(*) FROM bench"))
    print(f"{count} sessions forwarding at once: {rows} of {count * 10} writes in {took:.1f} s",
          flush=True)
    pair.destroy()


def beside(before, seconds):
    """Writes through a standby with our library and with an older build's, in turns."""
    pairs = {"before": Pair(extension=before / "extension").start(), "now": Pair().start()}
    for pair in pairs.values():
        pair.primary.value("CREATE TABLE bench(id serial PRIMARY KEY, n int)")
        pair.primary.value("INSERT INTO bench(n) SELECT 0 FROM generate_series(1, 100)")
        pair.await_replay()
    for what, script, mode in (("INSERT", INSERT, "simple"), ("INSERT", INSERT, "extended"),
                               ("INSERT", INSERT, "prepared"), ("BLOCK", BLOCK, "simple"),
                               ("READ_BACK", READ_BACK, "simple")):
        ratios = []
        for turn in range(5):
            order = list(pairs) if turn % 2 == 0 else list(reversed(pairs))
            took = {name: median(pairs[name].standby.environment(), script, mode, seconds)
                    for name in order}
            ratios.append(took["now"] / took["before"])
        print(f"{what}, {mode:8}: {statistics.median(ratios):.3f} times the time of the build "
              f"before (5 pairs: {', '.join(f'{one:.3f}' for one in sorted(ratios))})", flush=True)
    for pair in pairs.values():
        pair.destroy()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=int, default=5, help="of each measurement")
    arguments.add_argument("--sessions", type=int, default=1000)
    arguments.add_argument("--before", type=pathlib.Path,
                           help="build/release of an older commit: only this comparison is made")
    chosen = arguments.parse_args()
    if chosen.before:
        return beside(chosen.before, chosen.seconds)
    through_the_link(chosen.seconds)
    local_reads(chosen.seconds)
    many_sessions(chosen.sessions)


if __name__ == "__main__":
    main()
