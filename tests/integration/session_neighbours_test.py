"""Clients of several kinds beside the 64 sessions of drills/switchover-sessions.toml: ten
switchovers, and none of them has an error, tries again, connects again or loses anything.
"""

import asyncio
import os
import pathlib
import subprocess
import tempfile
import threading
import unittest

import asyncpg
import psycopg

from lib.platform import EAST, PlatformTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRILL = ROOT / "drills" / "switchover-sessions.toml"
JAVA = ROOT / "tests" / "sessions" / "suites" / "JdbcNeighbour.java"
JDBC = "/usr/share/java/postgresql.jar"
LISTENERS = 4
ANSWER_LIMIT_S = 30


class Neighbour(threading.Thread):
    """A client of its own until `ending`; what went wrong is in `problems`."""

    def __init__(self, test):
        super().__init__(daemon=True)
        self.test, self.done, self.problems = test, 0, []
        self.ready, self.ending = threading.Event(), threading.Event()

    def run(self):
        try:
            self.live()
        except Exception as error:  # Any is one too many.
            self.problems.append(f"{type(error).__name__}: {error}")
        finally:
            self.ready.set()

    def live(self):
        raise NotImplementedError

    def end(self):
        self.ending.set()
        self.join(ANSWER_LIMIT_S)


class Asyncpg(Neighbour):
    """Prepares, begins within the same batch, copies."""

    def live(self):
        asyncio.run(self.talk())

    async def talk(self):
        connection = await asyncpg.connect(**self.test.asyncpg_parameters(),
                                           command_timeout=ANSWER_LIMIT_S)
        self.ready.set()
        while not self.ending.is_set():
            statement = await connection.prepare("INSERT INTO neighbour_asyncpg VALUES ($1)")
            async with connection.transaction():
                await statement.fetch(self.done)
                await connection.copy_records_to_table("neighbour_asyncpg_copies",
                                                       records=[(self.done,)])
            self.done += 1
            await asyncio.sleep(0.002)
        await connection.close()


class Jdbc(Neighbour):
    def live(self):
        process = subprocess.Popen(
            ["java", "-XX:+UseSerialGC", "-Xmx64m", "-cp", JDBC, JAVA],
            env={**os.environ, **self.test.environment, "AG_PASSWORD": self.test.password},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in process.stdout:
            if line == "ready\n":
                break
            self.problems.append(line)
        self.ready.set()
        self.ending.wait()
        lines = process.communicate("end\n", timeout=ANSWER_LIMIT_S)[0].splitlines()
        self.done = int(lines[-1].removeprefix("committed "))
        self.problems += lines[:-1]


class Notifier(Neighbour):
    """Numbers, one notification each."""

    def live(self):
        with self.test.connect() as connection:
            self.ready.set()
            while not self.ending.is_set():
                connection.execute("SELECT pg_notify('neighbours', %s)", (str(self.done),))
                self.done += 1
                self.ending.wait(0.005)


class Listener(Neighbour):
    def __init__(self, test):
        super().__init__(test)
        self.heard, self.last = [], None

    def live(self):
        with self.test.connect() as connection:
            connection.execute("LISTEN neighbours")
            self.ready.set()
            for one in connection.notifies():
                self.heard.append(one.payload)
                if one.payload == "last":
                    break


class Latin(Neighbour):
    """A database in LATIN1, a setting that is not ASCII, two encodings of the client."""

    def live(self):
        with self.test.connect(dbname="latin", client_encoding="latin1") as connection:
            connection.execute("SELECT set_config('app.tenant', 'Zürich', false)")
            connection.execute("SET client_encoding = 'UTF8'")
            self.ready.set()
            while not self.ending.is_set():
                found = connection.execute("INSERT INTO street VALUES ('Rue d''Étoile') RETURNING "
                                           "name, current_setting('app.tenant')").fetchone()
                if found != ("Rue d'Étoile", "Zürich"):
                    self.problems.append(f"not what was written: {found}")
                self.done += 1
                self.ending.wait(0.01)


class Neighbours(PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform.await_healthy(EAST)
        cls.platform.sql(EAST, "CREATE TABLE neighbour_jdbc(id int PRIMARY KEY);"
                               "CREATE TABLE neighbour_asyncpg(id int PRIMARY KEY);"
                               "CREATE TABLE neighbour_asyncpg_copies(id int PRIMARY KEY)")
        cls.platform.sql(EAST, "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' "
                               "LC_CTYPE 'C' TEMPLATE template0")
        cls.environment = cls.platform.environment(EAST)
        with open(cls.environment["PGPASSFILE"], encoding="utf-8") as file:
            cls.password = file.read().strip().rsplit(":", 1)[1]
        with cls.connect(dbname="latin") as connection:
            connection.execute("CREATE TABLE street(name text)")
        cls.asyncpg, cls.jdbc, cls.latin = Asyncpg(cls), Jdbc(cls), Latin(cls)
        cls.notifier = Notifier(cls)
        cls.listeners = [Listener(cls) for _ in range(LISTENERS)]
        everybody = [*cls.listeners, cls.notifier, cls.asyncpg, cls.jdbc, cls.latin]
        for one in everybody:
            one.start()
            one.ready.wait(ANSWER_LIMIT_S)
        with tempfile.TemporaryDirectory() as output:
            cls.drill = cls.platform.command("drill", DRILL, "--output", output, expect=None,
                                             limit_s=400)
        for one in everybody:
            if one not in cls.listeners:
                one.end()
        cls.platform.sql(EAST, "NOTIFY neighbours, 'last'")
        for one in cls.listeners:
            one.join(ANSWER_LIMIT_S)

    @classmethod
    def connect(cls, **options):
        of = cls.environment
        return psycopg.connect(**{"host": of["PGHOST"], "user": of["PGUSER"],
                                  "dbname": of["PGDATABASE"], "password": cls.password,
                                  "sslmode": of["PGSSLMODE"],
                                  "sslrootcert": of["PGSSLROOTCERT"], **options}, autocommit=True)

    @classmethod
    def asyncpg_parameters(cls):
        of = cls.environment
        return {"host": of["PGHOST"], "user": of["PGUSER"], "database": of["PGDATABASE"],
                "password": cls.password, "ssl": "require"}

    def count(self, table):
        return int(self.platform.sql(EAST, f"SELECT count(*) FROM {table}"))

    def test_the_drill_passes(self):
        self.assertEqual(0, self.drill.returncode, self.drill.stdout + self.drill.stderr)

    def test_asyncpg(self):
        self.assertEqual([], self.asyncpg.problems)
        self.assertGreater(self.asyncpg.done, 50)
        self.assertEqual(self.asyncpg.done, self.count("neighbour_asyncpg"))
        self.assertEqual(self.asyncpg.done, self.count("neighbour_asyncpg_copies"))

    def test_pgjdbc_with_autosave(self):
        self.assertEqual([], self.jdbc.problems)
        self.assertGreater(self.jdbc.done, 50)
        self.assertEqual(2 * self.jdbc.done, self.count("neighbour_jdbc"))

    def test_a_database_in_latin1(self):
        self.assertEqual([], self.latin.problems)
        self.assertGreater(self.latin.done, 50)

    def test_no_notification_is_lost(self):
        self.assertEqual([], self.notifier.problems)
        self.assertGreater(self.notifier.done, 50)
        sent = [str(number) for number in range(self.notifier.done)] + ["last"]
        for listener in self.listeners:
            self.assertEqual([], listener.problems)
            self.assertEqual([], sorted(set(sent) - set(listener.heard)))
            self.assertEqual(len(sent), len(listener.heard))


if __name__ == "__main__":
    unittest.main()
