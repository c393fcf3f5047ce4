"""deploy.sh and destroy.sh against an account that is a file: what they look at, ask for, do, and say."""

import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from lib.fake_aws import ACCOUNT, EAST, WEST, FakeAws, fresh_world

TOP = pathlib.Path(__file__).resolve().parents[2]
STACKS = ("AuroraGlobalKmsStackPrimary", "AuroraGlobalKmsStackSecondary", "AuroraGlobalPrimaryStack",
          "AuroraGlobalSecondaryStack", "AuroraGlobalPeeringRoutesStack")
REGIONS = dict(zip(STACKS, (EAST, WEST, EAST, WEST, EAST)))
# All that the scripts call beside the fakes: what is not here would be missing on a small machine.
SYSTEM = ("bash", "cat", "cut", "dirname", "env", "grep", "mkdir", "mktemp", "mv", "rm", "sed", "sleep",
          "sort", "tail", "tee", "timeout", "tr")
FAKES = ("aws", "curl", "node", "npm", "package")
READING = {"describe-stacks", "describe-stack-resources", "list-stacks", "describe-global-clusters",
           "describe-db-clusters", "describe-secret", "describe-key", "describe-log-groups",
           "get-parameter", "get-caller-identity", "list-functions"}


def cluster_arn(region, name="aurora-global"):
    return f"arn:aws:rds:{region}:{ACCOUNT}:cluster:{name}-db-{region}"


def global_cluster(writer, **others):
    return {"Status": "available", "GlobalClusterMembers": [
        {"DBClusterArn": cluster_arn(region), "IsWriter": region == writer,
         "SynchronizationStatus": "connected"} for region in (EAST, WEST)], **others}


