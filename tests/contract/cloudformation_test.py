"""CloudFormation through Debian's AWS CLI, botocore and the AWS SDK for JavaScript: templates in JSON
and YAML, stacks, change sets."""

import configparser
import json
import pathlib
import re
import subprocess
import tempfile
import threading
import time
import unittest

import botocore.exceptions
import botocore.session

from lib.platform import EAST, WEST, PROGRAM, PlatformTest, run, wait_until

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parent.parent / "build" / "sdk"  # Made by `./dev test`.
YAML = """
AWSTemplateFormatVersion: 2010-09-09
Description: Who may read the queue
Metadata: {Made: {By: hand}}
Parameters:
  Stage: {Type: String, Default: test, AllowedValues: [test, live], Description: Which one}
  Password: {Type: String, NoEcho: true, MinLength: 8}
Conditions:
  IsLive: !Equals [!Ref Stage, live]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    DeletionPolicy: Retain
    Properties: {QueueName: !Sub "${AWS::StackName}-${Stage}", DelaySeconds: !If [IsLive, 0, 5]}
  Reader:
    Type: AWS::IAM::Role
    Condition: IsLive
    Properties:
      RoleName: !Join ["-", [!GetAtt Queue.QueueName, reader]]
      AssumeRolePolicyDocument: {Statement: []}
Outputs:
  Arn: {Value: !GetAtt Queue.Arn, Export: {Name: !Sub "${AWS::StackName}-arn"}}
"""
JSON = json.dumps({"Resources": {
    "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "AWS::StackName"}}},
    "Other": {"Type": "AWS::SQS::Queue", "DependsOn": "Queue"}}})
# A network as the CDK writes it; recorded only.
NETWORK = """
Description: A network
Parameters: {Block: {Type: String, Default: 10.0.0.0/16}}
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !Ref Block}}
  Subnet:
    Type: AWS::EC2::Subnet
    Properties:
      VpcId: !Ref Vpc
      CidrBlock: !Select [0, !Cidr [!GetAtt Vpc.CidrBlock, 2, 8]]
      AvailabilityZone: !Select [0, !GetAZs ""]
  Role:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Statement: []}}
Outputs:
  VpcId: {Value: !Ref Vpc, Export: {Name: !Sub "${AWS::StackName}-vpc"}}
  Arn: {Value: !GetAtt Role.Arn}
"""
USER = """
Resources:
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !ImportValue network-vpc}}
"""
REASON = "The following resource(s) require capabilities: [AWS::IAM::Role]"
STAGE = {"ParameterKey": "Stage", "DefaultValue": "test", "NoEcho": False,
         "Description": "Which one"}
PASSWORD = {"ParameterKey": "Password", "NoEcho": True}
# A template -> what CloudFormation says of it.
REFUSED = {
    "t.yaml": "Template format error: unsupported structure.",
    "{": "Template format error: JSON not well-formed. (line 1, column 2)",
    "a: [1": "Template format error: YAML not well-formed.",
    "Description: nothing": "Template format error: At least one Resources member must be defined.",
    "Resources: {Q: {Type: T, Properties: {P: !Ref X}}}":
        "Template format error: Unresolved resource dependencies [X] in the Resources block of the "
        "template",
    "Resources: {Q: {Type: T, Properties: {P: !GetAtt X.Arn}}}":
        "Template error: instance of Fn::GetAtt references undefined resource X",
    "Resources: {A: {Type: T, DependsOn: B}, B: {Type: T, Properties: {P: !Ref A}}}":
        "Circular dependency between resources: [A, B]",
    "Resources: {Q: &q {Type: T}, R: *q}":
        "Template format error: YAML aliases are not allowed in CloudFormation templates",
    JSON + " " * 51_200: "Member must have length less than or equal to 51200",
}


