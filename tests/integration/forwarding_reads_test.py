"""Reads that see what others have committed (GLOBAL, or a token) see it whole: names, functions,
partitions, rows."""

import threading
import unittest

import psycopg

from lib.pair import Pair
from lib.platform import wait_until

REPLACE = "CREATE OR REPLACE FUNCTION f() RETURNS text STABLE LANGUAGE sql AS $$SELECT '{}'$$"


class ForwardingReads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = Pair().start()
        cls.addClassCleanup(cls.pair.destroy)
        cls.pair.primary.value(REPLACE.format("old") + """;
            CREATE TABLE whole(n int) PARTITION BY LIST (n);
            CREATE TABLE part_1 PARTITION OF whole FOR VALUES IN (1);
            INSERT INTO whole VALUES (1);
            CREATE TABLE part_2(n int); INSERT INTO part_2 VALUES (2);
            CREATE TABLE part_3(n int); INSERT INTO part_3 VALUES (3)""")
        cls.pair.await_replay()

    def connect(self, prepare_threshold=None):
        connection = psycopg.connect(host=str(self.pair.standby.directory), user="postgres",
                                     dbname="postgres", autocommit=True)
        self.addCleanup(connection.close)
        connection.prepare_threshold = prepare_threshold
        return connection

    def in_global(self, **options):
        connection = self.connect(**options)
        connection.execute("SET apg_write_forward.consistency_mode = global")
        return connection

    def read_before_replay(self, connection, change, sql, parameters=None):
        """What is read that begins when the change is committed and not replayed."""
        result = []

        def read():
            try:
                result.append(connection.execute(sql, parameters).fetchall())
            except psycopg.Error as error:
                result.append(error)

        waiting = ("SELECT wait_event_type FROM pg_stat_activity WHERE state = 'active' "
                   f"AND pid = {connection.info.backend_pid}")
        thread = threading.Thread(target=read)
        self.pair.standby.value("SELECT pg_wal_replay_pause()")
        try:
            self.pair.primary.value(change)
            thread.start()
            wait_until(lambda: result or self.pair.standby.value(waiting) == "Extension",
                       "the read waits")
            self.assertEqual([], result)
        finally:
            self.pair.standby.value("SELECT pg_wal_replay_resume()")
        thread.join()
        return result[0]

    def test_a_table_that_another_session_has_made(self):
        self.assertEqual([(1,)], self.read_before_replay(
            self.in_global(), "CREATE TABLE new_1 AS SELECT 1 AS n", "SELECT n FROM new_1"))
        self.assertEqual([(1,)], self.read_before_replay(
            self.in_global(), "CREATE TABLE new_2 AS SELECT 1 AS n",
            "SELECT n FROM new_2 WHERE n = %s", (1,)))
        self.assertEqual([(1,)], self.read_before_replay(
            self.in_global(prepare_threshold=0), "CREATE TABLE new_3 AS SELECT 1 AS n",
            "SELECT n FROM new_3"))

    def test_a_table_by_token(self):
        connection = self.connect()
        self.pair.standby.value("SELECT pg_wal_replay_pause()")
        rows = []
        thread = threading.Thread(
            target=lambda: rows.extend(connection.execute("SELECT n FROM by_token").fetchall()))
        try:
            self.pair.primary.value("CREATE TABLE by_token AS SELECT 1 AS n")
            token = self.pair.primary.value("SELECT '1:' || pg_current_wal_flush_lsn()")
            connection.execute(f"SET aurora_global.consistency_token = '{token}'")
            thread.start()
        finally:
            self.pair.standby.value("SELECT pg_wal_replay_resume()")
        thread.join()
        self.assertEqual([(1,)], rows)

    def test_a_function_that_was_replaced(self):
        for body, connection in (("simple", self.in_global()),
                                 ("prepared", self.in_global(prepare_threshold=0))):
            for _ in range(7):  # Until PostgreSQL keeps its plan.
                connection.execute("SELECT f()").fetchone()
            self.assertEqual([(body,)], self.read_before_replay(
                connection, REPLACE.format(body), "SELECT f()"))

    def test_a_partition_that_was_attached(self):
        for number, connection in ((2, self.in_global()), (3, self.in_global(prepare_threshold=0))):
            for _ in range(7):
                connection.execute("SELECT count(*) FROM whole").fetchone()
            self.assertEqual([(number,)], self.read_before_replay(
                connection,
                f"ALTER TABLE whole ATTACH PARTITION part_{number} FOR VALUES IN ({number})",
                "SELECT count(*) FROM whole"))


if __name__ == "__main__":
    unittest.main()
