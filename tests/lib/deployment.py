"""The CDK app, deployed onto a platform by the real CDK CLI; and what the platform's services have,
told by themselves."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess

from lib.platform import EAST, PROGRAM, WEST, Platform, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(PROGRAM).resolve().parents[1]
OUT = ROOT / "out" / "deploy-local" / "aurora-global"  # Of deploy.sh.
CDK = ROOT / "cdk" / "node_modules" / ".bin" / "cdk"
PRIMARY, SECONDARY = "AuroraGlobalPrimaryStack", "AuroraGlobalSecondaryStack"
KEYS = ("AuroraGlobalKmsStackPrimary", "AuroraGlobalKmsStackSecondary")
STACKS = {KEYS[0]: EAST, KEYS[1]: WEST, PRIMARY: EAST, SECONDARY: WEST,
          "AuroraGlobalPeeringRoutesStack": EAST}
LIMIT_S = 400


class Deployment:
    """A platform's home that nothing runs in yet; the scripts and the CDK's CLI talk to it.
    `options` go to its `up`."""

    def __init__(self, *options):
        self.platform = Platform(*options)
        package = self.platform.directory / "package"
        package.write_text(f"#!/bin/sh\nexec /usr/bin/python3 {ROOT}/tools/package.py {BUILD} "
                           f"{ROOT}/build/package-local \"$@\"\n", encoding="utf-8")
        package.chmod(0o755)
        self.script_environment = {
            **os.environ, "AURORA_GLOBAL_BUILD": str(BUILD),
            "AURORA_GLOBAL_ADDRESS_PREFIX": self.platform.prefix.text,
            "AURORA_GLOBAL_PACKAGE": str(package)}

    def script(self, name, *options, expect=0):
        """deploy.sh or destroy.sh."""
        return run([ROOT / name, "--local", "--home", self.platform.home, *options],
                   env=self.script_environment, limit_s=LIMIT_S, expect=expect)

    def start_cdk(self, *arguments):
        """The CDK's CLI, as a person in a shell of `env` calls it."""
        return subprocess.Popen(
            [CDK, *arguments], cwd=ROOT / "cdk", text=True, env=self.platform.environment(EAST),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def cdk(self, *arguments, expect=0):
        with self.start_cdk(*arguments) as done:
            told, _ = done.communicate(timeout=LIMIT_S)
        if done.returncode != expect:
            raise AssertionError(f"cdk {arguments}: {done.returncode}, not {expect}\n"
                                 f"{told[-6000:]}")
        return told

    def copy_app(self, folder, stack=None, change=None):
        """What deploy.sh has synthesized, in `folder`, with `change(template)` made to a stack's."""
        shutil.copytree(OUT / "cdk.out", folder, dirs_exist_ok=True)
        if stack:
            file = pathlib.Path(folder, f"{stack}.template.json")
            template = json.loads(file.read_text(encoding="utf-8"))
            change(template)
            text = json.dumps(template)
            file.write_text(text, encoding="utf-8")
            self._name_anew(pathlib.Path(folder), file.name, hashlib.sha256(text.encode()))

    def _name_anew(self, folder, template, digest):
        """A template is published under the digest of its text."""
        listed = folder / template.replace(".template.", ".assets.")
        files = json.loads(listed.read_text(encoding="utf-8"))["files"]
        (old,) = (name for name, one in files.items() if one["source"]["path"] == template)
        for file in (listed, folder / "manifest.json"):
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(old, digest.hexdigest()), encoding="utf-8")

    def import_kept(self, stack):
        """Takes in what the last deletion of the stack has kept. Logical id -> physical id."""
        region = STACKS[stack]
        deleted = self.platform.aws(
            region, "cloudformation", "list-stacks", "--stack-status-filter", "DELETE_COMPLETE",
            "--query", f"sort_by(StackSummaries[?StackName=='{stack}'],&DeletionTime)[-1].StackId")
        kept = [one for one in self.platform.aws(
            region, "cloudformation", "describe-stack-resources", "--stack-name", deleted)
            ["StackResources"] if one["ResourceStatus"] == "DELETE_SKIPPED"]
        documented = (ROOT / "docs/reference/cloudformation.md").read_text(encoding="utf-8")
        named = dict(re.findall(r"### (\S+)\n\nImported by `(\w+)`", documented))
        wanted = {one["LogicalResourceId"]: {named[one["ResourceType"]]: one["PhysicalResourceId"]}
                  for one in kept if one["ResourceType"] in named}
        mapping = self.platform.directory / "import.json"
        mapping.write_text(json.dumps(wanted), encoding="utf-8")
        self.cdk("import", stack, "--app", OUT / "cdk.out", "--resource-mapping", mapping)
        return {name: next(iter(one.values())) for name, one in wanted.items()}

    def outputs(self, stack):
        return json.loads((OUT / "outputs.json").read_text(encoding="utf-8"))[stack]

    def stack(self, name):
        return self.platform.aws(STACKS[name], "cloudformation", "describe-stacks", "--stack-name",
                                 name)["Stacks"][0]

    def resources(self, stack):
        return self.platform.aws(STACKS[stack], "cloudformation", "describe-stack-resources",
                                 "--stack-name", stack)["StackResources"]


