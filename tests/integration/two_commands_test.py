"""One command at a time changes which processes of a platform run; and `up` says that something runs
only when that has answered.
"""

import os
import pathlib
import signal
import socket
import subprocess
import unittest

from lib.platform import EAST, PROGRAM, WEST, Platform, running_pid, wait_until

DRILL = """
[load]
concurrency = 2
duration_s = 600
[[step]]
at_s = 0.1
do = "partition"
"""


class TwoCommands(unittest.TestCase):
    def setUp(self):
        self.platform = Platform()
        self.addCleanup(self.platform.destroy)
        self.lock = self.platform.home / "command.lock"

    def start(self, *arguments):
        """A command in the background, when it is at work on the platform."""
        process = subprocess.Popen([PROGRAM, "--home", str(self.platform.home), *arguments],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def start_at_work(self, *arguments):
        process = self.start(*arguments)
        wait_until(lambda: running_pid(self.lock) == process.pid, "it is at work")
        return process

    def end_of(self, process, limit_s=120):
        text, _ = process.communicate(timeout=limit_s)
        return process.returncode, text

    def serve(self, address, port=5432):
        foreign = socket.create_server((address, port))
        self.addCleanup(foreign.close)
        return foreign

    def test_two_that_bring_up(self):
        both = [self.start("up", *self.platform.up_options) for _ in range(2)]
        for process in both:
            code, text = self.end_of(process)
            self.assertEqual(0, code, text)
        self.platform.await_healthy(EAST)

    def test_down_while_it_comes_up(self):
        up = self.start_at_work("up", *self.platform.up_options)
        wait_until((self.platform.home / "platform.toml").exists, "there is a platform")
        refused = self.platform.command("down", expect=1)
        self.assertIn(f"`up` (process {up.pid}) is at work", refused.stderr)
        self.platform.command("down", "--force")
        code, text = self.end_of(up)
        self.assertIn(code, (0, 128 + signal.SIGTERM), text)
        for region in (EAST, WEST):
            self.assertIsNone(self.platform.pid(region, "supervisor"))
            self.assertEqual([], self.platform.postmasters(region))

    def test_others_while_a_drill_runs(self):
        self.platform.up()
        file = self.platform.directory / "case.toml"
        file.write_text(DRILL, encoding="utf-8")
        drill = self.start_at_work("drill", str(file))
        for command in (("down",), ("destroy", "--yes"), ("drill", str(file))):
            refused = self.platform.command(*command, expect=1)
            self.assertIn(f"`drill` (process {drill.pid}) is at work", refused.stderr)
        wait_until((self.platform.home / "broken-by-drill.json").exists, "the link is cut")
        drill.send_signal(signal.SIGINT)
        code, text = self.end_of(drill)
        self.assertEqual(128 + signal.SIGINT, code, text)
        self.assertNotIn("a move of the writer goes on", text)
        self.platform.await_healthy(EAST)

    def test_a_home_by_another_name(self):
        self.platform.up()
        link = self.platform.directory / "link"
        link.symlink_to(self.platform.home)
        subprocess.run([PROGRAM, "--home", str(link), "destroy", "--yes"], check=True,
                       capture_output=True, timeout=120)
        self.assertFalse(link.is_symlink())
        self.assertFalse(self.platform.home.exists())

    def test_an_address_that_somebody_has(self):
        prefix = self.platform.prefix.text
        foreign = self.serve(f"{prefix}.1.11")
        refused = self.platform.command("up", *self.platform.up_options, expect=1)
        self.assertIn(f"{prefix}.1.11:5432 is in use", refused.stderr)
        self.assertFalse(self.platform.home.exists())
        foreign.close()
        # Each region listens at a port of 127.0.0.1 as well, which comes of the prefix.
        port = 10000 + 80 * int(prefix.split(".")[1]) + 2
        foreign = self.serve("127.0.0.1", port)
        refused = self.platform.command("up", *self.platform.up_options, expect=1)
        self.assertIn(f"127.0.0.1:{port} is in use by a program that is no platform",
                      refused.stderr)
        self.assertFalse(self.platform.home.exists())
        foreign.close()
        self.platform.up()
        self.platform.down()
        self.serve(f"{prefix}.2.21")
        refused = self.platform.command("up", *self.platform.up_options, expect=1)
        self.assertIn(f"{prefix}.2.21:5432 is in use", refused.stderr)
        self.assertIn("keeps its addresses", refused.stderr)

    def test_a_router_that_cannot_start(self):
        self.platform.up()
        self.platform.down()
        file = self.platform.region_dir(EAST) / "router.toml"
        text = file.read_text(encoding="utf-8")
        file.write_text("nonsense\n" + text, encoding="utf-8")
        refused = self.platform.command("up", *self.platform.up_options, expect=None)
        self.assertNotEqual(0, refused.returncode, refused.stdout)
        self.assertIn("router.toml", refused.stderr)
        self.assertNotIn("routers run", refused.stdout)
        file.write_text(text, encoding="utf-8")
        self.platform.up()

    def test_a_store_that_is_none(self):
        self.platform.up()
        self.platform.down()
        (self.platform.region_dir(WEST) / "state.sqlite").write_bytes(os.urandom(4096))
        for file in self.platform.region_dir(WEST).glob("state.sqlite-*"):
            file.unlink()
        refused = self.platform.command("up", *self.platform.up_options, expect=None)
        self.assertNotEqual(0, refused.returncode, refused.stdout)
        self.assertIn("state.sqlite", refused.stderr)


class Homes(unittest.TestCase):
    """What cannot be a home is refused at once, and nothing of it is left."""

    def test_paths_that_are_none(self):
        platform = Platform()
        self.addCleanup(platform.destroy)
        for name in ("a'b", 'a"b', "a\\b", "a\nb", "x" * 120, "x/" * 60 + "x"):
            home = platform.directory / name
            done = subprocess.run([PROGRAM, "--home", str(home), "up", "--config-only",
                                   "--address-prefix", platform.prefix.text], text=True,
                                  capture_output=True, timeout=60, check=False)
            self.assertEqual(2, done.returncode, name + done.stderr)
            self.assertIn("the path of", done.stderr)
            self.assertFalse((platform.directory / name.split("/")[0]).exists(), name)

    def test_names_that_are_the_homes_own(self):
        platform = Platform()
        self.addCleanup(platform.destroy)
        for name in ("pki", "link", "bin", "credentials"):
            refused = platform.command("up", "--regions", f"us-east-1,{name}", "--config-only",
                                       expect=2)
            self.assertIn(f"no region can be called '{name}'", refused.stderr)
        self.assertFalse(pathlib.Path(platform.home).exists())


if __name__ == "__main__":
    unittest.main()
