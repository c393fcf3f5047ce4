"""What a session carries to another server, without a router: read from one session by the
extension's command, restored in another, compared with the first.

The other session is at the same server: there is no replication to wait for, and the standby has
tests of its own below.
"""

import unittest

from psycopg import pq

from lib.pair import EXTENSION_DIR, Pair
from lib.platform import wait_until


class Client:
    """A session by libpq's plain means: bytes in, bytes out."""

    def __init__(self, server, user="tenant", database="app", **parameters):
        text = {"host": str(server.directory), "user": user, "dbname": database, **parameters}
        options = text.pop("options", "") + " -c aurora_global.report_session_state=on"
        conninfo = " ".join(f"{name}='{value}'" for name, value in text.items())
        self.conn = pq.PGconn.connect((conninfo + f" options='{options}'").encode())
        if self.conn.status != pq.ConnStatus.OK:
            raise AssertionError(self.conn.error_message)
        self.notices = []
        self.conn.notice_handler = lambda result: self.notices.append(
            result.error_field(pq.DiagnosticField.SQLSTATE).decode())

    def run(self, sql, *values):
        """Rows of bytes, or the SQLSTATE. With values: the extended protocol."""
        sql = sql if isinstance(sql, bytes) else sql.encode()
        result = self.conn.exec_params(sql, list(values)) if values else self.conn.exec_(sql)
        return self._answer(result)

    def prepare(self, name, sql):
        return self._answer(self.conn.prepare(name, sql))

    def execute(self, name, *values):
        return self._answer(self.conn.exec_prepared(name, list(values)))

    def _answer(self, result):
        if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
            return result.error_field(pq.DiagnosticField.SQLSTATE).decode()
        self.message = result.error_message
        return [tuple(result.get_value(row, column) for column in range(result.nfields))
                for row in range(result.ntuples)]

    def state(self):
        """What stands in the way, and the pieces."""
        rows = self.run("SHOW aurora_global.session")
        assert isinstance(rows, list), rows
        return rows[0][0].decode(), [row[0] for row in rows[1:]]

    def restore(self, pieces):
        """[], or the SQLSTATE of what could not be restored."""
        for piece in pieces:
            answer = self.run(b"SET aurora_global.session = '" + piece + b"'")
            if answer != []:
                return answer
        return []

    def reported(self):
        return self.conn.parameter_status(b"aurora_global.session_state").decode()

    def close(self):
        self.conn.finish()


