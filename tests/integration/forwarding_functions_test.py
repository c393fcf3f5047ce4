"""What SQL sees of the extension: status functions, consistency beyond one session, session state."""

import pathlib
import unittest

import psycopg

from lib.pair import EXTENSION_DIR, Pair
from lib.platform import wait_until


class ForwardingFunctionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = Pair({"aurora_global.region": "us-east-1"},
                        {"aurora_global.region": "us-west-2",
                         "aurora_global.primary_region": "us-east-1",
                         "aurora_global.primary_instance": "primary"}).start()
        cls.addClassCleanup(cls.pair.destroy)
        script = pathlib.Path(EXTENSION_DIR / "aurora_global--1.0.sql").read_text(encoding="utf-8")
        cls.pair.primary.value(script)
        cls.pair.primary.value("CREATE TABLE t(id int PRIMARY KEY)")
        cls.pair.await_replay()

    def connect(self, server, options=""):
        connection = psycopg.connect(host=str(server.directory), user="postgres",
                                     dbname="postgres", autocommit=True, options=options)
        self.addCleanup(connection.close)
        return connection

    def test_status_functions_on_both_servers(self):
        rows = self.pair.standby.value(
            "SELECT aws_region, durability_lag_in_msec = -1 FROM aurora_global_db_status()")
        self.assertEqual("us-east-1|t\nus-west-2|f", rows)
        rows = self.pair.standby.value(
            "SELECT server_id, session_id = 'MASTER_SESSION_ID', highest_lsn_rcvd IS NULL "
            "FROM aurora_global_db_instance_status()")
        self.assertEqual("primary|t|t\nstandby|f|f", rows)
        self.assertEqual("standby", self.pair.standby.value(
            "SELECT server_id FROM aurora_replica_status()"))
        for server in (self.pair.primary, self.pair.standby):
            self.assertEqual(server.name, server.value("SELECT aurora_db_instance_identifier()"))
            self.assertRegex(server.value("SELECT aurora_version()"), r"^15\.\d+\.0$")

    def test_a_token_carries_read_your_writes_to_another_session(self):
        writer, reader = self.connect(self.pair.standby), self.connect(self.pair.standby)
        self.pair.standby.value("SELECT pg_wal_replay_pause()")
        resumed = False
        try:
            # EVENTUAL: the writer itself does not wait.
            writer.execute("SET apg_write_forward.consistency_mode = eventual")
            writer.execute("INSERT INTO t VALUES (1)")
            (token,) = writer.execute("SELECT aurora_global_consistency_token()").fetchone()
            self.assertEqual((0,), writer.execute("SELECT count(*) FROM t WHERE id = 1").fetchone())
            self.assertEqual((0,), reader.execute("SELECT count(*) FROM t WHERE id = 1").fetchone())
            # With the token the reader waits for replay, and after its limit asks the primary.
            reader.execute("SET aurora_global.consistency_timeout = '100ms'")
            reader.execute(f"SET aurora_global.consistency_token = '{token}'")
            self.assertEqual((1,), reader.execute("SELECT count(*) FROM t WHERE id = 1").fetchone())
            self.pair.standby.value("SELECT pg_wal_replay_resume()")
            resumed = True
            self.assertEqual((1,), reader.execute("SELECT count(*) FROM t WHERE id = 1").fetchone())
        finally:
            if not resumed:
                self.pair.standby.value("SELECT pg_wal_replay_resume()")
        with self.assertRaises(psycopg.errors.InvalidParameterValue):
            reader.execute("SET aurora_global.consistency_token = 'nonsense'")

    def test_bounded_staleness(self):
        reader = self.connect(self.pair.standby)
        reader.execute("SET apg_write_forward.consistency_mode = eventual")
        self.pair.standby.value("SELECT pg_wal_replay_pause()")
        try:
            self.pair.primary.value("INSERT INTO t VALUES (2)")
            read = "SELECT count(*) FROM t WHERE id = 2"
            wait_until(lambda: self.pair.standby.value(
                "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()") == "t",
                "the write is received and not replayed")
            self.assertEqual((0,), reader.execute(read).fetchone())
            reader.execute("SET aurora_global.max_staleness = '1ms'")
            wait_until(lambda: reader.execute(read).fetchone() == (1,),
                       "a read that is too stale here runs at the primary")
            reader.execute("SET aurora_global.max_staleness = 0")
            self.assertEqual((0,), reader.execute(read).fetchone())
        finally:
            self.pair.standby.value("SELECT pg_wal_replay_resume()")

    def test_the_reported_state_says_what_a_fresh_session_would_not_have(self):
        connection = self.connect(self.pair.primary,
                                  "-c aurora_global.report_session_state=on -c work_mem=8MB")

        def reported():
            return connection.info.parameter_status("aurora_global.session_state")

        self.assertEqual("clean", reported())
        for statement, wanted in (
                ("SET lock_timeout = '7'", "settings"), ("RESET lock_timeout", "clean"),
                ("BEGIN", "clean"), ("SET LOCAL lock_timeout = '7'", "clean"), ("COMMIT", "clean"),
                ("PREPARE p AS SELECT 1", "prepared"), ("DEALLOCATE ALL", "clean"),
                ("LISTEN news", "listening"), ("BEGIN", "listening"), ("SAVEPOINT s", "listening"),
                ("UNLISTEN *", "listening"), ("ROLLBACK TO s", "listening"),
                ("COMMIT", "listening"), ("UNLISTEN *", "clean"),
                ("SELECT pg_advisory_lock(5)", "locks"), ("SELECT pg_advisory_unlock(5)", "clean"),
                ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "cursors"), ("CLOSE c", "clean"),
                ("CREATE TEMP TABLE mine(n int)", "temporary")):
            connection.execute(statement)
            self.assertEqual(wanted, reported().partition("#")[0], statement)
        # However it is changed, and not when a transaction takes it back.
        connection.execute("DROP TABLE mine; CREATE FUNCTION pg_temp.unused() RETURNS int "
                           "LANGUAGE sql AS 'SELECT 1'")
        connection.execute("CREATE FUNCTION public.set_tenant() RETURNS void LANGUAGE plpgsql AS "
                           "$$ BEGIN PERFORM set_config('lock_timeout', '8', false); END $$")
        connection.execute("CREATE PROCEDURE public.set_and_commit() LANGUAGE plpgsql AS "
                           "$$ BEGIN SET lock_timeout = '9'; COMMIT; PERFORM 1; END $$")
        for statement in ("SELECT set_config('lock_timeout', '7', false)",
                          "SELECT public.set_tenant()", "CALL public.set_and_commit()",
                          "DO $$ BEGIN SET lock_timeout = '7'; END $$"):
            connection.execute(statement)
            self.assertEqual("settings,temporary", reported().partition("#")[0], statement)
            connection.execute("RESET lock_timeout")
            self.assertEqual("temporary", reported().partition("#")[0], statement)
        for statement in ("SET lock_timeout = '7'", "SELECT set_config('lock_timeout', '7', false)"):
            connection.execute("BEGIN")
            connection.execute(statement)
            connection.execute("SELECT 1")
            connection.execute("ROLLBACK")
            self.assertEqual("temporary", reported().partition("#")[0], statement)
        # Others are told nothing.
        self.assertIsNone(self.connect(self.pair.primary).info.parameter_status(
            "aurora_global.session_state"))

    def test_the_digest_of_the_reported_state_changes_with_what_it_stands_for(self):
        connection = self.connect(self.pair.primary,
                                  "-c aurora_global.report_session_state=on")

        def reported():
            return connection.info.parameter_status("aurora_global.session_state")

        seen = set()
        for statement in ("SET app.tenant = '7'", "SET app.tenant = '8'", "SET work_mem = '5MB'",
                          "PREPARE p AS SELECT 1", "PREPARE q AS SELECT 2", "DEALLOCATE p",
                          "SET ROLE pg_monitor", "SET ROLE pg_read_all_stats",
                          "SELECT pg_advisory_lock(1)", "SELECT pg_advisory_lock(2)"):
            connection.execute(statement)
            self.assertRegex(reported(), "^[a-z,]+#[0-9a-f]{16}$")
            self.assertNotIn(reported(), seen, statement)
            seen.add(reported())
        before = reported()
        connection.execute("SELECT 1")
        connection.execute("SET work_mem = '5MB'")
        self.assertEqual(before, reported())

    def test_a_session_that_has_dropped_something_is_not_as_it_was(self):
        connection = self.connect(self.pair.primary,
                                  "-c aurora_global.report_session_state=on")
        for statement in ("PREPARE p AS SELECT 1", "DEALLOCATE ALL"):
            connection.execute(statement)
        self.assertRegex(connection.info.parameter_status("aurora_global.session_state"),
                         "^clean#[0-9a-f]{16}$")

    def test_a_role_is_a_setting(self):
        connection = self.connect(self.pair.primary,
                                  "-c aurora_global.report_session_state=on")
        connection.execute("SET ROLE pg_monitor")
        self.assertIn("settings#", connection.info.parameter_status("aurora_global.session_state"))

    def test_the_state_can_be_read_in_a_session_that_makes_it_hard(self):
        connection = self.connect(self.pair.primary)
        connection.execute("CREATE ROLE nobody; CREATE SCHEMA odd")
        for statement in ("SET ROLE nobody", "SET search_path = odd, pg_temp",
                          "SET statement_timeout = '20ms'", "SET row_security = off",
                          "SET default_transaction_isolation = serializable",
                          "SET default_transaction_read_only = on",
                          "PREPARE mine(int) AS SELECT $1", "PREPARE _aurora_global_1 AS SELECT 1"):
            connection.execute(statement)
        rows = connection.execute("SHOW aurora_global.session").fetchall()
        self.assertEqual(("", 2), (rows[0][0], len(rows)))


if __name__ == "__main__":
    unittest.main()
