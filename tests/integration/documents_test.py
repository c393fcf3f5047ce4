"""Every command of the documents that is not marked otherwise, run as it is printed.

The blocks of a document run one after the other in one shell, in a folder that looks like a checkout.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from lib.documents import ROOT, TYPED, blocks
from lib.platform import PROGRAM, AddressPrefix, run

LIMIT_S = 400


class AsPrinted(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-test-"))
        self.directory.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.checkout = self.directory / "checkout"
        self.checkout.mkdir()
        for entry in ROOT.iterdir():
            if entry.name not in (".git", "out", "build"):
                (self.checkout / entry.name).symlink_to(entry)
        self.prefix = AddressPrefix()
        self.addCleanup(self.prefix.release)
        self.home = self.directory / "home"
        self.environment = {
            **os.environ, "AURORA_GLOBAL_HOME": str(self.home),
            "AURORA_GLOBAL_ADDRESS_PREFIX": self.prefix.text,
            "AURORA_GLOBAL_BUILD": str(pathlib.Path(PROGRAM).resolve().parents[1])}
        self.addCleanup(self.destroy)

    def destroy(self):
        if (self.home / "platform.toml").exists():
            run([PROGRAM, "--home", str(self.home), "destroy", "--yes"], expect=None)

    def type(self, script):
        """The output of a script; every command of it has to succeed."""
        done = subprocess.run(["/bin/bash", "-euxo", "pipefail", "-c", script], cwd=self.checkout,
                              env=self.environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S,
                              check=False)
        self.assertEqual(0, done.returncode, done.stdout[-6000:])
        return done.stdout

    def type_all(self, name):
        return self.type("\n".join(text for language, mark, text in blocks(ROOT / name)
                                   if language == "sh" and not mark))

    def test_the_readme(self):
        out = self.type_all("README.md")
        for words in ("switching-over", "OperationsDuringFailover", "REPORT RequestId",
                      '"KeyState": "PendingDeletion"', "AuroraGlobalDBReplicationLag"):
            self.assertIn(words, out)
        self.assertNotIn("FunctionError", out)
        # After the last block the key can be used: the functions go on.
        again = self.type("""
            eval "$(bin/aurora-global env us-east-1)"
            aws kms describe-key --key-id alias/aurora-global --query KeyMetadata.KeyState
            aws lambda invoke --function-name crud-global-endpoint \
                --cli-binary-format raw-in-base64-out --payload '{"operations": 10}' response.json
            cat response.json""")
        self.assertIn("Enabled", again)
        self.assertNotIn("FunctionError", again)

    def test_the_first_hour(self):
        out = self.type_all("docs/start.md")
        self.assertIn("hello back", out)
        self.assertTrue((self.checkout / "out/drill/switchover/report.html").exists())
        self.assertFalse(self.home.exists())

    def test_how_to(self):
        self.type_all("docs/how-to.md")
        self.assertFalse(self.home.exists())

    def test_references(self):
        for name in (name for name in TYPED if name.startswith("docs/reference/")):
            script = "\n".join(text for language, mark, text in blocks(ROOT / name)
                               if language == "sh" and not mark)
            if script:
                self.type("bin/aurora-global up\n" + script)

    def snippet(self, language):
        document = ROOT / "docs" / "your-application.md"
        return next(text for found, _, text in blocks(document) if found == language)

    def test_an_application_gets_in(self):
        out = self.type_all("docs/your-application.md")
        self.assertIn("postgres", out)
        (self.checkout / "visit.py").write_text(self.snippet("python"))
        self.assertIn("1", self.type("/usr/bin/python3 visit.py"))
        for name in (".env", "database.json", "jdbc.url"):
            self.assertEqual(0o600, (self.checkout / name).stat().st_mode & 0o777)
        # A shell reads the same file as a dotenv library does.
        self.assertIn("1", self.type("set -a; . ./.env; psql -XqAtc 'SELECT count(*) FROM visit'"))
        self.assertIn("1", self.type('. ./.env; psql -XqAtc "SELECT 1" "$DATABASE_URL"'))
        self.node()
        self.java()
        self.go()

    def node(self):
        modules = ROOT / "build" / "orm" / "node_modules"
        if not (modules / "pg").exists():
            self.skipTest("node's pg is not installed (./dev test installs it)")
        (self.checkout / "visit.js").write_text(self.snippet("javascript"))
        self.environment["NODE_PATH"] = str(modules)
        self.assertRegex(self.type("node visit.js"), r"\n\d+\n")

    def java(self):
        driver = "/usr/share/java/postgresql.jar"
        if not shutil.which("javac") or not os.path.exists(driver):
            self.skipTest("default-jdk-headless and libpostgresql-jdbc-java are not installed")
        (self.checkout / "Visit.java").write_text(self.snippet("java"))
        out = self.type(f"javac Visit.java && java -cp {driver}:. Visit")
        self.assertRegex(out, r"\n\d+\n")

    def go(self):
        if not shutil.which("go") or not os.path.exists("/usr/share/gocode/src/github.com/jackc/pgx"):
            self.skipTest("golang-go and golang-github-jackc-pgx-v4-dev are not installed")
        folder = self.checkout / "visit"
        folder.mkdir()
        (folder / "main.go").write_text(self.snippet("go"))
        self.environment |= {"GOPATH": "/usr/share/gocode", "GO111MODULE": "off",
                             "GOCACHE": str(self.directory / "go-cache")}
        out = self.type("go run visit/main.go")
        self.assertRegex(out, r"\n\d+\n")

    def test_the_undo_of_env(self):
        self.type("bin/aurora-global up --config-only")
        for shell, load, undo in (
                ("bash", 'eval "$(bin/aurora-global env)"', 'eval "$(bin/aurora-global env --undo)"'),
                ("bash", 'H=$AURORA_GLOBAL_HOME; unset AURORA_GLOBAL_HOME; env | sort > before; '
                         'eval "$(bin/aurora-global --home "$H" env)"; '
                         'test "$AURORA_GLOBAL_HOME" = "$H"',
                 'eval "$(bin/aurora-global env --undo)"; unset H'),
                ("fish", "bin/aurora-global env --format fish | source",
                 "bin/aurora-global env --undo --format fish | source")):
            if not shutil.which(shell):
                continue
            script = f"env | sort > before; {load}; env | sort > loaded; {undo}; env | sort > after"
            subprocess.run([shell, "-c", script], cwd=self.checkout, env=self.environment,
                           check=True, capture_output=True)
            kept = re.compile(r"^(_|SHLVL)=")
            before, loaded, after = (
                {line for line in (self.checkout / name).read_text().splitlines()
                 if not kept.match(line)} for name in ("before", "loaded", "after"))
            self.assertNotEqual(before, loaded)
            self.assertEqual(before, after, shell)


if __name__ == "__main__":
    unittest.main()
