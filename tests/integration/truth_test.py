"""One writer, whatever was decided where: epochs that were decided twice, servers that hang, replay
that is in the way. What is lost is told, and what can be kept is kept.
"""

import os
import signal
import unittest

import psycopg

from lib.platform import EAST, WEST, PlatformTest, wait_until


def password_of(platform, region):
    with open(platform.environment(region)["PGPASSFILE"], encoding="utf-8") as file:
        return file.read().strip().rsplit(":", 1)[1]


def connect(platform, region, host=None, autocommit=True):
    """At an address of a region's own; by default its cluster endpoint."""
    of = platform.environment(region)
    number = platform.regions.index(region) + 1
    return psycopg.connect(host=host or f"{platform.prefix.text}.{number}.11", user=of["PGUSER"],
                           dbname=of["PGDATABASE"], password=password_of(platform, region),
                           sslmode="require", autocommit=autocommit, connect_timeout=10)


class AnEpochThatWasDecidedTwice(PlatformTest):
    """An operator fails over to each of two regions that cannot hear each other."""

    def test_one_of_them_gives_way_and_keeps_what_it_has(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE t(where_from text)")
        self.platform.await_row(WEST, "SELECT count(*) FROM t", "0")
        self.platform.command("link", "set", "--partition", "both")
        self.platform.kill_region(EAST)
        self.platform.command("failover", "--to", WEST, "--allow-data-loss")
        self.platform.start_region(EAST)
        wait_until(lambda: self.platform.region_status(EAST)["duty"] == "waiting-for-epoch",
                   "the old primary waits")
        self.platform.command("failover", "--to", EAST, "--allow-data-loss")
        epochs = {one["globals"][0]["epoch"] for one in self.platform.status()["regions"]}
        self.assertEqual({2}, epochs)
        for region in (EAST, WEST):
            self.platform.sql(region, f"INSERT INTO t VALUES ('{region}')", "cluster")
        self.platform.command("link", "set", "--partition", "none")
        # The greater region name, everywhere.
        self.platform.await_healthy(WEST, limit_s=120)
        self.platform.await_row(EAST, "SELECT string_agg(where_from, ',') FROM t", WEST)
        kept = list(self.platform.region_dir(EAST).glob("instances/*/data.diverged-*"))
        self.assertEqual(1, len(kept), kept)
        events = self.platform.aws(EAST, "rds", "describe-events", "--duration", "60")["Events"]
        self.assertTrue(any("Two Regions became the primary in epoch 2" in one["Message"]
                            for one in events), events)
        # And it is a region as any other.
        self.platform.command("switchover", "--to", EAST)
        self.platform.await_healthy(EAST)


class AServerThatHangs(PlatformTest):
    """The postmaster of the primary is stopped, its backends go on."""

    def test_nobody_writes_to_it_after_a_failover(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE t(id int)")
        sessions = [connect(self.platform, EAST),
                    connect(self.platform, EAST, f"{self.platform.prefix.text}.1.21")]
        (postmaster,) = self.platform.postmasters(EAST)
        os.kill(postmaster, signal.SIGSTOP)
        self.addCleanup(lambda: os.path.exists(f"/proc/{postmaster}") and
                        os.kill(postmaster, signal.SIGCONT))
        for session in sessions:
            session.execute("INSERT INTO t VALUES (1)")
        self.platform.command("failover", "--to", WEST, "--allow-data-loss")
        wait_until(lambda: postmaster not in self.platform.postmasters(EAST), "it is killed")
        # The one at the instance has lost its server; the one at the endpoint was cut or waits for
        # the region's next server, which is a standby.
        with self.assertRaises(psycopg.Error):
            sessions[1].execute("INSERT INTO t VALUES (2)")
        self.platform.await_healthy(WEST, limit_s=120)
        self.assertEqual("0", self.platform.sql(WEST, "SELECT count(*) FROM t WHERE id = 2"))


class ReplayInTheWay(PlatformTest):
    def locked(self):
        """A reader's transaction at the west, and a change of its table that cannot be replayed."""
        reader = connect(self.platform, WEST, autocommit=False)
        self.addCleanup(reader.close)
        reader.execute("SELECT * FROM t")
        self.platform.sql(EAST, "ALTER TABLE t ADD COLUMN c int; ALTER TABLE t DROP COLUMN c")
        return reader

    def setUp(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE IF NOT EXISTS t(id int)")
        self.platform.await_row(WEST, "SELECT count(*) FROM t", "0")

    def test_01_a_switchover_says_what_is_in_the_way_before_anybody_waits(self):
        reader = self.locked()
        refused = self.platform.command("switchover", "--to", WEST, expect=None)
        self.assertNotEqual(0, refused.returncode)
        said = refused.stdout + refused.stderr
        self.assertIn(f"process {reader.info.backend_pid}", said)
        self.assertIn("on t", said)
        for region in self.platform.status()["regions"]:
            self.assertEqual([], region["operations"])

    def test_02_a_failover_does_not_wait_for_it(self):
        self.locked()
        self.platform.command("failover", "--to", WEST, "--allow-data-loss", limit_s=15)
        self.platform.await_healthy(WEST)


class Warnings(PlatformTest):
    def test_01_tables_that_a_move_empties_are_named(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE UNLOGGED TABLE scratch(id int)")
        self.platform.command("switchover", "--to", WEST)
        events = self.platform.aws(WEST, "rds", "describe-events", "--duration", "60")["Events"]
        self.assertTrue(any("UNLOGGED" in one["Message"] and "scratch" in one["Message"]
                            for one in events), events)

    def test_02_lag_grows_while_nothing_arrives(self):
        self.platform.await_healthy(WEST)
        self.platform.command("link", "set", "--partition", "both")
        wait_until(lambda: self.platform.region_status(EAST)["head"]["replay_lag_ms"] > 4000,
                   "the lag is told")
        self.platform.command("link", "set", "--partition", "none")
        wait_until(lambda: self.platform.region_status(EAST)["head"]["replay_lag_ms"] == 0,
                   "it has caught up")


class AnUnfinishedCopy(PlatformTest):
    def test_it_ends_with_its_daemon(self):
        """What works in a data directory must not meet the one that the next daemon starts."""
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE big AS SELECT generate_series(1, 300000) AS id")
        self.platform.command("link", "set", "--bandwidth-mbit", "8")
        (instance,) = self.platform.region_dir(WEST).glob("instances/*")
        for pid in self.platform.postmasters(WEST):
            self.platform.kill(pid)
        (instance / "complete").unlink()

        def copies():
            found = []
            for entry in os.listdir("/proc"):
                try:
                    with open(f"/proc/{entry}/cmdline", "rb") as file:
                        line = file.read()
                except OSError:
                    continue
                if b"pg_basebackup" in line and str(instance).encode() in line:
                    found.append(int(entry))
            return found

        before = wait_until(copies, "the instance is copied")
        self.platform.kill(self.platform.pid(WEST, "daemon"))
        wait_until(lambda: not set(before) & set(copies()), "the copy ends with its daemon")
        self.platform.command("link", "set", "--bandwidth-mbit", "0")
        self.platform.await_healthy(EAST, limit_s=120)


if __name__ == "__main__":
    unittest.main()
