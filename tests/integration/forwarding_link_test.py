"""Write forwarding across the peering link: connections that are opened ahead, and a link that stops
carrying bytes."""

import threading
import unittest

import psycopg

from lib.platform import EAST, WEST, PlatformTest, wait_until

# Sessions at the primary that have run nothing: spare ones.
SPARE = ("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
         "AND usename = 'postgres' AND state = 'idle' AND query = '' ORDER BY pid")


class ForwardingLink(PlatformTest):
    latency_ms = 10

    def connect(self, **options):
        environment = self.platform.environment(WEST)
        keys = {"PGPASSFILE": "passfile", "PGSSLROOTCERT": "sslrootcert", "PGSSLMODE": "sslmode",
                "PGUSER": "user", "PGDATABASE": "dbname"}
        values = {keys[name]: environment[name] for name in keys if name in environment}
        connection = psycopg.connect(host=f"{self.platform.prefix.text}.2.12", autocommit=True,
                                     **values, **options)
        self.addCleanup(connection.close)
        return connection

    def error(self, connection, statement):
        try:
            connection.execute(statement)
        except psycopg.Error as error:
            return error.sqlstate or "closed"
        return None

    def test_1_a_fresh_session_takes_a_connection_that_is_open_already(self):
        self.platform.sql(EAST, "CREATE TABLE t(id int PRIMARY KEY)")
        # The first one makes the worker know what sessions need.
        self.connect().execute("SELECT 1")
        spare = wait_until(lambda: self.platform.sql(EAST, SPARE).split() or None,
                           "connections are opened ahead")
        # One that has just been opened may be none of these yet, and is taken as well.
        now = self.platform.sql(EAST, "SELECT clock_timestamp()")
        used = self.connect().execute(
            "WITH x AS (INSERT INTO t VALUES (1)) SELECT backend_start FROM pg_stat_activity "
            f"WHERE pid = pg_backend_pid() AND backend_start < '{now}'").fetchone()
        self.assertIsNotNone(used, "a connection was opened for the session")
        wait_until(lambda: len(self.platform.sql(EAST, SPARE).split()) >= len(spare),
                   "another one takes its place")

    def test_2_cancel_and_loss_of_a_taken_connection(self):
        connection = self.connect()
        connection.execute("SET statement_timeout = '300ms'")
        self.assertEqual("57014", self.error(
            connection, "DO $$BEGIN PERFORM pg_sleep(60); DELETE FROM t WHERE id < 0; END$$"))
        connection.execute("RESET statement_timeout")
        running = threading.Thread(target=lambda: setattr(running, "result", self.error(
            connection, "DO $$BEGIN PERFORM pg_sleep(60); DELETE FROM t WHERE id < 0; END$$")))
        running.start()
        at_work = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO $$%' AND " \
                  "state = 'active'"
        wait_until(lambda: self.platform.sql(EAST, at_work) == "1", "it runs at the primary")
        connection.cancel()
        running.join(30)
        self.assertEqual("57014", running.result)
        wait_until(lambda: self.platform.sql(EAST, at_work) == "0", "nothing goes on there")
        self.platform.sql(EAST, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                                "WHERE usename = 'postgres' AND pid <> pg_backend_pid()")
        connection.execute("INSERT INTO t VALUES (2)")

    def test_3_a_link_that_carries_nothing(self):
        idle, in_block, running = self.connect(), self.connect(), self.connect()
        in_block.execute("BEGIN")
        in_block.execute("INSERT INTO t VALUES (10)")
        thread = threading.Thread(target=lambda: setattr(thread, "result", self.error(
            running, "DO $$BEGIN PERFORM pg_sleep(3); INSERT INTO t VALUES (11); END$$")))
        thread.start()
        wait_until(lambda: self.platform.sql(
            EAST, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO $$%' AND "
                  "state = 'active'") == "1", "it runs at the primary")
        self.platform.command("link", "set", "--partition", "both")
        self.addCleanup(self.platform.command, "link", "set", "--partition", "none")
        # Reads go on. Whoever waits for the primary learns that nothing comes, in bounded time.
        self.assertEqual((2,), idle.execute("SELECT count(*) FROM t").fetchone())
        thread.join(60)
        self.assertEqual("08007", thread.result)
        self.assertEqual("08006", self.error(in_block, "INSERT INTO t VALUES (12)"))
        in_block.execute("ROLLBACK")
        self.assertEqual("08001", self.error(in_block, "INSERT INTO t VALUES (12)"))
        self.assertEqual("08001", self.error(self.connect(), "INSERT INTO t VALUES (12)"))
        self.assertEqual((2,), idle.execute("SELECT count(*) FROM t").fetchone())
        self.platform.command("link", "set", "--partition", "none")
        # The same sessions write again.
        for number, connection in enumerate((idle, in_block, running), start=20):
            wait_until(lambda number=number, connection=connection: self.error(
                connection, f"INSERT INTO t VALUES ({number})") is None, "writes are forwarded")
        self.assertEqual("0", self.platform.sql(
            EAST, "SELECT count(*) FROM t WHERE id IN (10, 12)"))
        # What had an unknown outcome was done or was not.
        self.assertIn(self.platform.sql(EAST, "SELECT count(*) FROM t WHERE id = 11"), ("0", "1"))


if __name__ == "__main__":
    unittest.main()
