"""What a client of the standby learns when something breaks, and what the primary then holds.

Each case runs in the simple and in the extended protocol.
"""

import os
import signal
import subprocess
import threading
import unittest

import psycopg

from lib.pair import POSTGRES_BIN, Pair
from lib.platform import wait_until

PROTOCOLS = ("simple", "extended")


class Session:
    """A session whose every statement goes by one protocol."""

    def __init__(self, server, protocol, options=""):
        self.protocol = protocol
        self.connection = psycopg.connect(host=str(server.directory), user="postgres",
                                          dbname="postgres", autocommit=True, options=options)

    def __call__(self, statement):
        # With parameters psycopg uses the extended protocol, without them the simple one.
        cursor = self.connection.cursor()
        if self.protocol == "extended":
            cursor.execute(statement, (), prepare=True)
        else:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None

    def error(self, statement):
        try:
            self(statement)
        except psycopg.Error as error:
            return error.sqlstate, str(error)
        return None, ""

    def pid(self):
        return self.connection.info.backend_pid

    def close(self):
        self.connection.close()


class ForwardingFailureTest(unittest.TestCase):
    # So that every forwarded session on the primary is one that a test asked for.
    settings = {"aurora_global.spare_connections": "0"}

    def setUp(self):
        self.pair = Pair({"deadlock_timeout": "100ms", **self.settings}).start()
        self.addCleanup(self.pair.destroy)
        self.pair.primary.value(
            "CREATE TABLE t(id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0);"
            "CREATE FUNCTION slow_insert(i int) RETURNS int LANGUAGE plpgsql AS "
            "'BEGIN PERFORM pg_sleep(60); INSERT INTO t VALUES (i, 0); RETURN i; END'")
        self.pair.await_replay()
        self.sessions = []
        self.addCleanup(lambda: [one.close() for one in self.sessions])

    def session(self, protocol, **options):
        self.sessions.append(Session(self.pair.standby, protocol, **options))
        return self.sessions[-1]

    def forwarded(self, more="true"):
        """Process ids of forwarded sessions on the primary."""
        return [int(one) for one in self.pair.primary.value(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
            f"AND pid <> pg_backend_pid() AND {more}").split()]

    def kill_forwarded(self):
        self.pair.primary.value("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")

    def rows(self, condition):
        return int(self.pair.primary.value(f"SELECT count(*) FROM t WHERE {condition}"))

    def in_background(self, session, statement):
        """A thread that runs it; its `result` is the SQLSTATE."""
        thread = threading.Thread(target=lambda: setattr(thread, "result", session.error(statement)))
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def each_protocol(self, case):
        for number, protocol in enumerate(PROTOCOLS):
            with self.subTest(protocol=protocol):
                case(protocol, 10 * (number + 1))

    def test_an_idle_connection_that_died_is_replaced_silently(self):
        def case(protocol, id):
            session = self.session(protocol)
            session(f"INSERT INTO t VALUES ({id}, 0)")
            self.kill_forwarded()
            session(f"INSERT INTO t VALUES ({id + 1}, 0)")
            self.assertEqual(2, self.rows(f"id IN ({id}, {id + 1})"))
        self.each_protocol(case)

    def test_a_connection_lost_in_a_transaction_rolls_it_back(self):
        def case(protocol, id):
            session = self.session(protocol)
            session("BEGIN")
            session(f"INSERT INTO t VALUES ({id}, 0)")
            self.kill_forwarded()
            sqlstate, text = session.error(f"INSERT INTO t VALUES ({id + 1}, 0)")
            self.assertEqual("08006", sqlstate, text)
            self.assertIn("terminating connection due to administrator command", text)
            self.assertEqual("25P02", session.error("SELECT 1")[0])
            session("ROLLBACK")
            self.assertEqual([(0,)], session(f"SELECT count(*) FROM t WHERE id = {id}"))
            session(f"INSERT INTO t VALUES ({id}, 0)")
            self.assertEqual(1, self.rows(f"id IN ({id}, {id + 1})"))
        self.each_protocol(case)

    def test_a_commit_after_the_connection_was_lost_is_no_success(self):
        def case(protocol, id):
            session = self.session(protocol)
            session("BEGIN")
            session(f"INSERT INTO t VALUES ({id}, 0)")
            self.kill_forwarded()
            self.assertEqual("08006", session.error("COMMIT")[0])
            session("ROLLBACK")
            self.assertEqual(0, self.rows(f"id = {id}"))
        self.each_protocol(case)

    def test_an_autocommit_statement_without_an_answer_has_an_unknown_outcome(self):
        def case(protocol, id):
            session = self.session(protocol)
            running = self.in_background(session, f"SELECT slow_insert({id})")
            wait_until(lambda: self.forwarded("state = 'active' AND query LIKE '%slow_insert%'"),
                       "the statement runs at the primary")
            self.kill_forwarded()
            running.join(30)
            self.assertEqual("08007", running.result[0], running.result[1])
            self.assertEqual([(1,)], session("SELECT 1"))
        self.each_protocol(case)

    def test_timeouts_and_cancel_reach_the_primary(self):
        blocker = psycopg.connect(host=str(self.pair.primary.directory), user="postgres",
                                  dbname="postgres")
        self.addCleanup(blocker.close)
        blocker.execute("UPDATE t SET n = 1 WHERE id = 1")

        def waiting():
            return self.forwarded("wait_event_type = 'Lock'")

        def case(protocol, _):
            session = self.session(protocol)
            for setting in ("statement_timeout", "lock_timeout"):
                session(f"SET {setting} = '200ms'")
                sqlstate, text = session.error("UPDATE t SET n = 2 WHERE id = 1")
                self.assertEqual("57014" if setting == "statement_timeout" else "55P03", sqlstate)
                self.assertIn(setting.replace("_", " ").replace(" timeout", ""), text)
                session(f"RESET {setting}")
            running = self.in_background(session, "UPDATE t SET n = 2 WHERE id = 1")
            wait_until(waiting, "the statement waits at the primary")
            self.pair.standby.value(f"SELECT pg_cancel_backend({session.pid()})")
            running.join(30)
            self.assertEqual("57014", running.result[0])
            self.assertIn("user request", running.result[1])
            wait_until(lambda: not waiting(), "nothing waits at the primary any more")
            # A savepoint survives it.
            session("BEGIN")
            session("INSERT INTO t VALUES (90, 0)")
            session("SAVEPOINT a")
            session("SET LOCAL statement_timeout = '200ms'")
            self.assertEqual("57014", session.error("UPDATE t SET n = 2 WHERE id = 1")[0])
            session("ROLLBACK TO a")
            session("ROLLBACK")
        self.each_protocol(case)

    def test_a_client_that_vanishes_leaves_nothing_behind(self):
        def case(protocol, id):
            session = self.session(protocol)
            session("BEGIN")
            session(f"INSERT INTO t VALUES ({id}, 0)")
            os.kill(session.pid(), signal.SIGTERM)
            wait_until(lambda: not self.forwarded(), "the forwarded session is gone")
            self.assertEqual(0, self.rows(f"id = {id}"))
        self.each_protocol(case)
        # While the primary works for it.
        psql = subprocess.Popen([POSTGRES_BIN / "psql", "-Xqc", "SELECT slow_insert(50)"],
                                env=self.pair.standby.environment(), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        wait_until(lambda: self.forwarded("query LIKE '%slow_insert%'"), "it runs at the primary")
        psql.kill()
        psql.wait()
        wait_until(lambda: not self.forwarded(), "the forwarded session is gone", limit_s=20)
        self.assertEqual(0, self.rows("id = 50"))

    def test_open_sessions_follow_another_target_between_transactions(self):
        def case(protocol, id):
            session = self.session(protocol)
            session(f"INSERT INTO t VALUES ({id}, 0)")
            before = self.forwarded()
            target = f"host={self.pair.primary.directory} port=5432 keepalives={id}"
            self.pair.standby.psql(
                f"ALTER SYSTEM SET aurora_global.primary_conninfo = '{target}';"
                "SELECT pg_reload_conf();")
            wait_until(lambda: session("SHOW aurora_global.primary_conninfo") == [(target,)],
                       "the session has the new target")
            session(f"INSERT INTO t VALUES ({id + 1}, 0)")
            self.assertTrue(set(self.forwarded()).isdisjoint(before))
            session.close()
        self.each_protocol(case)

    def test_the_quota_of_forwarded_sessions(self):
        self.pair.primary.psql(
            "ALTER SYSTEM SET apg_write_forward.max_forwarding_connections_percent = 2;"
            "SELECT pg_reload_conf();")
        wait_until(lambda: self.pair.primary.value(
            "SHOW apg_write_forward.max_forwarding_connections_percent") == "2", "the quota is 2 %")
        sessions = [self.session("simple") for _ in range(3)]
        for session in sessions[:2]:
            session("UPDATE t SET n = n + 1 WHERE id = 1")
        sqlstate, text = sessions[2].error("UPDATE t SET n = n + 1 WHERE id = 1")
        self.assertEqual("53300", sqlstate, text)
        sessions[0].close()
        wait_until(lambda: sessions[2].error("UPDATE t SET n = 5 WHERE id = 1")[0] is None,
                   "a place becomes free")

    def test_promotion_with_open_sessions(self):
        sessions = {}
        for number, protocol in enumerate(PROTOCOLS):
            for what in ("idle", "next", "commit"):
                session = sessions[protocol, what] = self.session(protocol)
                session(f"UPDATE t SET n = n WHERE id = {number}")
                if what != "idle":
                    session("BEGIN")
                    session(f"INSERT INTO t VALUES ({100 * (number + 1) + len(what)}, 0)")
        self.pair.standby.value("SELECT pg_promote()")
        for number, protocol in enumerate(PROTOCOLS):
            with self.subTest(protocol=protocol):
                sessions[protocol, "idle"](f"INSERT INTO t VALUES ({1000 + number}, 0)")
                self.assertEqual("40001", sessions[protocol, "next"].error("SELECT 1")[0])
                sessions[protocol, "next"]("ROLLBACK")
                self.assertEqual("40001", sessions[protocol, "commit"].error("COMMIT")[0])
                sessions[protocol, "commit"]("ROLLBACK")
                for what in ("next", "commit"):
                    self.assertEqual([(False,)],
                                     sessions[protocol, what]("SELECT pg_is_in_recovery()"))
                    sessions[protocol, what](
                        f"INSERT INTO t VALUES ({2000 + 10 * number + len(what)}, 0)")
        self.assertEqual(0, self.rows("id >= 100"))
        self.assertEqual("6", self.pair.standby.value("SELECT count(*) FROM t WHERE id >= 100"))

    def test_a_primary_in_another_epoch_acknowledges_nothing(self):
        for server, epoch in ((self.pair.primary, 1), (self.pair.standby, 1)):
            server.psql(f"ALTER SYSTEM SET aurora_global.epoch = {epoch}; SELECT pg_reload_conf();")
            wait_until(lambda: server.value("SHOW aurora_global.epoch") == str(epoch), "the epoch")
        sessions = [self.session(protocol) for protocol in PROTOCOLS]
        for number, session in enumerate(sessions):
            session("BEGIN")
            session(f"INSERT INTO t VALUES ({number + 10}, 0)")
        self.pair.primary.psql("ALTER SYSTEM SET aurora_global.epoch = 2; SELECT pg_reload_conf();")
        wait_until(lambda: self.pair.primary.value("SHOW aurora_global.epoch") == "2", "the epoch")
        for session in sessions:
            # The forwarded session reads its configuration anew between two messages.
            self.assertEqual("40001", session.error("COMMIT")[0])
            self.assertEqual("40001", session.error("INSERT INTO t VALUES (20, 0)")[0])
        # A connection that is opened now is refused at once.
        self.assertEqual("08001", self.session("simple").error("INSERT INTO t VALUES (20, 0)")[0])
        self.assertEqual(0, self.rows("id >= 10"))

    def test_a_standby_is_no_primary(self):
        self.pair.standby.psql(
            f"ALTER SYSTEM SET aurora_global.primary_conninfo = "
            f"'host={self.pair.standby.directory} port=5432'; SELECT pg_reload_conf();")
        session = self.session("simple")
        wait_until(lambda: session.error("INSERT INTO t VALUES (10, 0)")[0] == "08001",
                   "forwarding to a standby is refused")


class ConflictWithReplay(unittest.TestCase):
    """Replay does not wait for what stands here; what runs at the primary is no affair of it."""

    def setUp(self):
        self.pair = Pair({}, {"max_standby_streaming_delay": "0"}).start()
        self.addCleanup(self.pair.destroy)
        self.pair.primary.value("CREATE TABLE t(n int); CREATE TABLE u(n int);"
                                "INSERT INTO t SELECT generate_series(1, 9)")
        self.pair.await_replay()

    def test_a_cursor_goes_and_the_statement_at_the_primary_goes_on(self):
        for protocol in PROTOCOLS:
            with self.subTest(protocol):
                holder, session = (Session(server, protocol)
                                   for server in (self.pair.primary, self.pair.standby))
                self.addCleanup(session.close)
                self.addCleanup(holder.close)
                holder("SELECT pg_advisory_lock(1)")
                session("BEGIN")
                session("DECLARE c CURSOR FOR SELECT n FROM t")
                self.assertEqual([(1,)], session("FETCH c"))
                session("INSERT INTO u VALUES (1)")
                answers = []
                waiting = threading.Thread(daemon=True, target=lambda: answers.append(
                    session.error("SELECT pg_advisory_xact_lock(1)")))
                waiting.start()
                wait_until(lambda: self.pair.primary.value(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                    == "1", "the statement waits at the primary")
                self.pair.primary.value("BEGIN; LOCK TABLE t; COMMIT")
                self.pair.await_replay()
                holder("SELECT pg_advisory_unlock(1)")
                waiting.join(60)
                self.assertEqual([(None, "")], answers)
                session("INSERT INTO u VALUES (2)")
                state, text = session.error("FETCH c")
                self.assertEqual("40001", state)
                self.assertIn("conflict with recovery", text)
                self.assertEqual("25P02", session.error("SELECT 1")[0])
                session("ROLLBACK")
                session("INSERT INTO u VALUES (3)")
                self.assertEqual([(3,)], session("SELECT n FROM u"))
                session("TRUNCATE u")


if __name__ == "__main__":
    unittest.main()
