"""What clients are told at an endpoint when something is wrong, in PostgreSQL's words; that cancel
and COPY get through; and that a client that does not behave is nobody else's trouble.
"""

import hashlib
import os
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import unittest

import psycopg

from lib.platform import EAST, WEST, PlatformTest, wait_until
from lib.wire import CANCEL_REQUEST, PROTOCOL_3, SSL_REQUEST, Closed, ServerError, Session

CONNECTIONS_MAX = 40
MIB = 1024 * 1024
GLOBAL_WRITER, CLUSTER = 10, 11


class Endpoint(PlatformTest):
    @staticmethod
    def edit_files(platform):
        for region in (EAST, WEST):
            file = platform.region_dir(region) / "router.toml"
            text = file.read_text(encoding="utf-8")
            file.write_text(f"max_connections = {CONNECTIONS_MAX}\n{text}", encoding="utf-8")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform.await_healthy(EAST)
        cls.platform.sql(EAST, """
            CREATE ROLE groupish NOLOGIN PASSWORD 'secret';
            CREATE ROLE expired LOGIN PASSWORD 'secret' VALID UNTIL '2001-01-01';
            CREATE ROLE single LOGIN PASSWORD 'secret' CONNECTION LIMIT 1;
            CREATE ROLE passwordless LOGIN;
            CREATE ROLE looker LOGIN PASSWORD 'secret';
            CREATE TABLE copied(id int, body text)""")
        cls.environment = cls.platform.environment(EAST)
        with open(cls.environment["PGPASSFILE"], encoding="utf-8") as file:
            cls.password = file.read().strip().rsplit(":", 1)[1]
        cls.tls = ssl.create_default_context(cafile=cls.environment["PGSSLROOTCERT"])

    def address(self, endpoint=GLOBAL_WRITER, region=1):
        return (f"{self.platform.prefix.text}.{region}.{endpoint}", 5432)

    def log_in(self, role="postgres", password=None, database=None, tls=True,
               endpoint=GLOBAL_WRITER, region=1):
        session = Session(self.address(endpoint, region), role,
                          self.password if password is None else password,
                          database or self.environment["PGDATABASE"], self.tls if tls else None)
        self.addCleanup(session.close)
        return session

    def refused(self, sqlstate, words, **login):
        with self.assertRaises(ServerError) as raised:
            self.log_in(**login)
        self.assertEqual("FATAL", raised.exception.fields["S"])
        self.assertEqual(sqlstate, raised.exception.sqlstate, raised.exception)
        self.assertIn(words, raised.exception.message)

    def connect(self, **other):
        of = self.environment
        connection = psycopg.connect(host=of["PGHOST"], user=of["PGUSER"], dbname=of["PGDATABASE"],
                                     passfile=of["PGPASSFILE"], sslmode=of["PGSSLMODE"],
                                     sslrootcert=of["PGSSLROOTCERT"], autocommit=True, **other)
        self.addCleanup(connection.close)
        return connection

    # ---- logins that are refused

    def test_a_wrong_password(self):
        self.refused("28P01", 'password authentication failed for user "postgres"',
                     password="wrong")

    def test_an_unknown_user_is_told_what_a_wrong_password_is(self):
        self.refused("28P01", 'password authentication failed for user "nobody"', role="nobody")

    def test_a_role_without_a_password(self):
        self.refused("28P01", 'password authentication failed for user "passwordless"',
                     role="passwordless", password="secret")

    def test_an_expired_password(self):
        self.refused("28P01", 'password authentication failed for user "expired"', role="expired",
                     password="secret")

    def test_a_role_that_may_not_log_in(self):
        self.refused("28000", 'role "groupish" is not permitted to log in', role="groupish",
                     password="secret")

    def test_an_unknown_database(self):
        self.refused("3D000", 'database "nowhere" does not exist', database="nowhere")

    def test_the_superuser_of_the_platform(self):
        # It has no password: nobody learns that there is such a role.
        self.refused("28P01", 'user "rdsadmin"', role="rdsadmin", password="secret")

    def test_a_superuser_with_the_right_password(self):
        self.platform.as_superuser(EAST, "CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'secret'")
        self.refused("28000", '"boss"', role="boss", password="secret")
        self.refused("28P01", '"boss"', role="boss", password="wrong")

    def test_without_tls(self):
        for endpoint in (GLOBAL_WRITER, CLUSTER):
            self.refused("28000", "no encryption", tls=False, endpoint=endpoint)

    def test_more_sessions_than_a_role_may_have(self):
        first = self.log_in(role="single", password="secret")
        self.refused("53300", 'too many connections for role "single"', role="single",
                     password="secret")
        first.query("SELECT 1")

    def test_more_connections_than_the_endpoint_takes(self):
        sessions = []
        with self.assertRaises(ServerError) as raised:
            for _ in range(CONNECTIONS_MAX + 1):
                sessions.append(self.log_in())
        self.assertEqual("53300", raised.exception.sqlstate, raised.exception)
        self.assertGreaterEqual(len(sessions), CONNECTIONS_MAX // 2)
        sessions[0].query("SELECT 1")
        for session in sessions:
            session.close()

        def room():
            try:
                return self.log_in()
            except ServerError:
                return None

        wait_until(room, "there is room again")

    def test_a_replication_connection_at_the_global_writer_endpoint(self):
        done = subprocess.run(["psql", "-Xc", "IDENTIFY_SYSTEM", "replication=database"],
                              env=self.environment, capture_output=True, text=True, timeout=30,
                              check=False)
        self.assertNotEqual(0, done.returncode, done.stdout)
        self.assertIn("FATAL", done.stderr)

    # ---- cancel

    def sleeping(self, mark):
        return int(self.platform.sql(EAST, "SELECT count(*) FROM pg_stat_activity WHERE state = "
                                           f"'active' AND query LIKE '%pg_sleep({mark})%' "
                                           "AND pid <> pg_backend_pid()"))

    def test_cancel_reaches_the_right_backend(self):
        other, mine = self.connect(), self.connect()
        other.pgconn.send_query(b"SELECT pg_sleep(61)")
        outcome = []

        def sleep():
            try:
                outcome.append(mine.execute("SELECT pg_sleep(62)"))
            except psycopg.Error as error:
                outcome.append(error.sqlstate)

        thread = threading.Thread(target=sleep)
        thread.start()
        wait_until(lambda: self.sleeping(61) == 1 and self.sleeping(62) == 1, "both sleep")
        mine.cancel()
        thread.join(30)
        self.assertEqual(["57014"], outcome)
        self.assertEqual((1,), mine.execute("SELECT 1").fetchone())
        self.assertEqual(1, self.sleeping(61))
        other.cancel()
        result = other.pgconn.get_result()
        self.assertEqual(b"57014", result.error_field(psycopg.pq.DiagnosticField.SQLSTATE))

    def test_control_c_in_psql(self):
        psql = subprocess.Popen(["psql", "-Xc", "SELECT pg_sleep(63)"], env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(psql.kill)
        wait_until(lambda: self.sleeping(63) == 1, "psql sleeps")
        psql.send_signal(signal.SIGINT)
        self.assertIn("canceling statement due to user request", psql.communicate(timeout=30)[1])
        wait_until(lambda: self.sleeping(63) == 0, "the backend has stopped")

    def test_a_cancel_with_a_wrong_key_cancels_nothing(self):
        busy = self.connect()
        busy.pgconn.send_query(b"SELECT pg_sleep(64)")
        wait_until(lambda: self.sleeping(64) == 1, "it sleeps")
        for pid in (busy.pgconn.backend_pid, 1, 0):
            with socket.create_connection(self.address(), 10) as one:
                one.sendall(struct.pack("!IIII", 16, CANCEL_REQUEST, pid, 12345))
                self.assertEqual(b"", one.recv(1))
        self.assertEqual(1, self.sleeping(64))
        busy.cancel()

    # ---- bulk

    def test_copy_both_ways(self):
        connection = self.connect()
        connection.execute("TRUNCATE copied")
        line = b"%d\t" + b"x" * 1000 + b"\n"
        rows = 16_000
        sent = hashlib.sha256()
        with connection.cursor().copy("COPY copied FROM STDIN") as copy:
            for number in range(rows):
                data = line % number
                sent.update(data)
                copy.write(data)
        got, size = hashlib.sha256(), 0
        with connection.cursor().copy("COPY (TABLE copied ORDER BY id) TO STDOUT") as copy:
            for data in copy:
                got.update(data)
                size += len(data)
        self.assertGreater(size, 15 * MIB)
        self.assertEqual(sent.hexdigest(), got.hexdigest())

    def test_a_copy_that_the_client_gives_up_leaves_the_session(self):
        connection = self.connect()
        connection.execute("TRUNCATE copied")
        with self.assertRaises(psycopg.errors.QueryCanceled):
            with connection.cursor().copy("COPY copied FROM STDIN") as copy:
                copy.write(b"1\tone\n" * 1000)
                raise ZeroDivisionError
        self.assertEqual((0,), connection.execute("SELECT count(*) FROM copied").fetchone())

    def test_a_large_value_both_ways(self):
        connection = self.connect()
        value = os.urandom(6 * MIB).hex()
        self.assertEqual((value,), connection.execute("SELECT %s::text", (value,)).fetchone())

    # ---- clients that do not behave

    def test_a_client_that_never_reads_stalls_nobody(self):
        deaf, other = self.connect(), self.connect()
        deaf.pgconn.send_query(b"SELECT repeat('x', 1000) FROM generate_series(1, 500000)")
        wait_until(lambda: self.platform.sql(
            EAST, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'") == "1",
                   "its backend waits for it")
        slowest = 0.0
        for number in range(200):
            began = time.monotonic()
            self.assertEqual((number,), other.execute("SELECT %s::int", (number,)).fetchone())
            slowest = max(slowest, time.monotonic() - began)
        self.assertLess(slowest, 2.0)
        router = self.platform.pid(EAST, "router")
        with open(f"/proc/{router}/status", encoding="ascii") as file:
            rss = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
        self.assertLess(rss, 200 * 1024, "kB: what nobody reads does not pile up")

    def test_nonsense_first_bytes(self):
        nonsense = {
            "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "zeros": b"\0" * 64,
            "a length of 3": struct.pack("!I", 3),
            "a length of 2 GiB": struct.pack("!II", 1 << 31, PROTOCOL_3),
            "protocol 2": struct.pack("!II", 8, 131072),
            "protocol 9": struct.pack("!II", 9, 589824) + b"\0",
            "no user": struct.pack("!II", 9, PROTOCOL_3) + b"\0",
            "unterminated": struct.pack("!II", 12, PROTOCOL_3) + b"user",
            "TLS at once": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(64),
            "SSLRequest twice": struct.pack("!IIII", 8, SSL_REQUEST, 8, SSL_REQUEST),
            "random": os.urandom(400),
        }
        for what, data in nonsense.items():
            with self.subTest(what), socket.create_connection(self.address(), 10) as one:
                one.settimeout(30)
                try:
                    one.sendall(data)
                    one.shutdown(socket.SHUT_WR)
                    while one.recv(4096):
                        pass
                except ConnectionError:
                    pass  # Closed with data of ours unread.
                except TimeoutError:
                    self.fail("the connection stays open")
        self.assertEqual((1,), self.connect().execute("SELECT 1").fetchone())

    def test_plain_bytes_slipped_in_before_tls_are_refused(self):
        """A startup message that came before the handshake must not count as the client's own."""
        with socket.create_connection(self.address(), 10) as one:
            body = b"user\0postgres\0\0"
            one.sendall(struct.pack("!II", 8, SSL_REQUEST) +
                        struct.pack("!II", len(body) + 8, PROTOCOL_3) + body)
            one.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while more := one.recv(4096):
                    answer += more
            except ConnectionError:
                pass
        self.assertNotIn(b"R\0\0\0", answer)

    def test_a_client_that_goes_away_frees_its_backend(self):
        session = self.log_in()
        session.query("SET application_name = 'leaving'")
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leaving'"
        self.assertEqual("1", self.platform.sql(EAST, count))
        session.close()
        wait_until(lambda: self.platform.sql(EAST, count) == "0", "its backend ends", 10)

    def test_a_query_of_a_client_that_has_gone_is_cancelled_where_it_asks_for_that(self):
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gone'"
        for region in (1, 2):
            with self.subTest(region=region):
                session = self.log_in(region=region)
                session.query("SET application_name = 'gone'")
                session.query("SET client_connection_check_interval = 100")
                session.send("SELECT pg_sleep(600)")
                wait_until(lambda: self.platform.sql(EAST, f"{count} AND state = 'active'") == "1",
                           "it sleeps", 10)
                session.close()
                wait_until(lambda: self.platform.sql(EAST, count) == "0", "its backend ends", 10)

    def test_the_view_of_sessions_shows_the_client_behind_the_router(self):
        def psycopg_session(role, password):
            session = psycopg.connect(
                host=self.address()[0], user=role, password=password, sslmode="require",
                dbname=self.environment["PGDATABASE"], autocommit=True)
            self.addCleanup(session.close)
            return session

        session = psycopg_session("postgres", self.password)
        with socket.socket(fileno=os.dup(session.fileno())) as one:
            host, port = one.getsockname()
        row = ("SELECT usename, datname, host(client_addr), client_port, endpoint "
               f"FROM aurora_global_sessions WHERE pid = {session.info.backend_pid}")
        wanted = ("postgres", self.environment["PGDATABASE"], host, port, "global-writer")
        self.assertEqual([wanted], session.execute(row).fetchall())
        self.assertEqual("|".join(map(str, wanted)), self.platform.sql(EAST, row))
        mine = [one for one in self.platform.region_status(EAST, "--sessions")["sessions"]
                if one["client"] == f"{host}:{port}"]
        self.assertEqual([("global-writer", "postgres", session.info.backend_pid, "idle")],
                         [(one["endpoint"], one["user"], one["server_pid"], one["state"])
                          for one in mine])
        shown = self.platform.command("status", "--sessions").stdout
        self.assertRegex(shown, rf"global-writer +{host}:{port} +postgres@{wanted[1]} .* idle ")
        # Addresses are for those only whom pg_stat_activity would tell them.
        other = psycopg_session("looker", "secret")
        self.assertEqual([("postgres", wanted[1], None, None, "global-writer")],
                         other.execute(row).fetchall())
        session.close()
        wait_until(lambda: self.platform.sql(EAST, row) == "", "its row is gone")

    def test_a_session_killed_by_an_operator_is_told_so(self):
        session = self.log_in()
        session.query("SET application_name = 'victim'")
        self.platform.sql(EAST, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                "WHERE application_name = 'victim'")
        with self.assertRaises((ServerError, Closed)) as raised:
            session.query("SELECT 1")
        self.assertIsInstance(raised.exception, ServerError)
        self.assertEqual("57P01", raised.exception.sqlstate)


if __name__ == "__main__":
    unittest.main()
