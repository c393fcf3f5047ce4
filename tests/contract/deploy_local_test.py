"""Goal: the CDK project's own commands work on this machine as on AWS, by the real CDK CLI.

Method: ./deploy.sh --local from nothing, then what a user does next, in the order of a first day:
invoke, move the writer by HTTP, look for differences, change something, break something, destroy.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from lib.platform import EAST, PROGRAM, WEST, Platform, run, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(PROGRAM).resolve().parents[1]
CDK = ROOT / "cdk" / "node_modules" / ".bin" / "cdk"
PRIMARY, SECONDARY = "AuroraGlobalPrimaryStack", "AuroraGlobalSecondaryStack"
STACKS = {"AuroraGlobalKmsStackPrimary": EAST, "AuroraGlobalKmsStackSecondary": WEST,
          PRIMARY: EAST, SECONDARY: WEST, "AuroraGlobalPeeringRoutesStack": EAST}
LIMIT_S = 400


class LocalDeployment(unittest.TestCase):
    """One deployment for all tests, which run in the order of their names."""

    @classmethod
    def setUpClass(cls):
        cls.platform = Platform()
        cls.addClassCleanup(cls.platform.destroy)
        package = cls.platform.directory / "package"
        package.write_text(f"#!/bin/sh\nexec /usr/bin/python3 {ROOT}/tools/package.py {BUILD} "
                           f"{ROOT}/build/package-local \"$@\"\n", encoding="utf-8")
        package.chmod(0o755)
        cls.environment = {**os.environ, "AURORA_GLOBAL_BUILD": str(BUILD),
                           "AURORA_GLOBAL_ADDRESS_PREFIX": cls.platform.prefix.text,
                           "AURORA_GLOBAL_PACKAGE": str(package)}

    def script(self, name, *options, expect=0):
        return run([ROOT / name, "--local", "--home", self.platform.home, *options],
                   env=self.environment, limit_s=LIMIT_S, expect=expect)

    def cdk(self, *arguments, expect=0, region=EAST):
        """As a person in a shell of `env`."""
        done = subprocess.run([CDK, *arguments], cwd=ROOT / "cdk", text=True, timeout=LIMIT_S,
                              env=self.platform.environment(region), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        self.assertEqual(expect, done.returncode, done.stdout[-6000:])
        return done.stdout

    def assembly(self, folder, stack, change):
        """The synthesized app in `folder`, with `change(template)` made to a stack's template."""
        self.cdk("synth", "--quiet", "--output", folder, *self.context())
        file = pathlib.Path(folder, f"{stack}.template.json")
        template = json.loads(file.read_text(encoding="utf-8"))
        change(template)
        file.write_text(json.dumps(template), encoding="utf-8")

    def context(self):
        return ["-c", f"lambdaDir={ROOT}/build/package-local"]

    def outputs(self, stack):
        file = ROOT / "out" / "deploy-local" / "aurora-global" / "outputs.json"
        return json.loads(file.read_text(encoding="utf-8"))[stack]

    def stack(self, name):
        return self.platform.aws(STACKS[name], "cloudformation", "describe-stacks", "--stack-name",
                                 name)["Stacks"][0]

    def resources(self, stack):
        return self.platform.aws(STACKS[stack], "cloudformation", "describe-stack-resources",
                                 "--stack-name", stack)["StackResources"]

    def writer(self):
        (one,) = self.platform.aws(EAST, "rds", "describe-global-clusters")["GlobalClusters"]
        return next(member["DBClusterArn"].split(":")[3] for member in one["GlobalClusterMembers"]
                    if member["IsWriter"])

    def test_01_deploy(self):
        done = self.script("deploy.sh", "--yes")
        self.assertIn("FailoverApiUrl", done.stdout)
        for name in STACKS:
            self.assertEqual("CREATE_COMPLETE", self.stack(name)["StackStatus"], name)
        self.platform.await_healthy(EAST)

    def test_02_the_functions_do_what_they_do_on_aws(self):
        payload = '{"trigger_failover": false, "operations": 20, "operation_type": "mixed"}'
        for stack, output in ((PRIMARY, "GlobalEndpointLambdaArn"),
                              (SECONDARY, "WriteForwardingLambdaArn")):
            with tempfile.NamedTemporaryFile() as file:
                answer = self.platform.aws(
                    STACKS[stack], "lambda", "invoke", "--function-name",
                    self.outputs(stack)[output], "--cli-binary-format", "raw-in-base64-out",
                    "--payload", payload, file.name)
                self.assertNotIn("FunctionError", answer, pathlib.Path(file.name).read_text())
                result = json.loads(pathlib.Path(file.name).read_text(encoding="utf-8"))
            self.assertEqual(20, result["operations"]["succeeded"], result)

    def test_03_the_writer_moves_by_http(self):
        keys = dict(line.split(" = ") for line in
                    (self.platform.home / "credentials").read_text().splitlines() if " = " in line)
        user = f"user = \"{keys['aws_access_key_id']}:{keys['aws_secret_access_key']}\"\n"
        url = f"https://{self.outputs(PRIMARY)['FailoverApiUrl']}/failover"
        done = run(["curl", "--silent", "--show-error", "-K", "-", "--aws-sigv4",
                    f"aws:amz:{EAST}:execute-api", "-X", "POST", url, "-H",
                    "Content-Type: application/json", "-d", '{"failover_type": "planned"}'],
                   env=self.platform.environment(EAST), text_in=user)
        self.assertIn("us-west-2", done.stdout, done.stderr)
        wait_until(lambda: self.writer() == WEST, "the writer is in us-west-2")
        self.platform.await_healthy(WEST)

    def test_04_no_difference(self):
        told = self.cdk("diff", "--all", *self.context())
        self.assertIn("Number of stacks with differences: 0", told)

    def test_05_one_resource_changes(self):
        def more_memory(template):
            function = next(one for one in template["Resources"].values()
                            if one["Type"] == "AWS::Lambda::Function" and
                            one["Properties"]["FunctionName"] == "crud-global-endpoint")
            function["Properties"]["MemorySize"] = 640

        with tempfile.TemporaryDirectory() as folder:
            self.assembly(folder, PRIMARY, more_memory)
            self.cdk("deploy", PRIMARY, "--exclusively", "--require-approval", "never", "--app",
                     folder)
        self.assertEqual("UPDATE_COMPLETE", self.stack(PRIMARY)["StackStatus"])
        changed = [one for one in self.resources(PRIMARY)
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

        before = self.resources(PRIMARY)
        with tempfile.TemporaryDirectory() as folder:
            self.assembly(folder, PRIMARY, fails)
            told = self.cdk("deploy", PRIMARY, "--exclusively", "--require-approval", "never",
                            "--app", folder, expect=1)
        self.assertIn("Broken", told)
        self.assertIn("no-such-key", told)
        self.assertEqual("UPDATE_ROLLBACK_COMPLETE", self.stack(PRIMARY)["StackStatus"])
        ids = [{one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}
               for resources in (before, self.resources(PRIMARY))]
        self.assertEqual(*ids)

    def test_07_destroy_keeps_clusters_and_keys(self):
        refused = self.script("destroy.sh", "--yes", expect=1)
        self.assertIn("--switch-back", refused.stderr)
        done = self.script("destroy.sh", "--yes", "--switch-back")
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
