"""Goal: the CDK project's own commands work on this machine as on AWS, by the real CDK CLI.

Method: ./deploy.sh --local from nothing, then what a user does next, in the order of a first day:
invoke, move the writer by HTTP, look for differences, change something, break something, destroy.
"""

import json
import pathlib
import tempfile
import unittest

from lib.deployment import LIMIT_S, OUT, PRIMARY, SECONDARY, STACKS, Deployment
from lib.platform import EAST, WEST, run, wait_until

DEPLOY_PRIMARY = ("deploy", PRIMARY, "--exclusively", "--require-approval", "never", "--app")


class LocalDeployment(unittest.TestCase):
    """One deployment for all tests, which run in the order of their names."""

    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment()
        cls.platform = cls.deployment.platform
        cls.addClassCleanup(cls.platform.destroy)

    def writer(self):
        (one,) = self.platform.aws(EAST, "rds", "describe-global-clusters")["GlobalClusters"]
        return next(member["DBClusterArn"].split(":")[3] for member in one["GlobalClusterMembers"]
                    if member["IsWriter"])

    def test_01_deploy(self):
        done = self.deployment.script("deploy.sh", "--yes")
        self.assertIn("FailoverApiUrl", done.stdout)
        for name in STACKS:
            self.assertEqual("CREATE_COMPLETE", self.deployment.stack(name)["StackStatus"], name)
        self.platform.await_healthy(EAST)

    def test_02_the_functions_do_what_they_do_on_aws(self):
        payload = '{"trigger_failover": false, "operations": 20, "operation_type": "mixed"}'
        for stack, output in ((PRIMARY, "GlobalEndpointLambdaArn"),
                              (SECONDARY, "WriteForwardingLambdaArn")):
            with tempfile.NamedTemporaryFile() as file:
                answer = self.platform.aws(
                    STACKS[stack], "lambda", "invoke", "--function-name",
                    self.deployment.outputs(stack)[output], "--cli-binary-format",
                    "raw-in-base64-out", "--payload", payload, file.name)
                self.assertNotIn("FunctionError", answer, pathlib.Path(file.name).read_text())
                result = json.loads(pathlib.Path(file.name).read_text(encoding="utf-8"))
            self.assertEqual(20, result["succeeded"], result)

    def test_03_the_writer_moves_by_http(self):
        keys = dict(line.split(" = ") for line in
                    (self.platform.home / "credentials").read_text().splitlines() if " = " in line)
        user = f"user = \"{keys['aws_access_key_id']}:{keys['aws_secret_access_key']}\"\n"
        url = f"https://{self.deployment.outputs(PRIMARY)['FailoverApiUrl']}/failover"
        done = run(["curl", "--silent", "--show-error", "-K", "-", "--aws-sigv4",
                    f"aws:amz:{EAST}:execute-api", "-X", "POST", url, "-H",
                    "Content-Type: application/json", "-d", '{"failover_type": "planned"}'],
                   env=self.platform.environment(EAST), text_in=user)
        self.assertIn("us-west-2", done.stdout, done.stderr)
        wait_until(lambda: self.writer() == WEST, "the writer is in us-west-2")
        self.platform.await_healthy(WEST)

    def test_04_no_difference(self):
        told = self.deployment.cdk("diff", "--app", OUT / "cdk.out")
        self.assertIn("Number of stacks with differences: 0", told)

    def test_05_one_resource_changes(self):
        def more_memory(template):
            function = next(one for one in template["Resources"].values()
                            if one["Type"] == "AWS::Lambda::Function" and
                            one["Properties"]["FunctionName"] == "crud-global-endpoint")
            function["Properties"]["MemorySize"] = 640

        with tempfile.TemporaryDirectory() as folder:
            self.deployment.copy_app(folder, PRIMARY, more_memory)
            self.deployment.cdk(*DEPLOY_PRIMARY, folder)
        self.assertEqual("UPDATE_COMPLETE", self.deployment.stack(PRIMARY)["StackStatus"])
        changed = [one for one in self.deployment.resources(PRIMARY)
                   if one["ResourceStatus"] == "UPDATE_COMPLETE"]
        self.assertEqual(["AWS::Lambda::Function"], [one["ResourceType"] for one in changed])
        shown = self.platform.aws(EAST, "lambda", "get-function-configuration", "--function-name",
                                  "crud-global-endpoint")
        self.assertEqual(640, shown["MemorySize"])

    def test_06_a_failure_is_rolled_back_and_its_reason_shown(self):
        def fails(template):
            template["Resources"]["Broken"] = {
                "Type": "AWS::KMS::Alias",
                "Properties": {"AliasName": "alias/broken", "TargetKeyId": "no-such-key"}}

        before = self.deployment.resources(PRIMARY)
        with tempfile.TemporaryDirectory() as folder:
            self.deployment.copy_app(folder, PRIMARY, fails)
            told = self.deployment.cdk(*DEPLOY_PRIMARY, folder, expect=1)
        self.assertIn("Broken", told)
        self.assertIn("no-such-key", told)
        self.assertEqual("UPDATE_ROLLBACK_COMPLETE", self.deployment.stack(PRIMARY)["StackStatus"])
        ids = [{one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}
               for resources in (before, self.deployment.resources(PRIMARY))]
        self.assertEqual(*ids)

    def test_07_destroy_keeps_clusters_and_keys(self):
        refused = self.deployment.script("destroy.sh", "--yes", expect=1)
        self.assertIn("--switch-back", refused.stderr)
        done = self.deployment.script("destroy.sh", "--yes", "--switch-back")
        for kind in ("AWS::RDS::DBCluster", "AWS::KMS::Key", "AWS::SecretsManager::Secret"):
            self.assertIn(kind, done.stdout)
        for region in (EAST, WEST):
            stacks = self.platform.aws(region, "cloudformation", "describe-stacks")["Stacks"]
            self.assertEqual([], [one["StackName"] for one in stacks
                                  if one["StackName"].startswith("Aurora")])
            clusters = self.platform.aws(region, "rds", "describe-db-clusters")["DBClusters"]
            self.assertEqual(["available"], [one["Status"] for one in clusters])
        self.platform.await_healthy(EAST)
        # The commands that it prints delete what is kept.
        commands = done.stdout.split("To delete them")[1].split("\n", 1)[1]
        run(["/bin/bash", "-ec", commands], env=self.platform.environment(EAST), limit_s=LIMIT_S)
        for region in (EAST, WEST):
            self.assertEqual([], self.platform.aws(region, "rds", "describe-db-clusters")
                             ["DBClusters"])


if __name__ == "__main__":
    unittest.main()
