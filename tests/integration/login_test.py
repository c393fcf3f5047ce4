"""Who may come in at the global writer endpoint is the writer's to say, also in the other region
while that lags behind; and the server's words reach a client that breaks the protocol.
"""

import ssl
import unittest

from lib.platform import EAST, WEST, PlatformTest
from lib.wire import ServerError, Session, message


class Login(PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform.await_healthy(EAST)
        cls.platform.sql(EAST, """CREATE ROLE changed LOGIN PASSWORD 'yesterday';
                                  CREATE TABLE copied(id int)""")
        cls.environment = cls.platform.environment(EAST)
        with open(cls.environment["PGPASSFILE"], encoding="utf-8") as file:
            cls.password = file.read().strip().rsplit(":", 1)[1]
        cls.tls = ssl.create_default_context(cafile=cls.environment["PGSSLROOTCERT"])

    def log_in(self, role, password, region=2):
        session = Session((f"{self.platform.prefix.text}.{region}.10", 5432), role, password,
                          self.environment["PGDATABASE"], self.tls)
        self.addCleanup(session.close)
        return session

    def standby(self, statement):
        self.platform.as_superuser(WEST, statement)

    def refused(self, sqlstate, role, password):
        with self.assertRaises(ServerError) as raised:
            self.log_in(role, password)
        self.assertEqual(sqlstate, raised.exception.sqlstate, raised.exception)

    def test_passwords_are_the_writers_while_replay_stands_still(self):
        self.platform.await_row(WEST, "SELECT rolname FROM pg_roles WHERE rolname = 'changed'",
                                "changed")
        self.log_in("changed", "yesterday")
        self.standby("SELECT pg_wal_replay_pause()")
        self.addCleanup(self.standby, "SELECT pg_wal_replay_resume()")
        self.platform.sql(EAST, """ALTER ROLE changed PASSWORD 'today';
                                   CREATE ROLE fresh LOGIN PASSWORD 'secret'""")
        self.refused("28P01", "changed", "yesterday")
        self.log_in("changed", "today").query("SELECT 1")
        self.log_in("fresh", "secret").query("SELECT 1")
        self.refused("28P01", "fresh", "wrong")
        self.refused("28P01", "nobody", "secret")

    def test_a_query_within_a_copy_ends_the_session_with_the_servers_words(self):
        session = self.log_in("postgres", self.password, region=1)
        session.socket.sendall(message(b"Q", b"COPY copied FROM STDIN\0"))
        self.assertEqual(b"G", session.read()[0])
        session.socket.sendall(message(b"Q", b"SELECT 1\0"))
        with self.assertRaises(ServerError) as raised:
            session.read()
        self.assertEqual("08P01", raised.exception.sqlstate, raised.exception)
        self.assertIn("during COPY from stdin", raised.exception.message)
        with self.assertRaises(ServerError) as raised:
            session.read()
        self.assertEqual("FATAL", raised.exception.fields["S"])
        self.assertEqual("08P01", raised.exception.sqlstate)
        self.assertIn("synchronization was lost", raised.exception.message)

    def test_what_was_sent_before_terminate_is_done(self):
        session = self.log_in("postgres", self.password, region=1)
        session.socket.sendall(
            message(b"Q", b"SELECT repeat('x', 1000) FROM generate_series(1, 2000)\0") +
            message(b"Q", b"INSERT INTO copied VALUES (7)\0") + message(b"X"))
        ready = 0
        while ready < 2:
            ready += session.read()[0] == b"Z"
        self.assertEqual(b"", session.socket.recv(1))
        done = self.platform.sql(EAST, "SELECT count(*) FROM copied WHERE id = 7")
        self.assertEqual("1", str(done).strip())


if __name__ == "__main__":
    unittest.main()