class CloudFormation(PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        keys = configparser.ConfigParser()
        keys.read(cls.platform.home / "credentials")
        section = keys[keys.sections()[0]]
        cls.client_of = staticmethod(lambda region: botocore.session.Session().create_client(
            "cloudformation", region,
            endpoint_url=f"http://{cls.platform.prefix.text}.1.1:4566",
            aws_access_key_id=section["aws_access_key_id"],
            aws_secret_access_key=section["aws_secret_access_key"]))
        cls.client = cls.client_of(EAST)

    def cli(self, *arguments):
        return self.platform.aws(EAST, "cloudformation", *arguments)

    def of_template(self, command, text, expect=0):
        """The answer to a command about a template in a file, as people give it."""
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "template"
            file.write_text(text, encoding="utf-8")
            return self.platform.aws(EAST, "cloudformation", command, "--template-body",
                                     f"file://{file}", expect=expect)

    def refused(self, operation, **given):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            getattr(self.client, operation)(**given)
        response = caught.exception.response
        code = response["Error"]["Code"]
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"],
                         404 if code == "ChangeSetNotFound" else 400)
        return code, response["Error"]["Message"]

    def test_the_cli_and_templates(self):
        told = {"Description": "Who may read the queue",
                "Capabilities": ["CAPABILITY_NAMED_IAM"], "CapabilitiesReason": REASON}
        self.assertEqual(self.of_template("validate-template", YAML),
                         {"Parameters": [PASSWORD, STAGE], **told})
        self.assertEqual(self.of_template("validate-template", JSON), {"Parameters": []})
        self.assertEqual(self.of_template("get-template-summary", YAML), {
            "Parameters": [
                {**PASSWORD, "ParameterType": "String", "ParameterConstraints": {}},
                {**STAGE, "ParameterType": "String",
                 "ParameterConstraints": {"AllowedValues": ["test", "live"]}}],
            "ResourceTypes": ["AWS::IAM::Role", "AWS::SQS::Queue"], "Version": "2010-09-09",
            "Metadata": '{"Made":{"By":"hand"}}', **told,
            "ResourceIdentifierSummaries": [
                {"ResourceType": "AWS::IAM::Role", "LogicalResourceIds": ["Reader"],
                 "ResourceIdentifiers": ["RoleName"]},
                {"ResourceType": "AWS::SQS::Queue", "LogicalResourceIds": ["Queue"],
                 "ResourceIdentifiers": ["QueueUrl"]}]})
        self.assertEqual(self.of_template("get-template-summary", JSON), {
            "Parameters": [], "ResourceTypes": ["AWS::SQS::Queue"],
            "ResourceIdentifierSummaries": [
                {"ResourceType": "AWS::SQS::Queue", "LogicalResourceIds": ["Other", "Queue"],
                 "ResourceIdentifiers": ["QueueUrl"]}]})

    def test_the_cli_reads_refusals(self):
        for text in ("t.yaml", "Resources: {A: {Type: T, DependsOn: A}}"):
            done = self.of_template("validate-template", text, expect=254)
            self.assertIn("An error occurred (ValidationError) when calling the ValidateTemplate "
                          "operation: ", done.stderr)
        self.assertIn("Circular dependency between resources: [A]", done.stderr)
        done = self.platform.aws(EAST, "cloudformation", "detect-stack-drift", "--stack-name", "s",
                                 expect=254)
        self.assertIn("(InvalidAction)", done.stderr)
        done = self.platform.aws(EAST, "cloudformation", "describe-stacks", "--stack-name",
                                 "my-stack", expect=254)
        self.assertIn("(ValidationError) when calling the DescribeStacks operation: Stack with id "
                      "my-stack does not exist", done.stderr)

    def statuses(self, stack):
        """Of the stack, the oldest first."""
        events = self.client.describe_stack_events(StackName=stack)["StackEvents"]
        return [one["ResourceStatus"] for one in reversed(events)
                if one["ResourceType"] == "AWS::CloudFormation::Stack"]

    def settle(self, stack):
        """Its status once nothing is done to it any more."""
        for _ in range(600):
            told = self.client.describe_stacks(StackName=stack)["Stacks"][0]
            if not told["StackStatus"].endswith("_IN_PROGRESS"):
                return told["StackStatus"]
            time.sleep(0.05)
        self.fail(f"{stack} does not settle: {told}")

    def test_the_cli_deploys(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "network.yaml"
            file.write_text(NETWORK, encoding="utf-8")
            deploy = ("cloudformation", "deploy", "--stack-name", "network", "--template-file",
                      str(file))
            done = self.platform.aws(EAST, *deploy, expect=254)
            self.assertIn("(InsufficientCapabilitiesException) when calling the CreateChangeSet "
                          "operation: Requires capabilities : [CAPABILITY_IAM]", done.stderr)
            deploy += ("--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset")
            environment = self.platform.environment(EAST)
            run(["aws", *deploy], env=environment)
            self.assertIn("No changes to deploy", run(["aws", *deploy], env=environment).stdout)
        self.assertEqual(self.statuses("network"),
                         ["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
        stack = self.cli("describe-stacks", "--stack-name", "network")["Stacks"][0]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        self.assertRegex(outputs["VpcId"], "^vpc-[0-9a-f]{17}$")
        self.assertRegex(outputs["Arn"], "^arn:aws:iam::[0-9]{12}:role/network-Role-[0-9A-Z]{13}$")
        resources = self.cli("describe-stack-resources", "--stack-name", "network")
        self.assertEqual([(one["LogicalResourceId"], one["ResourceStatus"])
                          for one in resources["StackResources"]],
                         [("Role", "CREATE_COMPLETE"), ("Subnet", "CREATE_COMPLETE"),
                          ("Vpc", "CREATE_COMPLETE")])
        told = self.cli("list-stack-resources", "--stack-name", "network")
        self.assertEqual({one["PhysicalResourceId"] for one in told["StackResourceSummaries"]},
                         {one["PhysicalResourceId"] for one in resources["StackResources"]})
        one = self.cli("describe-stack-resource", "--stack-name", "network",
                       "--logical-resource-id", "Vpc")["StackResourceDetail"]
        self.assertEqual(one["PhysicalResourceId"], outputs["VpcId"])
        self.assertEqual(self.client.get_template(StackName="network")["TemplateBody"], NETWORK)

        self.platform.aws(EAST, "cloudformation", "create-stack", "--stack-name", "user",
                          "--template-body", USER)
        self.platform.aws(EAST, "cloudformation", "wait", "stack-create-complete", "--stack-name",
                          "user")
        self.assertEqual(self.cli("list-imports", "--export-name", "network-vpc"),
                         {"Imports": ["user"]})
        self.assertEqual(self.refused("delete_stack", StackName="network"), (
            "ValidationError", "Export network-vpc cannot be deleted as it is in use by user"))
        for name in ("user", "network"):
            stack_id = self.client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
            self.platform.aws(EAST, "cloudformation", "delete-stack", "--stack-name", name)
            self.assertEqual(self.settle(stack_id), "DELETE_COMPLETE")
        self.assertEqual(self.cli("list-exports"), {"Exports": []})

    def read_until(self, program, wanted):
        """What `program` prints, up to the line with `wanted`."""
        told = ""
        while not re.search(wanted, told):
            line = program.stdout.readline()
            self.assertTrue(line, f"it ended or was ended, having told: {told}")
            told += line
        return told

    def test_the_stacks_command(self):
        self.assertIn("us-west-2\n", self.platform.command("stacks").stdout)
        with subprocess.Popen([PROGRAM, "--home", str(self.platform.home), "stacks", "--watch"],
                              stdout=subprocess.PIPE, text=True) as watch:
            limit = threading.Timer(60, watch.kill)
            limit.start()
            try:
                self.read_until(watch, "us-west-2")
                self.client.create_stack(StackName="shown", TemplateBody=NETWORK,
                                         Capabilities=["CAPABILITY_IAM"])
                told = self.read_until(watch, r"CREATE_COMPLETE +shown\n")
                self.assertRegex(told, "us-east-1 +shown +CREATE_IN_PROGRESS +Vpc")
            finally:
                limit.cancel()
                watch.terminate()
        resources = self.platform.command("stacks", "--resources").stdout
        self.assertRegex(resources, r"\n +shown +CREATE_COMPLETE\n")
        self.assertRegex(resources, r"Vpc +CREATE_COMPLETE +AWS::EC2::VPC  vpc-\S+  "
                                    r"\(recorded only\)\n")
        told = json.loads(self.platform.command("stacks", "--resources", "--json").stdout)
        shown = [one for one in told[0]["stacks"] if one["StackName"] == "shown"][0]
        self.assertEqual({one["LogicalResourceId"]: one["RecordedOnly"]
                          for one in shown["Resources"]},
                         {"Role": True, "Subnet": True, "Vpc": True})
        self.client.delete_stack(StackName="shown")
        self.assertEqual(self.settle(shown["StackId"]), "DELETE_COMPLETE")

    def test_change_sets(self):
        made = self.client.create_change_set(
            StackName="changed", ChangeSetName="first", ChangeSetType="CREATE",
            TemplateBody=NETWORK, Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": "team", "Value": "a<b"}])
        self.assertEqual(self.client.get_template(StackName="changed")["TemplateBody"], {})
        told = self.client.describe_change_set(ChangeSetName=made["Id"])
        self.assertEqual((told["Status"], told["ExecutionStatus"]),
                         ("CREATE_COMPLETE", "AVAILABLE"))
        self.assertEqual([one["ResourceChange"]["LogicalResourceId"] for one in told["Changes"]],
                         ["Role", "Vpc", "Subnet"])
        self.client.execute_change_set(ChangeSetName="first", StackName="changed")
        self.assertEqual(self.settle("changed"), "CREATE_COMPLETE")
        self.assertEqual(self.refused("execute_change_set", ChangeSetName=made["Id"])[0],
                         "InvalidChangeSetStatus")
        for block, status in (("10.1.0.0/16", "CREATE_COMPLETE"), ("10.0.0.0/16", "FAILED")):
            self.client.create_change_set(
                StackName="changed", ChangeSetName="second", UsePreviousTemplate=True,
                Capabilities=["CAPABILITY_IAM"],
                Parameters=[{"ParameterKey": "Block", "ParameterValue": block}])
            told = self.client.describe_change_set(StackName="changed", ChangeSetName="second")
            self.assertEqual(told["Status"], status)
            self.client.delete_change_set(StackName="changed", ChangeSetName="second")
            self.assertEqual(self.refused("describe_change_set", StackName="changed",
                                          ChangeSetName="second")[0], "ChangeSetNotFound")
        self.assertIn("didn't contain changes", told["StatusReason"])
        left = self.client.list_change_sets(StackName="changed")["Summaries"]
        self.assertEqual([one["ChangeSetName"] for one in left], ["first"])
        self.client.update_termination_protection(StackName="changed",
                                                  EnableTerminationProtection=True)
        self.assertIn("TerminationProtection is enabled",
                      self.refused("delete_stack", StackName="changed")[1])
        self.client.update_termination_protection(StackName="changed",
                                                  EnableTerminationProtection=False)
        self.client.update_stack(StackName="changed", TemplateBody=NETWORK.replace("10.0", "10.2"),
                                 Capabilities=["CAPABILITY_IAM"])
        self.assertEqual(self.settle("changed"), "UPDATE_COMPLETE")
        stack_id = made["StackId"]
        self.client.delete_stack(StackName=stack_id)
        self.assertEqual(self.settle(stack_id), "DELETE_COMPLETE")
        self.client.delete_stack(StackName="changed")

    def test_what_exists_is_taken_in(self):
        """By the CLI, with what AWS refuses on the way."""
        for name in ("first", "second"):
            self.platform.aws(EAST, "ssm", "put-parameter", "--name", f"/taken/{name}", "--type",
                              "String", "--value", name)
        parameter = {"Type": "AWS::SSM::Parameter", "DeletionPolicy": "Delete"}
        template = {"Resources": {
            "First": {**parameter, "Properties": {"Name": "/taken/first", "Type": "String",
                                                  "Value": "first"}}}}
        wanted = [{"ResourceType": "AWS::SSM::Parameter", "LogicalResourceId": "First",
                   "ResourceIdentifier": {"Name": "/taken/first"}}]

        def change_set(name, stack="taken"):
            self.platform.aws(
                EAST, "cloudformation", "create-change-set", "--stack-name", stack,
                "--change-set-name", name, "--change-set-type", "IMPORT", "--template-body",
                json.dumps(template), "--resources-to-import", json.dumps(wanted))
            return self.client.describe_change_set(StackName=stack, ChangeSetName=name)

        told = change_set("one")
        self.assertEqual([(one["ResourceChange"]["Action"],
                           one["ResourceChange"]["PhysicalResourceId"])
                          for one in told["Changes"]], [("Import", "/taken/first")])
        self.client.execute_change_set(StackName="taken", ChangeSetName="one")
        self.client.get_waiter("stack_import_complete").wait(StackName="taken",
                                                             WaiterConfig={"Delay": 1})
        self.assertEqual(self.statuses("taken"),
                         ["REVIEW_IN_PROGRESS", "IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"])
        self.assertIn("already belongs to stack", change_set("two", "other")["StatusReason"])
        # One that is there and one that is not: nothing is taken in, and nothing is deleted.
        for name in ("second", "third"):
            template["Resources"][name.title()] = {**parameter, "Properties": {
                "Name": f"/taken/{name}", "Type": "String", "Value": name}}
        wanted[:] = [{**wanted[0], "LogicalResourceId": name.title(),
                      "ResourceIdentifier": {"Name": f"/taken/{name}"}}
                     for name in ("second", "third")]
        change_set("three")
        self.client.execute_change_set(StackName="taken", ChangeSetName="three")
        self.assertEqual(self.settle("taken"), "IMPORT_ROLLBACK_COMPLETE")
        self.assertEqual([one["LogicalResourceId"] for one in self.client.describe_stack_resources(
            StackName="taken")["StackResources"]], ["First"])
        template["Outputs"] = {"O": {"Value": "x"}}
        self.assertIn("you cannot modify or add [Outputs]", change_set("four")["StatusReason"])
        for name in ("taken", "other"):
            self.client.delete_stack(StackName=name)
        wait_until(lambda: "taken" not in [one["StackName"] for one in
                                           self.client.describe_stacks()["Stacks"]], "it is gone")
        left = self.platform.aws(EAST, "ssm", "get-parameters-by-path", "--path", "/taken")
        self.assertEqual([one["Name"] for one in left["Parameters"]], ["/taken/second"])

    def test_the_sdk(self):
        run(["node", str(HERE / "sdk" / "stacks.mjs"), str(MODULES)],
            env=self.platform.environment(EAST))

    def test_what_cannot_be_had(self):
        for resource, message in (
                ("{Type: AWS::Mars::Rover}",
                 "Template format error: Unrecognized resource types: [AWS::Mars::Rover]"),
                ("{Type: AWS::EC2::VPC, Properties: {CidrBlok: 10.0.0.0/8}}",
                 "Resource R: Properties validation failed for type AWS::EC2::VPC: Encountered "
                 "unsupported property CidrBlok"),
                ("{Type: AWS::EC2::VPC, Properties: {Ipv4IpamPoolId: x}}",
                 "Resource R: Properties validation failed for type AWS::EC2::VPC: The property "
                 "Ipv4IpamPoolId is not supported here: there are no address pools"),
                ("{Type: AWS::SQS::Queue, Properties: {QueueName: '{{resolve:ssm:/none}}'}}",
                 "Parameters: [ssm:/none] cannot be found."),
                ("{Type: AWS::RDS::DBInstance, Properties: {Engine: mysql, AllocatedStorage: 5}}",
                 "Resource R: Properties validation failed for type AWS::RDS::DBInstance: The "
                 "property Engine with the value mysql is not supported here: it can be "
                 "aurora-postgresql only")):
            self.assertEqual(self.refused("create_stack", StackName="bad",
                                          TemplateBody=f"Resources: {{R: {resource}}}"),
                             ("ValidationError", message))
        # Types are told before what a parameter names, and outputs before anything is made.
        for template, message in (
                ("Parameters: {P: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /none}}\n"
                 "Resources: {R: {Type: AWS::Mars::Rover, Properties: {X: !Ref P}}}",
                 "Template format error: Unrecognized resource types: [AWS::Mars::Rover]"),
                ("Resources: {R: {Type: AWS::SQS::Queue}}\nOutputs: {O: {Value: [a]}}",
                 "Template format error: The Value field of every Outputs member must evaluate to "
                 "a String.")):
            self.assertEqual(self.refused("create_stack", StackName="bad", TemplateBody=template),
                             ("ValidationError", message))
        self.client.create_stack(StackName="bad", OnFailure="ROLLBACK", TemplateBody="""
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: vpc-1}, DependsOn: Vpc}
""")
        self.assertEqual(self.settle("bad"), "ROLLBACK_COMPLETE")
        self.assertEqual(self.statuses("bad"),
                         ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"])
        reasons = [one["ResourceStatusReason"]
                   for one in self.client.describe_stack_events(StackName="bad")["StackEvents"]
                   if one["ResourceStatus"] == "CREATE_FAILED"]
        self.assertEqual(len(reasons), 1)
        self.assertIn("The vpc ID 'vpc-1' does not exist", reasons[0])
        for operation in ("cancel_update_stack", "continue_update_rollback", "rollback_stack"):
            code, message = self.refused(operation, StackName="bad")
            self.assertEqual(code, "ValidationError")
            self.assertRegex(message, "ROLLBACK_COMPLETE|current stack status")
        self.client.delete_stack(StackName="bad")

    def test_outputs_of_another_region(self):
        west = self.client_of(WEST)
        west.create_stack(StackName="there", TemplateBody="""
Resources: {Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.1.0.0/16}}}
Outputs: {Vpc: {Value: !Ref Vpc}}
""")
        west.get_waiter("stack_create_complete").wait(StackName="there", WaiterConfig={"Delay": 1})
        template = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Peering:
    Type: AWS::EC2::VPCPeeringConnection
    Properties:
      VpcId: !Ref Vpc
      PeerRegion: us-west-2
      PeerVpcId:
        Fn::GetStackOutput: {StackName: there, OutputName: Vpc, Region: us-west-2}
"""
        self.assertIn("Stack there has no output Nothing", self.refused(
            "create_stack", StackName="here",
            TemplateBody=template.replace("OutputName: Vpc", "OutputName: Nothing"))[1])
        self.client.create_stack(StackName="here", TemplateBody=template)
        self.assertEqual(self.settle("here"), "CREATE_COMPLETE")
        for client, name in ((self.client, "here"), (west, "there")):
            client.delete_stack(StackName=name)
            client.get_waiter("stack_delete_complete").wait(StackName=name,
                                                            WaiterConfig={"Delay": 1})

    def test_botocore_and_templates(self):
        for text in (YAML, JSON, YAML.replace("\n", "\r\n")):
            validated = self.client.validate_template(TemplateBody=text)
            summary = self.client.get_template_summary(TemplateBody=text)
            self.assertEqual([one["ParameterKey"] for one in validated["Parameters"]],
                             [one["ParameterKey"] for one in summary["Parameters"]])
            self.assertEqual(validated.get("Capabilities"), summary.get("Capabilities"))
        for text, message in REFUSED.items():
            for operation in ("validate_template", "get_template_summary"):
                with self.subTest(text=text[:80], operation=operation):
                    code, told = self.refused(operation, TemplateBody=text)
                    self.assertEqual(code, "ValidationError")
                    self.assertIn(message, told)

    def test_botocore_and_what_is_not_here(self):
        for operation in ("validate_template", "get_template_summary"):
            self.assertEqual(self.refused(operation), (
                "ValidationError", "Either Template URL or Template Body must be specified."))
            code, told = self.refused(operation, TemplateURL="https://example.com/t.yaml")
            self.assertEqual(code, "ValidationError")
            self.assertIn("only objects of this platform's S3 are templates", told)
        missing = ("ValidationError", "Stack with id my-stack does not exist")
        self.assertEqual(self.refused("describe_stacks", StackName="my-stack"), missing)
        self.assertEqual(self.refused("get_template_summary", StackName="my-stack"), missing)
        self.assertIsNotNone(self.client.delete_stack(StackName="my-stack"))
        for operation in ("list_stacks", "describe_stacks", "list_exports"):
            self.assertEqual(self.refused(operation, NextToken="x")[0], "ValidationError")


if __name__ == "__main__":
    unittest.main()
