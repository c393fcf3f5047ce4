"""Applications on a forwarding standby, by the extended protocol and with prepared statements.

An application with an ORM (orm/application.mjs), and the statements of the integration test's
script one by one, compared with what they give at the primary.
"""

import difflib
import json
import pathlib
import re
import tempfile
import unittest

from lib.platform import EAST, WEST, PlatformTest, run

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parent.parent / "build" / "orm"  # Made by `./dev test`.
SCRIPT = HERE.parent / "integration" / "forwarding_script.sql"


def statements_of(script):
    """The SQL of a psql script, without psql's own commands and the data of its COPY."""
    script = re.sub(r"(FROM STDIN[^;\n]*;\n).*?\n\\\.\n", r"\1", script, flags=re.S)
    script = script.replace(" \\;", ";\n")  # One by one.
    lines = [line.strip() for line in script.splitlines() if not line.startswith(("\\", "--"))]
    found = re.findall(r"(?:\$\$.*?\$\$|'[^']*'|[^;'])+?;(?=\n|$)", "\n".join(lines), flags=re.S)
    # Without what psql would have cut, sent elsewhere or filled in; and `pg` sends Sync behind
    # COPY FROM STDIN, which the server ignores then, and waits for its answer.
    return [one.strip() for one in found
            if not re.search(r"\\g|[^:]:[a-z]|FROM STDIN", re.sub(r"'[^']*'", "''", one))]


class ForwardingOrm(PlatformTest):
    maxDiff = None

    def setUp(self):
        self.assertTrue(MODULES.exists(), "run the tests with ./dev test, which installs the ORM")

    def host(self, number, last):
        return f"{self.platform.prefix.text}.{number}.{last}"

    def database(self, name):
        self.platform.sql(EAST, f"CREATE DATABASE {name}", "cluster")
        self.platform.await_row(
            WEST, f"SELECT count(*) FROM pg_database WHERE datname = '{name}'", "1", "reader")
        return name

    def node(self, program, *arguments, mode, database, expect=0):
        env = {**self.platform.environment(WEST), "AG_MODULES": str(MODULES), "AG_MODE": mode,
               "AG_DATABASE": database, "AG_FORWARDING": self.host(2, 12),
               "AG_PRIMARY": self.host(1, 11)}
        return run(["node", str(HERE / "orm" / program), *arguments], env=env,
                   expect=expect, limit_s=60).stdout

    def test_statements_by_the_extended_protocol(self):
        statements = statements_of(SCRIPT.read_text(encoding="utf-8"))
        self.assertGreater(len(statements), 650)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(statements, file)
            file.flush()
            for mode in ("unnamed", "prepared"):
                with self.subTest(mode):
                    outs = [self.node("extended.mjs", host, file.name, mode=mode,
                                      database=self.database(f"extended_{mode}_{way}")).splitlines()
                            for way, host in (("direct", self.host(1, 11)),
                                              ("forwarded", self.host(2, 12)))]
                    self.assertEqual(len(outs[0]), len(statements))
                    difference = difflib.unified_diff(*outs, "direct", "forwarded", n=1,
                                                      lineterm="")
                    self.assertEqual("\n".join(difference), "")

    def test_application(self):
        for mode in ("plain", "prepared"):
            with self.subTest(mode):
                database = self.database(f"orm_{mode}")
                done = self.node("application.mjs", mode=mode, database=database)
                self.assertRegex(done, "# pass 12\n# fail 0\n")


if __name__ == "__main__":
    unittest.main()
