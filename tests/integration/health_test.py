"""A load balancer that knows Patroni's health checks finds the writer and the replicas here:
HAProxy with the configuration that is usual for Patroni, over a switchover and a killed region.
"""

import http.client
import json
import pathlib
import re
import shutil
import subprocess
import unittest
import urllib.request

import psycopg

from lib.platform import EAST, WEST, PlatformTest, wait_until

PORT = 8008
MONITORING = pathlib.Path(__file__).resolve().parents[2] / "monitoring"
CONFIGURATION = """
global
    maxconn 100

defaults
    mode tcp
    retries 2
    timeout client 30m
    timeout connect 4s
    timeout server 30m
    timeout check 5s

listen {name}
    bind {address}
    option httpchk{path}
    http-check expect status 200
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
"""


class LoadBalancersOfPatroni(PlatformTest):
    up_options = ("--readers", "1")

    @staticmethod
    def edit_files(platform):
        for region in (EAST, WEST):
            file = platform.region_dir(region) / "region.toml"
            file.write_text(f"health_port = {PORT}\n" + file.read_text("utf-8"), "utf-8")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform.await_healthy(EAST)
        cls.addresses = {
            (region, slot): cls.platform.environment(region)["PGHOST"].rsplit(".", 1)[0] +
            f".{20 + slot}" for region in (EAST, WEST) for slot in (1, 2)}

    def ask(self, region, slot, path, method="GET"):
        connection = http.client.HTTPConnection(self.addresses[region, slot], PORT, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def balancer(self, name, path, port):
        """HAProxy, and how to connect through it."""
        host = self.addresses[EAST, 1].rsplit(".", 1)[0] + ".250"
        lines = CONFIGURATION.format(name=name, address=f"{host}:{port}", path=path)
        for (region, slot), address in self.addresses.items():
            lines += (f"    server {region}-{slot} {address}:5432 maxconn 100 check port {PORT}\n")
        file = self.platform.directory / f"{name}.cfg"
        file.write_text(lines, encoding="utf-8")
        process = subprocess.Popen([shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f",
                                    str(file)], stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        environment = self.platform.environment(EAST)
        password = (self.platform.home / "master-password").read_text(encoding="ascii").strip()

        def address_behind():
            try:
                with psycopg.connect(host=host, port=port, dbname=environment["PGDATABASE"],
                                     user=environment["PGUSER"], connect_timeout=10,
                                     password=password, sslmode="require") as session:
                    return session.execute(
                        "SELECT host(inet_server_addr()), pg_is_in_recovery()").fetchone()
            except psycopg.OperationalError:  # It has not noticed yet.
                return None

        return address_behind

    def test_01_each_instance_tells_its_role(self):
        writer, others = (EAST, 1), [(EAST, 2), (WEST, 1), (WEST, 2)]
        for path in ("/", "/primary", "/read-write"):
            wait_until(lambda path=path: self.ask(*writer, path)[0] == 200, f"a writer at {path}")
            self.assertEqual([503] * 3, [self.ask(*one, path)[0] for one in others], path)
        for one in others:
            wait_until(lambda one=one: self.ask(*one, "/replica?lag=16MB")[0] == 200,
                       f"{one} is a replica that is not far behind")
            self.assertEqual({"state": "streaming", "role": "replica"},
                             json.loads(self.ask(*one, "/readiness")[1]))
        self.assertEqual(503, self.ask(*writer, "/replica")[0])
        self.assertEqual((200, b""), self.ask(*writer, "/", "HEAD"))
        self.assertEqual(405, self.ask(*writer, "/", "POST")[0])
        self.assertEqual(404, self.ask(*writer, "/failover")[0])

    def test_02_what_is_watched_is_served(self):
        with urllib.request.urlopen(f"http://{self.platform.prefix.text}.2.1:4566/metrics",
                                    timeout=10) as answer:
            served = set(re.findall(r"(?m)^# TYPE (\w+) ", answer.read().decode()))
        for file in ("alerts.yml", "dashboard.json"):
            text = (MONITORING / file).read_text(encoding="utf-8")
            named = set(re.findall(r"\baurora_global_\w+", text))
            self.assertGreater(len(named), 8, file)
            self.assertEqual(set(), named - served, file)
        explained = (MONITORING / "README.md").read_text(encoding="utf-8")
        for alert in re.findall(r"(?m)alert: (\w+)$",
                                (MONITORING / "alerts.yml").read_text(encoding="utf-8")):
            self.assertIn(f"| `{alert}` |", explained)

    def test_03_haproxy_follows_the_writer(self):
        behind = self.balancer("writer", "", 5000)
        reads = self.balancer("replicas", " OPTIONS /replica", 5001)
        wait_until(lambda: behind() == (self.addresses[EAST, 1], False), "the writer is behind it")
        wait_until(lambda: reads() in [(self.addresses[one], True) for one in
                                       ((EAST, 2), (WEST, 1), (WEST, 2))], "a replica is behind it")
        self.platform.command("switchover", "--to", WEST)
        wait_until(lambda: behind() == (self.addresses[WEST, 1], False), "it has followed")
        self.platform.await_healthy(WEST)
        self.platform.kill_region(WEST)
        self.platform.command("failover", "--to", EAST, "--allow-data-loss")
        wait_until(lambda: behind() == (self.addresses[EAST, 1], False), "it has come back")
        wait_until(lambda: reads() == (self.addresses[EAST, 2], True), "the reader is behind it")


if __name__ == "__main__":
    unittest.main()
