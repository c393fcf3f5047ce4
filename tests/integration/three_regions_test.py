"""Three regions: whoever the writer is, the other two follow it, with readers beside the heads, and
so do the sessions of all three.
"""

import threading
import unittest

import psycopg

from lib.platform import EAST, WEST, PlatformTest, wait_until

IRELAND = "eu-west-1"
REGION = "SELECT current_setting('aurora_global.region')"


class Bystander:
    """A session in session mode that writes row after row at one region's global writer endpoint."""

    def __init__(self, platform, region):
        of = platform.environment(region)
        with open(of["PGPASSFILE"], encoding="utf-8") as file:
            password = file.read().strip().rsplit(":", 1)[1]
        self.connection = psycopg.connect(
            host=of["PGHOST"], user=of["PGUSER"], dbname=of["PGDATABASE"], password=password,
            sslmode="require", autocommit=True, prepare_threshold=0)
        self.connection.execute("SET app.tenant = 'blue'")
        self.acknowledged, self.error = 0, None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._write)
        self.thread.start()

    def _write(self):
        try:
            while not self.ending.is_set():
                self.connection.execute("INSERT INTO rows_of_one VALUES (%s)",
                                        (self.acknowledged,))
                self.acknowledged += 1
        except psycopg.Error as error:
            self.error = error

    def await_progress(self):
        wanted = self.acknowledged + 50
        wait_until(lambda: self.error or self.acknowledged >= wanted, "it writes")

    def stop(self):
        self.ending.set()
        self.thread.join()


class ThreeRegions(PlatformTest):
    regions = (EAST, WEST, IRELAND)
    up_options = ("--readers", "1")
    latency_ms = 10

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform.up()
        cls.platform.sql(EAST, "CREATE TABLE visits(region text)")

    def everybody_sees(self, region, rows):
        self.platform.sql(region, f"INSERT INTO visits VALUES ('{region}')")
        for one in self.regions:
            for endpoint in ("cluster", "reader"):
                self.platform.await_row(one, "SELECT count(*) FROM visits", str(rows), endpoint)

    def test_1_all_replicate_from_the_first(self):
        self.platform.await_healthy(EAST)
        self.everybody_sees(EAST, 1)
        self.assertEqual(self.platform.sql(WEST, "SELECT pg_is_in_recovery()", "reader"), "t")

    def test_2_the_third_follows_a_switchover_it_has_no_part_in(self):
        self.platform.command("switchover", "--to", IRELAND)
        self.platform.await_healthy(IRELAND)
        self.everybody_sees(IRELAND, 2)

    def test_3_a_session_of_the_third_lives_through_a_switchover_of_the_two(self):
        self.platform.sql(IRELAND, "CREATE TABLE rows_of_one(n int PRIMARY KEY)")
        session = Bystander(self.platform, WEST)
        try:
            for region in (EAST, IRELAND):
                session.await_progress()
                self.platform.command("switchover", "--to", region)
                self.platform.await_healthy(region)
                session.await_progress()
        finally:
            session.stop()
        self.assertIsNone(session.error)
        self.assertEqual((IRELAND, "blue", session.acknowledged), session.connection.execute(
            "SELECT current_setting('aurora_global.region'), current_setting('app.tenant'), "
            "(SELECT count(*) FROM rows_of_one)").fetchone())
        session.connection.close()

    def test_4_who_has_a_transaction_open_there_calls_it_off_with_policy_abort(self):
        session = Bystander(self.platform, WEST)
        session.stop()
        session.connection.execute("BEGIN")
        session.connection.execute("INSERT INTO rows_of_one VALUES (-1)")
        refused = self.platform.command("switchover", "--to", EAST, "--drain-policy", "abort",
                                        "--drain-timeout", "200", expect=None)
        self.assertNotEqual(0, refused.returncode, refused.stdout)
        self.assertIn(f"of {WEST} did not end within 200 ms", refused.stderr)
        session.connection.execute("COMMIT")
        self.assertEqual((IRELAND,), session.connection.execute(REGION).fetchone())
        session.connection.close()
        self.platform.await_healthy(IRELAND)

    def test_5_both_others_follow_a_failover_of_a_healthy_primary(self):
        self.platform.command("failover", "--to", WEST, "--allow-data-loss")
        self.platform.await_healthy(WEST)
        self.everybody_sees(WEST, 3)


if __name__ == "__main__":
    unittest.main()
