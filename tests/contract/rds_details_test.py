"""Details of the RDS API that a client relies on: identifiers, members, signatures, waiters."""

import unittest

from lib.platform import AWS, EAST, WEST, PlatformTest, run, wait_until

GLOBAL = "aurora-global-db"


class RdsDetails(PlatformTest):
    def rds(self, *arguments, region=EAST):
        return self.platform.aws(region, "rds", *arguments)

    def global_cluster(self, region=EAST):
        (found,) = self.rds("describe-global-clusters", "--global-cluster-identifier", GLOBAL,
                            region=region)["GlobalClusters"]
        return found

    def test_01_global_cluster_has_the_shape_of_aws(self):
        self.platform.await_healthy(EAST)
        found = self.global_cluster()
        self.assertEqual(GLOBAL, found["GlobalClusterIdentifier"])
        self.assertEqual("available", found["Status"])
        self.assertEqual("aurora-postgresql", found["Engine"])
        self.assertEqual("auroraglobaldb", found["DatabaseName"])
        self.assertRegex(found["GlobalClusterArn"], r"^arn:aws:rds::\d{12}:global-cluster:" + GLOBAL)
        self.assertRegex(found["GlobalClusterResourceId"], r"^cluster-[0-9a-z]+$")

    def test_02_what_newer_clients_know(self):
        # awscli 2.9 drops members that it does not know; the raw answer has them.
        for number, region in enumerate((EAST, WEST), 1):
            done = run(["aws", "--debug", "rds", "describe-global-clusters"],
                       env=self.platform.environment(region))
            self.assertIn(f"<Endpoint>{self.platform.prefix.text}.{number}.10</Endpoint>",
                          done.stderr)
            self.assertEqual(2, done.stderr.count(
                "<SynchronizationStatus>connected</SynchronizationStatus>"))

    def test_03_signatures_are_checked(self):
        environment = self.platform.environment(EAST)
        del environment["AWS_SHARED_CREDENTIALS_FILE"], environment["AWS_PROFILE"]
        environment.update(AWS_ACCESS_KEY_ID="AKIANOBODY", AWS_SECRET_ACCESS_KEY="x")
        done = run(["aws", "rds", "describe-global-clusters"], env=environment, expect=254)
        self.assertIn("(InvalidClientTokenId)", done.stderr)
        key = (self.platform.home / "credentials").read_text(encoding="ascii").split()[3]
        environment.update(AWS_ACCESS_KEY_ID=key)
        done = run(["aws", "rds", "describe-global-clusters"], env=environment, expect=254)
        self.assertIn("(SignatureDoesNotMatch)", done.stderr)
        done = run([AWS, "--no-sign-request", "--endpoint-url", environment["AWS_ENDPOINT_URL"],
                    "rds", "describe-global-clusters"], env=environment, expect=254)
        self.assertIn("(MissingAuthenticationToken)", done.stderr)

    def test_04_a_reader_is_created_and_deleted(self):
        name = f"{GLOBAL}-{EAST}-reader"
        created = self.rds("create-db-instance", "--db-instance-identifier", name,
                           "--db-cluster-identifier", f"{GLOBAL}-{EAST}", "--db-instance-class",
                           "db.serverless", "--engine", "aurora-postgresql")["DBInstance"]
        self.assertEqual("creating", created["DBInstanceStatus"])
        # The client's own waiter looks every 30 s: it is asked when it can say yes at once.
        wait_until(lambda: self.rds("describe-db-instances", "--db-instance-identifier", name)
                   ["DBInstances"][0]["DBInstanceStatus"] == "available", f"{name} is available")
        run(["aws", "rds", "wait", "db-instance-available", "--db-instance-identifier", name],
            env=self.platform.environment(EAST))
        wait_until(lambda: self.platform.sql(EAST, "SHOW cluster_name", "reader") == name,
                   "the reader endpoint leads to the reader")
        self.rds("delete-db-instance", "--db-instance-identifier", name)
        left = self.rds("describe-db-instances")["DBInstances"]
        self.assertNotIn(name, [one["DBInstanceIdentifier"] for one in left])

    def test_05_no_snapshots(self):
        done = self.platform.aws(EAST, "rds", "delete-db-cluster", "--db-cluster-identifier",
                                 f"{GLOBAL}-{EAST}", "--no-skip-final-snapshot", expect=254)
        self.assertIn("(InvalidParameterCombination)", done.stderr)


if __name__ == "__main__":
    unittest.main()
