"""What ties a session to the primary: its side there is not closed while it holds such a thing."""

import unittest

import psycopg

from lib.pair import EXTENSION_DIR, Pair
from lib.platform import wait_until

REOPENED = "SELECT * FROM aurora_global_reopened()"
# The primary's sides of forwarded sessions, but for those opened ahead.
SIDES = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}' AND query <> ''"


class ForwardingPins(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = Pair().start()
        cls.addClassCleanup(cls.pair.destroy)
        cls.pair.primary.value((EXTENSION_DIR / "aurora_global--1.0.sql").read_text("utf-8"))
        cls.pair.primary.value("CREATE TABLE t(id int); CREATE TABLE s(id serial, n int);"
                               "CREATE TABLE i(id int GENERATED ALWAYS AS IDENTITY, n int)")
        cls.pair.await_replay()

    def connect(self, **settings):
        connection = psycopg.connect(
            host=str(self.pair.standby.directory), user="postgres", dbname="postgres",
            autocommit=True, application_name=self.id().rsplit(".", 1)[1])
        self.addCleanup(connection.close)
        for name, value in settings.items():
            connection.execute(f"SET {name.replace('__', '.')} = {value}")
        return connection

    def reopening(self):
        return self.connect(aurora_global__reopen_every=1)

    def counted(self):
        names = ("reopened", "temporary", "cursors", "locks", "sequences", "listening")
        return dict(zip(names, map(int, self.pair.standby.value(REOPENED).split("|"))))

    def since(self, before):
        return {name: value - before[name] for name, value in self.counted().items()
                if value != before[name]}

    def pid(self, connection):
        return connection.execute(
            "WITH x AS (INSERT INTO t VALUES (1)) SELECT pg_backend_pid()").fetchone()[0]

    def test_it_is_opened_again_at_every_boundary(self):
        connection, before = self.reopening(), self.counted()
        pids = {self.pid(connection) for _ in range(3)}
        self.assertEqual((3, {"reopened": 2}), (len(pids), self.since(before)))
        with connection.transaction():
            self.assertEqual(1, len({self.pid(connection) for _ in range(3)}))

    def test_not_with_an_advisory_lock(self):
        holder, other, before = self.reopening(), self.reopening(), self.counted()
        holder.execute("SELECT pg_advisory_lock(5)")
        holder.execute("INSERT INTO t VALUES (1)")
        self.assertEqual((False,), other.execute("SELECT pg_try_advisory_lock(5)").fetchone())
        holder.execute("SELECT pg_advisory_unlock(5)")
        holder.execute("INSERT INTO t VALUES (1)")
        self.assertEqual((True,), other.execute("SELECT pg_try_advisory_lock(5)").fetchone())
        other.execute("SELECT pg_advisory_unlock_all()")
        found = self.since(before)
        self.assertEqual((3, 2), (found["locks"], found["reopened"]), found)

    def test_not_while_currval_has_something_to_say(self):
        for table in ("s", "i"):
            connection, before = self.reopening(), self.counted()
            connection.execute(f"INSERT INTO {table}(n) VALUES (1), (2)")
            self.assertEqual((True,), connection.execute(
                f"SELECT currval('{table}_id_seq') = max(id) FROM {table}").fetchone())
            connection.execute("SELECT lastval()")
            self.assertEqual({"sequences": 2}, self.since(before))
            connection.execute("DISCARD SEQUENCES")
            self.assertNotEqual(self.pid(connection), self.pid(connection))

    def test_not_while_it_listens_or_has_temporary_objects(self):
        for statement, reason in (("LISTEN news", "listening"),
                                  ("DO $$BEGIN EXECUTE 'LISTEN news'; END$$", "listening"),
                                  ("CREATE TEMPORARY TABLE mine(n int)", "temporary"),
                                  ("BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT nextval('s_id_seq'); "
                                   "COMMIT", "cursors")):
            with self.subTest(statement):
                connection, before = self.reopening(), self.counted()
                connection.execute(statement)
                self.assertEqual(1, len({self.pid(connection) for _ in range(3)}))
                found = self.since(before)
                self.assertEqual((0, 4), (found.get("reopened", 0), found[reason]), found)

    def test_a_listen_that_was_rolled_back_is_none(self):
        connection, before = self.reopening(), self.counted()
        connection.execute("BEGIN; LISTEN news; ROLLBACK")
        self.assertNotEqual(self.pid(connection), self.pid(connection))
        self.assertNotIn("listening", self.since(before))

    def test_idleness_ends_only_what_holds_nothing(self):
        statements = ("SELECT pg_advisory_lock(6)", "INSERT INTO s(n) VALUES (1)", "LISTEN news",
                      "CREATE TEMPORARY TABLE mine(n int)")
        name = SIDES.format(self.id().rsplit(".", 1)[1])
        pinned = []
        for statement in statements:
            connection = self.connect(apg_write_forward__idle_session_timeout="'500ms'")
            connection.execute(statement)
            connection.execute("ROLLBACK")  # A boundary without a commit is one, too.
            pinned.append(connection)
        self.connect(apg_write_forward__idle_session_timeout="'500ms'").execute(
            "INSERT INTO t VALUES (1)")
        wait_until(lambda: self.pair.primary.value(name) == str(len(pinned)),
                   "the one that holds nothing is closed")
        self.connect(apg_write_forward__idle_session_timeout="'500ms'").execute(
            "INSERT INTO t VALUES (1)")
        wait_until(lambda: self.pair.primary.value(name) == str(len(pinned)),
                   "and another one")
        self.assertEqual((False,), self.connect().execute(
            "SELECT pg_try_advisory_lock(6)").fetchone())
        pinned[1].execute("SELECT currval('s_id_seq')")
        pinned[3].execute("INSERT INTO mine VALUES (1)")

    def test_sessions_opened_ahead_hold_no_database(self):
        spares = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'held' AND query = ''"
        used = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'held' AND query <> ''"
        self.pair.primary.value("CREATE DATABASE held")
        self.pair.await_replay()
        with psycopg.connect(host=str(self.pair.standby.directory), user="postgres", dbname="held",
                             autocommit=True) as connection:
            connection.execute("CREATE TABLE of_held(n int)")
            wait_until(lambda: self.pair.primary.value(spares) != "0", "sessions are opened ahead")
        wait_until(lambda: self.pair.primary.value(used) == "0", "the session has ended")
        wait_until(lambda: self.pair.primary.value(spares) != "0", "sessions are opened ahead")
        self.assertNotEqual("0", self.pair.primary.value(spares))
        self.pair.primary.value("CREATE DATABASE copy TEMPLATE held")
        self.pair.primary.value("ALTER DATABASE held RENAME TO free")
        self.pair.primary.value("DROP DATABASE free")


if __name__ == "__main__":
    unittest.main()
