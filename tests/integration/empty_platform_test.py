"""Regions without clusters, to deploy onto: they come up, say so, and refuse what needs a database."""

import unittest

from lib.platform import EAST, WEST, PlatformTest


class EmptyPlatform(PlatformTest):
    up_options = ("--empty",)

    def test_01_there_is_no_cluster_and_no_function(self):
        for service, command, member in (("rds", "describe-db-clusters", "DBClusters"),
                                         ("rds", "describe-global-clusters", "GlobalClusters"),
                                         ("lambda", "list-functions", "Functions")):
            for region in (EAST, WEST):
                self.assertEqual([], self.platform.aws(region, service, command)[member], command)

    def test_02_a_shell_gets_what_a_deployment_needs_and_no_database(self):
        environment = self.platform.environment(EAST)
        self.assertTrue(environment["AWS_ENDPOINT_URL"].endswith(".1.1:4566"), environment)
        self.assertNotIn("PGHOST", environment)

    def test_03_what_needs_a_database_says_that_there_is_none(self):
        for words in (("psql", EAST), ("env", EAST, "--format", "json"),
                      ("env", EAST, "--format", "jdbc")):
            refused = self.platform.command(*words, expect=2)
            self.assertIn("was brought up empty", refused.stderr, words)
            self.assertIn("./deploy.sh --local", refused.stderr, words)

    def test_04_down_and_up_again_leave_it_empty(self):
        self.platform.command("down")
        self.platform.command("up")
        self.assertEqual([], self.platform.aws(EAST, "rds", "describe-db-clusters")["DBClusters"])

    def test_05_readers_belong_to_who_deploys(self):
        refused = self.platform.command("up", "--readers", "1", expect=1)
        self.assertIn("no clusters of its own", refused.stderr)


class PlatformWithClusters(PlatformTest):
    def test_it_is_not_emptied(self):
        refused = self.platform.command("up", "--empty", expect=1)
        self.assertIn("clusters of its own (--empty)", refused.stderr)
        clusters = self.platform.aws(EAST, "rds", "describe-db-clusters")["DBClusters"]
        self.assertEqual(1, len(clusters))


if __name__ == "__main__":
    unittest.main()
