"""One script against the primary and through a forwarding standby: what psql prints is the same.

Rows, tags, notices, errors with their positions and details, in their order.
"""

import difflib
import pathlib
import re
import subprocess
import tempfile
import unittest

from lib.platform import EAST, PROGRAM, WEST, PlatformTest, wait_until

SCRIPT = pathlib.Path(__file__).with_name("forwarding_script.sql")
SCRIPT_LIMIT_S = 60

# Each is one `psql -c`: one query message, and one transaction unless it says otherwise.
QUERY_STRINGS = (
    "CREATE TABLE t(i int); INSERT INTO t VALUES (1), (2); SELECT * FROM t",
    "INSERT INTO t VALUES (3); SELECT 1/0; INSERT INTO t VALUES (4)",
    "SELECT count(*) FROM t; INSERT INTO t VALUES (5) RETURNING i; SELECT count(*) FROM t",
    "BEGIN; INSERT INTO t VALUES (6); COMMIT; INSERT INTO t VALUES (7); ROLLBACK",
    "BEGIN; INSERT INTO t VALUES (8)",
    "SELECT 'é' AS e; UPDATE t SET nowhere = 1",
    "SET search_path = pg_catalog; SELECT count(*) FROM public.t; DELETE FROM t",
    "SET LOCAL app.tenant = 'x'; INSERT INTO t VALUES (9); SHOW app.tenant",
    "TRUNCATE t; VACUUM t",
    "CREATE TEMP TABLE s(i int); INSERT INTO s VALUES (1); TABLE s",
    "DO $$ BEGIN RAISE NOTICE 'here'; INSERT INTO t VALUES (10); END $$; TABLE t",
    "PREPARE p AS INSERT INTO t VALUES (11); EXECUTE p; DEALLOCATE p; SELECT max(i) FROM t",
    "SELECT 1; PREPARE p(int) AS INSERT INTO t VALUES ($1); EXECUTE p(12); EXECUTE p(13)",
    "BEGIN; DECLARE c CURSOR FOR SELECT i FROM t FOR UPDATE; FETCH c; INSERT INTO t VALUES (14); "
    "UPDATE t SET i = 15 WHERE CURRENT OF c; COMMIT",
    "SELECT * FROM t ORDER BY i",
)

OF_A_SUPERUSER = (
    "ALTER SYSTEM SET work_mem = '1MB'",
    "COPY t TO '/nowhere/file'",
    "CREATE ROLE script_super SUPERUSER",
    "ALTER ROLE rdsadmin PASSWORD 'x'",
    "SET session_replication_role = replica",
    "SET session_preload_libraries = 'x'",
    "SELECT pg_read_file('PG_VERSION')",
    "CREATE FUNCTION c() RETURNS int LANGUAGE c AS 'x'",
    "SET ROLE rdsadmin",
    "SET SESSION AUTHORIZATION rdsadmin; DELETE FROM t",
    "SELECT pg_terminate_backend(1) FROM pg_authid",
)

OF_LIMITED = (
    "SELECT session_user, current_user",
    "INSERT INTO t VALUES (1)",
    "SELECT * FROM t FOR UPDATE",
    "CREATE TABLE mine(i int)",
    "DROP TABLE t",
    "TRUNCATE t",
    "INSERT INTO allowed VALUES (1, DEFAULT, DEFAULT) RETURNING *",
    "UPDATE allowed SET i = 2",
    "SET ROLE script_group; INSERT INTO allowed VALUES (2) RETURNING *",
    "SET ROLE script_group; UPDATE allowed SET i = 3 WHERE i = 2 RETURNING *",
    "BEGIN; SET LOCAL ROLE script_group; DELETE FROM allowed WHERE i = 3 RETURNING i; COMMIT; "
    "DELETE FROM allowed",
    "SET ROLE postgres",
    "SELECT by_definer()",
    "SELECT * FROM allowed ORDER BY i",
)


