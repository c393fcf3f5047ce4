"""Two regions in two network namespaces that share no address: only the link joins them.

Each region has a network of its own behind a veth pair. The link stands outside, on the other ends,
and no packet is forwarded between the two: what works here needs nothing but the link.
"""

import os
import re
import subprocess
import unittest

from lib.platform import EAST, PROGRAM, WEST, Platform, run, running_pid, wait_until

# Host parts of the addresses that a region itself has, and those of the link's side.
REGION_HOSTS = (1, 10, 11, 12, 21)


@unittest.skipUnless(os.geteuid() == 0, "making network namespaces needs root")
class TwoNamespaces(unittest.TestCase):
    PREFIX = "10.213"  # Of addresses that exist only here.

    def setUp(self):
        self.spaces = {region: f"ag-test-{os.getpid()}-{number}"
                       for number, region in enumerate((EAST, WEST), 1)}
        self.platform = Platform(edit_files=self.use_other_addresses)
        for number, region in enumerate((EAST, WEST), 1):
            self.make_space(region, number)
        self.processes = []
        self.addCleanup(lambda: [process.wait(60) for process in self.processes])
        self.addCleanup(self.platform.destroy)  # The last one added runs first.
        # These addresses are not in the servers' certificates; the issuer is still checked.
        self.platform.psql_options = ["-d", "dbname=auroraglobaldb sslmode=verify-ca"]

    def use_other_addresses(self, platform):
        for file in platform.home.glob("**/*.toml"):
            text = file.read_text(encoding="utf-8")
            text = re.sub(rf"\b{re.escape(platform.prefix.text)}\b", self.PREFIX, text)
            file.write_text(text, encoding="utf-8")

    def make_space(self, region, number):
        space, outside = self.spaces[region], f"agt{number}-{os.getpid()}"[:15]
        run(["ip", "netns", "add", space])
        self.addCleanup(run, ["ip", "netns", "del", space], expect=None)
        run(["ip", "link", "add", outside, "type", "veth", "peer", "name", "inside", "netns", space])
        self.addCleanup(run, ["ip", "link", "del", outside], expect=None)
        for host in REGION_HOSTS:
            self.ip(space, "addr", "add", f"{self.PREFIX}.{number}.{host}/24", "dev", "inside")
        self.ip(space, "link", "set", "lo", "up")
        self.ip(space, "link", "set", "inside", "up")
        other = 3 - number
        run(["ip", "addr", "add", f"{self.PREFIX}.{number}.{100 + other}/24", "dev", outside])
        run(["ip", "link", "set", outside, "up"])

    def ip(self, space, *arguments):
        run(["ip", "-n", space, *arguments])

    def start(self, name, *arguments, space=None):
        enter = ["ip", "netns", "exec", space] if space else []
        with open(self.platform.home / f"{name}.log", "ab") as log:
            self.processes.append(subprocess.Popen(
                [*enter, PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True))

    def test_they_replicate_and_switch_over(self):
        home = self.platform.home
        self.start("link-serve", "link", "serve", home / "link" / "link.toml")
        for region in (EAST, WEST):
            self.start(f"supervise-{region}", "supervise", home / region, space=self.spaces[region])
            wait_until(lambda region=region: running_pid(home / region / "run" / "daemon.pid"),
                       f"the daemon of {region} runs")
        # Neither region can reach the other but through the link.
        for region, number in ((EAST, 2), (WEST, 1)):
            probe = run(["ip", "netns", "exec", self.spaces[region], "/usr/bin/python3", "-c",
                         "import socket, sys\n"
                         f"s = socket.socket(); s.settimeout(2)\n"
                         f"sys.exit(s.connect_ex(('{self.PREFIX}.{number}.1', 4567)) != 0)"],
                        expect=None)
            self.assertNotEqual(0, probe.returncode, "the namespaces can reach each other")
        # All processes run already: `up` creates the clusters through the APIs.
        self.platform.up_options = []
        self.platform.up()
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE t(id int PRIMARY KEY)", "instance-1")
        self.platform.await_row(WEST, "SELECT count(*) FROM t", "0", "instance-1")
        self.platform.command("switchover", "--to", WEST)
        self.platform.await_healthy(WEST)
        self.platform.sql(WEST, "INSERT INTO t VALUES (1)", "instance-1")
        self.platform.await_row(EAST, "SELECT count(*) FROM t", "1", "instance-1")


if __name__ == "__main__":
    unittest.main()
