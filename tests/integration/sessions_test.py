"""Clients in session mode at the global writer endpoint: a planned switchover there and back leaves
each of them its connection, its prepared statements, its settings and its role, without one error.
Sessions that cannot be carried, and only those, end with 57P01 and the reason.
"""

import asyncio
import concurrent.futures
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import unittest

import asyncpg
import psycopg
import psycopg2

from lib.platform import EAST, WEST, PlatformTest, wait_until
from lib.wire import ServerError, Session

HERE = pathlib.Path(__file__).resolve().parent
NODE_MODULES = HERE.parent.parent / "build" / "orm"  # Made by `./dev test`.
ANSWER_LIMIT_S = 30
STATE = ("SELECT current_setting('app.tenant'), current_setting('search_path'), "
         "current_setting('TimeZone'), current_setting('work_mem'), current_user")
SET_STATE = ("SET app.tenant = 'blue'; SET search_path = app, public; "
             "SET TIME ZONE 'Asia/Kathmandu'; SET work_mem = '7MB'; SET ROLE app_user")
EXPECTED = ("blue", "app, public", "Asia/Kathmandu", "7MB", "app_user")
REGION = "SELECT current_setting('aurora_global.region')"


def local_ports(pid):
    """The ports of a process's own TCP connections: one that stays is the same connection."""
    inodes = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry))
        except OSError:
            continue
        if found:
            inodes.add(found.group(1))
    established = "01"
    ports = set()
    for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == established and fields[9] in inodes:
            ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return ports


def port_of(descriptor):
    """The local port of a driver's socket, which stays the driver's."""
    with socket.socket(fileno=os.dup(descriptor)) as one:
        return one.getsockname()[1]


class Talk:
    """A program that answers on standard output, line by line, to lines on its standard input."""

    def __init__(self, argv, env):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env=env, bufsize=1)

    def ask(self, text, until):
        """The lines before the one that is `until`."""
        late = threading.Timer(ANSWER_LIMIT_S, self.process.kill)
        late.start()
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
            lines = []
            while True:
                line = self.process.stdout.readline()
                if not line:
                    raise AssertionError(f"the program has ended after: {lines}")
                if line.rstrip("\n") == until:
                    return lines
                lines.append(line.rstrip("\n"))
        finally:
            late.cancel()

    def end(self):
        try:
            return self.process.communicate(timeout=ANSWER_LIMIT_S)[0]
        finally:
            self.process.kill()
            self.process.wait()