class ForwardingScript(PlatformTest):
    maxDiff = None

    def psql(self, region, endpoint, *options, database, env=None):
        """Everything that psql prints, as it comes, and its exit code."""
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(
                ["stdbuf", "-oL", PROGRAM, "--home", self.platform.home, "psql", region,
                 "--endpoint", endpoint, "--", "-X", "-d", database, *options],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=directory, env=env,
                encoding="utf-8", errors="backslashreplace", timeout=SCRIPT_LIMIT_S, check=False)
        printed = re.sub(r"server process with PID \d+", "server process", done.stdout)
        return printed, done.returncode

    def database(self, name):
        """Two databases of the same content: nothing. One for each way."""
        names = [name + "_direct", name + "_forwarded"]
        for one in names:
            self.platform.sql(EAST, f"CREATE DATABASE {one}", "cluster")
        wait_until(lambda: self.psql(WEST, "reader", "-c", "SELECT 1", database=names[1])[1] == 0,
                   f"{names[1]} is in {WEST}")
        return names

    def both(self, databases, *options, env=None):
        """What came directly and what came through the standby, with the exit codes."""
        return [self.psql(region, endpoint, *options, database=database, env=env)
                for (region, endpoint), database
                in zip(((EAST, "cluster"), (WEST, "reader")), databases)]

    def assert_same(self, databases, *options, env=None):
        (direct, direct_code), (forwarded, forwarded_code) = self.both(databases, *options, env=env)
        difference = "\n".join(difflib.unified_diff(
            direct.splitlines(), forwarded.splitlines(), "direct", "forwarded", n=6, lineterm=""))
        self.assertEqual(difference, "")
        self.assertEqual(direct_code, forwarded_code, direct)
        return direct

    def test_1_the_script(self):
        databases = self.database("script")
        out = self.assert_same(databases, "-a", "-f", str(SCRIPT))
        # The script ran to its end, and what it met were its own errors.
        self.assertIn("\\sf doubled\nCREATE OR REPLACE FUNCTION", out)
        for unwanted in ("read-only transaction\nSELECT", "connection", "cannot be forwarded"):
            self.assertNotIn(unwanted, out)
        self.assertEqual(self.platform.sql(WEST, "SELECT pg_is_in_recovery()", "reader"), "t")

    def test_2_query_strings(self):
        databases = self.database("strings")
        for one in QUERY_STRINGS:
            with self.subTest(one):
                self.assert_same(databases, "-c", one)
        with self.subTest("several -c in one session"):
            self.assert_same(databases,
                             *(part for one in QUERY_STRINGS[1:] for part in ("-c", one)))
        with self.subTest("one transaction"):
            self.assert_same(databases, "-1", "-c", "INSERT INTO t VALUES (20)", "-c", "TABLE t",
                             "-c", "INSERT INTO t VALUES (21), (1/0)")

    def test_3_identity(self):
        databases = self.database("identity")
        self.platform.sql(EAST, "CREATE ROLE script_group; CREATE ROLE script_limited LOGIN "
                                "PASSWORD 'limited' IN ROLE script_group", "cluster")
        set_up = ("CREATE TABLE t(i int); INSERT INTO t VALUES (1);"
                  "CREATE TABLE allowed(i int, s text DEFAULT session_user, "
                  "c text DEFAULT current_user);"
                  "GRANT SELECT, INSERT ON allowed TO script_limited;"
                  "GRANT ALL ON allowed TO script_group;"
                  "CREATE FUNCTION by_definer() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS "
                  "'BEGIN INSERT INTO t VALUES (2); RETURN session_user || current_user; END';"
                  "ALTER ROLE script_limited NOINHERIT")
        self.assert_same(databases, "-c", set_up)
        for one in OF_A_SUPERUSER:
            with self.subTest(one):
                out = self.assert_same(databases, "-c", one)
                self.assertRegex(out, "ERROR: .*(permission denied|must be )")
        # `psql` of ours takes no password from the environment.
        limited = [f"dbname={one} password=limited" for one in databases]
        outs = []
        for one in OF_LIMITED:
            with self.subTest(one):
                outs.append(self.assert_same(limited, "-U", "script_limited", "-c", one))
        self.assertIn("permission denied for table t", outs[1])
        self.assertIn("script_limited | script_limited", outs[6])
        self.assertIn("script_limited | script_group", outs[8])
        self.assertIn("permission denied for table allowed", outs[10])

    def test_4_after_a_switchover(self):
        platform = self.platform
        platform.sql(EAST, "CREATE TABLE moved(i int PRIMARY KEY)", "cluster")
        sessions = {region: Session(self, region) for region in (EAST, WEST)}
        for i, session in enumerate(sessions.values()):
            self.assertEqual(session.ask(f"INSERT INTO moved VALUES ({i}) RETURNING i;"), str(i))
        platform.command("switchover", "--to", WEST)
        platform.await_healthy(WEST)
        for i, session in enumerate(sessions.values(), 2):
            insert = f"INSERT INTO moved VALUES ({i}) RETURNING i;"
            if session.ask(insert) is None:
                # A session that ends says so, and the next one forwards the other way.
                self.assertRegex(session.end(), "terminating connection|closed the connection|lost")
                session.open()
                self.assertEqual(session.ask(insert), str(i))
            self.assertEqual(session.ask("SELECT count(*) FROM moved;"), str(i + 1))
        for session in sessions.values():
            session.end()
        self.assertEqual(platform.sql(EAST, "SELECT pg_is_in_recovery()", "reader"), "t")
        self.assertEqual(
            platform.sql(EAST, "BEGIN; INSERT INTO moved VALUES (10); SELECT max(i) FROM moved; "
                               "COMMIT", "reader"), "10")
        self.assertEqual(platform.sql(WEST, "SELECT count(*) FROM moved", "cluster"), "5")
        done = platform.sql(EAST, "INSERT INTO moved VALUES (10)", "reader", expect=1)
        self.assertIn("Key (i)=(10) already exists.", done.stderr)


class Session:
    """psql at a reader endpoint, kept open over statements that each give one line."""

    def __init__(self, test, region):
        self.test, self.region = test, region
        self.open()

    def open(self):
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", PROGRAM, "--home", self.test.platform.home, "psql", self.region,
             "--endpoint", "reader", "--", "-XqAt"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.test.addCleanup(self.end)

    def ask(self, statement):
        """Its line; None if the session has ended."""
        try:
            self.process.stdin.write(statement + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        line = self.process.stdout.readline()
        return line.strip() if line else None

    def end(self):
        """What the session said of its end."""
        if self.process.stdin.closed:
            return ""
        _, said = self.process.communicate(timeout=SCRIPT_LIMIT_S)
        return said


if __name__ == "__main__":
    unittest.main()
