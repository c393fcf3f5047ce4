"""The first hour of a newcomer, in a terminal of 80 columns: nothing is left behind by a command that
is interrupted, whenever that is, and nothing is said that is not so.

AURORA_GLOBAL_INTERRUPTIONS is the number of random moments at which each command is interrupted.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from lib.platform import EAST, PROGRAM as GIVEN, WEST, AddressPrefix, PlatformTest, run, wait_until
from lib.terminal import Terminal

PROGRAM = os.path.abspath(GIVEN)
MOMENTS = int(os.environ.get("AURORA_GLOBAL_INTERRUPTIONS", "1"))
# Ctrl-C, but each third time SIGTERM or a window that is closed.
WAYS = (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGINT, signal.SIGHUP)
DRILLS = pathlib.Path(__file__).resolve().parents[2] / "drills"
# A drill as short as can be, with a fault that is there for all of its second half.
PARTITION = """
[load]
concurrency = 2
duration_s = 4
[[step]]
at_s = 0.5
do = "partition"
[[step]]
at_s = 3.5
do = "heal"
"""


def moments(seconds):
    """(moment, way) of each interruption of a command that takes about so many seconds."""
    first = random.randrange(len(WAYS))
    for number in range(first, first + MOMENTS):
        yield random.uniform(0, seconds), WAYS[number % len(WAYS)]


def interrupt(terminal, way):
    """The exit code of a command that is interrupted now."""
    if way == signal.SIGINT:
        terminal.control_c()
    elif way == signal.SIGHUP:
        terminal.hang_up()
    else:
        terminal.process.send_signal(way)
    return terminal.wait()


def says_so(terminal, way):
    """Whether an interrupted command can have said so: not in a closed window, and not when the signal
    came before its first line of code."""
    return way != signal.SIGHUP and terminal.process.returncode > 0


def processes_of(directory):
    """Process ids that have to do with a directory, by their arguments or where they work."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
            place = os.readlink(entry / "cwd")
        except OSError:
            continue
        if str(directory) in command or place.startswith(str(directory)):
            found.append((int(entry.name), command.replace("\0", " ")))
    return found


def listeners(prefix):
    """Addresses of a prefix that somebody listens on."""
    taken = []
    for region in (1, 2):
        for last, port in ((1, 4566), (1, 4567), (10, 5432), (11, 5432), (12, 5432), (21, 5432),
                           (102, 4567), (101, 4567)):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((f"{prefix}.{region}.{last}", port))
                except OSError:
                    taken.append(f"{prefix}.{region}.{last}:{port}")
    return taken