# A type of resource -> where a service lists those that it has: command, path to the ids.
LISTINGS = {
    "AWS::RDS::GlobalCluster": ("rds", "describe-global-clusters",
                                "GlobalClusters[].GlobalClusterIdentifier"),
    "AWS::RDS::DBCluster": ("rds", "describe-db-clusters", "DBClusters[].DBClusterIdentifier"),
    "AWS::RDS::DBInstance": ("rds", "describe-db-instances", "DBInstances[].DBInstanceIdentifier"),
    "AWS::RDS::DBSubnetGroup": ("rds", "describe-db-subnet-groups",
                                "DBSubnetGroups[].DBSubnetGroupName"),
    "AWS::RDS::DBClusterParameterGroup": (
        "rds", "describe-db-cluster-parameter-groups",
        "DBClusterParameterGroups[?!starts_with(DBClusterParameterGroupName,'default.')]"
        ".DBClusterParameterGroupName"),
    "AWS::KMS::Alias": ("kms", "list-aliases", "Aliases[?!starts_with(AliasName,'alias/aws/')]"
                                               ".AliasName"),
    # Replicas are of the stack of their source.
    "AWS::SecretsManager::Secret": ("secretsmanager", "list-secrets",
                                    "SecretList[?PrimaryRegion==null||PrimaryRegion=='REGION']"
                                    ".ARN"),
    "AWS::Lambda::Function": ("lambda", "list-functions", "Functions[].FunctionName"),
    "AWS::ApiGateway::RestApi": ("apigateway", "get-rest-apis", "items[].id"),
    "AWS::SQS::Queue": ("sqs", "list-queues", "QueueUrls"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "describe-alarms", "MetricAlarms[].AlarmName"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch", "list-dashboards",
                                   "DashboardEntries[].DashboardName"),
    "AWS::Logs::LogGroup": ("logs", "describe-log-groups", "logGroups[].logGroupName"),
}


def listing(platform, region):
    """(type, id) of what a region's services have, asked one by one. Not of CloudFormation."""
    found = set()
    for kind, (service, command, path) in LISTINGS.items():
        if kind == "AWS::RDS::GlobalCluster" and region != EAST:
            continue  # Every region lists it; the primary's stack has it.
        ids = platform.aws(region, service, command, "--query", path.replace("REGION", region))
        found |= {(kind, one) for one in ids or ()}
    # A key that waits for its deletion is gone for whoever made it.
    for key in platform.aws(region, "kms", "list-keys", "--query", "Keys[].KeyId"):
        state = platform.aws(region, "kms", "describe-key", "--key-id", key)["KeyMetadata"]
        if state["KeyManager"] == "CUSTOMER" and state["KeyState"] != "PendingDeletion":
            found.add(("AWS::KMS::Key", key))
    return found


def of_stacks(platform, region):
    """(type, id) of what the stacks of a region say that there is, of the types above."""
    told = set()
    for stack in platform.aws(region, "cloudformation", "describe-stacks")["Stacks"]:
        resources = platform.aws(region, "cloudformation", "describe-stack-resources",
                                 "--stack-name", stack["StackId"])["StackResources"]
        told |= {(one["ResourceType"], one["PhysicalResourceId"]) for one in resources
                 if one["ResourceType"] in {*LISTINGS, "AWS::KMS::Key"} and
                 one.get("PhysicalResourceId") and one["ResourceStatus"] != "DELETE_COMPLETE"}
    return told


def differences(platform, region):
    """What a region has and no stack tells of, and what a stack tells of and is not there. Log
    groups come with whoever writes a line."""
    real, told = listing(platform, region), of_stacks(platform, region)
    return sorted((one, one in real) for one in real ^ told
                  if one in told or one[0] != "AWS::Logs::LogGroup")
