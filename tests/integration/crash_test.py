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


if __name__ == "__main__":
    unittest.main()