class FreshMachine(unittest.TestCase):
    """No platform before, none after."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-test-"))
        self.directory.chmod(0o755)
        self.home = self.directory / "home"
        self.prefix = AddressPrefix()
        self.addCleanup(self.clean)

    def clean(self):
        if (self.home / "platform.toml").exists():
            run([PROGRAM, "--home", str(self.home), "destroy", "--yes"], expect=None)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.prefix.release()

    def terminal(self, *arguments):
        return Terminal([PROGRAM, "--home", str(self.home), *arguments], cwd=self.directory)

    def up(self):
        return self.terminal("up", "--address-prefix", self.prefix.text, "--latency-ms", "0")

    def drill(self, text, *options):
        file = self.directory / "case.toml"
        file.write_text(text, encoding="utf-8")
        return self.terminal("drill", str(file), "--up", "--address-prefix", self.prefix.text,
                             "--latency-ms", "0", *options)

    def nothing_left(self, terminal):
        self.assertEqual([], processes_of(self.directory), terminal.output)
        self.assertEqual([], listeners(self.prefix.text), terminal.output)

    def test_up_is_interrupted(self):
        for moment, way in moments(4):
            with self.subTest(moment=moment, way=way):
                terminal = self.up()
                terminal.read(moment)
                code = interrupt(terminal, way)
                if code == 0:  # It was faster.
                    self.assertEqual(0, self.terminal("down").wait())
                    continue
                self.assertEqual(128 + way, code, terminal.output)
                if says_so(terminal, way):
                    self.assertIn(f"interrupted by {way.name}", terminal.output)
                self.nothing_left(terminal)
        # Whatever was interrupted, the next one goes on from there.
        terminal = self.up()
        self.assertEqual(0, terminal.wait(), terminal.output)
        self.assertEqual([], terminal.wide_lines())

    def test_a_drill_with_a_platform_of_its_own_is_interrupted(self):
        for moment, way in [(None, signal.SIGINT), (None, signal.SIGHUP), *moments(9)]:
            with self.subTest(moment=moment, way=way):
                terminal = self.drill(PARTITION)
                if moment is None:
                    terminal.read_until("partition")
                else:
                    terminal.read(moment)
                code = interrupt(terminal, way)
                self.assertIn(code, (128 + way,) if moment is None else (128 + way, 0),
                              terminal.output)
                self.nothing_left(terminal)
                self.assertFalse(self.home.exists(), terminal.output)
                self.assertEqual([], terminal.wide_lines())

    def test_a_drill_that_cannot_begin_leaves_nothing(self):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((self.prefix.text + ".1.10", 5432))
            other.listen()
            terminal = self.drill(PARTITION)
            self.assertEqual(1, terminal.wait())
        self.assertIn("is in use", terminal.output)
        self.assertFalse(self.home.exists())

    @unittest.skipIf(os.geteuid() != 0, "mounts a small disk")
    def test_a_disk_that_is_too_small_or_gets_full(self):
        disk = self.directory / "disk"
        disk.mkdir()
        self.home = disk / "home"
        for megabytes, word in ((60, "left"), (201, "No space left on device")):
            run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "none", str(disk)])
            try:
                if megabytes > 200:
                    # Somebody else takes the room meanwhile.
                    terminal = self.up()
                    terminal.read_until("platform in")
                    with open(disk / "filler", "wb") as filler:
                        try:
                            while True:
                                filler.write(b"x" * 1048576)
                        except OSError:
                            pass
                else:
                    terminal = self.up()
                self.assertNotEqual(0, terminal.wait(60), terminal.output)
                self.assertIn(word, terminal.output.replace("\r\n", " "))
                self.nothing_left(terminal)
            finally:
                run(["umount", "-l", str(disk)])


class RunningPlatform(PlatformTest):
    latency_ms = 20

    def terminal(self, *arguments):
        return Terminal([PROGRAM, "--home", str(self.platform.home), *arguments],
                        cwd=self.platform.directory)

    def drill_file(self, text):
        file = self.platform.directory / "case.toml"
        file.write_text(text, encoding="utf-8")
        return str(file)

    def blocked_pairs(self):
        status = json.loads(self.platform.command("link", "status", "--json").stdout)
        return [pair for pair in status["pairs"] if pair["blocked"]]

    def test_01_faults_of_an_interrupted_drill_are_undone(self):
        for way in (signal.SIGINT, signal.SIGTERM):
            terminal = self.terminal("drill", self.drill_file(PARTITION))
            wait_until(self.blocked_pairs, "the link is cut")
            self.interrupted_drill(terminal, way, (128 + way,))
            self.assertIn(f"interrupted by {way.name}", terminal.output)
        for moment, way in moments(5):
            with self.subTest(moment=moment, way=way):
                terminal = self.terminal("drill", self.drill_file(PARTITION))
                terminal.read(moment)
                self.interrupted_drill(terminal, way, (128 + way, 0))
        self.platform.await_healthy()

    def interrupted_drill(self, terminal, way, codes):
        self.assertIn(interrupt(terminal, way), codes, terminal.output)
        self.assertEqual([], self.blocked_pairs(), terminal.output)

    def test_02_faults_of_a_drill_that_was_killed_are_undone_by_up(self):
        terminal = self.terminal("drill", self.drill_file(PARTITION))
        wait_until(self.blocked_pairs, "the link is cut")
        terminal.process.kill()
        terminal.wait()
        self.assertNotEqual([], self.blocked_pairs())
        self.assertIn("mended", self.platform.up().stderr)
        self.assertEqual([], self.blocked_pairs())

    def test_03_a_region_that_a_drill_killed_is_started_at_its_end(self):
        self.platform.await_healthy()
        text = '[load]\nconcurrency = 2\n[[step]]\nafter_writes = 20\ndo = "kill-region"\n' \
               'region = "secondary"\n'
        done = self.platform.command("drill", self.drill_file(text))
        self.assertIn("starts again", done.stderr)
        self.platform.await_healthy()

    def test_04_a_fault_that_did_not_happen_fails_the_drill(self):
        # The region's processes belong to somebody else: they run with another home.
        text = '[load]\nconcurrency = 2\n[[step]]\nat_s = 0.2\ndo = "kill-region"\n' \
               'region = "secondary"\n'
        file = self.drill_file(text)
        other = self.platform.directory / "other"
        shutil.copytree(self.platform.home, other, ignore=shutil.ignore_patterns(
            "instances", "*.sock", "*.pid"))
        (other / EAST / "run").mkdir(exist_ok=True)
        shutil.rmtree(other / EAST / "run")
        (other / EAST / "run").symlink_to(self.platform.home / EAST / "run")
        done = run([PROGRAM, "--home", str(other), "drill", file, "--output",
                    str(self.platform.directory / "out")], expect=1)
        self.assertIn("nothing was killed", done.stdout + done.stderr)

    def test_05_a_switchover_goes_on_without_its_command(self):
        may_begin_later = False
        for moment, way in moments(0.8):
            with self.subTest(moment=moment, way=way):
                self.platform.await_healthy()
                before = self.platform.writer()
                terminal = self.terminal("switchover", "--to", WEST if before == EAST else EAST)
                terminal.read(moment)
                code = interrupt(terminal, way)
                if code == 0:
                    continue
                if may_begin_later and "is in state switching-over" in terminal.output:
                    may_begin_later = False  # That was the one before.
                    continue
                self.assertEqual(128 + way, code, terminal.output)
                may_begin_later = (not says_so(terminal, way)
                                   or "may have been accepted" in terminal.output)
                if says_so(terminal, way):
                    self.assertTrue("status --watch" in terminal.output
                                    or "nothing" in terminal.output, terminal.output)
                wanted = before if "nothing moves" in terminal.output else None
                self.platform.await_healthy(wanted)

    def test_06_status_fits_and_ends_by_control_c(self):
        terminal = self.terminal("status")
        self.assertEqual(0, terminal.wait())
        self.assertEqual([], terminal.wide_lines())
        self.assertIn("postgresql://", terminal.output)
        terminal = self.terminal("status", "--watch")
        terminal.read_until("FORWARDING")
        self.assertNotIn("\x1b[H\x1b[2J", terminal.output)  # Erased and redrawn is flicker.
        terminal.resize(50)
        terminal.output = ""
        terminal.read_until("REGION")
        terminal.read_until("\x1b[J")
        self.assertEqual([], terminal.wide_lines(50))
        terminal.control_c()
        self.assertEqual(128 + signal.SIGINT, terminal.wait())

    def test_07_a_drill_shows_one_line(self):
        terminal = self.terminal("drill", self.drill_file(
            "[load]\nconcurrency = 2\nduration_s = 1\n"))
        self.assertEqual(0, terminal.wait(), terminal.output)
        self.assertEqual([], terminal.wide_lines())

    def test_08_two_primaries_are_called_a_conflict(self):
        self.platform.await_healthy()
        writer = self.platform.writer()
        other = WEST if writer == EAST else EAST
        self.platform.command("link", "set", "--partition", "both")
        wait_until(lambda: any(peer["heard_ms_ago"] > 2600
                               for peer in self.platform.region_status(other)["peers"]),
                   "the regions have lost each other")
        self.assertIn("cut off", self.platform.command("status").stdout)
        moved = self.platform.command("failover", "--to", other, "--allow-data-loss")
        self.assertIn("discarded", moved.stderr)
        self.assertIn("CONFLICT", self.platform.command("status").stdout)
        self.platform.sql(writer, "CREATE TABLE only_here(n int)", endpoint="cluster")
        self.platform.command("link", "set", "--partition", "none")
        self.platform.await_healthy(other)
        after = self.platform.command("status").stdout
        self.assertNotIn("CONFLICT", after)
        # Whoever looks afterwards is told that rows are gone, and where they are.
        self.assertIn("discarded", after)
        kept = pathlib.Path(re.search(r"kept in (/\S+)", after)[1])
        self.assertTrue(list(kept.iterdir()), kept)
        self.assertIn(str(kept), json.dumps(self.platform.aws(
            writer, "rds", "describe-events", "--source-type", "db-cluster")))

    def test_09_options_of_a_second_up_are_done_or_refused(self):
        self.platform.command("up", "--latency-ms", "3")
        pairs = json.loads(self.platform.command("link", "status", "--json").stdout)["pairs"]
        self.assertEqual({3}, {pair["latency_ms"] for pair in pairs})
        for option, value in (("--address-prefix", "127.5"), ("--global-cluster", "other")):
            refused = self.platform.command("up", option, value, expect=1)
            self.assertIn("--home", refused.stderr)
        self.platform.command("up", "--readers", "1", limit_s=200)
        self.platform.await_row(WEST, "SHOW cluster_name", f"aurora-global-db-{WEST}-2", "reader")
        refused = self.platform.command("up", "--readers", "0", expect=1)
        self.assertIn("delete-db-instance", refused.stderr)

    def test_10_down_is_interrupted_and_ends_all_the_same(self):
        for moment, way in moments(1.5):
            with self.subTest(moment=moment, way=way):
                self.platform.up()
                terminal = self.terminal("down")
                terminal.read(moment)
                code = interrupt(terminal, way)
                # It had not begun, or was waiting for the platform to be at rest.
                if code == 128 + way:
                    self.assertNotIn("still runs", terminal.output)
                    self.assertEqual(0, self.terminal("down").wait())
                else:
                    self.assertEqual(0, code, terminal.output)
                self.assertEqual([], processes_of(self.platform.directory))
                self.assertEqual([], listeners(self.platform.prefix.text))

    def test_11_a_platform_that_is_down_says_so_at_once(self):
        for command in (["drill", str(DRILLS / "switchover.toml")], ["switchover", "--to", WEST],
                        ["link", "status"], ["link", "set", "--latency-ms", "1"], ["status"],
                        ["failover", "--to", WEST, "--allow-data-loss"], ["psql", EAST]):
            done = self.platform.command(*command, expect=3, limit_s=10)
            self.assertIn("is down", done.stderr)
            self.assertIn(" up`", done.stderr)
            # The hint works as printed.
            hint = done.stderr.split("`")[1]
            self.assertEqual([GIVEN, "--home", str(self.platform.home), "up"], hint.split())

    def test_12_another_platform_on_its_addresses_is_told_whose_they_are(self):
        self.platform.up()
        other = self.platform.directory / "second"
        refused = run([PROGRAM, "--home", str(other), "up", "--address-prefix",
                       self.platform.prefix.text], expect=1)
        self.assertIn(str(self.platform.home), refused.stderr)
        self.assertIn(" down`", refused.stderr)
        self.assertFalse(other.exists())


class Words(unittest.TestCase):
    """What is typed wrong is answered with what was meant."""

    def answer(self, *arguments, code):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_commands(self):
        self.assertIn("did you mean status", self.answer("statsu", code=2))
        self.assertIn("a command is needed", self.answer(code=2))
        self.assertIn("switchover", self.answer("help", code=0))
        self.assertIn("epoch", self.answer("help", "status", code=0))
        self.assertRegex(self.answer("--version", code=0), r"^aurora-global \d")
        self.assertRegex(self.answer("version", code=0), r"^aurora-global \d")
        self.assertIn("Usage: aurora-global [", self.answer("--help", code=0))
        self.assertNotIn("build/", self.answer("--help", code=0))

    def test_help_fits_a_terminal_where_it_is_prose(self):
        for command in ("status", "env", "psql", "up"):
            footer = self.answer("help", command, code=0).split("\n\n")[-1]
            self.assertEqual([], [line for line in footer.splitlines() if len(line) > 80], command)

    def test_link_set(self):
        with tempfile.TemporaryDirectory() as home:
            self.assertIn("--partition", self.answer("--home", home, "link", "set", code=2))
            self.assertIn("--latency-ms", self.answer("--home", home, "link", "set",
                                                      "--latency-ms", "-5", code=2))


if __name__ == "__main__":
    unittest.main()
