"""Two histories never have one timeline: regions that were both promoted without a word of each
other are told apart, and the one that gives way gets the other's rows.
"""

import json
import os
import shutil
import socket
import threading
import tomllib
import unittest

from lib.platform import EAST, WEST, PlatformTest, run, wait_until


def order_link(platform, **order):
    """At the link's own socket: the command line takes longer than what happens meanwhile."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(platform.home / "link" / "link.sock"))
        link.sendall(json.dumps({"do": "set", **order}).encode() + b"\n")
        link.recv(9000)


def histories(platform, region):
    return {file.name for file in
            platform.region_dir(region).glob("instances/*/data/pg_wal/*.history")}


def timeline(platform, region):
    return platform.region_status(region)["head"]["timeline"]


class APrimaryThatHasNotHeardOfTheOther(PlatformTest):
    """East gives the writer to West and becomes a standby. Before West's timeline reaches it the
    link is cut, and an operator makes East the primary again.
    """

    def test_01_has_a_timeline_of_its_own(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE t(who text)")
        before = histories(self.platform, EAST)
        (old,) = self.platform.postmasters(EAST)
        order_link(self.platform, latency_ms=300)
        moving = threading.Thread(
            target=lambda: self.platform.command("switchover", "--to", WEST, expect=None))
        moving.start()
        # It needs several times the way there and back to fetch what West has begun.
        wait_until(lambda: self.platform.postmasters(EAST) not in ([], [old]),
                   "East runs as a standby", every_s=0.01)
        order_link(self.platform, partition="both", latency_ms=0)
        moving.join()
        self.assertEqual(before, histories(self.platform, EAST), "the link was cut too late")
        self.platform.sql(WEST, "INSERT INTO t VALUES ('west')", "cluster")
        self.platform.command("failover", "--to", EAST, "--allow-data-loss")
        self.assertNotEqual(timeline(self.platform, EAST), timeline(self.platform, WEST))
        self.platform.sql(EAST, "INSERT INTO t VALUES ('east')", "cluster")
        order_link(self.platform, partition="none")
        self.platform.await_healthy(EAST)
        self.platform.await_row(WEST, "SELECT string_agg(who, ',') FROM t", "east")

    def test_02_and_loses_nothing_by_a_switchover(self):
        self.platform.sql(EAST, "INSERT INTO t SELECT 'more' FROM generate_series(1, 1000)")
        self.platform.command("switchover", "--to", WEST)
        self.assertEqual("1001", self.platform.sql(WEST, "SELECT count(*) FROM t"))
        self.platform.await_healthy(WEST)
        self.platform.await_row(EAST, "SELECT count(*) FROM t", "1001")

    def test_03_and_a_note_of_its_server_needs_no_rewind(self):
        # The checkpoint that follows a promotion has its records before.
        self.platform.as_superuser(WEST, "CHECKPOINT")
        self.platform.sql(WEST, "INSERT INTO t VALUES ('before')", "cluster")
        self.platform.await_row(EAST, "SELECT count(*) FROM t", "1002")
        order_link(self.platform, partition="both")
        # That of the running transactions, as the background writer makes it now and then; that of
        # the fence comes when the link heals.
        self.platform.as_superuser(
            WEST, "SELECT pg_create_logical_replication_slot('noted', 'pgoutput')")
        self.platform.as_superuser(WEST, "SELECT pg_drop_replication_slot('noted')")
        self.platform.command("failover", "--to", EAST, "--allow-data-loss")
        self.platform.sql(EAST, "INSERT INTO t VALUES ('last')", "cluster")
        kept = set(self.platform.region_dir(WEST).glob("instances/*/discarded-wal-*"))
        order_link(self.platform, partition="none")
        self.platform.await_healthy(EAST)
        self.platform.await_row(WEST, "SELECT count(*) FROM t", "1003")
        log = (self.platform.region_dir(WEST) / "daemon.log").read_text(encoding="utf-8")
        self.assertIn("its own WAL goes on\n", log)
        self.assertIn("that changed nothing, and is taken off", log)
        self.assertEqual(
            kept, set(self.platform.region_dir(WEST).glob("instances/*/discarded-wal-*")))


class AStandbyWithWritesOfItsOwn(PlatformTest):
    """On its primary's timeline, past its primary's position: pg_rewind sees nothing to do."""

    def write_alone(self, data):
        (data / "standby.signal").unlink()
        (data / "postmaster.pid").unlink(missing_ok=True)
        with open(self.platform.region_dir(WEST) / "region.toml", "rb") as file:
            server = os.path.join(tomllib.load(file)["postgres_bin"], "postgres")
        as_owner = ["runuser", "-u", data.owner(), "--"] if os.geteuid() == 0 else []
        run([*as_owner, server, "--single", "-D", str(data), "-c",
             f"config_file={data.parent / 'postgresql.conf'}", "-c", "shared_preload_libraries=",
             "rdsadmin"], text_in="CREATE TABLE own AS SELECT generate_series(1, 20000) AS id\n")
        (data / "standby.signal").touch(mode=0o600)
        shutil.chown(data / "standby.signal", data.owner(), data.group())

    def test_it_is_set_aside_and_copied(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE t(id int); INSERT INTO t VALUES (1)")
        self.platform.await_row(WEST, "SELECT count(*) FROM t", "1")
        self.platform.kill_region(WEST)
        (data,) = self.platform.region_dir(WEST).glob("instances/*/data")
        self.write_alone(data)
        self.platform.start_region(WEST)

        def kept():
            return list(data.parent.glob("data.diverged-*"))

        refused = self.platform.command("switchover", "--to", WEST, expect=None)
        self.assertTrue(refused.returncode != 0 or kept(), refused.stdout + refused.stderr)
        wait_until(kept, "its data are set aside", 120)
        self.platform.await_healthy(limit_s=120)
        self.assertEqual(1, len(kept()))
        self.platform.await_row(WEST, "SELECT count(*) FROM t", "1")


if __name__ == "__main__":
    unittest.main()
