"""Goal: the CDK project's own commands work on this machine as on AWS, by the real CDK CLI.

Method: ./deploy.sh --local from nothing, then what a user does next, in the order of a first day:
invoke, move the writer by HTTP, look for differences, change something, break something, destroy,
take in again what was kept, delete it. At last the primary's stack is deployed and destroyed while a
daemon is killed: whichever it is, and whenever, the deployment ends, and what the services have is
what the stacks say. $AURORA_GLOBAL_KILLS says how often (1; `./dev soak deployments`: 20, which also
takes in all stacks), $AURORA_GLOBAL_SEED at which moments.
"""

import json
import os
import pathlib
import random
import re
import tempfile
import threading
import time
import unittest

from lib.deployment import KEYS, LIMIT_S, OUT, PRIMARY, SECONDARY, STACKS, Deployment, differences
from lib.platform import EAST, WEST, run, wait_until

KILLS = int(os.environ.get("AURORA_GLOBAL_KILLS", "1"))
SEED = int(os.environ.get("AURORA_GLOBAL_SEED", str(time.time_ns() % 1_000_000)))
UNASKED = ("--exclusively", "--require-approval", "never", "--app")
DEPLOY_PRIMARY = ("deploy", PRIMARY, *UNASKED)
VICTIMS = [(EAST, "daemon"), (WEST, "daemon"), (EAST, "router"), (WEST, "router")]
GONE = "DELETE_COMPLETE"


def kept_by_nobody(template):
    for resource in template["Resources"].values():
        resource.pop("DeletionPolicy", None)
        resource.pop("UpdateReplacePolicy", None)
        resource.get("Properties", {}).pop("DeletionProtection", None)


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
        type(self).took_s = int(re.search(rf"{PRIMARY} .* done in (\d+) s", done.stderr)[1])
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
        type(self).commands = done.stdout.split("To delete them")[1].split("\n", 1)[1]

    def test_08_what_is_kept_is_taken_in_again(self):
        for stack in list(STACKS)[:4] if KILLS > 1 else KEYS[:1]:
            kept = self.deployment.import_kept(stack)
            self.assertEqual("IMPORT_COMPLETE", self.deployment.stack(stack)["StackStatus"])
            if KILLS > 1:
                self.deployment.cdk("deploy", stack, *UNASKED, OUT / "cdk.out")
            now = {one["LogicalResourceId"]: one["PhysicalResourceId"]
                   for one in self.deployment.resources(stack)}
            self.assertEqual(kept, {name: now[name] for name in kept})
        if KILLS > 1:
            self.deployment.script("destroy.sh", "--yes")
            return
        self.platform.aws(EAST, "cloudformation", "delete-stack", "--stack-name", KEYS[0])
        wait_until(lambda: KEYS[0] not in [
            one["StackName"] for one in self.platform.aws(
                EAST, "cloudformation", "describe-stacks")["Stacks"]], f"{KEYS[0]} is deleted")

    def test_09_the_commands_that_are_printed_delete_what_is_kept(self):
        run(["/bin/bash", "-ec", self.commands], env=self.platform.environment(EAST),
            limit_s=LIMIT_S)
        for region in (EAST, WEST):
            self.assertEqual([], self.platform.aws(region, "rds", "describe-db-clusters")
                             ["DBClusters"])

    def status(self):
        stacks = self.platform.aws(EAST, "cloudformation", "list-stacks", "--query",
                                   f"StackSummaries[?StackName=='{PRIMARY}'].StackStatus")
        return stacks[0] if stacks else GONE

    def settled(self):
        return not self.status().endswith("_IN_PROGRESS") or self.status() == "REVIEW_IN_PROGRESS"

    def run_beside_a_death(self, victim, after_s, *arguments):
        """What the CLI said. It may lose its patience with a region; the deployment must not."""
        timer = threading.Timer(after_s, lambda: self.platform.kill(self.platform.pid(*victim)))
        with self.deployment.start_cdk(*arguments) as cli:
            timer.start()
            told, _ = cli.communicate(timeout=300)
            timer.join()
        wait_until(lambda: self.platform.pid(*victim), f"{victim} runs again")
        wait_until(self.settled, "the stack is at rest", 300, 0.2)
        return told

    def test_10_whatever_dies(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        app = folder.name
        self.deployment.copy_app(app, PRIMARY, kept_by_nobody)
        for stack in KEYS:
            self.deployment.cdk("deploy", stack, *UNASKED, app)
        chance = random.Random(SEED)
        for number in range(KILLS):
            for verb, options, ends in (
                    ("deploy", UNASKED, ("CREATE_COMPLETE", "ROLLBACK_COMPLETE",
                                         "REVIEW_IN_PROGRESS")),
                    ("destroy", ("--force", "--app"), (GONE,))):
                victim = chance.choice(VICTIMS) if verb == "deploy" else VICTIMS[0]
                after_s = chance.uniform(0, self.took_s if verb == "deploy" else self.took_s / 2)
                with self.subTest(seed=SEED, number=number, verb=verb, victim=victim,
                                  after_s=after_s):
                    told = self.run_beside_a_death(victim, after_s, verb, PRIMARY, *options, app)
                    status = self.status()
                    if verb == "destroy" and status != GONE:  # The CLI had not said it yet.
                        self.deployment.cdk(verb, PRIMARY, *options, app)
                        status = self.status()
                    self.assertIn(status, ends, told)
                    for region in (EAST, WEST):
                        self.assertEqual([], differences(self.platform, region), told)


if __name__ == "__main__":
    unittest.main()
