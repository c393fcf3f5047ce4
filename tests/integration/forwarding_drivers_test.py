"""Drivers through the standby: each scenario runs on the primary and on the standby; what it returns
must be equal.

psycopg and asyncpg speak the extended protocol, each in a way of its own.
"""

import asyncio
import unittest

import asyncpg
import psycopg

from lib.pair import EXTENSION_DIR, Pair

ROWS = 10


class ForwardingDriversTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = Pair().start()
        cls.pair.primary.value("CREATE TABLE t(id int PRIMARY KEY, n int)")

    @classmethod
    def tearDownClass(cls):
        cls.pair.destroy()

    def setUp(self):
        self.pair.primary.value(f"TRUNCATE t; INSERT INTO t SELECT g, g "
                                f"FROM generate_series(1, {ROWS}) g")
        self.pair.await_replay()

    def compare(self, scenario):
        """`scenario(server)` gives what the application saw."""
        results = []
        for server in (self.pair.primary, self.pair.standby):
            self.setUp()
            results.append(scenario(server))
        self.assertEqual(*results)
        return results[0]

    def psycopg(self, server, **options):
        return psycopg.connect(host=str(server.directory), user="postgres", dbname="postgres",
                               **options)

    def asyncpg(self, server, scenario):
        async def run():
            connection = await asyncpg.connect(host=str(server.directory), user="postgres",
                                               database="postgres")
            try:
                return await scenario(connection)
            finally:
                await connection.close()
        return asyncio.run(run())

    def test_a_cursor_opened_before_the_first_write_goes_on_after_it(self):
        def scenario(server):
            with self.psycopg(server) as connection:
                cursor = connection.cursor(name="server_side")
                cursor.execute("SELECT id, n FROM t ORDER BY id")
                seen = [cursor.fetchmany(2)]
                connection.execute("INSERT INTO t VALUES (100, 1)")
                seen.append(cursor.fetchmany(3))
                cursor.scroll(1)
                connection.execute("UPDATE t SET n = 0 WHERE id = 9")
                seen.append(cursor.fetchall())
                cursor.close()
                connection.commit()
                seen.append(connection.execute("SELECT * FROM t WHERE id > 8 ORDER BY id").fetchall())
                return seen
        self.assertEqual(len(self.compare(scenario)[2]), ROWS - 6)

    def test_a_portal_with_a_row_limit_goes_on_after_a_write(self):
        async def use(connection):
            seen = []
            async with connection.transaction():
                cursor = await connection.cursor("SELECT id FROM t ORDER BY id")
                seen.append(await cursor.fetch(2))
                await connection.execute("INSERT INTO t VALUES ($1, $2)", 200, 1)
                seen.append(await cursor.fetch(2))
                seen.append(await cursor.forward(1))
                seen.append(await connection.fetch("DELETE FROM t WHERE id = 200 RETURNING n"))
                seen.append(await cursor.fetch(100))
            return seen
        seen = self.compare(lambda server: self.asyncpg(server, use))
        self.assertEqual(len(seen[-1]), ROWS - 5)

    def test_an_error_of_such_a_cursor_fails_the_whole_transaction(self):
        def scenario(server):
            seen = []
            with self.psycopg(server) as connection:
                cursor = connection.cursor(name="server_side")
                cursor.execute("SELECT 1 / (5 - id) FROM t ORDER BY id")
                seen.append(cursor.fetchmany(1))
                connection.execute("INSERT INTO t VALUES (100, 1)")
                for query in (cursor.fetchall, lambda: connection.execute("SELECT 1")):
                    try:
                        query()
                        seen.append("no error")
                    except psycopg.Error as error:
                        seen.append(error.sqlstate)
                connection.rollback()
                seen.append(connection.execute("SELECT count(*) FROM t WHERE id = 100").fetchone())
            return seen
        self.assertEqual(self.compare(scenario)[1:], ["22012", "25P02", (0,)])

        async def use(connection):
            seen = []
            try:
                async with connection.transaction():
                    cursor = await connection.cursor("SELECT 1 / (5 - id) FROM t ORDER BY id")
                    seen.append(await cursor.fetch(1))
                    await connection.execute("INSERT INTO t VALUES ($1, $2)", 200, 1)
                    await cursor.fetch(10)
            except asyncpg.PostgresError as error:
                seen.append(error.sqlstate)
            seen.append(await connection.fetchval("SELECT count(*) FROM t WHERE id = 200"))
            return seen
        self.assertEqual(self.compare(lambda server: self.asyncpg(server, use))[1:], ["22012", 0])

    def test_a_cursor_of_the_standby_in_a_statement_for_the_primary_is_refused(self):
        with self.psycopg(self.pair.standby) as connection:
            connection.execute("DECLARE c CURSOR FOR SELECT * FROM t")
            connection.execute("FETCH 1 FROM c")
            with self.assertRaises(psycopg.errors.FeatureNotSupported) as caught:
                connection.execute("UPDATE t SET n = -1 WHERE CURRENT OF c")
            self.assertIn("FOR UPDATE", caught.exception.diag.message_hint)
            connection.rollback()
            connection.execute("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t")
            with self.assertRaises(psycopg.errors.FeatureNotSupported):
                connection.execute("DELETE FROM t")
            connection.rollback()
            self.assertEqual(connection.execute("SELECT count(*) FROM t").fetchone(), (ROWS,))

    def test_positioned_updates_through_a_cursor_for_update(self):
        def scenario(server):
            with self.psycopg(server) as connection:
                connection.execute("DECLARE c CURSOR FOR SELECT * FROM t ORDER BY id FOR UPDATE")
                connection.execute("MOVE 3 FROM c")
                seen = [connection.execute("FETCH 1 FROM c").fetchall()]
                connection.execute("UPDATE t SET n = 40 WHERE CURRENT OF c")
                connection.commit()
                seen.append(connection.execute("SELECT * FROM t WHERE n = 40").fetchall())
                return seen
        self.assertEqual(self.compare(scenario)[1], [(4, 40)])

    def test_a_cursor_with_hold_declared_after_a_write_outlives_the_transaction(self):
        def scenario(server):
            with self.psycopg(server) as connection:
                connection.execute("INSERT INTO t VALUES (100, 1)")
                connection.execute("DECLARE h CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY id")
                connection.commit()
                seen = [connection.execute("FETCH 2 FROM h").fetchall() for _ in range(2)]
                connection.execute("CLOSE h")
                connection.commit()
                return seen
        self.assertEqual(self.compare(scenario), [[(1,), (2,)], [(3,), (4,)]])
        # And the session is back on the standby.
        with self.psycopg(self.pair.standby) as connection:
            self.assertEqual((True,), connection.execute("SELECT pg_is_in_recovery()").fetchone())

    def test_prepared_statements_and_pipelines(self):
        def scenario(server):
            seen = []
            with self.psycopg(server, prepare_threshold=0) as connection:
                for number in range(3):
                    seen.append(connection.execute(
                        "UPDATE t SET n = n + %s WHERE id = %s RETURNING n", (number, 1)).fetchall())
                    connection.commit()
                    seen.append(connection.execute("SELECT n FROM t WHERE id = %s", (1,)).fetchall())
                with connection.pipeline():
                    cursors = [connection.execute("INSERT INTO t VALUES (%s, 0) RETURNING id", (id,))
                               for id in range(300, 305)]
                    read = connection.execute("SELECT count(*) FROM t WHERE id >= 300")
                seen += [one.fetchall() for one in cursors] + [read.fetchall()]
                connection.rollback()
                # One error in a pipeline of one transaction undoes all of it.
                try:
                    with connection.pipeline():
                        connection.execute("INSERT INTO t VALUES (400, 0)")
                        connection.execute("INSERT INTO t VALUES (1, 0)")
                except psycopg.Error as error:
                    seen.append(error.sqlstate)
                connection.rollback()
                seen.append(connection.execute("SELECT count(*) FROM t WHERE id >= 300").fetchall())
            return seen
        self.assertEqual(self.compare(scenario)[-2:], ["23505", [(0,)]])

    def test_statements_prepared_by_sql_and_bound_by_the_protocol(self):
        def scenario(server):
            seen = []
            with self.psycopg(server, autocommit=True) as connection:
                raw = connection.pgconn

                def note(result):
                    seen.append((result.status, [result.get_value(row, 0)
                                                 for row in range(result.ntuples)]))
                note(raw.exec_(b"PREPARE one(int) AS INSERT INTO t VALUES ($1, 7) RETURNING id"))
                for id in (b"800", b"801"):
                    note(raw.exec_prepared(b"one", [id]))
                # Of several statements in a query, none is done again later.
                note(raw.exec_(b"PREPARE up(int) AS UPDATE t SET n = n + 1 WHERE id = $1 RETURNING n;"
                               b" PREPARE gone(int) AS DELETE FROM t WHERE id = $1 RETURNING id;"
                               b" INSERT INTO t VALUES (802, 0)"))
                note(raw.exec_prepared(b"gone", [b"800"]))
                note(raw.exec_prepared(b"up", [b"801"]))
                note(raw.exec_(b"EXECUTE up(801)"))
                note(raw.exec_(b"EXECUTE gone(801)"))
                note(raw.exec_prepared(b"one", [b"803"]))
                note(raw.exec_(b"SELECT id FROM t WHERE id >= 800 ORDER BY id"))
            return seen
        self.assertEqual(self.compare(scenario)[-1][1], [b"802", b"803"])

    def test_the_primary_counts_statements_that_modify_data(self):
        script = EXTENSION_DIR / "aurora_global--1.0.sql"
        self.pair.primary.value(script.read_text(encoding="utf-8"))
        count = "SELECT writer_statements FROM aurora_global_forwarding_status()"
        before = int(self.pair.primary.value(count))
        with self.psycopg(self.pair.standby, autocommit=True) as connection:
            connection.execute("UPDATE t SET n = 3 WHERE id = 1")
            connection.execute("WITH w AS (UPDATE t SET n = 4 WHERE id = 1 RETURNING 1) "
                               "SELECT count(*) FROM w")
            connection.execute("SELECT n FROM t WHERE id = 1 FOR UPDATE")
        self.assertEqual(int(self.pair.primary.value(count)), before + 2)

    def test_binary_values_and_copy(self):
        def scenario(server):
            seen = []
            with self.psycopg(server) as connection:
                connection.execute("CREATE TEMP TABLE b(v bytea, j jsonb, a int[], d timestamptz)")
                connection.execute("INSERT INTO b VALUES (%b, %b, %b, %b)",
                                   (bytes(range(256)), psycopg.types.json.Jsonb({"a": [1]}), [1, 2],
                                    None))
                seen.append(connection.cursor(binary=True).execute("SELECT * FROM b").fetchall())
                with connection.cursor().copy("COPY t FROM STDIN") as copy:
                    for id in range(500, 700):
                        copy.write_row((id, id))
                with connection.cursor().copy("COPY (SELECT * FROM t ORDER BY id) TO STDOUT") as copy:
                    seen.append(b"".join(bytes(one) for one in copy))
            return seen
        self.assertEqual(self.compare(scenario)[1].count(b"\n"), ROWS + 200)


if __name__ == "__main__":
    unittest.main()
