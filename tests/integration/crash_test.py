"""`kill -9` of any one process ends in a working system again, and what need not stop does not."""

import unittest

from lib.platform import EAST, WEST, PlatformTest, wait_until


class Crashes(PlatformTest):
    def setUp(self):
        self.platform.await_healthy(EAST)

    def test_01_a_killed_daemon_leaves_database_and_router_serving_and_its_successor_adopts(self):
        before = self.platform.postmasters(EAST)
        self.platform.sql(EAST, "CREATE TABLE served(id int)")
        killed = self.platform.pid(EAST, "daemon")
        self.platform.kill(killed)
        self.platform.sql(EAST, "INSERT INTO served VALUES (1)")
        wait_until(lambda: self.platform.pid(EAST, "daemon") not in (None, killed),
                   "the supervisor starts another daemon")
        self.platform.await_healthy(EAST)
        self.assertEqual(before, self.platform.postmasters(EAST))

    def test_02_a_killed_router_comes_back_with_the_topology_it_had(self):
        killed = self.platform.pid(WEST, "router")
        self.platform.kill(killed)
        wait_until(lambda: self.platform.pid(WEST, "router") not in (None, killed),
                   "the supervisor starts another router")
        self.platform.await_row(WEST, "SELECT pg_is_in_recovery()", "f", "global-writer")

    def test_03_a_killed_instance_is_started_again(self):
        for region in (EAST, WEST):
            (killed,) = self.platform.postmasters(region)
            self.platform.kill(killed)
            wait_until(lambda: self.platform.postmasters(region) not in ([], [killed]),
                       "the daemon starts the instance again")
            self.platform.await_healthy(EAST)

    def test_04_up_starts_a_killed_link_and_replication_goes_on(self):
        self.platform.kill(self.platform.link_pid())
        self.platform.sql(EAST, "CREATE TABLE while_cut_off(id int)")
        self.platform.up()
        self.platform.await_row(WEST, "SELECT count(*) FROM while_cut_off", "0")

    def test_05_up_starts_a_killed_supervisor_which_adopts_its_processes(self):
        before = [self.platform.pid(EAST, name) for name in ("daemon", "router")]
        self.platform.kill(self.platform.pid(EAST, "supervisor"))
        self.platform.up()
        self.assertIsNotNone(self.platform.pid(EAST, "supervisor"))
        self.assertEqual(before, [self.platform.pid(EAST, name) for name in ("daemon", "router")])

    def test_06_down_ends_an_instance_that_has_lost_its_daemon(self):
        for name in ("supervisor", "daemon", "router"):
            self.platform.kill(self.platform.pid(EAST, name))
        self.assertNotEqual([], self.platform.postmasters(EAST))
        self.platform.down()
        self.assertEqual([], self.platform.postmasters(EAST))
        self.platform.up()

    def test_07_a_standby_gets_the_settings_that_its_primary_has_raised(self):
        self.platform.as_superuser(EAST, "ALTER SYSTEM SET max_connections = 301")
        self.platform.as_superuser(EAST, "ALTER SYSTEM SET max_prepared_transactions = 3")
        (killed,) = self.platform.postmasters(EAST)
        self.platform.kill(killed)
        wait_until(lambda: self.platform.postmasters(EAST) not in ([], [killed]),
                   "the daemon starts the instance again")
        self.platform.await_healthy(EAST)
        self.assertEqual("301", self.platform.sql(EAST, "SHOW max_connections"))
        # Its replay had paused, and a start with its own settings would have failed.
        self.platform.sql(EAST, "CREATE TABLE after_the_change(id int)")
        self.platform.await_row(WEST, "SELECT count(*) FROM after_the_change", "0")
        self.assertEqual("301", self.platform.sql(WEST, "SHOW max_connections", "cluster"))
        self.platform.make_writer(WEST)
        self.platform.sql(WEST, "INSERT INTO after_the_change VALUES (1)")
        self.platform.await_row(EAST, "SELECT count(*) FROM after_the_change", "1")


class AStandbyThatWasAwayForTooLong(PlatformTest):
    """Its slot has overflowed: the primary has no longer what it needs. It reconnects again and
    again, and says `streaming` for a moment each time."""

    def slot_state(self):
        return self.platform.as_superuser(EAST, "SELECT string_agg(wal_status, ',') "
                                                "FROM pg_replication_slots")

    def test_it_is_copied_anew(self):
        self.platform.await_healthy(EAST)
        for setting in ("max_slot_wal_keep_size = '2MB'", "wal_keep_size = 0",
                        "max_wal_size = '4MB'"):
            self.platform.as_superuser(EAST, f"ALTER SYSTEM SET {setting}")
        self.platform.as_superuser(EAST, "SELECT pg_reload_conf()")
        self.platform.command("link", "set", "--partition", "both")
        self.platform.sql(EAST, "CREATE TABLE t(id int, filler text)")

        def overflows():
            self.platform.sql(EAST, "INSERT INTO t SELECT i, repeat('x', 500) "
                                    "FROM generate_series(1, 20000) AS i")
            self.platform.as_superuser(EAST, "CHECKPOINT")
            return self.slot_state() == "lost"

        wait_until(overflows, "the slot has lost what the standby needs")
        rows = self.platform.sql(EAST, "SELECT count(*) FROM t")
        self.platform.command("link", "set", "--partition", "none")
        self.platform.await_row(WEST, "SELECT count(*) FROM t", rows, limit_s=120)
        self.platform.await_healthy(EAST)
        self.assertNotEqual("lost", self.slot_state())
        self.platform.command("switchover", "--to", WEST)
        self.assertEqual(rows, self.platform.sql(WEST, "SELECT count(*) FROM t"))


if __name__ == "__main__":
    unittest.main()
