"""The fence in the engine: what it refuses, what goes on, and that no write slips past it.

No daemon of ours runs: a primary, a streaming standby, the extension's SQL functions.
"""

import re
import signal
import subprocess
import threading
import time
import unittest

import psycopg

from lib.pair import EXTENSION_DIR, POSTGRES_BIN, Pair
from lib.platform import wait_until

REFUSED = "25006"
TRY_AGAIN = "40001"
ENDED = "57P01"
DRAIN_MS = 2000


def connect(server, **options):
    return psycopg.connect(host=str(server.directory), user="postgres", dbname="postgres",
                           autocommit=True, **options)


def sqlstate_of(connection, statement):
    try:
        if statement.startswith("COPY") and statement.endswith("STDOUT"):
            with connection.cursor().copy(statement) as copy:
                list(copy.rows())
        else:
            connection.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate or ENDED  # psycopg may see the closed connection first.
    return None


def install_functions(server):
    script = (EXTENSION_DIR / "aurora_global--1.0.sql").read_text(encoding="utf-8")
    server.psql(script, "-v", "ON_ERROR_STOP=1")


class FenceCase(unittest.TestCase):
    def setUp(self):
        self.pair = Pair({"max_prepared_transactions": "20"}).start()
        self.addCleanup(self.pair.destroy)
        install_functions(self.pair.primary)
        self.pair.primary.value(
            "CREATE TABLE t(id bigserial PRIMARY KEY, n int); CREATE SEQUENCE s;"
            "INSERT INTO t(n) SELECT i FROM generate_series(1, 100) i;"
            "CREATE FUNCTION writes() RETURNS bigint LANGUAGE plpgsql AS "
            "'DECLARE v bigint; BEGIN INSERT INTO t(n) VALUES (0) RETURNING id INTO v; RETURN v; END';"
            "CREATE FUNCTION draws() RETURNS bigint LANGUAGE plpgsql AS "
            "'DECLARE v bigint; BEGIN v := nextval(''s''); RETURN v; END';"
            "CREATE FUNCTION counts() RETURNS bigint LANGUAGE plpgsql AS "
            "'BEGIN RETURN (SELECT count(*) FROM t); END';"
            "CREATE PROCEDURE goes_on() LANGUAGE plpgsql AS "
            "'BEGIN COMMIT; PERFORM nextval(''s''); END'")
        self.admin = connect(self.pair.primary)
        self.addCleanup(self.admin.close)

    def fence(self, epoch=2, drain_ms=DRAIN_MS):
        return self.admin.execute(
            f"SELECT aurora_global_fence({epoch}, {drain_ms})").fetchone()[0]

    def unfence(self, epoch=2):
        self.admin.execute(f"SELECT aurora_global_unfence({epoch})")

    def fenced_epoch(self):
        return self.admin.execute("SELECT aurora_global_fenced_epoch()").fetchone()[0]

    def session(self, **options):
        connection = connect(self.pair.primary, **options)
        self.addCleanup(connection.close)
        return connection

    def records_after(self, position, managers):
        """What pg_waldump names after the position, of these resource managers."""
        end, nothing = self.admin.execute(
            "SELECT here, here <= %s::pg_lsn FROM pg_current_wal_flush_lsn() AS here",
            (position,)).fetchone()
        if nothing:
            return []
        options = [option for one in managers for option in ("-r", one)]
        done = subprocess.run(
            [POSTGRES_BIN / "pg_waldump", "-p", self.pair.primary.data / "pg_wal", "-s", position,
             "-e", end, *options], capture_output=True, text=True, check=False)
        # What was flushed may end within the first record: then there is none that counts.
        if "could not find a valid record after" in done.stderr:
            return []
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return [line for line in done.stdout.splitlines() if line.startswith("rmgr")]


