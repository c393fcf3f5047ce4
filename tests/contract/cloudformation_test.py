"""CloudFormation through Debian's AWS CLI and botocore: templates in JSON and YAML, and no stacks."""

import configparser
import json
import pathlib
import tempfile
import unittest

import botocore.exceptions
import botocore.session

from lib.platform import EAST, PlatformTest

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
        cls.client = botocore.session.Session().create_client(
            "cloudformation", EAST, endpoint_url=f"http://{cls.platform.prefix.text}.1.1:4566",
            aws_access_key_id=section["aws_access_key_id"],
            aws_secret_access_key=section["aws_secret_access_key"])

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
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], 400)
        return response["Error"]["Code"], response["Error"]["Message"]

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
            "Metadata": '{"Made":{"By":"hand"}}', **told})
        self.assertEqual(self.of_template("get-template-summary", JSON),
                         {"Parameters": [], "ResourceTypes": ["AWS::SQS::Queue"]})

    def test_the_cli_reads_refusals(self):
        for text in ("t.yaml", "Resources: {A: {Type: T, DependsOn: A}}"):
            done = self.of_template("validate-template", text, expect=254)
            self.assertIn("An error occurred (ValidationError) when calling the ValidateTemplate "
                          "operation: ", done.stderr)
        self.assertIn("Circular dependency between resources: [A]", done.stderr)
        done = self.platform.aws(EAST, "cloudformation", "create-stack", "--stack-name", "s",
                                 "--template-body", JSON, expect=254)
        self.assertIn("(InvalidAction)", done.stderr)
        done = self.platform.aws(EAST, "cloudformation", "describe-stacks", "--stack-name",
                                 "my-stack", expect=254)
        self.assertIn("(ValidationError) when calling the DescribeStacks operation: Stack with id "
                      "my-stack does not exist", done.stderr)

    def test_the_cli_and_stacks(self):
        self.assertEqual(self.cli("list-stacks"), {"StackSummaries": []})
        self.assertEqual(self.cli("list-stacks", "--stack-status-filter", "CREATE_COMPLETE",
                                  "DELETE_FAILED"), {"StackSummaries": []})
        self.assertEqual(self.cli("describe-stacks"), {"Stacks": []})
        self.assertEqual(self.cli("list-exports"), {"Exports": []})
        self.platform.aws(EAST, "cloudformation", "wait", "stack-delete-complete", "--stack-name",
                          "my-stack")

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
            code, told = self.refused(operation, TemplateURL="https://b.s3.amazonaws.com/t.yaml")
            self.assertEqual(code, "ValidationError")
            self.assertIn("TemplateURL is not supported here", told)
        missing = ("ValidationError", "Stack with id my-stack does not exist")
        self.assertEqual(self.refused("describe_stacks", StackName="my-stack"), missing)
        self.assertEqual(self.refused("get_template_summary", StackName="my-stack"), missing)
        self.assertEqual(self.refused("delete_stack", StackName="my-stack")[0], "InvalidAction")
        for operation, member in (("list_stacks", "StackSummaries"), ("describe_stacks", "Stacks"),
                                  ("list_exports", "Exports")):
            pages = list(self.client.get_paginator(operation).paginate())
            self.assertEqual([page[member] for page in pages], [[]])
            self.assertEqual(self.refused(operation, NextToken="x")[0], "ValidationError")


if __name__ == "__main__":
    unittest.main()
