"""Goal: Debian's AWS CLI accepts our answers, and what it asks for happens.

Method: the RDS calls of a global database's life, made by /usr/bin/aws through the wrapper and the
environment of `aurora-global env`.
"""

import re
import unittest

from lib.platform import EAST, WEST, PlatformTest, run, wait_until

GLOBAL = "aurora-global-db"


class RdsContract(PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform.up()

    def globals(self, region=EAST):
        return self.platform.aws(region, "rds", "describe-global-clusters")["GlobalClusters"]

    def fails(self, code, *arguments, region=EAST):
        done = self.platform.aws(region, "rds", *arguments, expect=254)
        self.assertIn(f"({code})", done.stderr)
        return done.stderr

    def test_1_describe_shows_both_members(self):
        members = self.globals()[0]["GlobalClusterMembers"]
        self.assertEqual([one["IsWriter"] for one in members], [True, False])
        self.assertTrue(members[0]["DBClusterArn"].startswith(f"arn:aws:rds:{EAST}:"))
        self.assertEqual(members[0]["Readers"], [members[1]["DBClusterArn"]])

    def test_2_a_call_for_the_other_region_is_passed_on(self):
        clusters = self.platform.aws(EAST, "rds", "describe-db-clusters", "--region",
                                     WEST)["DBClusters"]
        self.assertEqual(clusters[0]["DBClusterIdentifier"], f"{GLOBAL}-{WEST}")
        self.assertEqual(clusters[0]["ReplicationSourceIdentifier"],
                         self.globals()[0]["GlobalClusterMembers"][0]["DBClusterArn"])
        instances = self.platform.aws(EAST, "rds", "describe-db-instances", "--region", WEST)
        self.assertEqual(instances["DBInstances"][0]["DBInstanceStatus"], "available")

    def test_3_errors_are_those_of_aws(self):
        self.fails("GlobalClusterNotFoundFault", "describe-global-clusters",
                   "--global-cluster-identifier", "nothing")
        self.fails("DBClusterNotFoundFault", "describe-db-clusters", "--db-cluster-identifier", "x")
        self.fails("DBInstanceNotFound", "describe-db-instances", "--db-instance-identifier", "x")
        self.fails("GlobalClusterAlreadyExistsFault", "create-global-cluster",
                   "--global-cluster-identifier", GLOBAL, "--engine", "aurora-postgresql")
        self.fails("InvalidParameterValue", "create-global-cluster",
                   "--global-cluster-identifier", "1-starts-with-a-digit",
                   "--engine", "aurora-postgresql")
        self.fails("InvalidParameterValue", "create-global-cluster",
                   "--global-cluster-identifier", "no-engine")
        said = self.fails("InvalidGlobalClusterStateFault", "delete-global-cluster",
                          "--global-cluster-identifier", GLOBAL)
        self.assertIn("is not empty", said)
        self.fails("InvalidDBClusterStateFault", "delete-db-cluster", "--db-cluster-identifier",
                   f"{GLOBAL}-{EAST}", "--skip-final-snapshot")
        self.fails("InvalidAction", "describe-db-snapshots")

    def test_4_a_wrong_secret_is_refused(self):
        environment = self.platform.environment(EAST)
        environment.pop("AWS_SHARED_CREDENTIALS_FILE")
        environment.pop("AWS_PROFILE")
        environment.update(AWS_ACCESS_KEY_ID="AKIAWRONG", AWS_SECRET_ACCESS_KEY="wrong")
        done = run(["aws", "rds", "describe-global-clusters"], env=environment, expect=254)
        self.assertIn("InvalidClientTokenId", done.stderr)

    def test_5_failover_without_data_loss_is_a_switchover(self):
        target = self.globals()[0]["GlobalClusterMembers"][1]["DBClusterArn"]
        answer = self.platform.aws(EAST, "rds", "failover-global-cluster",
                                   "--global-cluster-identifier", GLOBAL,
                                   "--target-db-cluster-identifier", target)["GlobalCluster"]
        self.assertEqual(answer["Status"], "switching-over")
        self.assertEqual(answer["FailoverState"]["ToDbClusterArn"], target)
        self.platform.await_healthy(writer=WEST)
        for region in (EAST, WEST):
            wait_until(lambda region=region: self.globals(region)[0]["Status"] == "available",
                       f"{region} shows the global cluster available")
        messages = [one["Message"] for one in self.platform.aws(
            WEST, "rds", "describe-events", "--duration", "10")["Events"]]
        self.assertTrue(any(re.search("Global switchover .* started", one) for one in messages))
        self.assertTrue(any(re.search("Global switchover .* finished", one) for one in messages))

    def test_5b_the_commands_that_the_old_cli_learns_from_env(self):
        for command, status, options in (
                ("switchover-global-cluster", "switching-over", []),
                ("failover-global-cluster", "failing-over", ["--allow-data-loss"])):
            members = self.globals()[0]["GlobalClusterMembers"]
            target = next(one["DBClusterArn"] for one in members if not one["IsWriter"])
            answer = self.platform.aws(EAST, "rds", command, "--global-cluster-identifier", GLOBAL,
                                       "--target-db-cluster-identifier", target,
                                       *options)["GlobalCluster"]
            self.assertEqual(answer["Status"], status)
            self.assertEqual(answer["FailoverState"]["IsDataLossAllowed"], bool(options))
            self.assertTrue(answer["Endpoint"])
            self.platform.await_healthy(writer=target.split(":")[3])
            for region in (EAST, WEST):
                wait_until(lambda region=region: all(
                    one["SynchronizationStatus"] == "connected"
                    for one in self.globals(region)[0]["GlobalClusterMembers"])
                    and self.globals(region)[0]["Status"] == "available",
                    f"{region} shows the members connected")

    def test_6_a_member_is_removed_and_stands_alone(self):
        arn = f"arn:aws:rds:{EAST}:123456789012:cluster:{GLOBAL}-{EAST}"
        self.platform.aws(WEST, "rds", "remove-from-global-cluster", "--global-cluster-identifier",
                          GLOBAL, "--db-cluster-identifier", arn)
        wait_until(lambda: len(self.globals(EAST)[0]["GlobalClusterMembers"]) == 1,
                   "the member is gone in both regions")
        wait_until(lambda: self.platform.sql(EAST, "SELECT pg_is_in_recovery()", "cluster") == "f",
                   "the detached cluster opens for writing")
        self.platform.sql(EAST, "CREATE TABLE alone(i int)", "cluster")
        self.fails("InvalidParameterValue", "remove-from-global-cluster",
                   "--global-cluster-identifier", GLOBAL, "--db-cluster-identifier", arn)

    def test_7_everything_can_be_deleted(self):
        aws = self.platform.aws
        aws(EAST, "rds", "delete-db-instance", "--db-instance-identifier", f"{GLOBAL}-{EAST}-1")
        aws(EAST, "rds", "delete-db-cluster", "--db-cluster-identifier", f"{GLOBAL}-{EAST}",
            "--skip-final-snapshot")
        self.assertEqual(aws(EAST, "rds", "describe-db-clusters")["DBClusters"], [])


if __name__ == "__main__":
    unittest.main()