class Fence(FenceCase):
    def test_new_writes_of_every_kind_are_refused_and_reads_go_on(self):
        self.admin.execute("BEGIN; INSERT INTO t(n) VALUES (7); PREPARE TRANSACTION 'kept'")
        before = self.session()
        before.execute("SELECT nextval('s')")
        self.fence()
        for session in (before, self.session(), self.admin):
            for statement in (
                    "INSERT INTO t(n) VALUES (1)", "UPDATE t SET n = 2", "DELETE FROM t",
                    "WITH w AS (DELETE FROM t RETURNING id) SELECT * FROM w",
                    "SELECT * FROM t FOR UPDATE", "SELECT * FROM t FOR KEY SHARE",
                    "MERGE INTO t USING t AS o ON t.id = o.id WHEN MATCHED THEN DELETE",
                    "SELECT nextval('s')", "SELECT setval('s', 900)", "SELECT writes()",
                    "SELECT draws()", "DO 'BEGIN INSERT INTO t(n) VALUES (1); END'",
                    "CALL goes_on()", "CREATE TABLE u()", "CREATE TEMP TABLE u()", "DROP TABLE t",
                    "TRUNCATE t", "VACUUM", "ANALYZE t", "CREATE DATABASE d",
                    "CREATE ROLE r LOGIN", "GRANT SELECT ON t TO PUBLIC", "LOCK TABLE t",
                    "CREATE TABLE v AS SELECT 1", "SELECT 1 AS x INTO w", "NOTIFY n",
                    "COPY t(n) FROM PROGRAM 'echo 1'", "COPY (SELECT nextval('s')) TO STDOUT",
                    "EXPLAIN (ANALYZE) INSERT INTO t(n) VALUES (1)", "COMMIT PREPARED 'kept'",
                    "ROLLBACK PREPARED 'kept'", "REINDEX TABLE t", "COMMENT ON TABLE t IS 'x'"):
                with self.subTest(statement):
                    self.assertEqual(REFUSED, sqlstate_of(session, statement))
            for statement in ("SELECT lo_create(0)", "SELECT txid_current()"):
                with self.subTest(statement):
                    self.assertEqual(TRY_AGAIN, sqlstate_of(session, statement))
            for statement in ("SELECT count(*) FROM t", "SELECT counts()", "SHOW work_mem",
                              "SET work_mem = '5MB'", "LISTEN n", "EXPLAIN DELETE FROM t",
                              "SELECT pg_advisory_lock_shared(1)", "COPY t TO STDOUT",
                              "CHECKPOINT"):
                with self.subTest(statement):
                    self.assertIsNone(sqlstate_of(session, statement))
        with self.assertRaises(psycopg.Error) as refused:
            before.execute("DELETE FROM t")
        self.assertIn("fenced for epoch 2", str(refused.exception))
        self.unfence()
        before.execute("DELETE FROM t WHERE n = 5")
        self.admin.execute("COMMIT PREPARED 'kept'")

    def test_read_write_asked_for_is_not_given(self):
        self.fence()
        session = self.session()
        for ask in ("BEGIN READ WRITE", "BEGIN; SET TRANSACTION READ WRITE",
                    "BEGIN; SET transaction_read_only = off",
                    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; BEGIN"):
            for statement in ("SELECT nextval('s')", "INSERT INTO t(n) VALUES (1)"):
                session.execute(ask)
                self.assertEqual(REFUSED, sqlstate_of(session, statement))
                session.execute("ROLLBACK")

    def test_transactions_under_way_are_told_to_try_again(self):
        wrote, prepares, read = self.session(), self.session(), self.session()
        wrote.execute("BEGIN; INSERT INTO t(n) VALUES (1)")
        prepares.execute("BEGIN; INSERT INTO t(n) VALUES (1)")
        read.execute("BEGIN; SELECT count(*) FROM t")
        self.fence(drain_ms=0)
        self.assertEqual(TRY_AGAIN, sqlstate_of(wrote, "COMMIT"))
        self.assertEqual(TRY_AGAIN, sqlstate_of(prepares, "PREPARE TRANSACTION 'p'"))
        self.assertIsNone(sqlstate_of(read, "SELECT count(*) FROM t"))
        self.unfence()
        # The transaction that saw the fence and its end goes on.
        self.assertIsNone(sqlstate_of(read, "INSERT INTO t(n) VALUES (1)"))
        self.assertIsNone(sqlstate_of(read, "COMMIT"))

    def test_a_statement_of_a_transaction_that_has_written_is_told_to_try_again(self):
        wrote = self.session()
        wrote.execute("BEGIN; INSERT INTO t(n) VALUES (1)")
        self.fence(drain_ms=0)
        self.assertEqual(TRY_AGAIN, sqlstate_of(wrote, "INSERT INTO t(n) VALUES (1)"))

    def test_a_write_that_waits_is_ended_and_a_read_that_lasts_is_not(self):
        holder, waiter, reader = self.session(), self.session(), self.session()
        holder.execute("BEGIN; UPDATE t SET n = 0 WHERE id = 1")
        outcomes = {}

        def run(name, connection, statement):
            outcomes[name] = sqlstate_of(connection, statement)

        threads = [threading.Thread(target=run, args=arguments) for arguments in (
            ("write", waiter, "UPDATE t SET n = 1 WHERE id = 1"),
            ("read", reader, "SELECT count(*), pg_sleep(1) FROM t"))]
        for thread in threads:
            thread.start()
        wait_until(lambda: self.admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event IN ('transactionid', 'PgSleep')"
        ).fetchone()[0] == 2, "one waits for a row and one sleeps")
        began = time.monotonic()
        self.fence(drain_ms=100)
        self.assertLess(time.monotonic() - began, 1)
        for thread in threads:
            thread.join()
        self.assertEqual({"write": ENDED, "read": None}, outcomes)

    def test_without_termination_the_fence_fails_and_stays_until_lifted(self):
        holder, waiter = self.session(), self.session()
        holder.execute("BEGIN; UPDATE t SET n = 0 WHERE id = 1")
        thread = threading.Thread(
            target=sqlstate_of, args=(waiter, "UPDATE t SET n = 1 WHERE id = 1"))
        thread.start()
        wait_until(lambda: self.admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'"
        ).fetchone()[0] == 1, "one waits for a row")
        self.assertEqual("55006",
                         sqlstate_of(self.admin, "SELECT aurora_global_fence(2, 10, false)"))
        self.assertEqual(2, self.fenced_epoch())
        self.unfence()
        self.assertIsNone(sqlstate_of(holder, "COMMIT"))
        thread.join()

    def test_epochs(self):
        first = self.fence(2)
        self.assertEqual(first, self.fence(2))
        self.assertEqual("55000", sqlstate_of(self.admin, "SELECT aurora_global_fence(1, 0)"))
        self.assertNotEqual(first, self.fence(3))
        self.assertEqual("55000", sqlstate_of(self.admin, "SELECT aurora_global_unfence(2)"))
        self.assertEqual(3, self.fenced_epoch())
        self.unfence(3)
        self.unfence(3)
        self.assertEqual(0, self.fenced_epoch())
        self.assertEqual("22023", sqlstate_of(self.admin, "SELECT aurora_global_fence(0, 0)"))
        standby = connect(self.pair.standby)
        self.addCleanup(standby.close)
        self.pair.await_replay()
        self.assertEqual("55000", sqlstate_of(standby, "SELECT aurora_global_fence(4, 0)"))

    def test_only_superusers(self):
        self.admin.execute("CREATE ROLE someone LOGIN")
        someone = psycopg.connect(host=str(self.pair.primary.directory), user="someone",
                                  dbname="postgres", autocommit=True)
        self.addCleanup(someone.close)
        for call in ("fence(2, 0)", "unfence(2)", "promote(0)", "await_replay('0/1', 0)"):
            self.assertEqual("42501", sqlstate_of(someone, f"SELECT aurora_global_{call}"))

    def test_it_outlives_the_crash_of_a_backend_and_of_the_postmaster(self):
        self.fence()
        victim = self.session()
        pid = victim.info.backend_pid
        subprocess.run(["kill", "-9", str(pid)], check=True)
        wait_until(lambda: self.admin.closed or sqlstate_of(self.admin, "SELECT 1"),
                   "the server ends its sessions")
        wait_until(lambda: self.pair.primary.psql("SELECT 1", check=False).returncode == 0,
                   "the server works again")
        self.admin = self.session()
        self.assertEqual(2, self.fenced_epoch())
        self.assertEqual(REFUSED, sqlstate_of(self.admin, "INSERT INTO t(n) VALUES (1)"))
        self.pair.primary.stop(signal.SIGQUIT)
        self.pair.primary.start()
        self.admin = self.session()
        self.assertEqual(REFUSED, sqlstate_of(self.admin, "INSERT INTO t(n) VALUES (1)"))
        self.unfence()
        self.admin.execute("INSERT INTO t(n) VALUES (1)")