class Scripts(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-test-"))
        self.addCleanup(shutil.rmtree, self.top)
        for file in ("deploy.sh", "destroy.sh", "tools/aws_common.sh"):
            (self.top / file).parent.mkdir(exist_ok=True)
            shutil.copy(TOP / file, self.top / file)
        (self.top / "cdk").mkdir()
        (self.top / "cdk/package-lock.json").write_text("{}")
        self.bin = self.top / "bin"
        self.bin.mkdir()
        for program in SYSTEM:
            (self.bin / program).symlink_to(shutil.which(program, path="/usr/bin:/bin"))
        self.fake = FakeAws()
        self.addCleanup(self.fake.close)
        for program in FAKES:
            self.fake.install(self.bin / program)
        self.world = fresh_world()

    def environment(self, **others):
        return {"PATH": str(self.bin), "AURORA_GLOBAL_PACKAGE": "package", "AURORA_GLOBAL_POLL_S": "0",
                "AURORA_GLOBAL_LIMIT_S": "30", "TMPDIR": str(self.top), "AWS_SECRET_ACCESS_KEY": "not-for-argv", **others}

    def run_script(self, script, *arguments, code, words=(), without_words=(), cwd=None, **environment):
        self.fake.world = self.world
        done = subprocess.run(
            ["/bin/bash", str(self.top / script), *arguments], stdin=subprocess.DEVNULL, cwd=cwd,
            capture_output=True, text=True, timeout=60, check=False, env=self.environment(**environment))
        self.check(done.stdout + done.stderr, done.returncode, code, words, without_words)
        return done

    def at_terminal(self, reply, script, *arguments, code, words=(), then=None, limit_s=60, **environment):
        """As run_script; a person types `reply` when asked, `then` the second of it at the sight of the first."""
        to_type = [("Type yes", reply)] + ([then] if then else [])
        self.fake.world = self.world
        ours, theirs = pty.openpty()
        with subprocess.Popen(
                ["/usr/bin/setsid", "--ctty", "/bin/bash", str(self.top / script), *arguments], stdin=theirs,
                stdout=theirs, stderr=theirs, env=self.environment(**environment)) as process:
            os.close(theirs)
            output, ends = "", time.monotonic() + limit_s
            while time.monotonic() < ends:
                if not select.select([ours], [], [], 1)[0]:
                    continue
                try:
                    output += os.read(ours, 65536).decode(errors="replace")
                except OSError:  # All of them have ended.
                    break
                if to_type and to_type[0][0] in output:
                    os.write(ours, to_type.pop(0)[1].encode())
            else:
                os.killpg(process.pid, signal.SIGKILL)
                self.fail(f"not within {limit_s} s\n{output}")
        os.close(ours)
        self.check(output, process.returncode, code, words)

    def check(self, output, returned, code, words, without_words=()):
        self.assertEqual([], self.world["unexpected"], output)
        self.assertNotIn("not-for-argv", output + json.dumps(self.world["calls"]))
        self.assertEqual(code, returned, output)
        for word in words:
            self.assertIn(word, output)
        for word in without_words:
            self.assertNotIn(word, output)
        self.assertEqual([], list(self.top.glob("tmp.*")), "a scratch folder was left")
        calls, self.world["calls"] = self.world["calls"], []
        # What changes something, in order.
        self.did = [call for call in calls if call[0] != "node" and "--generate-cli-skeleton" not in call
                    and not (call[0] == "aws" and call[2] in READING)]

    def deploy(self, *arguments, code=0, **others):
        return self.run_script("deploy.sh", *arguments, code=code, **others)

    def destroy(self, *arguments, code=0, **others):
        return self.run_script("destroy.sh", *arguments, code=code, **others)

    def deployed(self):
        return [call[2] for call in self.did if call[:2] == ["cdk", "deploy"]]

    def synthesized(self):
        return next(call for call in self.did if call[:2] == ["cdk", "synth"])

    def deleted(self):
        return [call[call.index("--stack-name") + 1].split("/")[1] for call in self.did
                if call[2] == "delete-stack"]

    def add_stack(self, stack, state="CREATE_COMPLETE", retain="true", resources=(), name=None):
        name = stack if name is None else f"{name}-{stack}"
        region = REGIONS[stack]
        self.world["stacks"].append({
            "StackName": name, "Region": region, "StackStatus": state,
            "StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{name}/old",
            "Tags": [] if retain is None else [{"Key": "aurora-global:retain", "Value": retain}],
            "Resources": [{"LogicalResourceId": f"L{number}", "ResourceType": kind, "Retain": kept,
                           "PhysicalResourceId": physical, "ResourceStatus": "CREATE_COMPLETE"}
                          for number, (kind, physical, kept) in enumerate(resources)]})

    def add_deployment(self, retain="true", writer=EAST):
        kept = retain == "true"
        for stack in STACKS:
            region = REGIONS[stack]
            resources = []
            if "Kms" in stack:
                resources = [("AWS::KMS::Key", f"key-{region}", kept), ("AWS::KMS::Alias", "alias/aurora-global", kept)]
            elif "Peering" in stack:
                resources = [("AWS::EC2::Route", "rt|10.1.0.0/16", False)]
            else:
                resources = [("AWS::EC2::VPC", f"vpc-{region}", kept), ("AWS::EC2::Subnet", f"subnet-{region}", kept),
                             ("AWS::EC2::SecurityGroup", f"sg-{region}", kept),
                             ("AWS::RDS::DBSubnetGroup", f"group-{region}", kept),
                             ("AWS::RDS::DBCluster", f"aurora-global-db-{region}", kept),
                             ("AWS::RDS::DBInstance", f"aurora-global-db-{region}-1", kept),
                             ("AWS::Lambda::Function", "failover", False)]
            if stack == "AuroraGlobalPrimaryStack":
                resources += [("AWS::RDS::GlobalCluster", "aurora-global-db", kept),
                              ("AWS::SecretsManager::Secret", "arn:secret", kept)]
            self.add_stack(stack, retain=retain, resources=resources)
        self.world["global_clusters"]["aurora-global-db"] = global_cluster(writer)
        for region in (EAST, WEST):
            self.world["clusters"][region][f"aurora-global-db-{region}"] = {"Status": "available"}


class Deploy(Scripts):
    def test_fresh(self):
        done = self.deploy("--yes", words=["[3/5] AuroraGlobalPrimaryStack (us-east-1) ... done in"])
        self.assertEqual(["npm", "curl", "package"], [call[0] for call in self.did[:3]])
        self.assertEqual(list(STACKS), self.deployed())
        outputs = self.top / "out/deploy/aurora-global"
        assembly = str(outputs / "cdk.out")
        self.assertEqual(["cdk", "synth", "--quiet", "--output", assembly, "-c", "name=aurora-global", "-c", "retain=true",
                          "-c", f"account={ACCOUNT}", "-c", f"lambdaDir={self.top}/build/package"], self.did[3])
        self.assertEqual(["cdk", "deploy", STACKS[0], "--exclusively", "--require-approval", "never", "--no-rollback", "--outputs-file",
                          str(outputs / f"{STACKS[0]}.json"), "--app", assembly], self.did[4])
        merged = json.loads((outputs / "outputs.json").read_text())
        self.assertEqual(sorted(STACKS), sorted(merged))
        self.assertEqual("aurora-global-us-east-1", merged["AuroraGlobalPrimaryStack"]["DashboardName"])
        for words in (f"aws lambda invoke --function-name arn:aws:lambda:us-east-1:{ACCOUNT}:function:crud-global-endpoint",
                      '{"trigger_failover": true, "operations": 50, "operation_type": "mixed"}',
                      "https://abc123.execute-api.us-east-1.amazonaws.com/prod/failover \\\n",
                      "aws rds describe-global-clusters --global-cluster-identifier aurora-global-db",
                      "#dashboards:name=aurora-global-us-east-1",
                      "bin/aurora-global drill drills/functions.toml --target aws", "./destroy.sh\n"):
            self.assertIn(words, done.stdout)
        self.assertNotIn("PublishOutput", done.stdout)

    def test_the_second_time_nothing_is_installed_or_downloaded(self):
        self.deploy("--yes")
        self.deploy("--yes", words=["CREATE_COMPLETE"])
        self.assertEqual(["package"] + ["cdk"] * 6, [call[0] for call in self.did])

    def test_a_changed_lock_file_is_installed(self):
        self.deploy("--yes")
        newer = (self.top / "cdk/node_modules/.package-lock.json").stat().st_mtime + 10
        os.utime(self.top / "cdk/package-lock.json", (newer, newer))
        self.deploy("--yes")
        self.assertEqual("npm", self.did[0][0])

    def test_without_a_terminal_and_yes_it_shows_and_ends(self):
        self.deploy(code=2, words=["Deployment of aurora-global", ACCOUNT, "us-west-2", "kept", "--yes"])
        self.assertEqual([], self.did)

    def test_another_name_configuration_and_no_retain(self):
        self.deploy("--name", "blue", "--no-retain", "-c", "readers=2", "-c", "zones=a,b,c", "--yes",
                    words=["blue-AuroraGlobalPrimaryStack", "blue-crud-global-endpoint",
                           "./destroy.sh --name blue --force", "blue-db"])
        self.assertEqual(list(STACKS), self.deployed())
        for pair in ("name=blue", "retain=false", "readers=2", "zones=a,b,c"):
            self.assertEqual("-c", self.synthesized()[self.synthesized().index(pair) - 1])
        self.assertTrue((self.top / "out/deploy/blue/outputs.json").exists())

    def test_what_changes_in_retention_is_said(self):
        self.add_deployment()
        self.deploy("--no-retain", code=2, words=["retain changes from true to false"])

    def test_resumed_after_the_third_stack_failed(self):
        self.world["deployments_that_fail"] = ["AuroraGlobalPrimaryStack"]
        self.deploy("--yes", code=1, words=[
            "[3/5] AuroraGlobalPrimaryStack (us-east-1) ... failed", "it is not as it should be",
            "aws cloudformation describe-stack-events --stack-name AuroraGlobalPrimaryStack --region us-east-1",
            "goes on from here", "out/deploy/aurora-global/AuroraGlobalPrimaryStack.log"])
        self.assertEqual(list(STACKS[:3]), self.deployed())
        self.assertFalse((self.top / "out/deploy/aurora-global/outputs.json").exists())
        self.world["deployments_that_fail"] = []
        self.deploy("--yes", words=["CREATE_FAILED", "goes on from there"])
        self.assertEqual(list(STACKS), self.deployed())
        rollback = {call[2]: "--no-rollback" not in call for call in self.did if call[:2] == ["cdk", "deploy"]}
        self.assertEqual([True, True, False, False, False], [rollback[stack] for stack in STACKS])

    def test_what_cannot_be_synthesized_changes_nothing(self):
        self.world["synthesis_fails"] = True
        self.deploy("--yes", code=1, words=["a template is wrong", "Nothing was changed in AWS",
                                            "out/deploy/aurora-global/synth.log"])
        self.assertEqual([], self.deployed())

    def test_a_creation_that_was_undone_is_begun_again(self):
        self.add_stack("AuroraGlobalPrimaryStack", "ROLLBACK_COMPLETE")
        self.deploy("--yes", words=["ROLLBACK_COMPLETE", "deleted and created again"])
        self.assertEqual(list(STACKS), self.deployed())

    def test_what_a_creation_that_was_undone_has_kept_is_a_leftover(self):
        self.add_stack("AuroraGlobalPrimaryStack", "ROLLBACK_COMPLETE")
        self.world["global_clusters"]["aurora-global-db"] = global_cluster(EAST)
        self.deploy("--yes", code=1, words=["global cluster aurora-global-db"])
        self.assertEqual([], self.did)

    def test_another_program_in_place_of_the_cdk(self):
        other = self.top / "elsewhere" / "cdk"
        other.parent.mkdir()
        self.fake.install(other)
        (self.bin / "npm").unlink()
        (self.bin / "npm").symlink_to("/bin/true")
        self.deploy("--yes", AURORA_GLOBAL_CDK=str(other))
        self.assertEqual(list(STACKS), self.deployed())

    def test_a_deployment_that_does_not_end(self):
        other = self.top / "hangs"
        other.write_text("#!/bin/bash\n[ $1 = synth ] || exec sleep 50\n")
        other.chmod(0o755)
        self.deploy("--yes", code=1, words=["not within 1 s", "[1/5]"], AURORA_GLOBAL_CDK=str(other),
                    AURORA_GLOBAL_LIMIT_S="1")

    def test_no_outputs(self):
        other = self.top / "silent"
        other.write_text('#!/bin/bash\n[ $1 != synth ] || exit 0\nwhile [ "$1" != --outputs-file ]; do shift; done\necho "{}" >"$2"\n')
        other.chmod(0o755)
        self.deploy("--yes", code=1, words=["no output FailoverApiUrl"], AURORA_GLOBAL_CDK=str(other))


class Terminal(Scripts):
    def test_yes(self):
        self.at_terminal("yes\n", "deploy.sh", code=0, words=["[5/5]", "done in", "Next:"])
        self.assertEqual(list(STACKS), self.deployed())
        self.world = fresh_world()
        self.add_deployment()
        self.at_terminal("yes\n", "destroy.sh", code=0, words=["To delete them"])

    def test_no(self):
        self.at_terminal("y\n", "deploy.sh", code=1, words=["nothing was changed"])
        self.assertEqual([], self.did)
        self.add_deployment()
        self.at_terminal("\n", "destroy.sh", code=1, words=["nothing was changed"])
        self.assertEqual([], self.did)

    def test_what_the_cdk_says_is_shown_and_its_failure_seen(self):
        self.world["deployments_that_fail"] = ["AuroraGlobalKmsStackSecondary"]
        self.at_terminal("yes\n", "deploy.sh", code=1, words=["it is not as it should be", "... failed after"])
        self.assertEqual(list(STACKS[:2]), self.deployed())
        log = self.top / "out/deploy/aurora-global/AuroraGlobalKmsStackSecondary.log"
        self.assertIn("it is not as it should be", log.read_text())


class Prerequisites(Scripts):
    def missing(self, *words, without=(), **environment):
        self.deploy("--yes", code=3, words=["missing", "Nothing was changed", *words], without_words=without,
                    **environment)
        self.assertEqual([], self.did)

    def test_node(self):
        (self.bin / "node").unlink()
        self.missing("Node.js 20 or newer: node is not on PATH", "node@22", without=["npm: it is not"])

    def test_old_node(self):
        self.world["node_version"] = "v18.19.0"
        self.missing("this is v18.19.0", "node@22")

    def test_newer_node_that_the_test_command_brought(self):
        self.world["node_version"] = "v20.1.0"
        folder = self.top / "build/node/node_modules/node/bin"
        folder.mkdir(parents=True)
        (self.bin / "node").rename(folder / "node")
        self.deploy("--yes")

    def test_npm(self):
        (self.bin / "npm").unlink()
        self.missing("npm: it is not on PATH", "apt-get install npm")

    def test_incomplete_checkout(self):
        (self.top / "cdk/package-lock.json").unlink()
        self.missing("cdk/package-lock.json")

    def test_aws_cli(self):
        (self.bin / "aws").unlink()
        self.missing("apt-get install awscli")

    def test_a_shell_that_talks_to_a_platform_of_this_machine(self):
        self.world["credentials"] = False
        self.missing("127.0.1.1:4566", "env --undo", AWS_ENDPOINT_URL="http://127.0.1.1:4566")

    def test_credentials(self):
        self.world["credentials"] = False
        self.missing("security token included in the request is expired", "aws sso login")

    def test_bootstrap_of_both_regions(self):
        self.world["bootstrap"] = {}
        self.missing("us-east-1: not bootstrapped", "us-west-2: not bootstrapped",
                     f"npx cdk bootstrap aws://{ACCOUNT}/us-east-1 aws://{ACCOUNT}/us-west-2")

    def test_old_bootstrap_of_one_region(self):
        self.world["bootstrap"][WEST] = "5"
        self.missing("us-west-2: version '5'", f"cdk bootstrap aws://{ACCOUNT}/us-west-2)", without=["us-east-1:"])

    def test_bootstrap_that_may_not_be_read(self):
        self.world["failing_calls"] = [{"call": "ssm get-parameter", "times": 1, "code": "AccessDeniedException",
                                        "message": "not authorized to perform ssm:GetParameter"}]
        self.missing("us-east-1: An error occurred (AccessDeniedException)", "not authorized", without=["us-west-2:"])

    def test_bundle(self):
        self.missing("RDS_CA_BUNDLE: /nowhere/bundle.pem", RDS_CA_BUNDLE="/nowhere/bundle.pem")
        (self.bin / "curl").unlink()
        self.missing("curl", "RDS_CA_BUNDLE=FILE")

    def test_a_bundle_of_ones_own_is_not_downloaded(self):
        bundle = self.top / "bundle.pem"
        bundle.write_text("-----BEGIN CERTIFICATE-----\n")
        (self.bin / "curl").unlink()
        self.deploy("--yes", RDS_CA_BUNDLE=str(bundle))
        self.assertIn(["package", str(bundle)], self.did)
        self.deploy("--yes", RDS_CA_BUNDLE="bin/../bundle.pem", cwd=self.top)
        self.assertIn(["package", f"{self.top}/bin/../bundle.pem"], self.did)

    def test_a_download_that_is_no_bundle(self):
        self.world["bundle"] = "<html>Please log in</html>"
        self.deploy("--yes", code=1, words=["no certificate", "RDS_CA_BUNDLE"])
        self.assertEqual([], self.deployed())
        self.assertFalse((self.top / "build/rds-ca-bundle.pem").exists())

    def test_several_at_once(self):
        for program in ("node", "npm", "curl"):
            (self.bin / program).unlink()
        self.world["credentials"] = False
        self.missing("Node.js", "npm", "credentials", "curl")

    def test_functions_that_cannot_be_built(self):
        self.deploy("--yes", code=1, words=["functions were not built", "nothing was changed in AWS"],
                    AURORA_GLOBAL_PACKAGE="/bin/false")
        self.assertEqual([], self.deployed())


class StatesAndLeftovers(Scripts):
    def refused(self, *words, without=()):
        self.deploy("--yes", code=1, words=["Nothing was changed", *words], without_words=without)
        self.assertEqual([], self.did)

    def test_unhealthy_stacks(self):
        for state, word in (("UPDATE_IN_PROGRESS", "Wait for its end"), ("CREATE_IN_PROGRESS", "Wait for its end"),
                            ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback"),
                            ("DELETE_FAILED", "./destroy.sh\n"),
                            ("ROLLBACK_FAILED", "aws cloudformation delete-stack")):
            with self.subTest(state):
                self.world = fresh_world()
                self.add_stack("AuroraGlobalSecondaryStack", state)
                self.refused(f"AuroraGlobalSecondaryStack (us-west-2) is {state}", word,
                             "--stack-name AuroraGlobalSecondaryStack --region us-west-2")

    def test_all_unhealthy_stacks_at_once(self):
        self.add_stack("AuroraGlobalPrimaryStack", "DELETE_IN_PROGRESS")
        self.add_stack("AuroraGlobalKmsStackPrimary", "UPDATE_ROLLBACK_FAILED")
        self.refused("AuroraGlobalPrimaryStack (us-east-1)", "AuroraGlobalKmsStackPrimary (us-east-1)")

    def test_states_that_can_be_updated(self):
        for state in ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "REVIEW_IN_PROGRESS"):
            with self.subTest(state):
                self.world = fresh_world()
                self.add_stack("AuroraGlobalKmsStackPrimary", state)
                self.deploy("--yes", words=[state])

    def test_leftovers(self):
        self.world["global_clusters"]["aurora-global-db"] = global_cluster(EAST)
        self.world["clusters"][EAST]["aurora-global-db-us-east-1"] = {
            "Status": "available", "DBClusterMembers": [{"DBInstanceIdentifier": "aurora-global-db-us-east-1-1"},
                                                        {"DBInstanceIdentifier": "aurora-global-db-us-east-1-2"}]}
        self.world["clusters"][WEST]["aurora-global-db-us-west-2"] = {"Status": "available", "DBClusterMembers": []}
        self.world["secrets"][EAST]["aurora-global/credentials"] = {"Name": "aurora-global/credentials"}
        self.world["keys"][WEST]["alias/aurora-global"] = {"KeyId": "key-west", "KeyState": "Enabled"}
        self.world["keys"][EAST]["alias/aurora-global"] = {"KeyId": "key-east", "KeyState": "PendingDeletion"}
        self.world["log_groups"][WEST] = ["/aws/lambda/failover", "/aws/lambda/failover-of-others"]
        self.refused("global cluster aurora-global-db (us-east-1), which AuroraGlobalPrimaryStack",
                     "instance aurora-global-db-us-east-1-2", "cluster aurora-global-db-us-west-2 (us-west-2)",
                     "secret aurora-global/credentials (us-east-1)", "key alias alias/aurora-global",
                     "log group /aws/lambda/failover (us-west-2)", "--name OTHER", "npx cdk import",
                     "aws rds delete-db-instance --db-instance-identifier aurora-global-db-us-east-1-1",
                     "aws kms delete-alias --alias-name alias/aurora-global --region us-east-1",
                     "aws kms schedule-key-deletion --key-id key-west --pending-window-in-days 7 --region us-west-2",
                     "aws logs delete-log-group --log-group-name /aws/lambda/failover --region us-west-2",
                     without=["of-others", "schedule-key-deletion --key-id key-east"])

    def test_a_secret_that_is_scheduled_for_deletion(self):
        for region in (EAST, WEST):
            with self.subTest(region):
                self.world = fresh_world()
                self.world["secrets"][region]["aurora-global/credentials"] = {
                    "Name": "aurora-global/credentials", "DeletedDate": "2026-01-01T00:00:00+00:00"}
                self.refused("scheduled for deletion", "restore-secret", "--force-delete-without-recovery",
                             f"--region {region}")

    def test_functions_of_somebody_else_are_left_alone(self):
        self.world["functions"][WEST] = ["failover"]
        self.deploy("--yes", code=1, words=[
            "function failover (us-west-2), which AuroraGlobalSecondaryStack would create",
            "it may be somebody else's"], without_words=["delete-function"])
        self.assertEqual([], self.deployed())
        self.deploy("--yes", "--name", "other")

    def test_a_wrong_context_is_refused_before_anything_is_built(self):
        self.world["wrong_context"] = 'minCapacity="abc": must be 0.5 to 256'
        self.deploy("--yes", "-c", "minCapacity=abc", code=2, words=[
            "must be 0.5 to 256", "nothing was built, nothing was changed in AWS"])
        self.assertEqual(["npm"], [call[0] for call in self.did])

    def test_a_stack_that_was_never_created_is_not_pointed_to(self):
        self.world["deployments_without_stack"] = ["AuroraGlobalPrimaryStack"]
        self.deploy("--yes", code=1, words=["the CDK ended before it created the stack"],
                    without_words=["describe-stack-events"])

    def test_what_belongs_to_a_stack_or_to_another_name_is_no_leftover(self):
        self.add_deployment()
        self.world["keys"][EAST]["alias/aurora-global"] = {"KeyId": "key", "KeyState": "Enabled"}
        self.deploy("--yes")
        self.deploy("--yes", "--name", "blue")
        self.world = fresh_world()
        self.world["log_groups"][WEST] = ["/aws/lambda/failover-of-others"]
        self.deploy("--yes")

    def test_an_account_that_may_not_be_read(self):
        self.world["failing_calls"] = [{"call": "rds describe-global-clusters", "times": 1, "code": "AccessDenied",
                                        "message": "not authorized"}]
        self.deploy("--yes", code=1, words=["aws rds describe-global-clusters in us-east-1", "not authorized"])
        self.assertEqual([], self.did)


