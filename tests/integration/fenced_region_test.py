"""A region that has promised the next epoch does not write, whatever is killed, until it is told.

The test asks as the other region's daemon would, and then says nothing more, as one that has died.
"""

import http.client
import json
import ssl
import unittest

from lib.platform import EAST, WEST, PlatformTest, wait_until



class FencedRegion(PlatformTest):
    def ask(self, what, request):
        """A request of the peer protocol to the region in the east, as from the west."""
        tls = self.platform.home / WEST / "tls"
        context = ssl.create_default_context(cafile=tls / "server-ca.crt")
        context.check_hostname = False
        context.load_cert_chain(tls / "peer.crt", tls / "peer.key")
        connection = http.client.HTTPSConnection(f"{self.platform.prefix.text}.1.1", 4567,
                                                 context=context, timeout=30)
        connection.request("POST", f"/v1/{what}", json.dumps(request))
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        self.assertEqual(200, answer.status, body)
        return body

    def operation(self, name, epoch=2):
        identifier = self.platform.region_status(EAST)["globals"][0]["identifier"]
        return {"operation": {"id": name, "kind": "switchover", "global_cluster": identifier,
                              "from": EAST, "to": WEST, "epoch": epoch, "step": "fence",
                              "started_us": 1}}

    def write(self):
        """By the bootstrap superuser, through the instance's own socket: the SQLSTATE, or None."""
        done = self.platform.as_superuser(
            EAST, "CREATE TABLE IF NOT EXISTS w(n int); INSERT INTO w VALUES (1)", expect=None)
        if done.returncode == 0:
            return None
        return done.stderr.strip().rsplit(" ", 1)[-1]

    def duty(self):
        return self.platform.region_status(EAST)["duty"]

    def setUp(self):
        self.platform.await_healthy(EAST)
        wait_until(lambda: self.write() is None, "the region writes")

    def test_01_it_refuses_writes_and_goes_on_when_it_is_told(self):
        operation = self.operation("a")
        before = self.platform.postmasters(EAST)
        answer = self.ask("fence", operation)
        self.assertGreater(answer["final_lsn"], 0)
        self.assertEqual(answer, self.ask("fence", operation))
        self.assertEqual("25006", self.write())
        self.assertEqual(("fenced", before), (self.duty(), self.platform.postmasters(EAST)))
        self.ask("unfence", operation)
        wait_until(lambda: self.write() is None, "the region writes")
        self.assertEqual(before, self.platform.postmasters(EAST))

    def test_02_a_killed_daemon_finds_the_fence_and_leaves_the_server_alone(self):
        operation = self.operation("b")
        self.ask("fence", operation)
        before = self.platform.postmasters(EAST)
        killed = self.platform.pid(EAST, "daemon")
        self.platform.kill(killed)
        wait_until(lambda: self.platform.pid(EAST, "daemon") not in (None, killed),
                   "the supervisor starts another daemon")
        wait_until(lambda: self.duty() == "fenced", "it knows the fence")
        for _ in range(5):
            self.assertEqual("25006", self.write())
            self.assertEqual(before, self.platform.postmasters(EAST))
        self.ask("unfence", operation)
        wait_until(lambda: self.write() is None, "the region writes")

    def test_03_a_killed_postmaster_is_not_started_before_the_outcome_is_known(self):
        operation = self.operation("c")
        self.ask("fence", operation)
        (killed,) = self.platform.postmasters(EAST)
        self.platform.kill(killed)
        wait_until(lambda: self.platform.postmasters(EAST) == [], "it is gone")
        killed = self.platform.pid(EAST, "daemon")
        self.platform.kill(killed)
        wait_until(lambda: self.platform.pid(EAST, "daemon") not in (None, killed),
                   "the supervisor starts another daemon")
        wait_until(lambda: self.duty() == "fenced", "it knows the fence")
        self.assertEqual([], self.platform.postmasters(EAST))
        self.ask("unfence", operation)
        wait_until(lambda: self.write() is None, "the region writes")

    def test_04_a_server_whose_fence_was_lost_is_shut_down(self):
        operation = self.operation("d")
        self.ask("fence", operation)
        self.platform.as_superuser(EAST, "SELECT aurora_global_unfence(2)")
        wait_until(lambda: self.platform.postmasters(EAST) == [], "it is shut down")
        self.ask("unfence", operation)
        wait_until(lambda: self.write() is None, "the region writes")

    def test_05_an_operator_may_go_on_here(self):
        self.ask("fence", self.operation("e"))
        self.platform.command("failover", "--to", EAST, "--allow-data-loss")
        wait_until(lambda: self.write() is None, "the region writes")
        self.platform.await_healthy(EAST)

    def test_06_a_retired_server_ends_and_only_a_word_brings_it_back(self):
        operation = self.operation("f", epoch=9)
        self.ask("retire", operation)
        self.assertNotEqual([], self.platform.postmasters(EAST))  # Nothing was promised.
        self.ask("fence", operation)
        self.ask("retire", operation)
        self.assertEqual([], self.platform.postmasters(EAST))
        self.assertEqual("fenced", self.duty())
        self.ask("unfence", operation)
        wait_until(lambda: self.write() is None, "the region writes")


if __name__ == "__main__":
    unittest.main()