class Writer(threading.Thread):
    """Writes by one kind of statement until it is refused for good, and keeps what it was told."""

    def __init__(self, server, kind, number):
        super().__init__(daemon=True)
        self.kind, self.number = kind, number
        self.connection = connect(server)
        if kind == "async":
            self.connection.execute("SET synchronous_commit = off")
        self.told, self.drawn, self.refused = [], [], 0
        self.stopping = threading.Event()

    def run(self):
        turn = 0
        while not self.stopping.is_set():
            turn += 1
            try:
                self.write(turn)
            except psycopg.Error as error:
                if error.sqlstate not in (REFUSED, TRY_AGAIN):
                    break
                self.refused += 1
                try:
                    self.connection.execute("ROLLBACK")
                except psycopg.OperationalError:
                    break
                time.sleep(0.001)
        self.connection.close()

    def write(self, turn):
        execute = self.connection.execute
        key = (self.number, turn)
        insert = f"INSERT INTO ledger VALUES ({self.number}, {turn})"
        if self.kind == "sequence":
            self.drawn.append(execute("SELECT nextval('s')").fetchone()[0])
            return
        if self.kind == "block":
            execute("BEGIN")
            self.drawn.append(execute("SELECT nextval('s')").fetchone()[0])
            execute("SAVEPOINT a")
            execute(insert)
            execute("RELEASE a")
            execute("COMMIT")
        elif self.kind == "two-phase":
            name = f"p{self.number}-{turn}"
            execute("BEGIN")
            execute(insert)
            execute(f"PREPARE TRANSACTION '{name}'")
            while not self.stopping.is_set():
                try:
                    execute(f"COMMIT PREPARED '{name}'")
                    break
                except psycopg.Error as error:
                    if error.sqlstate != REFUSED:
                        raise
                    self.refused += 1
                    time.sleep(0.001)
            else:
                return
        elif self.kind == "copy":
            with self.connection.cursor().copy("COPY ledger FROM STDIN") as copy:
                copy.write_row(key)
        elif self.kind == "function":
            self.drawn.append(execute(f"SELECT books({self.number}, {turn})").fetchone()[0])
        else:
            execute(insert)
        self.told.append(key)