class Arguments(Scripts):
    def test_wrong(self):
        for script, *arguments in (("deploy.sh", "--nmae"), ("deploy.sh", "--name"), ("deploy.sh", "-c"),
                                   ("deploy.sh", "-c", "readers"), ("deploy.sh", "-c", "readers="),
                                   ("deploy.sh", "-c", "name=x"), ("deploy.sh", "-c", "retain=false"),
                                   ("deploy.sh", "-c", "account=1"), ("deploy.sh", "-c", "lambdaDir=x"),
                                   ("deploy.sh", "extra"), ("destroy.sh", "--retain"), ("destroy.sh", "--name"),
                                   ("destroy.sh", "--name", "a" * 21)):
            with self.subTest((script, *arguments)):
                self.run_script(script, *arguments, code=2, words=[script, arguments[-1]])
                self.assertEqual([], self.did)
        for name in ("", "x", "Blue", "9lives", "a--b", "a-", "a_b", "../a", "a" * 21):
            with self.subTest(name):
                self.deploy("--name", name, code=2, words=[f"'{name}'", "2 to 20"])
        for variable in ("AURORA_GLOBAL_LIMIT_S", "AURORA_GLOBAL_POLL_S"):
            self.destroy(code=2, words=[variable, "soon"], **{variable: "soon"})

    def test_help(self):
        for script in ("deploy.sh", "destroy.sh"):
            self.run_script(script, "--help", code=0, words=["Usage", "Exit codes", "--yes"])
            self.assertEqual([], self.did)