class SessionsTest(PlatformTest):
    """What all of these need: a table with row-level security, and a move there and back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform.await_healthy(EAST)
        cls.platform.sql(EAST, """
            CREATE ROLE app_user NOLOGIN;
            GRANT app_user TO postgres;
            CREATE SCHEMA app;
            GRANT USAGE ON SCHEMA app TO app_user;
            CREATE TABLE app.docs(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                                  tenant text NOT NULL, body text NOT NULL);
            ALTER TABLE app.docs ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON app.docs USING (tenant = current_setting('app.tenant'));
            GRANT SELECT, INSERT, UPDATE, DELETE ON app.docs TO app_user;
            INSERT INTO app.docs(tenant, body) VALUES ('blue', 'a'), ('blue', 'b'), ('red', 'c');
            CREATE TABLE app.log(id int PRIMARY KEY, body text);
            GRANT SELECT, INSERT, UPDATE, DELETE ON app.log TO app_user""")
        cls.environment = cls.platform.environment(EAST)
        with open(cls.environment["PGPASSFILE"], encoding="utf-8") as file:
            cls.password = file.read().strip().rsplit(":", 1)[1]
        cls.tls = ssl.create_default_context(cafile=cls.environment["PGSSLROOTCERT"])

    def setUp(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "TRUNCATE app.log")

    def tearDown(self):
        self.platform.await_healthy()
        if self.platform.writer() != EAST:
            self.platform.command("switchover", "--to", EAST)

    def there_and_back(self, check):
        """`check(region)` is called where the session has to be, before, between and after."""
        check(EAST)
        for region in (WEST, EAST):
            self.move(region)
            check(region)

    def move(self, region):
        self.platform.await_healthy()
        self.platform.command("switchover", "--to", region)

    def parameters(self, region=EAST):
        of = self.environment if region == EAST else self.platform.environment(region)
        return {"host": of["PGHOST"], "user": of["PGUSER"], "dbname": of["PGDATABASE"],
                "passfile": of["PGPASSFILE"], "sslmode": of["PGSSLMODE"],
                "sslrootcert": of["PGSSLROOTCERT"]}

    def psycopg(self, region=EAST):
        connection = psycopg.connect(**self.parameters(region), autocommit=True)
        self.addCleanup(connection.close)
        return connection


class Untouched(SessionsTest):
    def test_psql_through_a_pipe(self):
        psql = Talk(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], self.environment)
        self.addCleanup(psql.end)
        psql.ask("\\set answer 42\n" + SET_STATE + ";\n"
                 "PREPARE put(int, text) AS INSERT INTO log VALUES ($1, $2) RETURNING id;\n"
                 "BEGIN;\nEXECUTE put(1, 'one');\nCOMMIT;\n\\echo ready", "ready")
        ports = local_ports(psql.process.pid)
        self.assertEqual(1, len(ports))
        seen = []

        def check(region):
            number = 10 * len(seen) + 10
            lines = psql.ask(f"{REGION};\n{STATE};\nBEGIN;\nEXECUTE put({number}, :'answer');\n"
                             f"SAVEPOINT s;\nEXECUTE put({number + 1}, 'undone');\n"
                             "ROLLBACK TO SAVEPOINT s;\nCOMMIT;\n\\echo done", "done")
            seen.append(lines)
            self.assertEqual(
                [region, "|".join(EXPECTED), str(number), str(number + 1)], lines)
            self.assertEqual(ports, local_ports(psql.process.pid))

        self.there_and_back(check)
        self.assertEqual("1:one,10:42,20:42,30:42", self.platform.sql(
            EAST, "SELECT string_agg(id || ':' || body, ',' ORDER BY id) FROM app.log"))

    def test_pgbench_with_prepared_statements(self):
        pgbench = "/usr/lib/postgresql/15/bin/pgbench"
        subprocess.run([pgbench, "-i", "-q", "-s", "1"], env=self.environment, check=True,
                       capture_output=True, timeout=60)
        clients = 8
        running = subprocess.Popen(
            [pgbench, "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", "30", "-P", "1"],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.kill)
        count = "SELECT count(*) FROM pgbench_history"
        wait_until(lambda: int(self.platform.sql(EAST, count)) > 100, "pgbench works")
        ports = local_ports(running.pid)
        self.assertEqual(clients, len(ports))

        def check(region):
            self.assertEqual(region, self.platform.sql(EAST, REGION))
            wanted = int(self.platform.sql(EAST, count)) + 100
            wait_until(lambda: running.poll() is not None or
                       int(self.platform.sql(EAST, count)) > wanted, "pgbench goes on")
            self.assertIsNone(running.poll(), "pgbench has ended")
            self.assertEqual(ports, local_ports(running.pid))

        self.there_and_back(check)
        out, errors = running.communicate(timeout=60)
        self.assertEqual(0, running.returncode, errors)
        self.assertIn("number of failed transactions: 0 ", out)
        self.assertNotIn("aborted", errors)
        done = int(re.search(r"actually processed: (\d+)", out).group(1))
        self.assertEqual(str(done), self.platform.sql(EAST, count))

    def test_psycopg_with_named_statements_and_row_level_security(self):
        connection = self.psycopg()
        connection.execute(SET_STATE)
        connection.prepare_threshold = 0  # From here on each is prepared under a name at once.
        port = port_of(connection.fileno())
        bodies = "SELECT body FROM docs WHERE body <> %s ORDER BY id"
        added = []

        def check(region):
            self.assertEqual(region, connection.execute(REGION).fetchone()[0])
            self.assertEqual(EXPECTED, connection.execute(STATE).fetchone())
            # Only the tenant's own rows, and no row of another tenant can be made.
            self.assertEqual([("a",), ("b",)] + added,
                             connection.execute(bodies, ("none",)).fetchall())
            with self.assertRaises(psycopg.errors.InsufficientPrivilege):
                connection.execute("INSERT INTO docs(tenant, body) VALUES (%s, %s)", ("red", "x"))
            with connection.transaction():
                connection.execute("INSERT INTO docs(tenant, body) VALUES (%s, %s)",
                                   ("blue", region))
            added.append((region,))
            self.assertEqual(port, port_of(connection.fileno()))

        self.there_and_back(check)
        names = connection.execute("SELECT count(*) FROM pg_prepared_statements "
                                   "WHERE name LIKE '_pg3_%'").fetchone()[0]
        self.assertGreaterEqual(names, 4)

    def test_psycopg_describes_a_statement_as_before(self):
        connection = self.psycopg()
        connection.pgconn.prepare(
            b"typed", b"SELECT $1::numeric(8,2) AS price, $2::int[] AS n", None)
        port = port_of(connection.fileno())
        seen = set()

        def check(region):
            self.assertEqual(region, connection.execute(REGION).fetchone()[0])
            told = connection.pgconn.describe_prepared(b"typed")
            seen.add((told.nparams, told.param_type(0), told.param_type(1), told.fname(0),
                      told.ftype(0), told.fmod(0), told.ftype(1)))
            row = connection.pgconn.exec_prepared(b"typed", [b"1.5", b"{1,2}"])
            self.assertEqual((b"1.50", b"{1,2}"), (row.get_value(0, 0), row.get_value(0, 1)))
            self.assertEqual(port, port_of(connection.fileno()))

        self.there_and_back(check)
        self.assertEqual(1, len(seen), seen)

    def test_psycopg2_with_sql_prepare_and_transactions(self):
        connection = psycopg2.connect(**self.parameters())
        self.addCleanup(connection.close)
        cursor = connection.cursor()
        cursor.execute(SET_STATE)
        cursor.execute("PREPARE mine AS SELECT count(*) FROM docs WHERE tenant = $1;"
                       "SELECT ';'; /* one; */ PREPARE sum2(int) AS SELECT $1 + 2; PREPARE "
                       "\"sum;3\" (int) AS SELECT $1 + 3")
        connection.commit()
        connection.set_session(isolation_level="REPEATABLE READ")
        port = port_of(connection.fileno())

        def check(region):
            cursor.execute(REGION)
            self.assertEqual((region,), cursor.fetchone())
            cursor.execute(STATE)
            self.assertEqual(EXPECTED, cursor.fetchone())
            cursor.execute("SHOW transaction_isolation")
            self.assertEqual(("repeatable read",), cursor.fetchone())
            for call, result in (("mine('red')", 0), ("sum2(1)", 3), ('"sum;3"(1)', 4)):
                cursor.execute(f"EXECUTE {call}")
                self.assertEqual((result,), cursor.fetchone())
            cursor.execute("INSERT INTO log SELECT count(*), 'psycopg2' FROM log")
            connection.commit()
            self.assertEqual(port, port_of(connection.fileno()))

        self.there_and_back(check)
        self.assertEqual("3", self.platform.sql(EAST, "SELECT count(*) FROM app.log"))

    def test_a_default_that_a_standby_refuses_comes_along(self):
        connection = self.psycopg()
        connection.execute("SET default_transaction_isolation = serializable")
        port = port_of(connection.fileno())

        def check(region):
            self.assertEqual(region, connection.execute(REGION).fetchone()[0])
            self.assertEqual("serializable",
                             connection.execute("SHOW transaction_isolation").fetchone()[0])
            connection.execute("INSERT INTO app.log SELECT count(*), 'one' FROM app.log")
            self.assertEqual(port, port_of(connection.fileno()))

        self.there_and_back(check)

    def test_a_listener_goes_on_listening(self):
        connection = self.psycopg()
        heard = []
        connection.add_notify_handler(lambda notify: heard.append(notify.payload))
        connection.execute("LISTEN news")
        port = port_of(connection.fileno())

        def check(region):
            self.assertEqual(region, connection.execute(REGION).fetchone()[0])
            wanted = [*heard, region]
            self.platform.sql(EAST, f"NOTIFY news, '{region}'")
            wait_until(lambda: connection.execute("SELECT 1") and heard == wanted,
                       "a notification", 10)
            self.assertEqual(port, port_of(connection.fileno()))

        self.there_and_back(check)

    def test_every_acknowledged_notification_arrives_in_every_region(self):
        self.platform.command("link", "set", "--latency-ms", "20")
        self.addCleanup(self.platform.command, "link", "set", "--latency-ms", "0")
        heard, sent, ended = {EAST: [], WEST: []}, [], threading.Event()
        listeners = {}
        for region, list_ in heard.items():
            listeners[region] = self.psycopg(region)
            listeners[region].add_notify_handler(
                lambda notify, list_=list_: list_.append(notify.payload))
            listeners[region].execute("LISTEN news")

        def notify(region, connection):
            while not ended.is_set():
                payload = f"{region} {len(sent)}"
                connection.execute("SELECT pg_notify('news', %s)", [payload])
                sent.append(payload)

        def listen(region):
            while not ended.is_set():
                listeners[region].execute("SELECT pg_sleep(0.01)")

        with concurrent.futures.ThreadPoolExecutor() as pool:
            jobs = [pool.submit(notify, region, self.psycopg(region)) for region in heard]
            jobs += [pool.submit(listen, region) for region in heard]
            try:
                for region in (WEST, EAST):
                    before = len(sent)
                    wait_until(lambda: len(sent) > before + 20, "notifications are sent")
                    self.move(region)
            finally:
                ended.set()
            for job in jobs:
                job.result()
        for region, list_ in heard.items():
            wait_until(lambda: listeners[region].execute("SELECT 1")
                       and set(sent) <= set(list_), f"all {len(sent)} have come in {region}", 10)

    def test_asyncpg_with_prepared_statements(self):
        of = self.environment

        async def use():
            connection = await asyncpg.connect(
                host=of["PGHOST"], user=of["PGUSER"], database=of["PGDATABASE"],
                password=self.password, ssl=self.tls)
            try:
                await connection.execute(SET_STATE)
                mine = await connection.prepare("SELECT body FROM docs WHERE id > $1 ORDER BY id "
                                                "LIMIT 2")
                put = await connection.prepare("INSERT INTO log VALUES ($1, $2) RETURNING id")
                transport = connection._transport  # pylint: disable=protected-access
                port = transport.get_extra_info("sockname")[1]
                for number, region in enumerate((EAST, WEST, EAST)):
                    if number > 0:
                        await asyncio.to_thread(self.move, region)
                    self.assertEqual(region, await connection.fetchval(REGION))
                    self.assertEqual(EXPECTED, tuple(await connection.fetchrow(STATE)))
                    self.assertEqual(["a", "b"], [row["body"] for row in await mine.fetch(0)])
                    async with connection.transaction():
                        self.assertEqual(number, await put.fetchval(number, region))
                    self.assertEqual(port, transport.get_extra_info("sockname")[1])
                    self.assertFalse(connection.is_closed())
            finally:
                await connection.close()

        asyncio.run(use())
        self.assertEqual("3", self.platform.sql(EAST, "SELECT count(*) FROM app.log"))

    def test_node_postgres_with_named_statements(self):
        self.assertTrue(NODE_MODULES.exists(), "run the tests with ./dev test, which installs pg")
        node = Talk(["node", str(HERE / "session.mjs")],
                    {**self.environment, "AG_MODULES": str(NODE_MODULES), "AG_SET_STATE": SET_STATE,
                     "AG_STATE": STATE})
        self.addCleanup(node.end)
        node.ask("begin", "ready")
        ports = local_ports(node.process.pid)
        self.assertEqual(1, len(ports))
        seen = []

        def check(region):
            answer = json.loads(node.ask(f"check {len(seen)}", "done")[-1])
            seen.append(answer)
            self.assertEqual({"region": region, "state": list(EXPECTED), "bodies": ["a", "b"],
                              "put": len(seen) - 1, "errors": []}, answer)
            self.assertEqual(ports, local_ports(node.process.pid))

        self.there_and_back(check)

    def test_many_sessions_with_statements_of_the_same_names(self):
        """Each has its own state back, not a neighbour's."""
        sessions = [self.psycopg() for _ in range(24)]
        for number, session in enumerate(sessions):
            session.execute(f"SET app.tenant = 'tenant {number}'")
            session.pgconn.prepare(b"same", f"SELECT {number}, $1::text".encode(), None)
        ports = [port_of(session.fileno()) for session in sessions]

        def check(region):
            for number, session in enumerate(sessions):
                self.assertEqual((region, f"tenant {number}"), session.execute(
                    "SELECT current_setting('aurora_global.region'), "
                    "current_setting('app.tenant')").fetchone())
                row = session.pgconn.exec_prepared(b"same", [b"x"])
                self.assertEqual(str(number).encode(), row.get_value(0, 0))
            self.assertEqual(ports, [port_of(session.fileno()) for session in sessions])

        self.there_and_back(check)


