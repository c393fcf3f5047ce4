"""Every setting of a real server has a rule, and those who carry sessions obey it."""

import subprocess
import unittest

import psycopg

from lib.pair import EXTENSION_DIR, POSTGRES_BIN, Pair

# Settings that a session can set and that stay where they are, each with its reason.
STAYS = {"in_hot_standby", "is_superuser",  # What the server says of itself.
         "transaction_deferrable", "transaction_isolation", "transaction_read_only",
         "seed",  # The state of random() cannot be read.
         "aurora_global.session", "aurora_global.session_settings"}  # The commands themselves.
# They act where the client is: forwarding leaves them there.
CLIENT_SIDE = {"client_connection_check_interval", "idle_session_timeout", "tcp_keepalives_count",
               "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_user_timeout",
               "log_duration", "log_min_duration_statement", "log_statement"}
ITEMS = "SELECT name, rule, moves, forwards, starts FROM aurora_global_session_items()"


class SessionItems(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = Pair().start()
        cls.addClassCleanup(cls.pair.destroy)
        cls.pair.primary.value((EXTENSION_DIR / "aurora_global--1.0.sql").read_text("utf-8"))
        cls.pair.await_replay()

    def connect(self, options=""):
        connection = psycopg.connect(host=str(self.pair.primary.directory), user="postgres",
                                     dbname="postgres", autocommit=True, options=options)
        self.addCleanup(connection.close)
        return connection

    def items(self, connection):
        return {name: rest for name, *rest in connection.execute(ITEMS)}

    def test_the_rule_of_every_setting(self):
        connection = self.connect()
        contexts = dict(connection.execute("SELECT name, context FROM pg_settings"))
        items = self.items(connection)
        self.assertEqual(set(), set(contexts) - set(items))
        for name, (rule, *_) in items.items():
            context = contexts.get(name, "user")  # Not shown: ours, role and its like.
            if name in STAYS or context in ("internal", "postmaster", "sighup"):
                wanted = "stays"
            elif context in ("backend", "superuser-backend"):
                wanted = "login"
            elif name in ("role", "session_authorization"):
                wanted = "identity"
            elif name in CLIENT_SIDE or name.startswith(("aurora_global.", "apg_write_forward.")):
                wanted = "client side"
            else:
                wanted = "session"
            if name.startswith("aurora_global.") and name not in contexts:
                continue  # The library's own, of each context.
            self.assertEqual(wanted, rule, f"{name} ({context})")

    def test_a_dump_has_no_trace_of_it(self):
        dump = subprocess.run(
            [POSTGRES_BIN / "pg_dump", "--create"], env=self.pair.primary.environment(),
            capture_output=True, text=True, check=True).stdout
        self.assertIn("PostgreSQL database dump complete", dump)
        self.assertNotIn("aurora", dump)

    def test_whoever_carries_a_session_obeys_the_rule(self):
        connection = self.connect()
        settable = [name for name, in connection.execute(
            "SELECT name FROM pg_settings WHERE context IN ('user', 'superuser') "
            "AND name NOT LIKE 'transaction\\_%'")]
        for name in settable:
            connection.execute("SELECT set_config(%s, current_setting(%s), false)", (name, name))
        items = self.items(connection)
        for name in settable:
            rule, moves, forwards, starts = items[name]
            self.assertEqual((rule != "stays", rule in ("session", "identity"), False),
                             (moves, forwards, starts), (name, rule))
        # Nobody has touched a fresh session.
        for name, (_, moves, forwards, starts) in self.items(self.connect()).items():
            if name not in ("client_encoding", "application_name"):
                self.assertEqual((False, False, False), (moves, forwards, starts), name)

    def test_what_the_start_up_packet_gives_is_given_again_by_one(self):
        connection = self.connect("-c work_mem=5MB -c app.x=1 -c aurora_global.max_staleness=1s")
        items = self.items(connection)
        self.assertEqual([False, False, True], items["work_mem"][1:])
        self.assertEqual([False, False, True], items["app.x"][1:])
        # Forwarding's own settings have no meaning at the primary.
        self.assertEqual([False, False, False], items["aurora_global.max_staleness"][1:])

    def test_the_sources_of_alter_role_and_alter_database(self):
        for statement, undo in (
                ("ALTER ROLE postgres SET work_mem = '6MB'", "ALTER ROLE postgres RESET work_mem"),
                ("ALTER DATABASE postgres SET work_mem = '6MB'",
                 "ALTER DATABASE postgres RESET work_mem"),
                ("ALTER ROLE postgres IN DATABASE postgres SET work_mem = '6MB'",
                 "ALTER ROLE postgres IN DATABASE postgres RESET work_mem"),
                ("ALTER ROLE ALL SET work_mem = '6MB'", "ALTER ROLE ALL RESET work_mem")):
            self.pair.primary.value(statement)
            try:
                self.assertEqual([True, True, False], self.items(self.connect())["work_mem"][1:])
            finally:
                self.pair.primary.value(undo)


if __name__ == "__main__":
    unittest.main()
