"""Sessions at a reader endpoint whose standby forwards, carried to a fresh session at every
boundary: what they have at the primary stays theirs.
"""

import unittest

import psycopg

from lib.pair import EXTENSION_DIR, Pair
from lib.platform import wait_until
from sessions.servers import PASSWORD, Router

TEMPORARY = "the session has temporary objects, which cannot be carried to another server"
LOCKS = "the session has advisory locks, which cannot be carried to another server"
LISTENS = ("the session has channels that it listens to at the primary, which cannot be carried to "
           "another server")
CURSORS = "the session has a cursor WITH HOLD, which cannot be carried to another server"


class ForwardingMoves(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = Pair().start()
        cls.addClassCleanup(cls.pair.destroy)
        cls.pair.primary.psql(f"""
            CREATE ROLE rdsadmin SUPERUSER LOGIN; CREATE DATABASE rdsadmin;
            CREATE ROLE tester LOGIN PASSWORD '{PASSWORD}';
            CREATE TABLE t(n int); GRANT ALL ON t TO tester""", "-v", "ON_ERROR_STOP=1")
        cls.pair.primary.value((EXTENSION_DIR / "aurora_global--1.0.sql").read_text("utf-8"))
        cls.pair.await_replay()
        cls.router = Router(cls.pair, ("move_every = 1",)).start()
        cls.addClassCleanup(cls.router.stop)

    def setUp(self):
        self.pair.primary.value("TRUNCATE t")
        self.pair.await_replay()

    def connect(self):
        connection = psycopg.connect(
            host=self.router.address("reader"), user="tester", dbname="postgres",
            password=PASSWORD, autocommit=True, application_name=self.id().rsplit(".", 1)[1])
        self.addCleanup(connection.close)
        return connection

    def counts(self):
        status = self.router.endpoint_status("reader")
        return status["moved_in_place_total"], dict(status["stayed"])

    def since(self, before):
        """Moves, and what kept sessions from them."""
        moved, stayed = self.counts()
        return moved - before[0], {why: count - before[1].get(why, 0)
                                   for why, count in stayed.items()
                                   if count != before[1].get(why, 0)}

    def settled(self, before, boundaries):
        """The same when so many boundaries have been dealt with."""
        def done():
            moved, stayed = self.since(before)
            return moved + sum(stayed.values()) >= boundaries
        wait_until(done, "each boundary is dealt with")
        return self.since(before)

    def run_by(self, connection, protocol, sql):
        return connection.execute(sql, binary=protocol == "extended")

    def test_a_lock_at_the_primary_is_kept(self):
        for protocol in ("simple", "extended"):
            with self.subTest(protocol):
                holder, other = self.connect(), self.connect()
                before = self.counts()
                self.run_by(holder, protocol, "SELECT pg_advisory_lock(7)")
                self.assertEqual((0, {LOCKS: 1}), self.settled(before, 1))
                holder.execute("SELECT 1")
                self.assertEqual((0, {LOCKS: 2}), self.settled(before, 2))
                self.assertEqual((False,), other.execute(
                    "SELECT pg_try_advisory_lock(7)").fetchone())
                holder.execute("SELECT pg_advisory_unlock(7)")
                self.assertEqual((2, {LOCKS: 2}), self.settled(before, 4))

    def test_a_temporary_table_at_the_primary_is_kept(self):
        for protocol in ("simple", "extended"):
            with self.subTest(protocol):
                connection, before = self.connect(), self.counts()
                self.run_by(connection, protocol, "CREATE TEMPORARY TABLE mine(n int)")
                self.assertEqual((0, {TEMPORARY: 1}), self.settled(before, 1))
                connection.execute("INSERT INTO mine VALUES (1)")
                self.assertEqual((1,), connection.execute("SELECT n FROM mine").fetchone())
                self.assertEqual((0, {TEMPORARY: 3}), self.settled(before, 3))
                connection.execute("DISCARD ALL")
                self.assertEqual((1, {TEMPORARY: 3}), self.settled(before, 4))

    def test_a_session_that_listens_hears(self):
        for protocol in ("simple", "extended"):
            with self.subTest(protocol):
                connection, before = self.connect(), self.counts()
                self.run_by(connection, protocol, "LISTEN news")
                connection.execute("SELECT 1")
                self.assertEqual((0, {LISTENS: 2}), self.settled(before, 2))
                self.pair.primary.value("NOTIFY news, 'heard'")
                heard = []

                def hears(of=connection.pgconn, heard=heard):
                    of.consume_input()
                    heard.append(of.notifies())
                    return heard[-1]
                wait_until(hears, "the notification comes")
                self.assertEqual(b"heard", heard[-1].extra)
                connection.close()

    def test_a_cursor_of_the_primary_is_kept(self):
        connection, before = self.connect(), self.counts()
        connection.execute("BEGIN; INSERT INTO t VALUES (1); "
                           "DECLARE c CURSOR WITH HOLD FOR SELECT n FROM t; COMMIT")
        self.assertEqual((0, {CURSORS: 1}), self.settled(before, 1))
        self.assertEqual((1,), connection.execute("FETCH c").fetchone())

    def test_it_reads_what_it_has_written(self):
        """At a standby that has not replayed that yet: the fresh session has to know of it."""
        connection, before = self.connect(), self.counts()
        connection.execute("SET aurora_global.consistency_timeout = '100ms'")
        self.pair.standby.value("SELECT pg_wal_replay_pause()")
        try:
            connection.execute("INSERT INTO t VALUES (1)")
            self.assertEqual((2, {}), self.settled(before, 2))
            for boundary in (3, 4):
                self.assertEqual((1,), connection.execute("SELECT count(*) FROM t").fetchone())
                self.assertEqual((boundary, {}), self.settled(before, boundary))
        finally:
            self.pair.standby.value("SELECT pg_wal_replay_resume()")

    def test_what_has_changed_behind_an_extended_write_moves(self):
        """The relay itself says ReadyForQuery there."""
        connection, before = self.connect(), self.counts()
        connection.execute("BEGIN")
        connection.execute("INSERT INTO t VALUES (%s)", (1,))
        connection.execute("SET app.tenant = 'blue'")
        connection.execute("COMMIT", binary=True)
        self.assertEqual((1, {}), self.settled(before, 1))
        self.assertEqual(("blue",), connection.execute("SHOW app.tenant").fetchone())


if __name__ == "__main__":
    unittest.main()