KINDS = ("plain", "async", "sequence", "block", "two-phase", "copy", "function", "sequence")


class Race(FenceCase):
    def start_writers(self, server):
        writers = [Writer(server, kind, number) for number, kind in enumerate(KINDS)]
        for writer in writers:
            writer.start()
        return writers

    def await_progress(self, writers):
        before = [len(one.told) + len(one.drawn) for one in writers]
        wait_until(lambda: all(len(one.told) + len(one.drawn) > past + 5
                               for one, past in zip(writers, before)), "every writer writes")

    def await_refusals(self, writers):
        """Every writer goes on, against the fence."""
        before = [one.refused for one in writers]
        wait_until(lambda: all(one.refused > past for one, past in zip(writers, before)),
                   "every writer is refused")

    def committed_or_drawn_after(self, position):
        return [line for line in self.records_after(position, ("Transaction", "Sequence"))
                if re.search(r"desc: (COMMIT|PREPARE|ABORT_PREPARED|LOG)", line)]

    def prepare(self):
        self.admin.execute(
            "CREATE TABLE ledger(writer int, turn int, PRIMARY KEY (writer, turn));"
            "CREATE FUNCTION books(w int, n int) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN "
            "INSERT INTO ledger VALUES (w, n); RETURN nextval(''s''); END'")

    def test_nothing_is_committed_or_drawn_after_the_position(self):
        self.prepare()
        writers = self.start_writers(self.pair.primary)
        for turn in range(30):
            begin = self.admin.execute("SELECT pg_current_wal_flush_lsn()").fetchone()[0]
            self.await_progress(writers)
            found = " ".join(self.committed_or_drawn_after(begin))
            for what in ("COMMIT ", "PREPARE ", "COMMIT_PREPARED ", "LOG "):
                self.assertIn(f"desc: {what}", found)  # It sees what there is.
            position = self.fence(turn + 2)
            self.await_refusals(writers)
            self.assertEqual([], self.committed_or_drawn_after(position))
            self.unfence(turn + 2)
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join()

    def test_what_was_acknowledged_is_on_the_promoted_standby(self):
        self.prepare()
        writers = self.start_writers(self.pair.primary)
        self.await_progress(writers)
        position = self.fence()
        standby = connect(self.pair.standby)
        self.addCleanup(standby.close)
        standby.execute("SET apg_write_forward.consistency_mode = off")
        self.assertTrue(standby.execute(
            f"SELECT aurora_global_await_replay('{position}', 5000)").fetchone()[0])
        self.assertTrue(standby.execute("SELECT aurora_global_promote(10000)").fetchone()[0])
        self.assertFalse(standby.execute("SELECT pg_is_in_recovery()").fetchone()[0])
        self.await_refusals(writers)
        self.pair.primary.stop(signal.SIGQUIT)
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join()
        kept = set(standby.execute("SELECT * FROM ledger").fetchall())
        told = {key for writer in writers for key in writer.told}
        self.assertEqual(set(), told - kept)
        drawn = [value for writer in writers for value in writer.drawn]
        drawn += [standby.execute("SELECT nextval('s')").fetchone()[0] for _ in range(100)]
        self.assertEqual(len(drawn), len(set(drawn)))


if __name__ == "__main__":
    unittest.main()