class SessionState(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = Pair({"aurora_global.instance": "one"}).start()
        cls.addClassCleanup(cls.pair.destroy)
        primary = cls.pair.primary
        script = (EXTENSION_DIR / "aurora_global--1.0.sql").read_text("utf-8")
        primary.psql("""
            CREATE ROLE tenant LOGIN; CREATE ROLE clerk; GRANT clerk TO tenant;
            CREATE DATABASE app TEMPLATE template0; ALTER DATABASE app OWNER TO tenant;
            CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
            GRANT SET ON PARAMETER session_replication_role TO tenant""", "-v", "ON_ERROR_STOP=1")
        primary.value("""
            CREATE SCHEMA a AUTHORIZATION tenant; CREATE SCHEMA b AUTHORIZATION tenant;
            CREATE TABLE a.t(n int, d date, s text); CREATE TABLE b.t(n int);
            INSERT INTO a.t VALUES (1); INSERT INTO b.t VALUES (2);
            ALTER TABLE a.t OWNER TO tenant; ALTER TABLE b.t OWNER TO tenant""", database="app")
        cls.script = script
        cls.pair.await_replay()

    def client(self, **parameters):
        client = Client(parameters.pop("server", self.pair.primary), **parameters)
        self.addCleanup(client.close)
        return client

    def moved(self, client, server=None, **parameters):
        """The session of `client` in another one."""
        obstacle, pieces = client.state()
        self.assertEqual("", obstacle)
        other = self.client(server=server or self.pair.primary, **parameters)
        self.assertEqual([], other.restore(pieces), other.conn.error_message)
        return other

    def admin(self, sql):
        self.pair.primary.psql(sql, "-v", "ON_ERROR_STOP=1", database="app")

    # ---- settings

    def test_every_setting_that_a_session_can_have(self):
        """Whoever may set what: the superuser sets each setting to what it has, and one more."""
        one = self.client(user="postgres")
        names = [row[0].decode() for row in one.run(
            "SELECT name FROM pg_settings WHERE context IN ('user', 'superuser')")]
        refused = {}
        for name in names:
            answer = one.run(f"SELECT set_config('{name}', current_setting('{name}'), false)")
            if isinstance(answer, str):
                refused[name] = answer
        # They belong to a transaction that has begun.
        self.assertEqual({}, {name: state for name, state in refused.items()
                              if not name.startswith("transaction_")})
        other = self.moved(one, user="postgres")
        everything = ("SELECT name, setting, source FROM pg_settings WHERE context IN ('user', "
                      "'superuser') AND name NOT LIKE 'transaction%' AND name <> 'seed'")
        self.assertEqual(one.run(everything), other.run(everything))

    def test_settings_that_were_lost(self):
        for name, value in (("default_transaction_read_only", "on"),
                            ("idle_in_transaction_session_timeout", "77777"),
                            ("idle_session_timeout", "77777"),
                            ("session_replication_role", "replica"),
                            ("default_transaction_isolation", "serializable"),
                            ("apg_write_forward.consistency_mode", "EVENTUAL")):
            with self.subTest(name):
                one = self.client()
                self.assertEqual([], one.run(f"SET {name} = '{value}'"))
                other = self.moved(one)
                look = f"SELECT setting, source FROM pg_settings WHERE name = '{name}'"
                self.assertEqual(one.run(look), other.run(look))
                self.assertEqual([(value.encode(), b"session")], other.run(look))
                other.run(f"RESET {name}")
                one.run(f"RESET {name}")
                self.assertEqual(one.run(look), other.run(look))
        other = self.client()
        other.run("SET default_transaction_read_only = on")
        self.assertEqual("25006", self.moved(other).run("INSERT INTO a.t VALUES (3)"))

    def test_a_custom_setting_that_is_no_more_is_empty(self):
        for statement in ("SELECT set_config('app.x', 'v', true)", "SET app.x = 'v'; RESET app.x"):
            one = self.client()
            self.assertEqual("42704", one.run("SELECT current_setting('app.x')"))
            one.run(statement)
            self.assertNotEqual("clean", one.reported())
            self.assertEqual([(b"",)], self.moved(one).run("SELECT current_setting('app.x')"))

    def test_what_alter_role_said_when_the_session_began(self):
        path = "SELECT setting, source, reset_val FROM pg_settings WHERE name = 'search_path'"
        self.admin("ALTER ROLE tenant SET search_path = a; ALTER ROLE tenant SET work_mem = '8MB'")
        try:
            one = self.client()
            clean = one.reported()
            self.assertRegex(clean, "^clean#")
            self.assertEqual(clean, self.client().reported())
            self.admin("ALTER ROLE tenant SET search_path = b; ALTER ROLE tenant RESET work_mem;"
                       "ALTER ROLE tenant SET application_name = 'late';"
                       "ALTER DATABASE app SET statement_timeout = '1h'")
            # Who moves the session knows that another one would be another.
            self.assertNotEqual(clean, self.client().reported())
            other = self.moved(one)
            for name in ("search_path", "work_mem", "application_name", "statement_timeout"):
                look = path.replace("search_path", name)
                self.assertEqual(one.run(look), other.run(look), name)
            self.assertEqual([(b"1",)], other.run("SELECT n FROM t LIMIT 1"))
            one.run("SET search_path = b")
            other = self.moved(one)
            self.assertEqual([(b"2",)], other.run("SELECT n FROM t LIMIT 1"))
            other.run("RESET search_path")
            self.assertEqual([(b"a", b"user", b"a")], other.run(path))
        finally:
            self.admin("ALTER ROLE tenant RESET ALL; ALTER DATABASE app RESET ALL")

    def test_the_start_up_packet_is_stronger_than_alter_role(self):
        one = self.client(options="-c search_path=b")
        self.admin("ALTER ROLE tenant SET search_path = a")
        try:
            other = self.moved(one, options="-c search_path=b")
            self.assertEqual([(b"b",)], other.run("SHOW search_path"))
        finally:
            self.admin("ALTER ROLE tenant RESET ALL")

    def test_roles(self):
        one = self.client()
        one.run("SET ROLE clerk")
        other = self.moved(one)
        self.assertEqual([(b"clerk", b"tenant")], other.run("SELECT current_user, session_user"))
        other.run("RESET ROLE")
        self.assertEqual([(b"tenant",)], other.run("SELECT current_user"))
        self.admin("CREATE ROLE temp; GRANT temp TO tenant")
        one.run("SET ROLE temp")
        _, pieces = one.state()
        self.admin("DROP ROLE temp; CREATE ROLE temp; GRANT temp TO tenant")
        try:
            self.assertEqual("42704", self.client().restore(pieces))
        finally:
            self.admin("DROP ROLE temp")

    # ---- bytes

    def test_bytes_stay_what_they_are(self):
        one = self.client(client_encoding="latin1")
        one.run("SET client_encoding = 'UTF8'")
        one.run("SET app.tenant = 'Zürich €'")
        other = self.moved(one, client_encoding="latin1")
        self.assertEqual([("Zürich €".encode(),)], other.run("SHOW app.tenant"))
        self.assertEqual([(b"UTF8",)], other.run("SHOW client_encoding"))
        # What the client's encoding cannot say is carried all the same.
        one.run("SET client_encoding = 'latin1'")
        other = self.moved(one, client_encoding="latin1")
        other.run("SET client_encoding = 'UTF8'")
        self.assertEqual([("Zürich €".encode(),)], other.run("SHOW app.tenant"))

    def test_a_latin1_database(self):
        one = self.client(database="latin", client_encoding="UTF8")
        one.run("SET app.tenant = 'Zürich'")
        one.prepare("für".encode(), "SELECT 'Zürich'".encode())
        one.run("PREPARE straße AS SELECT 'Straße'")
        other = self.moved(one, database="latin", client_encoding="LATIN1")
        self.assertEqual([("Zürich".encode("latin1"),)], other.run("SHOW app.tenant"))
        self.assertEqual([("Zürich".encode("latin1"),)], other.execute("für".encode("latin1")))
        other.run("SET client_encoding = 'UTF8'")
        self.assertEqual([("Straße".encode(),)], other.run("EXECUTE straße"))

    def test_a_name_that_is_cut_within_a_character(self):
        name = ("x" * 62 + "ü").encode()
        one = self.client()
        one.prepare(name, b"SELECT 7")
        self.assertEqual([(b"7",)], one.execute(name))
        self.assertEqual([(b"7",)], self.moved(one).execute(name))

    # ---- what a statement was parsed under

    def test_a_statement_means_what_it_meant(self):
        one = self.client()
        one.run("SET standard_conforming_strings = off; SET escape_string_warning = on")
        one.prepare(b"backslash", rb"SELECT 'q5\'' || $1")
        one.run(rb"PREPARE sql_backslash (text) AS SELECT 'q5\'' || $1")
        one.run("SET standard_conforming_strings = on; SET DateStyle = 'ISO, DMY';"
                "SET TimeZone = 'Asia/Tokyo'; SET IntervalStyle = 'sql_standard'")
        one.prepare(b"date", b"SELECT DATE '01/02/2003'")
        one.prepare(b"zone", b"SELECT TIMESTAMPTZ '2003-02-01 12:00' AT TIME ZONE 'UTC'")
        one.run("PREPARE many AS SELECT DATE '01/02/2003'; SET DateStyle = 'ISO, MDY';"
                "PREPARE few AS SELECT DATE '01/02/2003'")
        one.run("SET TimeZone = 'UTC'; SET IntervalStyle = postgres")

        def look(client):
            return [client.execute(b"backslash", b"!"), client.run("EXECUTE sql_backslash('!')"),
                    client.execute(b"date"), client.execute(b"zone"), client.run("EXECUTE many"),
                    client.run("EXECUTE few")]

        wanted = [[(b"q5'!",)], [(b"q5'!",)], [(b"2003-02-01",)], [(b"2003-02-01 03:00:00",)],
                  [(b"2003-02-01",)], [(b"2003-01-02",)]]
        self.assertEqual(wanted, look(one))
        twice = self.moved(self.moved(one))
        self.assertEqual(wanted, look(twice))
        self.assertEqual([], twice.notices)
        shown = "SELECT name, statement, prepare_time, parameter_types, from_sql " \
                "FROM pg_prepared_statements WHERE name NOT IN ('many', 'few') ORDER BY name"
        self.assertEqual(one.run(shown), twice.run(shown))

    def test_a_statement_whose_schema_the_role_hides(self):
        self.admin("CREATE SCHEMA hidden AUTHORIZATION clerk; CREATE TABLE hidden.x AS SELECT 5 n;"
                   "GRANT SELECT ON hidden.x TO PUBLIC")
        self.addCleanup(self.admin, "DROP SCHEMA hidden CASCADE; REASSIGN OWNED BY clerk TO tenant")
        self.admin("REVOKE clerk FROM tenant; GRANT clerk TO tenant")
        one = self.client()
        one.run("SET ROLE clerk")
        one.prepare(b"p", b"SELECT n FROM hidden.x")
        one.run("PREPARE q AS SELECT n FROM hidden.x")
        other = self.moved(one)
        for client in (one, other):
            self.assertEqual([(b"5",)], client.execute(b"p"))
            self.assertEqual([(b"5",)], client.run("EXECUTE q"))

    def test_a_statement_that_cannot_be_parsed_any_more(self):
        self.admin("CREATE TABLE a.gone(n int, s text); ALTER TABLE a.gone OWNER TO tenant")
        one = self.client()
        one.prepare(b"p", b"SELECT * FROM a.gone WHERE n = $1")
        one.run("PREPARE q (int) AS SELECT * FROM a.gone WHERE n = $1")
        one.run("PREPARE kept AS SELECT 1")
        described = one.conn.describe_prepared(b"p")
        self.admin("DROP TABLE a.gone")
        other = self.moved(one)
        for client in (one, other):
            self.assertEqual("42P01", client.execute(b"p", b"1"))
            self.assertEqual("42P01", client.run("EXECUTE q(1)"))
            self.assertEqual([(b"1",)], client.run("EXECUTE kept"))
        # It comes back as it was, or as another one.
        self.admin("CREATE TABLE a.gone(n int, s text); ALTER TABLE a.gone OWNER TO tenant")
        for client in (one, other):
            self.assertEqual([], client.execute(b"p", b"1"))
            again = client.conn.describe_prepared(b"p")
            self.assertEqual((described.nparams, described.param_type(0), described.fname(1)),
                             (again.nparams, again.param_type(0), again.fname(1)))
        self.admin("ALTER TABLE a.gone ADD COLUMN more int")
        third = self.moved(other)
        for client in (one, other, third):
            self.assertEqual("0A000", client.execute(b"p", b"1"))
            self.assertEqual([], client.run("DEALLOCATE q"))
            self.assertEqual("26000", client.run("EXECUTE q(1)"))
        self.admin("DROP TABLE a.gone")

    # ---- how it travels

    def test_a_state_of_many_megabytes_travels_in_pieces(self):
        one = self.client()
        value = "x" * 5_000_000
        for number in range(3):
            one.run(f"SET app.large{number} = '{number}{value}'")
        _, pieces = one.state()
        self.assertGreater(len(pieces), 100)  # 30 MB of digits.
        self.assertLess(max(map(len, pieces)), 300_000)
        other = self.moved(one)
        self.assertEqual([(f"2{value}".encode(),)], other.run("SHOW app.large2"))
        broken = self.client()
        self.assertEqual("22023", broken.restore(pieces[1:]))
        self.assertEqual("22023", broken.restore(pieces[:3] + pieces[4:]))
        one.run("SELECT set_config('app.huge' || n, repeat('y', 10000000), false) "
                "FROM generate_series(1, 6) n")
        self.assertEqual(("more state than is carried", []), one.state())

    def test_another_session_is_forgotten_for_it(self):
        one, two = self.client(), self.client()
        one.run("SET search_path = a; SET app.x = '1'")
        two.run("SET search_path = b; SET work_mem = '9MB'; SET app.y = '2'; LISTEN old; "
                "PREPARE old AS SELECT 1; SET ROLE clerk")
        _, pieces = one.state()
        self.assertEqual([], two.restore(pieces))
        self.assertEqual([(b"a", b"4MB", b"1", b"tenant")], two.run(
            "SELECT current_setting('search_path'), current_setting('work_mem'), "
            "current_setting('app.x'), current_user"))
        self.assertEqual("26000", two.run("EXECUTE old"))
        self.assertEqual([], two.run("SELECT * FROM pg_listening_channels()"))

    def test_a_short_statement_timeout_does_not_hinder_it(self):
        one = self.client()
        one.run("SET statement_timeout = 1")
        for _ in range(50):
            answer = one.run("SHOW aurora_global.session")
            if isinstance(answer, list):
                break
        self.assertEqual([], self.client().restore([row[0] for row in answer[1:]]))

    def test_what_stands_in_the_way(self):
        for statement, reason in (("CREATE TEMPORARY TABLE mine(n int)", "temporary objects"),
                                  ("SELECT pg_advisory_lock(1)", "advisory locks"),
                                  ("BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT",
                                   "a cursor WITH HOLD")):
            one = self.client()
            one.run(statement)
            self.assertEqual(reason, one.state()[0])
            one.run("DISCARD ALL")
            self.assertEqual("", one.state()[0])
            one.close()

    # ---- who may

    def test_only_what_was_so_is_restored_and_only_to_whom_it_was(self):
        one = self.client()
        one.run("SET session_replication_role = replica")
        _, pieces = one.state()
        self.assertEqual("42501", self.client(user="postgres").restore(pieces))
        self.assertEqual("42501", self.client(database="postgres").restore(pieces))
        changed = bytearray(pieces[0])
        changed[-1] = ord("0") if changed[-1] != ord("0") else ord("1")
        self.assertEqual("42501", self.client().restore([bytes(changed)]))
        for value in (b"", b"x", b"1/1:", b"1/1:00", b"0/0:", b"2/1:00"):
            self.assertIn(self.client().restore([value]), ("22023", "42501"), value)
        self.assertEqual("22023", self.client().run(
            "SELECT set_config('aurora_global.session', '1/1:00', false)"))
        in_block = self.client()
        in_block.run("BEGIN")
        self.assertEqual("55000", in_block.run("SHOW aurora_global.session"))
        in_block.run("ROLLBACK; BEGIN")
        self.assertEqual("55000", in_block.restore(pieces))

    def test_what_was_granted_then_is_restored_though_it_was_revoked(self):
        """As the session itself keeps it."""
        one = self.client()
        one.run("SET session_replication_role = replica")
        self.admin("REVOKE SET ON PARAMETER session_replication_role FROM tenant")
        try:
            self.assertEqual([(b"replica",)], self.moved(one).run("SHOW session_replication_role"))
            self.assertEqual("42501", self.client().run("SET session_replication_role = replica"))
        finally:
            self.admin("GRANT SET ON PARAMETER session_replication_role TO tenant")

    def test_a_user_who_was_dropped_and_made_again_is_another_one(self):
        self.admin("CREATE ROLE short LOGIN")
        one = self.client(user="short")
        one.run("SET app.x = '1'")
        _, pieces = one.state()
        self.admin("DROP ROLE short; CREATE ROLE short LOGIN")
        self.assertEqual("42501", self.client(user="short").restore(pieces))
        one.close()
        wait_until(lambda: self.pair.primary.psql("DROP ROLE short", check=False).returncode == 0,
                   "the role can be dropped")

    # ---- a standby takes everything

    def test_a_standby_takes_everything(self):
        one = self.client()
        one.run("SET default_transaction_isolation = serializable; LISTEN news; "
                "SET default_transaction_read_only = on; SET app.x = 'v'")
        one.prepare(b"p", b"INSERT INTO a.t VALUES ($1)")
        self.pair.await_replay()
        other = self.moved(one, server=self.pair.standby)
        look = ("SELECT current_setting('default_transaction_isolation'), "
                "current_setting('transaction_isolation'), current_setting('app.x'), "
                "(SELECT string_agg(c, ',') FROM pg_listening_channels() c)")
        self.assertEqual([(b"serializable", b"serializable", b"v", b"news")], one.run(look))
        self.assertEqual(one.run(look), other.run(look))
        self.assertEqual([(b"p",)], other.run("SELECT name FROM pg_prepared_statements"))
        again = self.moved(other, server=self.pair.standby)
        self.assertEqual(one.run(look), again.run(look))
        again.run("RESET default_transaction_isolation")
        self.assertEqual([(b"read committed",)], again.run("SHOW transaction_isolation"))


class Promotion(unittest.TestCase):
    def test_what_waited_at_the_standby_holds_at_the_primary(self):
        pair = Pair({"aurora_global.region": "r"}).start()
        self.addCleanup(pair.destroy)
        pair.primary.value("CREATE TABLE t(n int)")
        pair.await_replay()
        one = Client(pair.primary, user="postgres", database="postgres")
        one.run("SET default_transaction_isolation = serializable; LISTEN news")
        _, pieces = one.state()
        one.close()
        other = Client(pair.standby, user="postgres", database="postgres")
        self.addCleanup(other.close)
        self.assertEqual([], other.restore(pieces))
        pair.primary.stop()
        pair.standby.value("SELECT pg_promote()")
        pair.standby.value("NOTIFY news, 'first'")
        wait_until(lambda: (other.conn.consume_input(), other.conn.notifies())[1],
                   "it listened before anybody else came")
        self.assertEqual([], other.run("BEGIN"))
        self.assertEqual([(b"serializable",)], other.run("SHOW transaction_isolation"))
        self.assertEqual([], other.run("INSERT INTO t VALUES (1)"))
        self.assertEqual([(b"t",)], other.run(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE mode = 'SIReadLock') OR "
            "current_setting('transaction_isolation') = 'serializable'"))
        other.run("COMMIT")
        self.assertEqual([(b"serializable",)], other.run("SHOW transaction_isolation"))


if __name__ == "__main__":
    unittest.main()
