"""A client that does not share our network, as one in a container: `up --listen` lets it in, under TLS.

The client runs in a network namespace of its own, joined to ours by a veth pair, which is what a
container engine makes.
"""

import os
import subprocess
import unittest

from lib.documents import ROOT, blocks
from lib.platform import EAST, PROGRAM, WEST, Platform, run

PREFIX = "10.214.7"
# `docker run` as far as the document uses it: an application in the other network, whose variables are
# those of --env-file (taken as they stand, without a shell's quoting) and -e. A file of -v is read
# where it lies, so its name is put back.
ENGINE = """#!/usr/bin/python3
import os, sys
words, given, files = iter(sys.argv[2:]), dict(PATH=os.environ["PATH"]), dict()
for word in words:
    if word == "--env-file":
        given |= dict(line.rstrip("\\n").split("=", 1) for line in open(next(words)))
    elif word == "-v":
        outside, inside = next(words).split(":")[:2]
        files[inside] = outside
    elif word == "-e":
        given |= [next(words).split("=", 1)]
    else:
        image = word
given = dict((name, files.get(value, value)) for name, value in given.items())
assert sys.argv[1] == "run" and image == "my-application"
os.execvpe("ip", ["ip", "netns", "exec", "{space}", "psql", "-XqAtc",
                  "SELECT '" + given["PGSSLMODE"] + " ' || 42"], given)
"""


@unittest.skipUnless(os.geteuid() == 0, "making network namespaces needs root")
class Outside(unittest.TestCase):
    def setUp(self):
        self.space, self.outside = f"ag-out-{os.getpid()}", f"ago-{os.getpid()}"[:15]
        run(["ip", "netns", "add", self.space])
        self.addCleanup(run, ["ip", "netns", "del", self.space], expect=None)
        run(["ip", "link", "add", self.outside, "type", "veth", "peer", "name", "inside", "netns",
             self.space])
        self.addCleanup(run, ["ip", "link", "del", self.outside], expect=None)
        run(["ip", "addr", "add", f"{PREFIX}.1/24", "dev", self.outside])
        run(["ip", "link", "set", self.outside, "up"])
        run(["ip", "-n", self.space, "addr", "add", f"{PREFIX}.2/24", "dev", "inside"])
        run(["ip", "-n", self.space, "link", "set", "inside", "up"])
        self.platform = Platform("--listen", f"{PREFIX}.1")
        self.addCleanup(self.platform.destroy)

    def from_there(self, url, statement, expect=0):
        done = run(["ip", "netns", "exec", self.space, "psql", url, "-XqAtc", statement],
                   expect=expect)
        return done.stdout.strip() if expect == 0 else done.stderr

    def url(self, region, endpoint):
        return self.platform.command("env", "--outside", "--format", "psql", "--endpoint", endpoint,
                                     region).stdout.strip()

    def test_a_client_of_another_network_gets_in_and_follows_the_writer(self):
        self.platform.up()
        writer = self.url(EAST, "global-writer")
        self.assertIn(f"@{PREFIX}.1:15110/", writer)
        self.assertIn("sslmode=verify-full", writer)
        self.from_there(writer, "CREATE TABLE t(n int)")
        self.from_there(self.url(WEST, "reader"), "INSERT INTO t VALUES (1)")
        self.platform.command("switchover", "--to", WEST)
        self.from_there(writer, "INSERT INTO t VALUES (2)")
        self.assertEqual("2", self.from_there(writer, "SELECT count(*) FROM t"))
        # What is not asked for is not there: no loopback address, no plain text.
        self.assertIn("encryption", self.from_there(
            writer.replace("verify-full", "disable"), "SELECT 1", expect=2))
        refused = self.platform.command("up", "--listen", "10.1.1.1", expect=1)
        self.assertIn(f"{PREFIX}.1", refused.stderr)

    def test_a_container_is_started_as_the_document_says(self):
        text = next(text for _, mark, text in blocks(ROOT / "docs" / "your-application.md")
                    if mark == "container")
        # The address of a bridge that may not be on this machine.
        self.assertIn("172.17.0.1", text)
        text = text.replace("172.17.0.1", f"{PREFIX}.1")
        top = self.platform.directory
        (top / "bin").mkdir()
        (top / "bin" / "aurora-global").symlink_to(os.path.abspath(PROGRAM))
        engine = top / "bin" / "docker"
        engine.write_text(ENGINE.format(space=self.space), encoding="utf-8")
        engine.chmod(0o755)
        done = subprocess.run(
            ["bash", "-eu", "-c", text], cwd=top, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{top}/bin:{os.environ['PATH']}",
                 "AURORA_GLOBAL_HOME": str(self.platform.home),
                 "AURORA_GLOBAL_ADDRESS_PREFIX": self.platform.prefix.text,
                 "HOME_OF_PLATFORM": str(self.platform.home)})
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual("verify-full 42", done.stdout.splitlines()[-1])

    def test_an_address_that_is_none_of_ours_is_refused(self):
        for address in ("0.0.0.0", "127.0.0.1", "somewhere"):
            refused = self.platform.command("up", "--listen", address, expect=2)
            self.assertIn("--listen", refused.stderr)
        refused = self.platform.command("up", "--address-prefix", self.platform.prefix.text,
                                        "--listen", "203.0.113.7", expect=3)
        self.assertIn("--listen is an address of this machine", refused.stderr)
        self.assertFalse(self.platform.home.exists())


if __name__ == "__main__":
    unittest.main()
