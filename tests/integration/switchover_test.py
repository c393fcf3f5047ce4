"""A planned switchover loses nothing, by either door, there and back, and unsafe ones are refused."""

import threading
import unittest

import psycopg

from lib.platform import EAST, WEST, PlatformTest, Writers, wait_until


class Switchover(PlatformTest):
    def setUp(self):
        self.platform.make_writer(EAST)
        self.epoch = self.platform.epoch()

    def move_under_writers(self, to, move):
        writers = Writers(self.platform, EAST)
        try:
            writers.await_progress()
            move(to)
            writers.await_progress()
        finally:
            writers.stop()
        self.platform.await_healthy(to)
        self.assertEqual([], writers.lost(EAST))
        self.assertGreater(writers.count(), 800)
        self.assertEqual(self.epoch + 1, self.platform.epoch())

    def by_command(self, to):
        said = self.platform.command("switchover", "--to", to).stdout
        for step in ("validate", "prepare", "fence", "catch-up", "commit", "promote", "release"):
            self.assertIn(f"  {step} ", said)

    def by_aws(self, to):
        globals_ = self.platform.aws(EAST, "rds", "describe-global-clusters")["GlobalClusters"]
        target = next(one["DBClusterArn"] for one in globals_[0]["GlobalClusterMembers"]
                      if f":{to}:" in one["DBClusterArn"])
        # Without AllowDataLoss this call is a switchover, and all that awscli 2.9 has.
        self.platform.aws(EAST, "rds", "failover-global-cluster", "--global-cluster-identifier",
                          globals_[0]["GlobalClusterIdentifier"], "--target-db-cluster-identifier",
                          target)
        wait_until(lambda: self.platform.writer() == to, f"the writer is in {to}")

    def test_by_command_and_back(self):
        self.move_under_writers(WEST, self.by_command)
        self.epoch += 1
        self.move_under_writers(EAST, self.by_command)

    def test_by_the_aws_cli(self):
        self.move_under_writers(WEST, self.by_aws)

    def test_to_the_present_writer_is_refused(self):
        refused = self.platform.command("switchover", "--to", EAST, expect=1)
        self.assertIn("already the primary", refused.stderr)

    def test_to_an_unknown_region_is_refused(self):
        refused = self.platform.command("switchover", "--to", "eu-west-9", expect=2)
        self.assertIn("eu-west-9", refused.stderr)

    def test_in_a_partition_is_refused_and_nothing_changes(self):
        self.platform.command("link", "set", "--partition", "both")
        try:
            refused = self.platform.command("switchover", "--to", WEST, expect=None)
            self.assertNotEqual(0, refused.returncode)
            self.assertIn("failover", refused.stderr + refused.stdout)
        finally:
            self.platform.command("link", "set", "--partition", "none")
        self.platform.await_healthy(EAST)
        self.assertEqual(self.epoch, self.platform.epoch())


class ThreeRegions(PlatformTest):
    regions = (EAST, WEST, "eu-west-1")

    def test_the_writer_goes_round(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE visited(region text)")
        for region in (WEST, "eu-west-1", EAST):
            self.platform.command("switchover", "--to", region)
            self.platform.await_healthy(region)
            self.platform.sql(region, f"INSERT INTO visited VALUES ('{region}')")
        for region in self.regions:
            self.platform.await_row(region, "SELECT count(*) FROM visited", "3")


class CalledOffWhileSessionsEnd(PlatformTest):
    """The target's daemon restarts while the old region waits for a transaction."""

    def session(self):
        of = self.platform.environment(EAST)
        number = self.platform.regions.index(EAST) + 1
        with open(of["PGPASSFILE"], encoding="utf-8") as file:
            password = file.read().strip().rsplit(":", 1)[1]
        return psycopg.connect(host=f"{self.platform.prefix.text}.{number}.11", user=of["PGUSER"],
                               dbname=of["PGDATABASE"], password=password, sslmode="require")

    def log(self):
        file = self.platform.region_dir(EAST) / "daemon.log"
        return file.read_text(encoding="utf-8", errors="replace")

    def test_nobody_notices(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE t(id int)")
        session = self.session()
        self.addCleanup(session.close)
        session.execute("INSERT INTO t VALUES (1)")
        moving = threading.Thread(target=lambda: self.platform.command(
            "switchover", "--to", WEST, "--drain-timeout", "8000", expect=None))
        moving.start()
        wait_until(lambda: self.platform.region_status(EAST).get("fence"), "East has promised")
        self.platform.kill(self.platform.pid(WEST, "daemon"))
        wait_until(lambda: "nothing is fenced" in self.log(), "East's wait has ended", 60)
        moving.join()
        session.execute("INSERT INTO t VALUES (2)")
        session.commit()
        for endpoint in ("cluster", "global-writer"):
            self.assertEqual("2", self.platform.sql(EAST, "SELECT count(*) FROM t", endpoint))
        self.platform.await_healthy(EAST)
        self.assertEqual(1, self.platform.epoch())


if __name__ == "__main__":
    unittest.main()