class Destroy(Scripts):
    REVERSED = list(reversed(STACKS))

    def test_retained(self):
        self.add_deployment()
        (self.top / "out/deploy/aurora-global").mkdir(parents=True)
        (self.top / "out/deploy/aurora-global/outputs.json").write_text("{}")
        done = self.destroy("--yes", words=["[1/5] AuroraGlobalPeeringRoutesStack (us-east-1)", "These stay"])
        self.assertEqual(self.REVERSED, self.deleted())
        self.assertEqual(5, len(self.did))
        self.assertFalse((self.top / "out/deploy/aurora-global/outputs.json").exists())
        kept, commands = done.stdout.split("To delete them")
        for word in ("vpc-us-east-1", "sg-us-west-2", "subnet-us-west-2", "arn:secret", "aurora-global-db-us-west-2-1"):
            self.assertIn(word, kept)
        self.assertNotIn("AWS::Lambda::Function", done.stdout)
        order = [f"remove-from-global-cluster --global-cluster-identifier aurora-global-db --region {WEST}",
                 f"remove-from-global-cluster --global-cluster-identifier aurora-global-db --region {EAST}",
                 "delete-db-instance --db-instance-identifier aurora-global-db-us-west-2-1 --region us-west-2",
                 "delete-db-cluster --db-cluster-identifier aurora-global-db-us-west-2 --final-db-snapshot-identifier",
                 "delete-global-cluster --global-cluster-identifier aurora-global-db --region us-east-1",
                 "delete-db-subnet-group --db-subnet-group-name group-us-west-2 --region us-west-2",
                 "delete-secret --secret-id arn:secret", "delete-security-group --group-id sg-us-west-2",
                 "delete-subnet --subnet-id subnet-us-west-2", "delete-vpc --vpc-id vpc-us-west-2",
                 "aws kms delete-alias --alias-name alias/aurora-global --region us-east-1",
                 "aws kms schedule-key-deletion --key-id key-us-east-1 --pending-window-in-days 7 --region us-east-1",
                 "aws kms schedule-key-deletion --key-id key-us-west-2 --pending-window-in-days 7 --region us-west-2"]
        places = [commands.index(command) for command in order]
        self.assertEqual(sorted(places), places)

    def test_a_retained_one_is_not_forced(self):
        self.add_deployment()
        self.destroy("--yes", "--force", code=1, words=["keeps its data", "./deploy.sh --no-retain", "Nothing was"])
        self.assertEqual([], self.did)

    def test_disposable(self):
        self.add_deployment(retain="false")
        self.destroy("--yes", code=1, words=["for good", "./destroy.sh --force"])
        self.assertEqual([], self.did)
        self.destroy("--yes", "--force", words=["FOR GOOD"], without_words=["To delete them", "Kept"])
        # CloudFormation takes a cluster out of the global cluster itself, and takes one that is out for deleted.
        self.assertFalse([call for call in self.did if "remove-from-global-cluster" in call])
        self.assertEqual(self.REVERSED, self.deleted())

    def test_without_a_terminal_and_yes_it_shows_and_ends(self):
        self.add_deployment()
        self.destroy(code=2, words=["Deletion of aurora-global", "--yes", "These stay", "aurora-global-db-us-east-1"])
        self.assertEqual([], self.did)

    def test_another_name(self):
        self.add_deployment()
        self.add_stack("AuroraGlobalKmsStackPrimary", name="blue")
        self.destroy("--yes", "--name", "blue")
        self.assertEqual(["blue-AuroraGlobalKmsStackPrimary"], self.deleted())

    def test_after_one_switchover(self):
        self.add_deployment(writer=WEST)
        self.destroy("--yes", code=1, words=[
            "the writer is in us-west-2", "--switch-back",
            "aws rds switchover-global-cluster --global-cluster-identifier aurora-global-db "
            f"--target-db-cluster-identifier {cluster_arn(EAST)} --region us-west-2"])
        self.assertEqual([], self.did)
        self.world["old_cli"] = True
        self.destroy("--yes", code=1, words=["aws rds failover-global-cluster --global"],
                     without_words=["allow-data-loss"])
        self.assertEqual([], self.did)

    def test_switched_back(self):
        for old_cli, verb in ((False, "switchover-global-cluster"), (True, "failover-global-cluster")):
            with self.subTest(verb):
                self.world = fresh_world()
                self.add_deployment(writer=WEST)
                self.world["old_cli"] = old_cli
                self.destroy("--yes", "--switch-back", words=[
                    "First the writer moves back", "switching-over", "available, writer in us-east-1, 2 members not"])
                self.assertEqual(verb, self.did[0][2])
                self.assertEqual(self.REVERSED, self.deleted())

    def test_a_switch_back_that_does_not_end(self):
        self.add_deployment(writer=WEST)
        self.world["never_switches"] = True
        self.destroy("--yes", "--switch-back", code=1, words=["not within 1 s", "last seen: switching-over"],
                     AURORA_GLOBAL_LIMIT_S="1", AURORA_GLOBAL_POLL_S="0.1")
        self.assertEqual([], self.deleted())

    def test_during_an_operation(self):
        for how in ({"Status": "switching-over"}, {"FailoverState": {"Status": "failing-over"}}, {"Status": "modifying"}):
            with self.subTest(how):
                self.world = fresh_world()
                self.add_deployment()
                self.world["global_clusters"]["aurora-global-db"].update(how)
                self.destroy("--yes", "--switch-back", code=1, words=["operation is under way", "when this says available"])
                self.assertEqual([], self.did)
        self.world = fresh_world()
        self.add_stack("AuroraGlobalPrimaryStack", "UPDATE_IN_PROGRESS")
        self.destroy("--yes", code=1, words=["UPDATE_IN_PROGRESS", "Nothing was changed"])
        self.assertEqual([], self.did)

    def test_nothing_to_switch_back_to(self):
        self.add_deployment(writer=WEST)
        del self.world["global_clusters"]["aurora-global-db"]["GlobalClusterMembers"][0]
        self.destroy("--yes")
        self.assertEqual(self.REVERSED, self.deleted())

    def test_goes_on_after_a_failure(self):
        self.add_deployment()
        self.world["deletions_that_fail"] = ["AuroraGlobalSecondaryStack"]
        self.destroy("--yes", code=1, words=[
            "AuroraGlobalSecondaryStack (us-west-2) was not deleted", "it is in use", "vpc-us-west-2",
            "describe-stack-events", "goes on from here"])
        self.assertEqual(self.REVERSED[:2], self.deleted())
        self.world["deletions_that_fail"] = []
        self.destroy("--yes", words=["[1/4]", "DELETE_FAILED"])
        self.assertEqual(self.REVERSED[1:], self.deleted())

    def test_partly_destroyed_lists_what_earlier_runs_kept(self):
        self.add_deployment()
        for stack in self.world["stacks"][2:]:
            stack.update(StackStatus="DELETE_COMPLETE", DeletionTime="2026-02-02T00:00:00+00:00")
            for resource in stack["Resources"]:
                resource["ResourceStatus"] = "DELETE_SKIPPED" if resource["Retain"] else "DELETE_COMPLETE"
        # An earlier copy of that name, whose resources are no longer there.
        self.add_stack("AuroraGlobalPrimaryStack", "DELETE_COMPLETE", resources=[("AWS::EC2::VPC", "vpc-older", True)])
        self.world["stacks"][-1].update(DeletionTime="2026-01-01T00:00:00+00:00", StackId="arn:of/older")
        self.world["stacks"][-1]["Resources"][0]["ResourceStatus"] = "DELETE_SKIPPED"
        self.destroy("--yes", words=["delete-vpc --vpc-id vpc-us-east-1", "vpc-us-west-2"], without_words=["vpc-older"])
        self.assertEqual(["AuroraGlobalKmsStackSecondary", "AuroraGlobalKmsStackPrimary"], self.deleted())

    def test_a_deletion_that_was_interrupted(self):
        self.add_deployment()
        self.world["stacks"][4]["StackStatus"] = "DELETE_IN_PROGRESS"
        self.world["deletions_that_take"] = {"AuroraGlobalPeeringRoutesStack": 3}
        self.destroy("--yes")
        self.assertEqual(self.REVERSED, self.deleted())

    def test_nothing_there(self):
        self.destroy(words=["There is nothing to delete", "aurora-global"])
        self.assertEqual([], self.did)

    def test_a_global_cluster_without_a_writer(self):
        self.add_deployment()
        self.world["global_clusters"]["aurora-global-db"]["GlobalClusterMembers"] = []
        self.destroy("--yes")
        self.assertEqual(self.REVERSED, self.deleted())

    def test_interrupted(self):
        self.add_deployment()
        self.world["deletions_that_take"] = {"AuroraGlobalPeeringRoutesStack": 100000}
        self.at_terminal("yes\n", "destroy.sh", code=1, words=["interrupted", "DELETE_IN_PROGRESS"],
                         then=("DELETE_IN_PROGRESS", "\x03"), AURORA_GLOBAL_POLL_S="0.1")
        self.assertEqual(self.REVERSED[:1], self.deleted())

    def test_unknown_or_mixed_retention(self):
        self.add_stack("AuroraGlobalPrimaryStack", retain=None)
        self.destroy("--yes", code=1, words=["no tag aurora-global:retain"])
        self.assertEqual([], self.did)
        self.world = fresh_world()
        self.add_stack("AuroraGlobalPrimaryStack", retain="true")
        self.add_stack("AuroraGlobalSecondaryStack", retain="false")
        self.destroy("--yes", "--force", code=1, words=["some stacks of aurora-global keep"])
        self.assertEqual([], self.did)

    def test_prerequisites(self):
        self.world["credentials"] = False
        self.destroy("--yes", code=3, words=["expired", "aws sso login"])
        (self.bin / "aws").unlink()
        self.destroy("--yes", code=3, words=["apt-get install awscli"])

    def test_a_platform_that_does_not_come_up(self):
        program = self.bin / "aurora-global"
        program.write_text("#!/bin/bash\necho \"aurora-global: $* is refused\" >&2\nexit 1\n")
        program.chmod(0o755)
        self.deploy("--local", "--home", "there is none", "--yes", code=3, words=[
            f"--home {self.top.parent}", "there is none up --empty is refused",
            "no platform to deploy onto"], cwd=self.top.parent)
        self.destroy("--local", "--yes", code=3, words=["env us-east-1 is refused",
                                                       "bin/aurora-global up --empty makes one"])
        self.assertEqual([], self.world["calls"])

    def test_needs_no_cdk(self):
        for program in ("node", "npm", "curl"):
            (self.bin / program).unlink()
        shutil.rmtree(self.top / "cdk")
        self.add_deployment()
        self.destroy("--yes")

    def test_a_network_that_fails_now_and_then(self):
        self.add_deployment()
        self.world["failing_calls"] = [{"call": "cloudformation describe-stacks", "after": 5, "times": 2,
                                        "code": "ThrottlingException", "message": "Rate exceeded"}]
        self.destroy("--yes")
        self.assertEqual(self.REVERSED, self.deleted())
        self.world = fresh_world()
        self.add_deployment()
        self.world["failing_calls"] = [{"call": "cloudformation describe-stacks", "after": 5, "times": 3,
                                        "code": "ThrottlingException", "message": "Rate exceeded"}]
        self.destroy("--yes", code=1, words=["three times in a row", "Rate exceeded"])
        self.assertEqual(self.REVERSED[:1], self.deleted())

    def test_a_deletion_that_does_not_end(self):
        self.add_deployment()
        self.world["deletions_that_take"] = {"AuroraGlobalPeeringRoutesStack": 1000}
        self.destroy("--yes", code=1, words=["not within 1 s", "last seen: DELETE_IN_PROGRESS"],
                     AURORA_GLOBAL_LIMIT_S="1", AURORA_GLOBAL_POLL_S="0.1")
        self.assertEqual(self.REVERSED[:1], self.deleted())


if __name__ == "__main__":
    unittest.main()
