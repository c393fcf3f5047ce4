"""What the command says and what it exports: homes with odd names, shells, variables that were there
before, output that cannot be written, what was typed wrong on a platform that is up.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.parse

from lib.platform import EAST, PROGRAM as GIVEN, WEST, AddressPrefix, PlatformTest, run, wait_until
from lib.terminal import Terminal

PROGRAM = os.path.abspath(GIVEN)
SHELLS = [one for one in ("bash", "dash", "zsh", "fish") if shutil.which(one)]
# Quotes, backslashes and control characters are refused (two_commands_test.py).
ODD_NAMES = ("plain", "with space", "dollar$HOME", "semi;colon", "and&and", "star*", "(brackets)",
             "`true`", "ümlaut", "%s%41")
# What somebody may have exported, and what must be as it was after --undo.
OWN = {"PGPASSWORD": "wrong", "PGHOSTADDR": "192.0.2.1", "PGSERVICE": "none",
       "PGSERVICEFILE": "/nowhere", "PGOPTIONS": "-c no.such=thing -c work_mem=nonsense",
       "PGTARGETSESSIONATTRS": "standby", "PGREQUIRESSL": "1", "PGCHANNELBINDING": "require",
       "PGSSLCERT": "/nowhere", "PGSSLKEY": "/nowhere", "PGSSLCRL": "/nowhere",
       "PGGSSENCMODE": "require", "PGSSLMINPROTOCOLVERSION": "TLSv1.3", "PGHOST": "elsewhere",
       "PGPORT": "1", "PGUSER": "nobody", "PGSSLMODE": "disable", "PGDATABASE": "two words",
       "AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "it's $ecret",
       "AWS_SESSION_TOKEN": "token", "AWS_PROFILE": "work", "AWS_DEFAULT_PROFILE": "work",
       "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://192.0.2.1",
       "AWS_ENDPOINT_URL_RDS": "http://192.0.2.1", "AWS_ENDPOINT_URL_EVENTS": "http://192.0.2.2",
       "AWS_ROLE_ARN": "arn", "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_PAGER": "less",
       "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}


def taken(shell, options=""):
    """The statement that takes what `env` prints; the program and its home are $P and $H."""
    if shell == "fish":
        return f"$P --home $H env --format fish {options} | source"
    return f'eval "$("$P" --home "$H" env {options})"'


def clean_environment(**more):
    names = ("PG", "AWS_", "AURORA_GLOBAL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)} | more


def in_shell(shell, script, environment):
    """The environment at each `MARK` of a script."""
    script = script.replace("MARK", "/usr/bin/env -0; printf '\\n--\\0'")
    done = run([shell, *(["-eu"] if shell in ("bash", "dash") else []), "-c", script],
               env=environment)
    marks = [dict(entry.split("=", 1) for entry in part.split("\0") if "=" in entry)
             for part in done.stdout.split("\n--\0")[:-1]]
    for one in marks:
        for name in ("_", "SHLVL", "PWD", "OLDPWD", "P", "H", "G"):
            one.pop(name, None)
    return marks, done


class Environments(unittest.TestCase):
    """Platforms that were never started: `env` needs no more."""

    maxDiff = None

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-test-"))
        self.directory.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.directory)
        self.prefix = AddressPrefix()
        self.addCleanup(self.prefix.release)

    def home(self, name):
        home = self.directory / name
        run([PROGRAM, "--home", str(home), "up", "--config-only", "--address-prefix",
             self.prefix.text], env=clean_environment())
        return str(home)

    def env(self, home, *options):
        return run([PROGRAM, "--home", home, "env", *options], env=clean_environment()).stdout

    def test_every_home_survives_every_format(self):
        for name in ODD_NAMES:
            home = self.home(name)
            for shell in SHELLS:
                with self.subTest(shell=shell, home=name):
                    (before, here, after), done = in_shell(
                        shell, f"MARK; {taken(shell)}; MARK; {taken(shell, '--undo')}; MARK",
                        clean_environment(P=PROGRAM, H=home))
                    self.assertEqual("", done.stderr)
                    self.assertEqual(home + "/bin", here["PATH"].split(":")[0])
                    self.assertEqual(home, here["AURORA_GLOBAL_HOME"])
                    self.assertEqual(home + "/server-ca.crt", here["PGSSLROOTCERT"])
                    self.assertEqual(home + "/credentials", here["AWS_SHARED_CREDENTIALS_FILE"])
                    self.assertEqual(before, after)
            with self.subTest(home=name):
                self.data_formats(home)

    def data_formats(self, home):
        authority = home + "/server-ca.crt"
        facts = json.loads(self.env(home, "--format", "json"))
        self.assertEqual(authority, facts["sslrootcert"])
        file = self.directory / "dotenv"
        file.write_text(self.env(home, "--format", "dotenv"), encoding="utf-8")
        out = run(["dash", "-c", f'set -a; . {file}; exec env -0'], env=clean_environment()).stdout
        dotenv = dict(line.split("=", 1) for line in out.split("\0") if "=" in line)
        self.assertEqual(authority, dotenv["PGSSLROOTCERT"])
        for url in (facts["url"], facts["jdbc_url"], dotenv["DATABASE_URL"],
                    self.env(home, "--format", "psql").rstrip("\n"),
                    self.env(home, "--format", "jdbc").rstrip("\n")):
            query = urllib.parse.parse_qs(url.partition("?")[2])
            self.assertEqual([authority], query["sslrootcert"], url)
            self.assertNotRegex(url, r"[\s'\"\\$;&*`]" if "jdbc" not in url and "&" not in url
                                else r"[\s'\"\\$;*`]")

    def test_what_was_there_comes_back(self):
        first, second = self.home("first"), self.home("second *")
        for shell in SHELLS:
            with self.subTest(shell=shell):
                other = taken(shell).replace("$H", "$G")
                marks, _ = in_shell(
                    shell, f"MARK; {taken(shell)}; {taken(shell)}; MARK; {other}; MARK; "
                           f"{taken(shell, '--undo')}; MARK; {taken(shell, '--undo')}; MARK",
                    clean_environment(P=PROGRAM, H=first, G=second, **OWN))
                before, one, two, after, again = marks
                self.assertEqual(before, after)  # Undone by way of the other home.
                self.assertEqual(before, again)
                for here, home, not_home in ((one, first, second), (two, second, first)):
                    directories = here["PATH"].split(":")
                    self.assertEqual(home + "/bin", directories[0])
                    self.assertEqual(1, directories.count(home + "/bin"))
                    self.assertNotIn(not_home + "/bin", directories)
                    self.assertEqual(home, here["AURORA_GLOBAL_HOME"])
                    for name, value in OWN.items():
                        self.assertNotEqual(value, here.get(name), name)

    def test_a_path_of_ones_own_stays(self):
        home = self.home("home")
        for shell in SHELLS:
            for path in (f"/usr/bin:/bin:{home}/bin", ":/usr/bin:/bin:", f"{home}/bin:/usr/bin:/bin"):
                if shell == "fish" and path.startswith(":"):
                    continue  # It makes "." of an empty entry by itself.
                with self.subTest(shell=shell, path=path):
                    (before, _, after), _ = in_shell(
                        shell, f"MARK; {taken(shell)}; MARK; {taken(shell, '--undo')}; MARK",
                        clean_environment(P=PROGRAM, H=home) | {"PATH": path})
                    self.assertEqual(before["PATH"], after["PATH"])

    def test_an_undo_of_nothing_takes_nothing(self):
        for shell in SHELLS:
            (before, after), _ = in_shell(shell, f"MARK; {taken(shell, '--undo')}; MARK",
                                          clean_environment(P=PROGRAM, H="/nowhere", **OWN))
            self.assertEqual(before, after, shell)

    def test_one_shell_within_another(self):
        if "fish" not in SHELLS:
            self.skipTest("fish is not installed")
        home = self.home("home")
        inner = f"{taken('fish', '--undo')}; /usr/bin/env -0"
        script = f"{taken('bash')}; exec fish -c '{inner}'"
        out = run(["bash", "-c", script], env=clean_environment(P=PROGRAM, H=home, **OWN)).stdout
        found = dict(line.split("=", 1) for line in out.split("\0") if "=" in line)
        self.assertEqual(OWN, {name: found.get(name) for name in OWN})

    def test_endpoints_are_those_there_are(self):
        home = self.home("home")
        for endpoint in ("instance-1x", "instance-9", "instance-01", "instance-0", "instance--1",
                         "instance-", "instance", "instance-+1", "instance-99999999999", "writer"):
            for command in (["env"], ["psql"]):
                done = run([PROGRAM, "--home", home, *command, EAST, "--endpoint", endpoint],
                           expect=2)
                self.assertIn(f"'{endpoint}'", done.stderr)
                self.assertIn("global-writer, cluster, reader, instance-1", done.stderr)
                self.assertEqual("", done.stdout)
        self.assertIn(".1.21", self.env(home, "--endpoint", "instance-1"))

    def test_logs_say_which_word_is_wrong(self):
        home = self.home("home")
        for words, said in ((["daemn"], "did you mean daemon"), (["mars"], "no region 'mars'"),
                            ([EAST, "linkk"], "no log 'linkk'; did you mean link"),
                            (["mars", "link"], "no region 'mars'"),
                            ([EAST, "daemon"], "nothing has been logged")):
            done = run([PROGRAM, "--home", home, "logs", *words], expect=2)
            self.assertIn(said, done.stderr)
        self.assertIn("logs: daemon, router",
                      run([PROGRAM, "--home", home, "logs", "mars"], expect=2).stderr)

    def test_a_link_between_a_region_and_itself(self):
        home = self.home("home")
        for region, said in ((EAST, "no such pair"), ("mars", "no region 'mars'")):
            done = run([PROGRAM, "--home", home, "link", "set", "--partition", "both", "--from",
                        region, "--to", region], expect=2)
            self.assertIn(said if region == EAST else "no such pair", done.stderr)
        done = run([PROGRAM, "--home", home, "link", "set", "--partition", "both", "--from", "mars"],
                   expect=2)
        self.assertIn("no region 'mars'", done.stderr)

    def test_a_home_of_bytes_that_are_no_text(self):
        name = os.fsencode(str(self.directory)) + b"/\xff\xfe"
        done = subprocess.run([PROGRAM, "--home", name, "up", "--config-only", "--address-prefix",
                               self.prefix.text], capture_output=True, check=False, timeout=60)
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertIn(b"the path of a home is UTF-8", done.stderr)
        self.assertFalse(os.path.exists(name))


class Outputs(PlatformTest):
    """A platform that is up."""

    def program(self, *arguments):
        return [PROGRAM, "--home", str(self.platform.home), *arguments]

    WRITING = (["env", EAST], ["env", "--format", "dotenv"], ["env", "--format", "json"],
               ["env", "--undo"], ["status"], ["status", "--json"], ["link", "status"],
               ["link", "status", "--json"], ["api"], ["api", "--members"],
               ["api", "--types"], ["stacks"], ["stacks", "--json"], ["version"],
               ["--version"], ["help"], ["--help"], ["status", "--help"], ["help", "link", "set"])

    def test_1_output_that_cannot_be_written_is_a_failure(self):
        for command in self.WRITING:
            with self.subTest(command=command):
                with open("/dev/full", "w", encoding="ascii") as full:
                    done = subprocess.run(self.program(*command), stdout=full, text=True,
                                          stderr=subprocess.PIPE, check=False, timeout=20)
                self.assertEqual(1, done.returncode, done.stderr)
                self.assertIn("cannot write the output: ", done.stderr)
                run(self.program(*command))

    def test_2_a_reader_that_goes_away_is_none(self):
        for command in (["status", "--json"], ["link", "status"], ["env", "--format", "json"]):
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run(self.program(*command), stdout=writer, text=True,
                                  stderr=subprocess.PIPE, check=False, timeout=20)
            os.close(writer)
            self.assertEqual((0, ""), (done.returncode, done.stderr), command)

    def test_3_descriptors_that_are_closed(self):
        for command, closed, code in ((["status", "--json", "--watch"], ">&-", 1),
                                      (["status", "--json", "--watch"], ">&- 2>&- <&-", 1),
                                      (["status", "--watch"], ">/dev/full", 1),
                                      (["status", "--json"], "<&-", 0), (["status"], "2>&-", 0),
                                      (["env"], ">&-", 1), (["version"], ">&- <&-", 1)):
            with self.subTest(command=command, closed=closed):
                done = subprocess.run(["dash", "-c", f'"$@" {closed}', "dash",
                                       *self.program(*command)],
                                      capture_output=True, text=True, check=False, timeout=20)
                self.assertEqual(code, done.returncode, done.stderr)

    def test_4_watching_ends_by_its_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            terminal = Terminal(self.program("status", "--watch"))
            terminal.read_until("FORWARDING")
            terminal.process.send_signal(number)
            self.assertEqual(128 + number, terminal.wait(), terminal.output)

    def test_5_status_is_whole_on_a_narrow_terminal(self):
        with subprocess.Popen(
                self.program("psql", EAST, "--", "-XqAt", "-v", "name=x", "-c",
                             "SET application_name = 'a name that is rather long'", "-c",
                             "SELECT pg_sleep(60)"), stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL) as session:
            try:
                wait_until(lambda: "pg_sleep" not in self.platform.command(
                    "status", "--sessions").stdout and "process" in self.platform.command(
                    "status", "--sessions").stdout, "the session is there")
                whole = self.platform.command("status", "--sessions").stdout
                for columns in (80, 40):
                    terminal = Terminal(["/bin/sh", "-c", f'stty cols {columns}; exec "$@"', "sh",
                                         *self.program("status", "--sessions")])
                    self.assertEqual(0, terminal.wait(), terminal.output)
                    self.assertEqual(self.words(whole), self.words("\n".join(terminal.lines())))
                    self.assertEqual([], terminal.wide_lines(columns))
                terminal = Terminal(["/bin/sh", "-c", 'stty cols 40; exec "$@"', "sh",
                                     *self.program("status", "--watch", "--sessions")])
                terminal.read_until("\x1b[J", 20)
                terminal.read_until("…", 20)
                terminal.process.send_signal(signal.SIGTERM)
                terminal.wait()
                self.assertEqual([], terminal.wide_lines(40))
            finally:
                session.terminate()

    def words(self, status):
        """Without what changes from one moment to the next."""
        text = " ".join(status.split("connect to the")[0].split())
        return re.sub(r"\d+(\.\d+)? ([KM]i)?B|\d+ ms|cut off, ", "", text).split()

    def test_6_psql_asks_the_platform_and_nobody_else(self):
        done = run(self.program("psql", EAST, "--", "-XqAt", "-c", "SELECT current_user"),
                   env=clean_environment(**OWN))
        self.assertEqual("postgres", done.stdout.strip())

    def test_7_a_shell_with_variables_of_its_own(self):
        for shell in SHELLS:
            script = f"{taken(shell)}; psql -XqAt -c 'SELECT current_user'; aws rds " \
                     "describe-global-clusters --query GlobalClusters[0].GlobalClusterIdentifier"
            done = run([shell, "-c", script],
                       env=clean_environment(P=PROGRAM, H=str(self.platform.home), **OWN))
            self.assertEqual(["postgres", '"aurora-global-db"'], done.stdout.split(), shell)

    def test_8_logs_of_the_link(self):
        for words in (["link"], [EAST, "link"], [WEST, "link"]):
            out = run(self.program("logs", *words)).stdout
            self.assertIn("INFO", out.upper())
        self.assertIn("router.log", run(self.program("logs", EAST)).stdout)
        self.assertEqual(2, run(self.program("logs", "daemon")).stdout.count("daemon.log"))

    def test_9_a_password_with_a_colon(self):
        password = "a:b\\c'd e%"
        quoted = password.replace("'", "''")
        self.platform.sql(EAST, f"ALTER USER postgres PASSWORD '{quoted}'", "cluster")
        secret = {"SecretString": json.dumps({"username": "postgres", "password": password})}
        self.platform.aws(EAST, "secretsmanager", "put-secret-value", "--secret-id",
                          "aurora-global/credentials", "--secret-string", secret["SecretString"])
        wait_until(lambda: self.platform.sql(EAST, "SELECT 1") == "1", "the password is taken")
        url = run(self.program("env", "--format", "psql")).stdout.strip()
        self.assertEqual("1", run(["psql", url, "-XqAt", "-c", "SELECT 1"],
                                  env=clean_environment()).stdout.strip())


if __name__ == "__main__":
    unittest.main()
