"""What stands around write forwarding: metrics, status, switching it on and off, drills."""

import json
import pathlib
import unittest
import urllib.request
from datetime import datetime, timedelta, timezone

import psycopg

from lib.platform import EAST, WEST, PlatformTest, run, wait_until

CLUSTER = "aurora-global-db-"
READ_ONLY = "25006"
DRILL = """
[[load]]
endpoint = "global-writer"
client_region = "us-east-1"
concurrency = 4
rate = 100
[[load]]
endpoint = "write-forwarding"
client_region = "us-west-2"
concurrency = 4
rate = 60
[[step]]
after_writes = 150
do = "switchover"
repeat = 2
min_writes_between = 150
[expect]
lost_writes = 0
failed_operations = 0
stale_reads = 0
min_success_rate = 1.0
min_acknowledged_writes = 50
healthy_at_end = true
"""


class ForwardingSystem(PlatformTest):
    up_options = ("--readers", "1")

    @staticmethod
    def edit_files(platform):
        for region in (EAST, WEST):
            file = platform.region_dir(region) / "region.toml"
            file.write_text("metrics_interval_s = 1\n" + file.read_text(encoding="utf-8"),
                            encoding="utf-8")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.since = (datetime.now(timezone.utc) - timedelta(minutes=5)).isoformat()
        cls.platform.await_healthy(EAST)
        cls.platform.sql(EAST, "CREATE TABLE notes(id int PRIMARY KEY, words text)")
        for region in (EAST, WEST):
            cls.platform.await_row(region, "SELECT count(*) FROM notes", "0", "reader")

    def connect(self, region):
        environment = self.platform.environment(region)
        host = environment["PGHOST"].rsplit(".", 1)[0] + ".12"  # The reader endpoint.
        return psycopg.connect(host=host, port=5432, dbname=environment["PGDATABASE"],
                               user=environment["PGUSER"], passfile=environment["PGPASSFILE"],
                               sslmode="verify-full", sslrootcert=environment["PGSSLROOTCERT"],
                               autocommit=True)

    def statistic(self, region, metric, instance, name="Maximum"):
        points = self.platform.aws(
            region, "cloudwatch", "get-metric-statistics", "--namespace", "AWS/RDS",
            "--metric-name", metric, "--dimensions",
            f"Name=DBInstanceIdentifier,Value={CLUSTER}{region}-{instance}", "--start-time",
            self.since, "--end-time", (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat(),
            "--period", "86400", "--statistics", name)["Datapoints"]
        return points[0][name] if points else None

    def await_statistic(self, region, metric, instance, above, connection):
        """Writes meanwhile: a throughput is what was added between two looks."""
        def seen():
            connection.execute("UPDATE notes SET words = words WHERE id = 0")
            return (self.statistic(region, metric, instance) or 0) > above
        wait_until(seen, f"{metric} of {region}-{instance} is above {above}")

    def modify(self, region, *options):
        self.platform.aws(region, "rds", "modify-db-cluster", "--db-cluster-identifier",
                          CLUSTER + region, *options)

    def raw_rds(self, region, body):
        """What Debian's AWS CLI does not know yet, by hand."""
        environment = self.platform.environment(region)
        keys = dict(line.split(" = ") for line in pathlib.Path(
            environment["AWS_SHARED_CREDENTIALS_FILE"]).read_text(
                encoding="ascii").splitlines() if " = " in line)
        config = f'user = "{keys["aws_access_key_id"]}:{keys["aws_secret_access_key"]}"\n'
        return run(["curl", "-sS", "--fail-with-body", "--aws-sigv4", f"aws:amz:{region}:rds", "-K",
                    "-", environment["AWS_ENDPOINT_URL"], "-d", body + "&Version=2014-10-31"],
                   text_in=config).stdout

    def await_status(self, region, wanted):
        def settled():
            found = self.platform.aws(region, "rds", "describe-db-clusters")["DBClusters"][0]
            return found["GlobalWriteForwardingStatus"] == wanted
        wait_until(settled, f"write forwarding of {region} is {wanted}")

    def await_write(self, connection, wanted):
        """`wanted`: the SQLSTATE of the refusal, or None for success."""
        def outcome():
            try:
                connection.execute("UPDATE notes SET words = words")
                return wanted is None
            except psycopg.Error as error:
                return error.sqlstate == wanted
        wait_until(outcome, f"a write ends with {wanted or 'success'}", 20)

    def test_1_metrics_and_status_of_forwarded_writes(self):
        with self.connect(WEST) as connection:
            for number in range(20):
                connection.execute("INSERT INTO notes VALUES (%s, 'from afar')", (number,))
                (seen,) = connection.execute("SELECT count(*) FROM notes").fetchone()
                self.assertEqual(seen, number + 1)
            # The session stays while the daemons look.
            for metric, region, instance in (
                    ("AuroraForwardingWriterOpenSessions", EAST, 1),
                    ("AuroraForwardingWriterTotalSessions", EAST, 1),
                    ("AuroraForwardingWriterDMLThroughput", EAST, 1),
                    ("AuroraForwardingReplicaOpenSessions", WEST, 2),
                    ("AuroraForwardingReplicaCommitThroughput", WEST, 2),
                    ("AuroraForwardingReplicaDMLLatency", WEST, 2),
                    ("AuroraForwardingReplicaDMLThroughput", WEST, 2)):
                self.await_statistic(region, metric, instance, 0, connection)
            here, there = (wait_until(
                lambda region=region, member=member: (
                    one := self.platform.region_status(region)["forwarding"])[member] > 0 and one,
                f"{region} has {member}")
                for region, member in ((WEST, "open_sessions"), (EAST, "accepted_sessions")))
            self.assertTrue(here["on"])
            self.assertGreater(here["mean_latency_ms"], 0)
            self.assertEqual(here["accepted_sessions"], 0)
            self.assertEqual({one["role"] for one in there["instances"]}, {"writer", "replica"})
            # The same for Prometheus, without a signature.
            with urllib.request.urlopen(f"http://{self.platform.prefix.text}.2.1:4566/metrics",
                                        timeout=10) as answer:
                scraped = answer.read().decode()
            self.assertRegex(scraped, "(?m)^aurora_global_forwarding_replica_statements_total"
                                      rf'{{region="{WEST}",instance="{CLUSTER}{WEST}-2"}} [1-9]')
            table = self.platform.command("status").stdout
            self.assertIn("FORWARDING", table)
            self.assertRegex(table, r"(?m)^  forwards writes over \d+ connections?, [\d.]+ ms on")
            self.assertRegex(table, r"(?m)^  executes what others forward over \d+ connections?$")
            above = table.partition("connect to the global writer")[0]
            self.assertLessEqual(max(map(len, above.splitlines())), 80)
        for metric in ("DMLThroughput", "CommitThroughput", "ErrorSessionsLimit"):
            name = "AuroraForwardingReplica" + metric
            wait_until(lambda name=name: self.statistic(WEST, name, 2, "Minimum") == 0,
                       f"{name} is never negative and 0 without writes")
        wait_until(lambda: self.platform.region_status(WEST)["forwarding"]["open_sessions"] == 0,
                   "the session is gone")

    def test_2_switching_off_and_on_reaches_open_sessions(self):
        with self.connect(WEST) as connection:
            self.await_write(connection, None)
            self.modify(WEST, "--no-enable-global-write-forwarding")
            self.await_status(WEST, "disabled")
            self.await_write(connection, READ_ONLY)
            with self.connect(WEST) as fresh:
                with self.assertRaises(psycopg.errors.ReadOnlySqlTransaction):
                    fresh.execute("DELETE FROM notes")
            self.assertFalse(self.platform.region_status(WEST)["forwarding"]["on"])
            self.modify(WEST, "--enable-global-write-forwarding")
            self.await_status(WEST, "enabled")
            self.await_write(connection, None)

    def test_3_a_reader_of_the_primary_region_forwards_to_its_head(self):
        self.assertIn("<LocalWriteForwardingStatus>enabled<",
                      self.raw_rds(EAST, "Action=DescribeDBClusters"))
        with self.connect(EAST) as connection:
            (standby,) = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            self.assertTrue(standby)
            connection.execute("INSERT INTO notes VALUES (100, 'from next door')")
            seen = connection.execute("SELECT words FROM notes WHERE id = 100").fetchone()
            self.assertEqual(seen, ("from next door",))
            self.await_statistic(EAST, "AuroraLocalForwardingReplicaOpenSessions", 2, 0, connection)
            self.await_statistic(EAST, "AuroraLocalForwardingReplicaDMLLatency", 2, 0, connection)
            for value, refusal in (("false", READ_ONLY), ("true", None)):
                self.raw_rds(EAST, "Action=ModifyDBCluster&DBClusterIdentifier=" + CLUSTER + EAST +
                             "&EnableLocalWriteForwarding=" + value)
                self.await_write(connection, refusal)

    def test_4_a_drill_over_both_endpoint_types(self):
        file = self.platform.directory / "both.toml"
        file.write_text(DRILL, encoding="utf-8")
        output = self.platform.directory / "out"
        self.platform.command("drill", file, "--output", output, limit_s=240)
        results = json.loads((output / "both" / "results.json").read_text(encoding="utf-8"))
        self.assertEqual([one["endpoint"] for one in results["loads"]],
                         ["global-writer", "write-forwarding"])
        self.assertEqual(len(results["steps"]), 2)
        self.assertEqual(self.platform.writer(), EAST)
        for load in results["loads"]:
            stored = self.platform.sql(
                EAST, f"SELECT count(*) FROM drill_ledger WHERE run = '{load['run']}'")
            # Nothing failed and nothing is unknown: the ledger has what was acknowledged.
            self.assertEqual(int(stored), load["total"]["acknowledged_writes"], load["endpoint"])
        page = (output / "both" / "report.html").read_text(encoding="utf-8")
        self.assertIn("write-forwarding", page)


if __name__ == "__main__":
    unittest.main()
