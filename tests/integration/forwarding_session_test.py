"""A forwarded session is the same session at both ends: settings, roles, what statements mean."""

import unittest

import psycopg

from lib.pair import Pair
from lib.platform import wait_until


class ForwardingSession(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = Pair().start()
        cls.addClassCleanup(cls.pair.destroy)
        cls.pair.primary.value("""
            CREATE ROLE tenant LOGIN; CREATE ROLE clerk; GRANT clerk TO tenant;
            CREATE SCHEMA a AUTHORIZATION tenant; CREATE SCHEMA b AUTHORIZATION tenant;
            SET ROLE tenant;
            CREATE TABLE a.orders(n int); CREATE TABLE b.orders(n int);
            CREATE TABLE a.t(s text, d date DEFAULT now())""")
        cls.pair.await_replay()

    def connect(self, user="tenant", **parameters):
        connection = psycopg.connect(host=str(self.pair.standby.directory), user=user,
                                     dbname="postgres", autocommit=True, **parameters)
        self.addCleanup(connection.close)
        connection.prepare_threshold = None
        return connection

    def admin(self, sql):
        self.pair.primary.value(sql)
        self.pair.await_replay()

    def error(self, connection, sql):
        try:
            connection.execute(sql)
        except psycopg.Error as error:
            return error.sqlstate
        return None

    def rows(self, table):
        return self.pair.primary.value(f"SELECT count(*) FROM {table}")

    def test_the_row_lies_where_the_session_says(self):
        """Spare connections and reopened ones logged in under another ALTER ROLE."""
        self.admin("TRUNCATE a.orders, b.orders; ALTER ROLE tenant SET search_path = a")
        try:
            old = self.connect()
            old.execute("SET aurora_global.reopen_every = 1")
            old.execute("INSERT INTO orders VALUES (1)")
            self.admin("ALTER ROLE tenant SET search_path = b")
            new = self.connect()
            self.assertEqual(("b",), new.execute("SHOW search_path").fetchone())
            new.execute("INSERT INTO orders VALUES (1)")
            self.assertEqual(("1", "1"), (self.rows("a.orders"), self.rows("b.orders")))
            for number in (2, 3):
                self.assertEqual(("a",), old.execute("SHOW search_path").fetchone())
                old.execute("INSERT INTO orders VALUES (1)")
                self.assertEqual(str(number), self.rows("a.orders"))
            old.execute("SET search_path = b; RESET search_path")
            old.execute("INSERT INTO orders VALUES (1)")
            self.assertEqual(("4", "1"), (self.rows("a.orders"), self.rows("b.orders")))
            self.admin("ALTER ROLE tenant RESET search_path")
            self.assertEqual("42P01", self.error(self.connect(), "INSERT INTO orders VALUES (1)"))
            old.execute("INSERT INTO orders VALUES (1)")
            self.assertEqual("5", self.rows("a.orders"))
        finally:
            self.admin("ALTER ROLE tenant RESET ALL; TRUNCATE a.orders, b.orders")

    def test_statement_timeout_of_the_role(self):
        self.admin("ALTER ROLE tenant SET statement_timeout = '200ms'")
        try:
            self.assertEqual("57014", self.error(
                self.connect(), "DO $$BEGIN PERFORM pg_sleep(60); END$$"))
        finally:
            self.admin("ALTER ROLE tenant RESET ALL")

    def test_idle_in_transaction_session_timeout(self):
        self.admin("ALTER ROLE clerk LOGIN; "
                   "ALTER ROLE clerk SET idle_in_transaction_session_timeout = '200ms'")
        try:
            by_role, by_session = self.connect("clerk"), self.connect()
            by_session.execute("SET idle_in_transaction_session_timeout = '200ms'")
            for connection in (by_role, by_session):
                connection.execute("BEGIN; SELECT txid_current()")
                wait_until(lambda: self.pair.primary.value(
                    "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'") == "0",
                    "the primary ends it")
                with self.assertRaisesRegex(psycopg.OperationalError, "idle-in-transaction"):
                    connection.execute("SELECT 1")
                self.assertTrue(connection.closed)
        finally:
            self.admin("ALTER ROLE clerk RESET ALL; ALTER ROLE clerk NOLOGIN")

    def test_serializable_by_default(self):
        self.admin("ALTER ROLE clerk LOGIN; ALTER ROLE clerk SET default_transaction_isolation = serializable;"
                   "GRANT USAGE ON SCHEMA a TO clerk; GRANT ALL ON a.orders TO clerk")
        try:
            said = self.connect()
            said.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            for connection in (said, self.connect("clerk"), self.connect(
                    options="-c default_transaction_isolation=serializable")):
                for name in ("default_transaction_isolation", "transaction_isolation"):
                    self.assertEqual(("serializable",),
                                     connection.execute(f"SHOW {name}").fetchone())
                self.assertEqual(("serializable",), connection.execute(
                    "WITH x AS (INSERT INTO a.orders VALUES (1)) "
                    "SELECT current_setting('transaction_isolation')").fetchone())
                with connection.transaction():
                    connection.execute("SELECT 1")
                    self.assertEqual(("serializable",), connection.execute(
                        "SHOW transaction_isolation").fetchone())
                    connection.execute("INSERT INTO a.orders VALUES (1)")
                connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                self.assertEqual(("read committed",), connection.execute(
                    "SHOW transaction_isolation").fetchone())
                connection.execute("COMMIT")
                connection.execute("RESET default_transaction_isolation")
            self.assertEqual(("read committed",), said.execute(
                "SHOW transaction_isolation").fetchone())
        finally:
            self.admin("ALTER ROLE clerk RESET ALL; ALTER ROLE clerk NOLOGIN; "
                       "TRUNCATE a.orders")

    def test_settings_of_a_block_before_its_first_write(self):
        connection = self.connect()
        connection.execute("SET app.x = 'before'")
        connection.execute("BEGIN")
        connection.execute("SET app.x = 'kept'")
        connection.execute("SET LOCAL app.x = 'local'")
        connection.execute("SET LOCAL app.tenant = 'Zürich'")
        connection.execute("RESET work_mem")
        self.assertEqual(("local", "Zürich"), connection.execute(
            "WITH x AS (INSERT INTO a.orders VALUES (1)) SELECT current_setting('app.x'), "
            "current_setting('app.tenant')").fetchone())
        connection.execute("COMMIT")
        self.assertEqual(("kept", ""), connection.execute(
            "SELECT current_setting('app.x'), current_setting('app.tenant')").fetchone())
        connection.execute("BEGIN; SET app.x = 'lost'; INSERT INTO a.orders VALUES (1); ROLLBACK")
        self.assertEqual(("kept",), connection.execute("SHOW app.x").fetchone())

    def test_a_block_whose_settings_cannot_be_restored_fails_once(self):
        self.admin("CREATE ROLE leaves; GRANT leaves TO tenant")
        connection = self.connect()
        connection.execute("BEGIN; SET LOCAL ROLE leaves")
        self.pair.primary.value("DROP ROLE leaves")
        raw = connection.pgconn
        raw.send_query(b"SELECT txid_current()")
        errors = []
        while (result := raw.get_result()) is not None:
            errors.append(result.error_message)
        self.assertEqual(1, len(errors), errors)
        self.assertIn(b"setting role could not be restored", errors[0])
        self.assertEqual(psycopg.pq.TransactionStatus.INERROR, raw.transaction_status)
        connection.execute("ROLLBACK")
        connection.execute("INSERT INTO a.orders VALUES (1)")
        self.assertEqual("1", self.rows("a.orders"))
        self.admin("TRUNCATE a.orders")

    def test_bytes_under_every_client_encoding(self):
        for encoding in ("UTF8", "LATIN1", "WIN1252"):
            connection = self.connect(client_encoding=encoding)
            connection.execute("SET app.tenant = 'Zürich'")
            connection.execute('PREPARE "für" (text) AS INSERT INTO a.t VALUES ($1 || \'ß\') '
                               "RETURNING s, current_setting('app.tenant')")
            self.assertEqual(("äß", "Zürich"),
                             connection.execute("EXECUTE \"für\"('ä')").fetchone())
            connection.execute("SET client_encoding = 'SQL_ASCII'"
                               if encoding == "LATIN1" else "SET client_encoding = 'UTF8'")
            connection.execute("INSERT INTO a.t VALUES (current_setting('app.tenant'))")
        self.assertEqual("3", self.pair.primary.value(
            "SELECT count(*) FROM a.t WHERE s = 'Zürich'"))

    def test_a_statement_means_at_the_primary_what_it_meant_here(self):
        connection = self.connect()
        notices = []
        connection.add_notice_handler(lambda notice: notices.append(notice.sqlstate))
        connection.execute("SET standard_conforming_strings = off")
        connection.execute(r"PREPARE q (text) AS INSERT INTO a.t VALUES ('q5\'' || $1) "
                           "RETURNING s")
        self.assertEqual(["22P06"], notices)
        self.assertEqual(("q5'!",), connection.execute("EXECUTE q('!')").fetchone())
        connection.execute("SET standard_conforming_strings = on; SET DateStyle = 'ISO, DMY'")
        self.assertEqual(("q5'!",), connection.execute("EXECUTE q('!')").fetchone())
        connection.execute("PREPARE d AS INSERT INTO a.t(d) VALUES ('01/02/2003') RETURNING d")
        connection.pgconn.prepare(
            b"p", b"INSERT INTO a.t(d) VALUES ('01/02/2003') RETURNING d::text")
        connection.execute("SET DateStyle = 'ISO, MDY'; SET aurora_global.reopen_every = 1")
        for _ in range(2):
            self.assertEqual("2003-02-01", str(connection.execute("EXECUTE d").fetchone()[0]))
            self.assertEqual(b"2003-02-01",
                             connection.pgconn.exec_prepared(b"p", []).get_value(0, 0))
        self.assertEqual(["22P06"], notices)
        connection.execute("SET standard_conforming_strings = off")
        notices.clear()
        connection.execute(r"INSERT INTO a.t VALUES ('a\\b')")
        self.assertEqual(["22P06"], notices)

    def test_a_stable_function_that_locks_runs_at_the_primary(self):
        self.admin("""
            CREATE FUNCTION a.mine(n int) RETURNS boolean STABLE LANGUAGE sql
              AS 'SELECT pg_try_advisory_lock(n)';
            CREATE FUNCTION a.mine_too(n int) RETURNS boolean STABLE LANGUAGE plpgsql
              AS 'BEGIN RETURN a.mine(n); END';
            CREATE FUNCTION a.mine_atomic(n int) RETURNS boolean STABLE
              RETURN pg_try_advisory_lock(n);
            CREATE FUNCTION a.writes(n int) RETURNS int LANGUAGE plpgsql
              AS 'BEGIN INSERT INTO a.orders VALUES (n); RETURN n; END';
            CREATE FUNCTION a.calls(n int) RETURNS int STABLE LANGUAGE plpgsql
              AS 'BEGIN RETURN a."writes" (n); END';
            CREATE FUNCTION a.harmless(n int) RETURNS int STABLE LANGUAGE plpgsql
              AS 'BEGIN RETURN length(upper(''x'')); END'""")
        one, two = self.connect("postgres"), self.connect("postgres")
        for number, name in enumerate(("mine", "mine_too", "mine_atomic"), 1):
            call = f"SELECT a.{name}({number})"
            self.assertEqual(((True,), (False,)),
                             (one.execute(call).fetchone(), two.execute(call).fetchone()), name)
        self.assertEqual((7,), one.execute("SELECT a.calls(7)").fetchone())
        self.assertTrue(one.execute(
            "SELECT pg_is_in_recovery() FROM (SELECT a.harmless(1)) x").fetchone()[0])

    def test_unlogged_tables_are_read_at_the_primary(self):
        self.admin("CREATE UNLOGGED TABLE a.fast(n int, s text); ALTER TABLE a.fast OWNER TO tenant;"
                   "CREATE VIEW a.fast_view AS SELECT n FROM a.fast WHERE n > 0;"
                   "GRANT SELECT ON a.fast_view TO tenant;"
                   "CREATE FUNCTION a.peek() RETURNS bigint STABLE LANGUAGE plpgsql "
                   "AS 'BEGIN RETURN (SELECT count(*) FROM a.fast); END'")
        connection = self.connect()
        self.assertEqual((1, "x"), connection.execute(
            "INSERT INTO a.fast VALUES (1, 'x'), (2, 'y') RETURNING n, s").fetchone())
        connection.execute("UPDATE a.fast SET s = 'z' WHERE n = 2")
        connection.prepare_threshold = 0
        for _ in range(3):
            self.assertEqual([(1, "x"), (2, "z")], connection.execute(
                "SELECT n, s FROM a.fast WHERE n < %s ORDER BY n", (9,)).fetchall())
        self.assertEqual((3,), connection.execute(
            "SELECT sum(n) FROM (SELECT * FROM a.fast_view) x").fetchone())
        connection.prepare_threshold = None
        connection.execute("BEGIN; DECLARE c CURSOR FOR SELECT n FROM a.fast ORDER BY n")
        self.assertEqual((1,), connection.execute("FETCH c").fetchone())
        connection.execute("COMMIT")
        with connection.cursor() as cursor:
            with cursor.copy("COPY (SELECT n FROM a.fast ORDER BY n) TO STDOUT") as copy:
                self.assertEqual([b"1\n", b"2\n"], [bytes(row) for row in copy])
        self.assertEqual((2,), connection.execute("SELECT a.peek()").fetchone())
        connection.execute("BEGIN READ ONLY")
        self.assertIn(self.error(connection, "SELECT n FROM a.fast"), ("0A000", None))
        connection.execute("ROLLBACK")

    def test_a_sequence_tells_the_value_that_was_given_out(self):
        self.admin("CREATE SEQUENCE a.s; GRANT ALL ON a.s TO tenant; SELECT nextval('a.s')")
        look = ("SELECT last_value FROM pg_sequences WHERE sequencename = 's'")
        self.assertEqual((1,), self.connect().execute(look).fetchone())

    def test_a_transaction_has_one_time(self):
        connection = self.connect()
        with connection.transaction():
            (before,) = connection.execute("SELECT now()").fetchone()
            (here,) = connection.execute(
                "WITH x AS (INSERT INTO a.orders VALUES (1)) SELECT now()").fetchone()
            (after,) = connection.execute("SELECT now()").fetchone()
            (clock,) = connection.execute("SELECT statement_timestamp()").fetchone()
        self.assertEqual((before, before), (here, after))
        self.assertGreater(clock, before)

    def test_transaction_ids_are_the_primarys(self):
        connection = self.connect()
        for call in ("txid_current()", "pg_current_xact_id()"):
            with connection.transaction():
                (first,) = connection.execute(f"SELECT {call}::text").fetchone()
                self.assertEqual((first,), connection.execute(f"SELECT {call}::text").fetchone())

    def test_whether_a_transaction_is_read_only(self):
        connection = self.connect()
        look = "SHOW transaction_read_only"
        self.assertEqual(("off",), connection.execute(look).fetchone())
        for begin, wanted in (("BEGIN", "off"), ("BEGIN READ ONLY", "on"),
                              ("BEGIN; SET transaction_read_only = 1", "on"),
                              ("BEGIN READ ONLY; SET transaction_read_only = 0", "off"),
                              ("BEGIN READ ONLY; SET TRANSACTION READ WRITE", "off")):
            connection.execute(begin)
            self.assertEqual((wanted,), connection.execute(look).fetchone(), begin)
            self.assertEqual("25006" if wanted == "on" else None,
                             self.error(connection, "INSERT INTO a.orders VALUES (1)"), begin)
            connection.execute("ROLLBACK")
        connection.execute("BEGIN READ ONLY")
        connection.execute("SELECT 1")
        self.assertEqual("25001", self.error(connection, "SET transaction_read_only = 0"))
        connection.execute("ROLLBACK")
        connection.execute("SET default_transaction_read_only = on")
        self.assertEqual("25006", self.error(connection, "INSERT INTO a.orders VALUES (1)"))

    def test_a_role_that_was_made_again_is_another_one(self):
        self.admin("CREATE ROLE short LOGIN")
        connection = self.connect("short")
        self.admin("DROP ROLE short; CREATE ROLE short LOGIN")
        self.assertEqual("08001", self.error(connection, "SELECT txid_current()"))
        self.assertIsNone(self.error(self.connect("short"), "SELECT txid_current()"))

    def test_roles(self):
        connection = self.connect()
        connection.execute("SET ROLE clerk")
        self.assertEqual(("clerk", "tenant"), connection.execute(
            "SELECT current_user, session_user FROM (SELECT txid_current()) x").fetchone())
        connection.execute("RESET ROLE")
        self.assertEqual(("tenant",), connection.execute(
            "SELECT current_user FROM (SELECT txid_current()) x").fetchone())


if __name__ == "__main__":
    unittest.main()