class NotCarried(SessionsTest):
    """Each beside a session that can be: the move ends the one and leaves the other."""

    def session(self):
        """One that shows the server's last word as it came."""
        of = self.environment
        session = Session((of["PGHOST"], 5432), of["PGUSER"], self.password, of["PGDATABASE"],
                          self.tls)
        self.addCleanup(session.close)
        return session

    def move_with(self, statements, reason):
        """`statements` give the session what cannot be carried; `reason`: a pattern."""
        plain, burdened = self.psycopg(), self.session()
        plain.execute("SET app.tenant = 'blue'")
        port = port_of(plain.fileno())
        for statement in statements:
            burdened.query(statement)
        self.platform.command("switchover", "--to", WEST)
        error = self.last_word(burdened)
        self.assertEqual(("FATAL", "57P01"), (error.fields["S"], error.sqlstate), error.fields)
        said = " ".join(error.fields.get(field, "") for field in "MDH")
        self.assertRegex(said, re.compile(reason, re.I))
        self.assertEqual((WEST, "blue"), plain.execute(
            "SELECT current_setting('aurora_global.region'), current_setting('app.tenant')")
            .fetchone())
        self.assertEqual(port, port_of(plain.fileno()))

    def last_word(self, session):
        """It is there without being asked for, so that a client that waits is told, too."""
        with self.assertRaises(ServerError) as raised:
            while True:
                session.read()
        return raised.exception

    def test_a_temporary_table(self):
        self.move_with(["CREATE TEMPORARY TABLE mine(n int)"], "temporary")

    def test_an_advisory_lock(self):
        self.move_with(["SELECT pg_advisory_lock(42)"], "advisory lock")

    def test_a_cursor_with_hold(self):
        self.move_with(["BEGIN", "DECLARE kept CURSOR WITH HOLD FOR SELECT generate_series(1, 9)",
                        "COMMIT", "FETCH 2 FROM kept"], "cursor")

    def test_what_has_been_given_back_does_not_count(self):
        connection = self.psycopg()
        connection.execute("CREATE TEMPORARY TABLE mine(n int)")
        connection.execute("SELECT pg_advisory_lock(42)")
        connection.execute("SELECT pg_advisory_unlock_all()")
        connection.execute("DISCARD ALL")
        port = port_of(connection.fileno())
        self.platform.command("switchover", "--to", WEST)
        self.assertEqual((WEST,), connection.execute(REGION).fetchone())
        self.assertEqual(port, port_of(connection.fileno()))

    def test_a_transaction_that_is_open_at_the_drain_timeout(self):
        plain, busy = self.psycopg(), self.session()
        port = port_of(plain.fileno())
        busy.query("BEGIN")
        busy.query("INSERT INTO app.log VALUES (1, 'never')")
        self.platform.command("switchover", "--to", WEST)
        error = self.last_word(busy)
        self.assertEqual(("FATAL", "57P01"), (error.fields["S"], error.sqlstate), error.fields)
        self.assertEqual((WEST,), plain.execute(REGION).fetchone())
        self.assertEqual(port, port_of(plain.fileno()))
        self.assertEqual("0", self.platform.sql(EAST, "SELECT count(*) FROM app.log"))

    def test_a_transaction_that_is_open_calls_a_switchover_off_with_policy_abort(self):
        plain, busy = self.psycopg(), self.psycopg()
        ports = port_of(plain.fileno()), port_of(busy.fileno())
        epoch = self.platform.epoch()
        plain.execute("SET app.tenant = 'blue'")
        busy.execute("BEGIN")
        busy.execute("INSERT INTO app.log VALUES (3, 'goes on')")
        refused = self.platform.command("switchover", "--to", WEST, "--drain-policy", "abort",
                                        "--drain-timeout", "300", expect=None)
        self.assertNotEqual(0, refused.returncode, refused.stdout)
        self.assertRegex(refused.stderr, "called off.*1 transactions at endpoint global-writer of "
                         f"{EAST} did not end within 300 ms")
        # Nothing was moved, nobody was cut, and the transaction is still the same one.
        busy.execute("INSERT INTO app.log VALUES (4, 'goes on')")
        busy.execute("COMMIT")
        self.assertEqual((EAST, "blue"), plain.execute(
            "SELECT current_setting('aurora_global.region'), current_setting('app.tenant')")
            .fetchone())
        plain.execute("INSERT INTO app.log VALUES (5, 'goes on')")
        self.assertEqual("3", self.platform.sql(
            EAST, "SELECT count(*) FROM app.log WHERE body = 'goes on'"))
        self.platform.await_healthy(EAST)
        self.assertEqual(epoch, self.platform.epoch())
        self.platform.command("switchover", "--to", WEST, "--drain-policy", "abort")
        self.assertEqual((WEST,), plain.execute(REGION).fetchone())
        self.assertEqual(ports, (port_of(plain.fileno()), port_of(busy.fileno())))

    def test_a_transaction_that_ends_within_the_drain_timeout(self):
        connection = self.psycopg()
        port = port_of(connection.fileno())
        connection.execute("BEGIN")
        connection.execute("INSERT INTO app.log VALUES (2, 'in time')")
        # Ends by itself, in one statement, while the move waits for it.
        connection.pgconn.send_query(b"SELECT pg_sleep(0.7); COMMIT")
        self.platform.command("switchover", "--to", WEST)
        while result := connection.pgconn.get_result():
            self.assertNotEqual(psycopg.pq.ExecStatus.FATAL_ERROR, result.status,
                                result.error_message)
        self.assertEqual((WEST,), connection.execute(REGION).fetchone())
        self.assertEqual(port, port_of(connection.fileno()))
        self.assertEqual("in time",
                         self.platform.sql(EAST, "SELECT body FROM app.log WHERE id = 2"))


class Drill(PlatformTest):
    def test_sixty_four_sessions_ten_switchovers(self):
        self.platform.await_healthy(EAST)
        output = self.platform.directory / "out"
        file = HERE.parent.parent / "drills" / "switchover-sessions.toml"
        self.platform.command("drill", file, "--output", output, limit_s=240)
        results = json.loads((output / file.stem / "results.json").read_text(encoding="utf-8"))
        self.assertTrue(all(one["held"] for one in results["expectations"]), results)
        self.assertEqual((0, 0), (results["total"]["retries"], results["total"]["reconnects"]))


if __name__ == "__main__":
    unittest.main()
