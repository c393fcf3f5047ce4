"""The stale-read hunt: every mode and protocol through a standby across a link of 0 to 5 ms with
jitter, while others write and change tables.

    python3 tests/hunt/hunt.py [--iterations N] [--sessions N]

Exit code 0: no stale read in SESSION and GLOBAL, and no read waited longer than replication lagged.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.platform import EAST, PROGRAM, WEST, Platform, run  # noqa: E402  (the path comes first)

HUNT = pathlib.Path(PROGRAM).parent / "stale_hunt"
MODES, PROTOCOLS = ("session", "global"), ("simple", "extended", "prepared")
# What a read may take beyond the largest lag of replication seen: round trips of a loaded machine.
SLACK_MS = 1000
LIMIT_S = 900

# What others do meanwhile on the primary, again and again.
DISTURBANCE = """
ALTER TABLE hunt ADD COLUMN extra int DEFAULT 1;
UPDATE hunt_other SET n = n + 1 WHERE id % 7 = 0;
VACUUM hunt;
VACUUM hunt_other;
ALTER TABLE hunt DROP COLUMN extra;
CREATE TABLE hunt_passing AS SELECT * FROM hunt_other;
UPDATE hunt_other SET n = n + 1 WHERE id % 5 = 0;
DROP TABLE hunt_passing;
ANALYZE hunt;
"""


class Disturber(threading.Thread):
    """Runs DISTURBANCE until it is stopped, and keeps the largest lag of replication seen."""

    def __init__(self, platform):
        super().__init__()
        self.platform, self.ending, self.rounds, self.lag_ms = platform, threading.Event(), 0, 0.0

    def run(self):
        environment = self.platform.environment(EAST)
        while not self.ending.is_set():
            subprocess.run(["psql", "-Xq"], input=DISTURBANCE, text=True, check=False, timeout=120,
                           capture_output=True, env=environment)
            self.rounds += 1
            lag = self.platform.sql(EAST, "SELECT coalesce(max(visibility_lag_in_msec), 0) "
                                          "FROM aurora_global_db_instance_status()")
            self.lag_ms = max(self.lag_ms, float(lag))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--iterations", type=int, default=100_000, help="per mode and protocol")
    arguments.add_argument("--sessions", type=int, default=32)
    arguments.add_argument("--modes", default=",".join(MODES))
    chosen = arguments.parse_args()
    platform = Platform()
    platform.up()
    platform.sql(EAST, "CREATE TABLE hunt(id int PRIMARY KEY, n int NOT NULL);"
                       "CREATE TABLE hunt_other AS SELECT g AS id, 0 AS n "
                       "FROM generate_series(1, 1000) g")
    platform.command("link", "set", "--latency-ms", "0.5", "--jitter-ms", "4.5")
    environment = platform.environment(WEST)
    conninfo = (f"host={platform.prefix.text}.2.12 dbname={environment['PGDATABASE']} "
                f"user={environment['PGUSER']}")
    bad = 0
    for mode in chosen.modes.split(","):
        for protocol in PROTOCOLS:
            platform.sql(EAST, f"DELETE FROM hunt; INSERT INTO hunt SELECT g, 0 FROM "
                               f"generate_series(0, {chosen.sessions - 1}) g")
            disturber = Disturber(platform)
            disturber.start()
            try:
                done = run([HUNT, conninfo, mode, protocol, str(chosen.sessions),
                            str(chosen.iterations)], env={**os.environ, **environment},
                           expect=None, limit_s=LIMIT_S)
            finally:
                disturber.ending.set()
                disturber.join()
            if done.returncode not in (0, 1):
                sys.exit(done.stderr)
            result = json.loads(done.stdout)
            waits = result["read_ms"]["max"] > disturber.lag_ms + SLACK_MS
            few = result["reads"] < 0.9 * chosen.iterations
            bad += bool(result["stale"]) + waits + few
            print(f"{mode:8} {protocol:9} {result['reads']} reads, {result['stale']} stale; "
                  f"ms: {result['read_ms']}, lag at most {disturber.lag_ms:.0f}, "
                  f"{disturber.rounds} rounds of DDL and VACUUM, errors {result['errors']}"
                  f"{' TOO LONG A WAIT' if waits else ''}{' TOO FEW READS' if few else ''} "
                  f"{result['first_stale']}", flush=True)
    platform.destroy()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
