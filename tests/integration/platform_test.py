"""A platform from nothing: it replicates, says what it is, and goes down and up without loss."""

import os
import unittest

from lib.platform import EAST, WEST, PlatformTest, is_running, run


class FreshPlatform(PlatformTest):
    up_options = ("--readers", "1")

    def test_01_a_row_reaches_the_other_region(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE greeting(id int PRIMARY KEY, words text)")
        self.platform.sql(EAST, "INSERT INTO greeting VALUES (1, 'hello')")
        self.platform.await_row(WEST, "SELECT words FROM greeting WHERE id = 1", "hello")
        self.platform.await_row(WEST, "SELECT words FROM greeting WHERE id = 1", "hello", "reader")
        self.platform.await_row(EAST, "SELECT words FROM greeting WHERE id = 1", "hello", "reader")

    def test_02_the_global_writer_endpoint_of_each_region_leads_to_the_writer(self):
        for region in (EAST, WEST):
            self.assertEqual("f", self.platform.sql(region, "SELECT pg_is_in_recovery()"))
            self.assertEqual(
                EAST, self.platform.sql(region, "SELECT current_setting('aurora_global.region')"))
        self.assertEqual("t", self.platform.sql(WEST, "SELECT pg_is_in_recovery()", "cluster"))

    def test_02b_a_write_in_the_secondary_region_is_forwarded(self):
        for number, endpoint in enumerate(("cluster", "reader"), start=10):
            self.assertEqual("1", self.platform.sql(
                WEST, f"INSERT INTO greeting VALUES ({number}, 'from afar'); "
                      f"SELECT count(*) FROM greeting WHERE id = {number}", endpoint))
            self.platform.sql(WEST, f"DELETE FROM greeting WHERE id = {number}", endpoint)

    def test_03_the_reader_endpoint_leads_to_a_reader(self):
        for region in (EAST, WEST):
            name = self.platform.sql(region, "SHOW cluster_name", "reader")
            self.assertTrue(name.endswith("-2"), name)

    def test_04_the_master_user_is_no_superuser(self):
        row = self.platform.sql(EAST, "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles "
                                      "WHERE rolname = current_user")
        self.assertEqual("f|t|t", row)

    def test_05_data_are_safe_by_default(self):
        for setting, wanted in (("fsync", "on"), ("data_checksums", "on"),
                                ("password_encryption", "scram-sha-256"), ("ssl", "on")):
            self.assertEqual(wanted, self.platform.sql(EAST, f"SHOW {setting}"), setting)

    def test_06_no_password_in_a_process_list_or_a_log(self):
        password = (self.platform.home / "master-password").read_text(encoding="ascii").strip()
        secret = (self.platform.home / "credentials").read_text(encoding="ascii").split()[-1]
        lists = run(["ps", "axeww"]).stdout
        for word in (password, secret):
            self.assertNotIn(word, lists)
            for log in self.platform.home.glob("**/*.log"):
                self.assertNotIn(word, log.read_text(encoding="utf-8", errors="replace"), str(log))
        for name in ("master-password", "credentials"):
            self.assertEqual(0o600, (self.platform.home / name).stat().st_mode & 0o777, name)

    def test_07_a_second_up_changes_nothing(self):
        before = {name: self.platform.pid(EAST, name) for name in ("supervisor", "daemon", "router")}
        self.platform.up()
        after = {name: self.platform.pid(EAST, name) for name in before}
        self.assertEqual(before, after)
        self.assertEqual("1", self.platform.sql(EAST, "SELECT count(*) FROM greeting"))

    def test_08_another_platform_on_the_same_addresses_is_refused(self):
        other = self.platform.directory / "other"
        refused = run([os.environ.get("AURORA_GLOBAL_PROGRAM"), "--home", str(other), "up",
                       "--address-prefix", self.platform.prefix.text], expect=1)
        self.assertIn("--address-prefix", refused.stderr)
        self.assertFalse(other.exists(), "nothing may be written before the check")

    def test_09_down_keeps_the_data(self):
        victims = [self.platform.pid(region, name) for region in (EAST, WEST)
                   for name in ("supervisor", "daemon", "router")]
        victims += self.platform.postmasters(EAST) + self.platform.postmasters(WEST)
        self.platform.down()
        self.assertEqual([], [pid for pid in victims if is_running(pid)])
        self.platform.up()
        self.platform.await_healthy(EAST)
        self.assertEqual("hello", self.platform.sql(WEST, "SELECT words FROM greeting"))


if __name__ == "__main__":
    unittest.main()
