"""Goal: every action of docs/reference/api.md answers as AWS's does, whatever it is sent.

Method: the document's tables are compared with the program's. Then each action is asked with
requests that botocore writes and signs and this test damages, sent raw, so that the answer is seen
as it is. What works is asked for by two real clients: Debian's AWS CLI and the current AWS SDK.
"""

import configparser
import copy
import datetime
import http.client
import json
import pathlib
import re
import unittest
from typing import NamedTuple
from unittest import mock
from urllib.parse import urlencode
from xml.etree import ElementTree

import botocore.auth
import botocore.session
from botocore import xform_name
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ServiceModel
from botocore.serialize import create_serializer

from lib.platform import EAST, WEST, PlatformTest, run, wait_until

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODULES = ROOT / "build" / "sdk"  # Made by `./dev test`.
GLOBAL, FUNCTION, SECRET = "aurora-global-db", "crud-global-endpoint", "aurora-global/credentials"
ABSENT = "no-such-thing"
NESTED = 200_000
BODY_MAX = 8 * 1024 * 1024  # Of the HTTP server.


class Protocol(NamedTuple):
    """How a protocol looks, and what it calls what any service may refuse."""
    content_type: str
    unknown_action: tuple
    unsigned: tuple
    unreadable: tuple  # An Authorization header that is none.
    unknown_key: tuple
    wrong_signature: tuple


PROTOCOLS = {
    "query": Protocol(
        "text/xml", (400, "InvalidAction"), (403, "MissingAuthenticationToken"),
        (400, "IncompleteSignature"), (403, "InvalidClientTokenId"),
        (403, "SignatureDoesNotMatch")),
    "json": Protocol(
        "application/x-amz-json-", (400, "UnknownOperationException"),
        (400, "MissingAuthenticationTokenException"), (400, "IncompleteSignatureException"),
        (400, "UnrecognizedClientException"), (400, "InvalidSignatureException")),
    "rest-json": Protocol(
        "application/json", (403, "AccessDeniedException"),
        (403, "MissingAuthenticationTokenException"), (403, "IncompleteSignatureException"),
        (403, "UnrecognizedClientException"), (403, "InvalidSignatureException")),
}


class Surface(NamedTuple):
    """A service in one of its protocols."""
    section: str  # Of the document.
    model: str  # In botocore.
    protocol: str
    bad_parameter: str  # The code for a parameter the action does not have; "": it is passed over.
    metadata: dict = {}  # Where botocore is too old to know the protocol of this service.


SURFACES = (
    Surface("RDS", "rds", "query", "InvalidParameterValue"),
    Surface("Lambda", "lambda", "rest-json", ""),
    Surface("API Gateway", "apigateway", "rest-json", ""),
    Surface("SQS", "sqs", "query", "InvalidParameterValue"),
    Surface("SQS", "sqs", "json", "", {"targetPrefix": "AmazonSQS", "jsonVersion": "1.0"}),
    Surface("CloudWatch", "cloudwatch", "query", "InvalidParameterValue"),
    Surface("CloudWatch", "cloudwatch", "json", "",
            {"targetPrefix": "GraniteServiceVersion20100801", "jsonVersion": "1.0"}),
    Surface("CloudWatch Logs", "logs", "json", ""),
    Surface("Secrets Manager", "secretsmanager", "json", ""),
    Surface("KMS", "kms", "json", ""),
    Surface("STS", "sts", "query", "InvalidParameterValue"),
    Surface("CloudFormation", "cloudformation", "query", "ValidationError"),
    Surface("Systems Manager", "ssm", "json", ""),
)
# Services that have errors, or no region, of their own kind; s3_test.py and ec2_test.cc ask them.
OTHERS = {"s3": "S3", "ec2": "EC2", "iam": "IAM"}

# What an action wants at least: values for the members that botocore calls required, and what
# botocore does not know. Whatever changes something is asked for what is not there or cannot be, so
# that no damaged request has an effect should it be accepted.
REQUIRED = {"string": ABSENT, "blob": b"x", "list": [], "boolean": True, "integer": 1,
            "map": {}}
TARGET = {"GlobalClusterIdentifier": ABSENT, "TargetDbClusterIdentifier": ABSENT}
RANGE = {"StartTime": "2026-01-01T00:00:00Z", "EndTime": "2026-01-01T01:00:00Z"}
TEMPLATE = '{"Resources": {"R": {"Type": "AWS::SQS::Queue"}}}'
PARAMETERS = {
    "CreateGlobalCluster": {"GlobalClusterIdentifier": ABSENT, "Engine": ABSENT},
    "ModifyGlobalCluster": {"GlobalClusterIdentifier": ABSENT},
    "RemoveFromGlobalCluster": {"GlobalClusterIdentifier": ABSENT, "DbClusterIdentifier": ABSENT},
    "SwitchoverGlobalCluster": TARGET,
    "FailoverGlobalCluster": TARGET,
    "DeleteDBCluster": {"SkipFinalSnapshot": True},
    "CreateDBInstance": {"DBClusterIdentifier": ABSENT, "DBInstanceClass": "db.serverless"},
    "Invoke": {"Payload": b"{}"},
    "PutMetricData": {"Namespace": "Refused", "MetricData": [{"MetricName": "M", "Value": 1}]},
    "GetMetricStatistics": {"Period": 60, "Statistics": ["Sum"], **RANGE},
    "GetMetricData": {**RANGE, "MetricDataQueries": [{"Id": "m", "MetricStat": {
        "Metric": {"Namespace": ABSENT, "MetricName": "M"}, "Period": 60, "Stat": "Sum"}}]},
    "CreateFunction": {"Runtime": "nodejs18.x", "Handler": "x", "Role": ABSENT,
                       "Code": {"ZipFile": b"x"}},
    "UpdateFunctionCode": {"ZipFile": b"x"},
    "AddPermission": {"Action": "lambda:InvokeFunction"},
    "CreateRestApi": {"name": ABSENT, "cloneFrom": ABSENT},
    "CreateQueue": {"QueueName": "no name"},
    "SetQueueAttributes": {"Attributes": {"DelaySeconds": "1"}},
    "TagQueue": {"Tags": {"a": "b"}},
    "CreateLogGroup": {"logGroupName": "no name"},
    "PutParameter": {"Name": "no name", "Value": "x"},
    "DescribeLogStreams": {"logGroupName": ABSENT},
    "GetLogEvents": {"logGroupName": ABSENT},
    "FilterLogEvents": {"logGroupName": ABSENT},
    "CreateSecret": {"Name": "no name", "SecretString": "x"},
    "PutSecretValue": {"SecretString": "x"},
    "CreateAlias": {"AliasName": "alias/absent"},
    "UpdateAlias": {"AliasName": "alias/absent"},
    "DeleteAlias": {"AliasName": "alias/absent"},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "CreateDBSubnetGroup": {"SubnetIds": ["subnet-1"]},
    "ModifyDBSubnetGroup": {"SubnetIds": ["subnet-1"]},
    "ModifyDBClusterParameterGroup": {"Parameters": [{"ParameterName": ABSENT}]},
    "ModifyDBParameterGroup": {"Parameters": [{"ParameterName": ABSENT}]},
    "AddTagsToResource": {"Tags": [{"Key": "a"}]},
    "RemoveTagsFromResource": {"TagKeys": ["a"]},
    "PutMetricAlarm": {"EvaluationPeriods": 1, "ComparisonOperator": ABSENT},
    "SetAlarmState": {"StateValue": "OK"},
    "DeleteAlarms": {"AlarmNames": [ABSENT]},
    "DeleteDashboards": {"DashboardNames": [ABSENT]},
    "GetKeyPolicy": {"PolicyName": "default"},
    "ReplicateSecretToRegions": {"AddReplicaRegions": [{"Region": "us-west-2"}]},
    "RemoveRegionsFromReplication": {"RemoveReplicaRegions": ["us-west-2"]},
    "ValidateTemplate": {"TemplateBody": TEMPLATE},
    "GetTemplateSummary": {"TemplateBody": TEMPLATE},
}

# Parameters that mean nothing here: read actions succeed whatever is in them.
IGNORED = {
    "DescribeDBClusters": {"IncludeShared"},
    "DescribeDBEngineVersions": {"DefaultOnly", "IncludeAll", "ListSupportedCharacterSets",
                                 "ListSupportedTimezones"},
    "ListFunctions": {"MasterRegion", "FunctionVersion", "Marker", "MaxItems"},
    "GetMetricData": {"NextToken", "MaxDatapoints", "LabelOptions"},
    "ListMetrics": {"RecentlyActive", "IncludeLinkedAccounts", "OwningAccount"},
    "DescribeLogGroups": {"nextToken"},
    "ListSecrets": {"MaxResults", "NextToken", "SortOrder", "IncludePlannedDeletion"},
    "DescribeAlarms": {"ChildrenOfAlarmName", "ParentsOfAlarmName"},
}

# Asked for by both clients in made_by_clients_test.py.
MADE = {
    "AddPermission", "AssociateKmsKey", "ChangeMessageVisibility", "CreateDeployment",
    "CreateFunction", "CreateLogGroup", "CreateLogStream", "CreateModel", "CreateQueue",
    "CreateRequestValidator", "CreateResource", "CreateRestApi", "CreateStage",
    "DeleteDeployment", "DeleteFunction", "DeleteFunctionConcurrency",
    "DeleteFunctionEventInvokeConfig", "DeleteIntegration", "DeleteLogGroup", "DeleteMessage",
    "DeleteMethod", "DeleteModel", "DeleteQueue", "DeleteRequestValidator", "DeleteResource",
    "DeleteRestApi", "DeleteRetentionPolicy", "DeleteStage", "DisassociateKmsKey",
    "GetDeployment", "GetDeployments", "GetFunctionConcurrency", "GetFunctionEventInvokeConfig",
    "GetIntegration", "GetMethod", "GetModel", "GetModels", "GetPolicy", "GetQueueAttributes",
    "GetQueueUrl", "GetRequestValidator", "GetRequestValidators", "GetResource", "GetResources",
    "GetRestApi", "GetRestApis", "GetStage", "GetStages", "GetTags", "ListQueueTags",
    "ListQueues", "ListTags", "ListTagsForResource", "PurgeQueue", "PutFunctionConcurrency",
    "PutFunctionEventInvokeConfig", "PutIntegration", "PutLogEvents", "PutMethod",
    "PutRetentionPolicy", "ReceiveMessage", "RemovePermission", "SendMessage",
    "SetQueueAttributes", "TagQueue", "TagResource", "UntagQueue", "UntagResource",
    "UpdateFunctionCode", "UpdateFunctionConfiguration", "UpdateFunctionEventInvokeConfig",
    "UpdateModel", "UpdateRequestValidator", "UpdateRestApi", "UpdateStage"
}

CLOUDFORMATION = {
    "CancelUpdateStack", "ContinueUpdateRollback", "CreateChangeSet", "CreateStack",
    "DeleteChangeSet", "DeleteStack", "DescribeChangeSet", "DescribeStackEvents",
    "DescribeStackResource", "DescribeStackResources", "DescribeStacks", "ExecuteChangeSet",
    "GetTemplate", "GetTemplateSummary", "ListChangeSets", "ListExports", "ListImports",
    "ListStackResources", "ListStacks", "RollbackStack", "UpdateStack",
    "UpdateTerminationProtection", "ValidateTemplate"}

# Success of an action that another test of this folder asks for, by client.
CLI_ELSEWHERE = {
    "made_by_clients_test.py": MADE,
    "rds_test.py": {"DescribeGlobalClusters", "DescribeDBClusters", "DescribeDBInstances",
                    "FailoverGlobalCluster", "SwitchoverGlobalCluster", "DescribeEvents",
                    "RemoveFromGlobalCluster", "DeleteDBInstance", "DeleteDBCluster"},
    "rds_details_test.py": {"CreateDBInstance"},
    "functions_test.py": {"Invoke", "ListFunctions", "GetFunction", "GetMetricStatistics",
                          "ListMetrics", "FilterLogEvents", "GetLogEvents", "GetSecretValue",
                          "DescribeSecret", "RotateSecret", "ModifyDBCluster"},
    "kms_test.py": {"CreateKey", "DescribeKey", "ListKeys", "EnableKey", "DisableKey",
                    "ScheduleKeyDeletion", "CancelKeyDeletion", "EnableKeyRotation",
                    "GetKeyRotationStatus", "CreateAlias", "Encrypt", "Decrypt", "GenerateDataKey"},
    "groups_test.py": {
        "RebootDBInstance", "CreateDBSubnetGroup", "DescribeDBSubnetGroups", "ModifyDBSubnetGroup",
        "DeleteDBSubnetGroup", "CreateDBClusterParameterGroup", "DescribeDBClusterParameterGroups",
        "ModifyDBClusterParameterGroup", "ResetDBClusterParameterGroup",
        "DeleteDBClusterParameterGroup", "DescribeDBClusterParameters", "CreateDBParameterGroup",
        "DescribeDBParameterGroups", "ModifyDBParameterGroup", "ResetDBParameterGroup",
        "DeleteDBParameterGroup", "DescribeDBParameters", "AddTagsToResource",
        "RemoveTagsFromResource", "ListTagsForResource", "PutMetricAlarm", "DescribeAlarms",
        "DescribeAlarmHistory", "DeleteAlarms", "SetAlarmState", "EnableAlarmActions",
        "DisableAlarmActions", "PutDashboard", "GetDashboard", "ListDashboards",
        "DeleteDashboards", "TagResource", "UntagResource", "GetRandomPassword", "DeleteSecret",
        "RestoreSecret", "ReplicateSecretToRegions", "RemoveRegionsFromReplication",
        "PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy", "ValidateResourcePolicy",
        "GetKeyPolicy", "PutKeyPolicy", "ListKeyPolicies", "UpdateKeyDescription"},
    "cloudformation_test.py": CLOUDFORMATION,
    "s3_test.py": {"GetCallerIdentity", "AssumeRole", "PutParameter", "GetParameter",
                   "GetParameters", "GetParametersByPath", "DescribeParameters",
                   "DeleteParameter", "DeleteParameters"},
}
SDK_ELSEWHERE = {
    "sdk/made.mjs": MADE,
    "sdk/functions.mjs": {"PutMetricData", "GetMetricStatistics", "GetMetricData", "ListMetrics",
                          "FilterLogEvents", "GetSecretValue", "ListFunctions", "Invoke"},
    "sdk/kms.mjs": {"CreateKey", "DescribeKey", "EnableKey", "DisableKey", "ScheduleKeyDeletion",
                    "CancelKeyDeletion", "CreateAlias", "Encrypt", "Decrypt", "ReEncrypt",
                    "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "UpdateSecret"},
    "sdk/stacks.mjs": CLOUDFORMATION,
    "sdk/groups.mjs": CLI_ELSEWHERE["groups_test.py"],
    "sdk/s3.mjs": {"GetCallerIdentity", "AssumeRole", "PutParameter", "GetParameter",
                   "GetParameters", "GetParametersByPath", "DescribeParameters",
                   "DeleteParameter", "DeleteParameters"},
}


def document_sections():
    """Section of the document -> the actions in the first column of its table."""
    found = {}
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        title = section.split("\n", 1)[0].split(" (")[0]
        table = re.search(r"\n\| action \| notes \|\n\|[- |]+\n((?:\|.*\n)+)", section)
        if table:
            found[title] = [name for row in table[1].splitlines()
                            for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    return found


class Request(NamedTuple):
    service: str
    method: str
    target: str
    headers: dict
    body: bytes


class Answer(NamedTuple):
    status: int
    headers: dict  # By lower-case name.
    body: bytes

    def refusal(self, protocol):
        """Code and message, after a look at everything that an error of the protocol has."""
        kind = self.headers.get("content-type", "")
        request_id = self.headers.get("x-amzn-requestid", "")
        assert kind.startswith(PROTOCOLS[protocol].content_type), f"content type {kind!r}"
        assert request_id, "no x-amzn-RequestId"
        if protocol == "query":
            root = ElementTree.fromstring(self.body)
            space = root.tag[:root.tag.index("}") + 1]
            assert root.tag == space + "ErrorResponse", root.tag
            assert root.findtext(space + "RequestId") == request_id, "another RequestId in the body"
            error = {one.tag[len(space):]: one.text for one in root.find(space + "Error")}
            assert error["Type"] == ("Receiver" if self.status >= 500 else "Sender"), error
            return error["Code"], error["Message"]
        error = json.loads(self.body)
        code = self.headers.get("x-amzn-errortype")
        if protocol == "json":
            assert code == error["__type"], f"{code} in the header, {error['__type']} in the body"
        return code, error["message"]


class Raw:
    """Signs requests and sends them as they are."""

    def __init__(self, platform):
        keys = configparser.ConfigParser()
        keys.read(platform.home / "credentials")
        section = keys[keys.sections()[0]]
        self.key, self.secret = section["aws_access_key_id"], section["aws_secret_access_key"]
        self.hosts = {region: f"{platform.prefix.text}.{number}.1"
                      for number, region in enumerate(platform.regions, 1)}
        self.open = {}

    def close(self):
        for connection in self.open.values():
            connection.close()

    def send(self, request, region=EAST, at=EAST, key=None, secret=None, minutes=0, **headers):
        """`region` is signed for, `at` is asked, `minutes` are added to the clock."""
        message = AWSRequest(request.method, f"http://{self.hosts[at]}:4566{request.target}",
                             headers=dict(request.headers), data=request.body)
        now = datetime.datetime.utcnow() + datetime.timedelta(minutes=minutes)
        with mock.patch.object(botocore.auth, "datetime") as clock:
            clock.datetime.utcnow.return_value = now
            botocore.auth.SigV4Auth(Credentials(key or self.key, secret or self.secret),
                                    request.service, region).add_auth(message)
        sent = {**dict(message.headers.items()), **headers}
        return self.exchange(request, {name: value for name, value in sent.items() if value}, at)

    def exchange(self, request, headers, at):
        if at not in self.open:
            self.open[at] = http.client.HTTPConnection(self.hosts[at], 4566, timeout=30)
        connection = self.open[at]
        try:
            connection.request(request.method, request.target, request.body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, {name.lower(): value for name, value
                                              in response.getheaders()}, response.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        return answer


class Writer:
    """Writes the requests of one surface."""

    def __init__(self, session, surface):
        self.surface = surface
        description = copy.deepcopy(
            session.get_component("data_loader").load_service_model(surface.model, "service-2"))
        description["metadata"].update(surface.metadata, protocol=surface.protocol)
        self.model = ServiceModel(description, surface.model)
        self.service = self.model.signing_name

    def members(self, action):
        shape = self.model.operation_model(action).input_shape
        return shape.members if shape else {}

    def parameters(self, action):
        shape = self.model.operation_model(action).input_shape
        least = {name: REQUIRED.get(shape.members[name].type_name)
                 for name in (shape.required_members if shape else ())}
        return {**least, **PARAMETERS.get(action, {})}

    def request(self, action, parameters=None, named=None, raw=None, **more):
        """`named` stands in for the action's name, `raw` for the body, `more` is added to it."""
        if parameters is None:
            parameters = self.parameters(action)
        operation = self.model.operation_model(action)
        made = create_serializer(self.surface.protocol, include_validation=False) \
            .serialize_to_request(parameters, operation)
        headers, target, body = dict(made["headers"]), made["url_path"], made["body"]
        if self.surface.protocol == "query":
            body = {**body, **({"Action": named} if named else {}), **more}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(body)
        elif self.surface.protocol == "json":
            body = json.dumps({**json.loads(body), **more})
            if named:
                headers["X-Amz-Target"] = headers["X-Amz-Target"].split(".")[0] + "." + named
        else:
            # No damaged request may start a function, not even one that is there.
            if action == "Invoke":
                headers.setdefault("X-Amz-Invocation-Type", "DryRun")
            target = f"/{named}{target}" if named else target
            target += f"?{urlencode(more)}" if more else ""
        if raw is not None:
            body = raw
        return Request(self.service, made["method"], target, headers,
                       body.encode() if isinstance(body, str) else body or b"")


class Api(PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        session = botocore.session.Session()
        # SwitchoverGlobalCluster is younger than Debian's botocore.
        session.get_component("data_loader").search_paths.insert(0, str(ROOT / "tools/aws-models"))
        cls.sections = document_sections()
        cls.writers = [Writer(session, surface) for surface in SURFACES]
        cls.raw = Raw(cls.platform)
        cls.platform.await_healthy(EAST)
        cls.pids = {region: cls.platform.pid(region, "daemon") for region in (EAST, WEST)}
        cls.before = cls.state()
        cls.by_cli, cls.by_sdk = set(), set()

    @classmethod
    def tearDownClass(cls):
        cls.raw.close()
        super().tearDownClass()

    @classmethod
    def state(cls):
        """What the regions say of themselves."""
        seen = {}
        for writer in cls.writers:
            for action in ("DescribeGlobalClusters", "DescribeDBClusters", "DescribeDBInstances",
                           "ListFunctions", "ListSecrets", "DescribeLogGroups", "ListKeys",
                           "ListAliases"):
                if action not in cls.sections[writer.surface.section]:
                    continue
                for region in (EAST, WEST):
                    answer = cls.raw.send(writer.request(action), region, region)
                    assert answer.status == 200, (action, answer)
                    seen[action, region] = re.sub(rb"<RequestId>.*?</RequestId>", b"", answer.body)
        return seen

    def each_action(self, check):
        for writer in self.writers:
            for action in self.sections[writer.surface.section]:
                with self.subTest(service=writer.service, protocol=writer.surface.protocol,
                                  action=action):
                    check(writer, action, PROTOCOLS[writer.surface.protocol])

    def refused(self, writer, answer, expected=None, *words):
        """A 4xx of AWS's shape; `expected` is its status and code."""
        told = f"{answer.status} {answer.headers} {answer.body[:600]}"
        try:
            code, message = answer.refusal(writer.surface.protocol)
        except (AssertionError, ValueError, KeyError, TypeError, ElementTree.ParseError) as error:
            self.fail(f"no error of AWS's shape: {error}\n{told}")
        self.assertIn(answer.status, range(400, 500), told)
        self.assertTrue(code and message, told)
        if expected:
            self.assertEqual((answer.status, code), expected, told)
        for word in words:
            self.assertIn(word, message)

    # ---- what is refused

    def test_1_the_document_lists_the_dispatch_tables(self):
        listed = {}
        for line in self.platform.command("api").stdout.splitlines():
            service, action = line.split()
            listed.setdefault(service, []).append(action)
        told = {writer.service: self.sections[writer.surface.section] for writer in self.writers}
        told.update({service: self.sections[section] for service, section in OTHERS.items()})
        self.assertEqual(set(told), set(listed))
        for service, actions in listed.items():
            self.assertEqual(sorted(told[service]), sorted(actions), service)
        self.assertEqual(set(self.sections),
                         {*(surface.section for surface in SURFACES), *OTHERS.values()})

    def test_2_an_unknown_action_and_an_unknown_parameter(self):
        def check(writer, action, protocol):
            answer = self.raw.send(writer.request(action, named=action + "X"))
            self.refused(writer, answer, protocol.unknown_action)
            if writer.surface.bad_parameter:
                answer = self.raw.send(writer.request(action, NoSuchThing="x"))
                self.refused(writer, answer, (400, writer.surface.bad_parameter), "NoSuchThing")
            elif action not in ("CreateKey", "PutMetricData"):  # These would be done.
                answer = self.raw.send(writer.request(action, NoSuchThing="x"))
                self.assertLess(answer.status, 500)
                self.assertNotIn(b"NoSuchThing", answer.body)

        self.each_action(check)

    def test_3_who_asks_is_checked(self):
        def check(writer, action, protocol):
            request = writer.request(action)
            send = self.raw.send
            self.refused(writer, send(request, secret="wrong"), protocol.wrong_signature)
            self.refused(writer, send(request, key="AKIANOBODY"), protocol.unknown_key)
            self.refused(writer, send(request, Authorization=None), protocol.unsigned)
            self.refused(writer, send(request, Authorization="Basic eA=="), protocol.unreadable)
            self.refused(writer, send(request, minutes=-20), protocol.wrong_signature,
                         "Signature expired: ", " - 5 min.)")
            self.refused(writer, send(request, minutes=20), protocol.wrong_signature,
                         "Signature not yet current: ", " + 5 min.)")

        self.each_action(check)

    def test_4_the_region_is_that_of_the_credential_scope(self):
        def check(writer, action, protocol):
            answer = self.raw.send(writer.request(action), region="mars-north-1")
            self.refused(writer, answer, protocol.wrong_signature, "mars-north-1", EAST, WEST)
            request = writer.request(action, NoSuchThing="x")
            if writer.surface.bad_parameter:
                self.refused(writer, self.raw.send(request, region=WEST),
                             (400, writer.surface.bad_parameter), "NoSuchThing")
            self.refused(writer, self.raw.send(request, region=WEST, secret="wrong"),
                         protocol.wrong_signature)

        self.each_action(check)
        for (action, region), body in self.state().items():
            if region == EAST or action in ("ListSecrets", "DescribeLogGroups"):
                continue  # Secrets are the same everywhere, and there are no logs yet.
            writer = next(one for one in self.writers
                          if action in self.sections[one.surface.section])
            answer = self.raw.send(writer.request(action), region=WEST, at=EAST)
            self.assertEqual(re.sub(rb"<RequestId>.*?</RequestId>", b"", answer.body), body)
            self.assertNotEqual(body, self.before[action, EAST])

    def wrong_values(self, writer, name, shape):
        """Members of a request in which `name` has the wrong type."""
        if writer.surface.protocol == "json":
            return [{name: "x" if shape.type_name in ("list", "structure") else {"x": [1]}}]
        if writer.surface.protocol == "query":
            scalar = shape.type_name not in ("list", "structure")
            return ([{name + ".member.1": "x"}] if scalar else []) + \
                ([{name: "x"}] if shape.type_name != "string" else [])
        return [{name: "x"}] if shape.serialization.get("location") == "querystring" else []

    def test_5_wrong_types(self):
        count = 0

        def check(writer, action, _):
            nonlocal count
            for name, shape in writer.members(action).items():
                for wrong in self.wrong_values(writer, name, shape):
                    parameters = writer.parameters(action)
                    if shape.serialization.get("location") is None:
                        parameters.pop(name, None)
                    answer = self.raw.send(writer.request(action, parameters, **wrong))
                    count += 1
                    if answer.status == 200 and name in IGNORED.get(action, ()):
                        continue
                    with self.subTest(wrong=wrong):
                        self.refused(writer, answer)

        self.each_action(check)
        self.assertGreater(count, 200)
        invoke = next(one for one in self.writers if one.service == "lambda")
        request = invoke.request("Invoke", {"FunctionName": FUNCTION, "InvocationType": "Later"})
        self.refused(invoke, self.raw.send(request), (400, "ValidationException"), "Later")

    def malformed(self, writer, action):
        """(body, the code that is expected or None)"""
        nested = "[" * NESTED + "]" * NESTED
        if writer.surface.protocol == "json":
            first = min(writer.members(action), key=lambda name: (
                writer.members(action)[name].type_name != "list", name), default="x")
            bodies = ["{", "[]", '"x"', "7", "nul", b"\xff\xfe{}", nested,
                      f'{{"{first}":{nested}}}']
            return [(body, "SerializationException") for body in bodies]
        if writer.surface.protocol == "query":
            action = f"Action={action}"
            many = "".join(f"&P{number}=" for number in range(1001))
            return [("", "MissingAction"), ("{}", "MissingAction"), ("&&=&", "MissingAction"),
                    ("Action", "InvalidAction"), (b"Action=\xff", "InvalidParameterValue"),
                    (action + "&X=%ff", "InvalidParameterValue"),
                    (action + "&X=%00", "InvalidParameterValue"),
                    (f"{action}&{action}", "InvalidParameterCombination"),
                    (action + "&Tags.Tag.1.Key=&Tags.Tag.1.Key=", "InvalidParameterCombination"),
                    (action + "&=", None), (action + "&=&Version=", "InvalidAction"),
                    (action + many, None),
                    (action + "&MetricData.member.1" + ".x" * NESTED + "=", None),
                    (action + "&MetricData.member.1" + ".member.1000" * 1000 + "=", None)]
        if action == "Invoke":
            return [(body, "InvalidRequestContentException") for body in ("{", "nul", nested)] + \
                [(b"\xff", "SerializationException")]
        return []

    def test_6_malformed_bodies(self):
        def check(writer, action, _):
            parameters = {"FunctionName": FUNCTION} if action == "Invoke" else None
            for body, code in self.malformed(writer, action):
                with self.subTest(body=body[:60]):
                    answer = self.raw.send(writer.request(action, parameters, raw=body))
                    self.refused(writer, answer, (400, code) if code else None)
            # No body is an object without members, which is enough to make a key.
            if writer.surface.protocol == "json" and action != "CreateKey":
                answer = self.raw.send(writer.request(action, raw=""))
                if answer.status != 200 or writer.parameters(action):
                    self.refused(writer, answer)

        self.each_action(check)

    def test_6b_large_bodies(self):
        for writer in self.writers:
            with self.subTest(service=writer.service, protocol=writer.surface.protocol):
                action = self.sections[writer.surface.section][0]
                parameters = {"FunctionName": FUNCTION} if action == "Invoke" else None
                # A quotation mark takes two bytes on the way to another region.
                for letter, region in ("a", EAST), ("a", WEST), ('"', WEST):
                    value = letter * 8_000_000
                    if writer.surface.protocol == "query":
                        body = f"Action={action}&NoSuchThing={value}"
                    else:
                        body = '["' + value + '"]'
                    request = writer.request(action, parameters, raw=body)
                    self.refused(writer, self.raw.send(request, region=region))
                answer = self.raw.exchange(request._replace(body=None),
                                           {"Content-Length": str(BODY_MAX + 1)}, EAST)
                self.assertEqual(answer.status, 413)

    def test_7_nothing_has_changed_and_the_daemons_live(self):
        self.assertEqual(self.state(), self.before)
        self.assertEqual({region: self.platform.pid(region, "daemon") for region in self.pids},
                         self.pids)
        self.assertEqual(self.platform.writer(), EAST)
        for writer in self.writers:
            if writer.surface.section == "CloudWatch":
                answer = self.raw.send(writer.request("ListMetrics", {"Namespace": "Refused"}))
                self.assertEqual(answer.status, 200)
                self.assertNotIn(b"Refused", answer.body)

    # ---- what works

    def cli(self, region, service, action, *options):
        self.by_cli.add(action)
        return self.platform.aws(region, service, xform_name(action, "-"), *options)

    def sdk_results(self, region, calls, environment=None):
        self.assertTrue(MODULES.exists(), "run the tests with ./dev test, which installs the SDK")
        done = run(["node", str(HERE / "sdk" / "calls.mjs"), str(MODULES)],
                   env=environment or self.platform.environment(region), text_in=json.dumps(
                       [dict(zip(("service", "command", "input"), call)) for call in calls]))
        return json.loads(done.stdout)

    def sdk(self, region, *calls):
        """The outputs of calls (client, action, input), all of which must succeed."""
        self.by_sdk |= {action for _, action, _ in calls}
        results = self.sdk_results(region, calls)
        for call, result in zip(calls, results):
            self.assertIn("output", result, f"{call}: {result}")
        return [result["output"] for result in results]

    def cluster(self, region, kind="cluster", name=None):
        return f"arn:aws:rds:{region}:123456789012:{kind}:{name or f'{GLOBAL}-{region}'}"

    def global_clusters(self, region):
        return self.raw.send(self.writers[0].request("DescribeGlobalClusters"), region).body

    def await_available(self, writer):
        self.platform.await_healthy(writer)

        def available(region):
            shown = self.global_clusters(region)
            return b"<Status>available</Status>" in shown and \
                shown.count(b"<SynchronizationStatus>connected</SynchronizationStatus>") == 2

        for region in (EAST, WEST):
            wait_until(lambda region=region: available(region), f"{region} shows it available")

    def test_8_the_sdk_reads_refusals(self):
        environment = dict(self.platform.environment(EAST), AWS_ACCESS_KEY_ID=self.raw.key,
                           AWS_SECRET_ACCESS_KEY="wrong")
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE"):
            environment.pop(name)
        calls = [("rds", "DescribeGlobalClusters", {}), ("lambda", "ListFunctions", {}),
                 ("cloudwatch", "ListMetrics", {}), ("cloudwatch-logs", "DescribeLogGroups", {}),
                 ("secrets-manager", "ListSecrets", {}), ("kms", "ListKeys", {})]
        for (client, _, _), result in zip(calls, self.sdk_results(EAST, calls, environment)):
            code = "SignatureDoesNotMatch" if client == "rds" else "InvalidSignatureException"
            self.assertEqual(result["error"]["name"], code, result)
            self.assertIn("does not match", result["error"]["message"])

    def test_9_the_sdk_reads_and_changes(self):
        arn = f"arn:aws:rds::123456789012:global-cluster:{GLOBAL}"
        cluster = {"DBClusterIdentifier": f"{GLOBAL}-{EAST}"}
        instance = {"DBInstanceIdentifier": f"{GLOBAL}-{EAST}-1"}
        contract = {"GlobalClusterIdentifier": "contract"}
        (found, clusters, instances, versions, tags, events, changed, changed_cluster,
         changed_instance, created, deleted) = self.sdk(
             EAST, ("rds", "DescribeGlobalClusters", {"GlobalClusterIdentifier": GLOBAL}),
             ("rds", "DescribeDBClusters", cluster), ("rds", "DescribeDBInstances", instance),
             ("rds", "DescribeDBEngineVersions", {"Engine": "aurora-postgresql"}),
             ("rds", "ListTagsForResource", {"ResourceName": arn}),
             ("rds", "DescribeEvents", {"Duration": 60}),
             ("rds", "ModifyGlobalCluster",
              {"GlobalClusterIdentifier": GLOBAL, "DeletionProtection": True}),
             ("rds", "ModifyDBCluster", {**cluster, "BackupRetentionPeriod": 3}),
             ("rds", "ModifyDBInstance", {**instance, "PromotionTier": 4}),
             ("rds", "CreateGlobalCluster", {**contract, "Engine": "aurora-postgresql"}),
             ("rds", "DeleteGlobalCluster", contract))
        one = found["GlobalClusters"][0]
        self.assertEqual(one["Endpoint"], f"{self.platform.prefix.text}.1.10")
        self.assertEqual([member["IsWriter"] for member in one["GlobalClusterMembers"]],
                         [True, False])
        self.assertEqual(clusters["DBClusters"][0]["DBClusterArn"], self.cluster(EAST))
        self.assertEqual(instances["DBInstances"][0]["DBInstanceStatus"], "available")
        self.assertTrue(versions["DBEngineVersions"][0]["EngineVersion"].startswith("15."))
        self.assertIn("TagList", tags)
        self.assertIn("Events", events)
        self.assertTrue(changed["GlobalCluster"]["DeletionProtection"])
        self.assertEqual(changed_cluster["DBCluster"]["BackupRetentionPeriod"], 3)
        self.assertEqual(changed_instance["DBInstance"]["PromotionTier"], 4)
        self.assertEqual(created["GlobalCluster"]["GlobalClusterIdentifier"], "contract")
        self.assertEqual(deleted["GlobalCluster"]["GlobalClusterIdentifier"], "contract")

        function, configuration, _ = self.sdk(
            EAST, ("lambda", "GetFunction", {"FunctionName": FUNCTION}),
            ("lambda", "GetFunctionConfiguration", {"FunctionName": FUNCTION}),
            ("lambda", "Invoke", {"FunctionName": FUNCTION, "Payload": '{"operations": 1}'}))
        self.assertEqual(function["Configuration"], configuration)
        logs = next(one for one in self.writers if one.service == "logs")
        group = {"logGroupName": f"/aws/lambda/{FUNCTION}"}
        wait_until(lambda: b"REPORT" in self.raw.send(logs.request("FilterLogEvents", group)).body,
                   "the lines of the invocation are stored")
        groups, streams = self.sdk(EAST, ("cloudwatch-logs", "DescribeLogGroups", {}),
                                   ("cloudwatch-logs", "DescribeLogStreams", group))
        self.assertEqual([one["logGroupName"] for one in groups["logGroups"]],
                         [group["logGroupName"]])
        stream = {"logStreamName": streams["logStreams"][0]["logStreamName"]}
        events, = self.sdk(EAST, ("cloudwatch-logs", "GetLogEvents",
                                  {**group, **stream, "startFromHead": True}))
        self.assertIn("START RequestId", events["events"][0]["message"])

        secret = {"SecretId": "contract/sdk"}
        created, put, described, listed, rotated = self.sdk(
            EAST, ("secrets-manager", "CreateSecret",
                   {"Name": "contract/sdk", "SecretString": "first", "Description": "words"}),
            ("secrets-manager", "PutSecretValue", {**secret, "SecretString": "second"}),
            ("secrets-manager", "DescribeSecret", secret), ("secrets-manager", "ListSecrets", {}),
            ("secrets-manager", "RotateSecret", {"SecretId": SECRET}))
        self.assertEqual(described["VersionIdsToStages"], {
            created["VersionId"]: ["AWSPREVIOUS"], put["VersionId"]: ["AWSCURRENT"]})
        self.assertEqual(described["Description"], "words")
        self.assertEqual({one["Name"] for one in listed["SecretList"]}, {"contract/sdk", SECRET})
        self.assertEqual(rotated["Name"], SECRET)
        versions, moved, _, _ = self.sdk(
            EAST, ("secrets-manager", "ListSecretVersionIds", secret),
            ("secrets-manager", "UpdateSecretVersionStage",
             {**secret, "VersionStage": "AWSCURRENT", "MoveToVersionId": created["VersionId"],
              "RemoveFromVersionId": put["VersionId"]}),
            ("secrets-manager", "TagResource", {**secret, "Tags": [{"Key": "a", "Value": "b"}]}),
            ("secrets-manager", "UntagResource", {**secret, "TagKeys": ["a"]}))
        self.assertEqual(len(versions["Versions"]), 2)
        self.assertEqual(moved["Name"], "contract/sdk")

    def test_9b_the_sdk_and_keys(self):
        created, = self.sdk(EAST, ("kms", "CreateKey", {}))
        key = {"KeyId": created["KeyMetadata"]["KeyId"]}
        alias = {"AliasName": "alias/contract-sdk"}
        target = {"TargetKeyId": key["KeyId"]}
        _, status, _, _, tags, _, _, _, aliases, keys, _ = self.sdk(
            EAST, ("kms", "EnableKeyRotation", key), ("kms", "GetKeyRotationStatus", key),
            ("kms", "DisableKeyRotation", key),
            ("kms", "TagResource", {**key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
            ("kms", "ListResourceTags", key),
            ("kms", "UntagResource", {**key, "TagKeys": ["a"]}),
            ("kms", "CreateAlias", {**alias, **target}), ("kms", "UpdateAlias", {**alias, **target}),
            ("kms", "ListAliases", key), ("kms", "ListKeys", {}), ("kms", "DeleteAlias", alias))
        self.assertTrue(status["KeyRotationEnabled"])
        self.assertEqual(tags["Tags"], [{"TagKey": "a", "TagValue": "b"}])
        self.assertEqual([one["AliasName"] for one in aliases["Aliases"]], [alias["AliasName"]])
        self.assertIn(key["KeyId"], [one["KeyId"] for one in keys["Keys"]])

    def test_a_the_sdk_moves_the_writer(self):
        for action, to, status, more in (
                ("SwitchoverGlobalCluster", WEST, "switching-over", {}),
                ("FailoverGlobalCluster", EAST, "failing-over", {"AllowDataLoss": True})):
            moved, = self.sdk(EAST, ("rds", action, {
                "GlobalClusterIdentifier": GLOBAL,
                "TargetDbClusterIdentifier": self.cluster(to), **more}))
            moved = moved["GlobalCluster"]
            self.assertEqual(moved["Status"], status)
            self.assertEqual(moved["FailoverState"]["ToDbClusterArn"], self.cluster(to))
            self.assertEqual(moved["FailoverState"]["IsDataLossAllowed"], bool(more))
            self.assertEqual(moved["Endpoint"], f"{self.platform.prefix.text}.1.10")
            self.await_available(writer=to)

    def test_b_a_secondary_is_removed_and_made_anew(self):
        member = {"GlobalClusterIdentifier": GLOBAL}
        instance = {"DBInstanceIdentifier": f"{GLOBAL}-{WEST}-1"}
        cluster = {"DBClusterIdentifier": f"{GLOBAL}-{WEST}"}
        alone = {"DBClusterIdentifier": "contract"}
        self.sdk(EAST, ("rds", "RemoveFromGlobalCluster",
                        {**member, "DbClusterIdentifier": self.cluster(WEST)}))
        wait_until(lambda: all(self.global_clusters(region).count(b"</DBClusterArn>") == 1
                               for region in (EAST, WEST)), "the member is gone in both regions")
        *_, deleted = self.sdk(
            WEST, ("rds", "DeleteDBInstance", instance),
            ("rds", "DeleteDBCluster", {**cluster, "SkipFinalSnapshot": True}),
            ("rds", "CreateDBCluster",
             {**alone, "Engine": "aurora-postgresql", "MasterUsername": "postgres",
              "MasterUserPassword": "of-no-consequence"}),
            ("rds", "DeleteDBCluster", {**alone, "SkipFinalSnapshot": True}))
        self.assertEqual(deleted["DBCluster"]["DBClusterIdentifier"], "contract")
        created = self.cli(WEST, "rds", "CreateDBCluster", "--db-cluster-identifier",
                           cluster["DBClusterIdentifier"], "--engine", "aurora-postgresql",
                           "--global-cluster-identifier", GLOBAL)["DBCluster"]
        self.assertEqual(created["DBClusterArn"], self.cluster(WEST))
        self.sdk(WEST, ("rds", "CreateDBInstance",
                        {**instance, **cluster, "DBInstanceClass": "db.serverless",
                         "Engine": "aurora-postgresql"}))
        self.await_available(writer=EAST)

    def test_c_the_rest_by_the_cli(self):
        arn = self.cluster(EAST, "db", f"{GLOBAL}-{EAST}-1")
        contract = ("--global-cluster-identifier", "contract")
        created = self.cli(EAST, "rds", "CreateGlobalCluster", *contract, "--engine",
                           "aurora-postgresql")["GlobalCluster"]
        self.assertEqual(created["Status"], "available")
        changed = self.cli(EAST, "rds", "ModifyGlobalCluster", *contract,
                           "--no-deletion-protection")["GlobalCluster"]
        self.assertFalse(changed["DeletionProtection"])
        self.cli(EAST, "rds", "DeleteGlobalCluster", *contract)
        changed = self.cli(EAST, "rds", "ModifyDBInstance", "--db-instance-identifier",
                           f"{GLOBAL}-{EAST}-1", "--promotion-tier", "5")["DBInstance"]
        self.assertEqual(changed["PromotionTier"], 5)
        versions = self.cli(EAST, "rds", "DescribeDBEngineVersions")["DBEngineVersions"]
        self.assertTrue(versions[0]["EngineVersion"].startswith("15."))
        self.assertIn("TagList", self.cli(EAST, "rds", "ListTagsForResource",
                                          "--resource-name", arn))

        one = self.cli(EAST, "lambda", "GetFunctionConfiguration", "--function-name", FUNCTION)
        self.assertEqual(one["FunctionName"], FUNCTION)

        self.cli(EAST, "cloudwatch", "PutMetricData", "--namespace", "Contract", "--metric-name",
                 "M", "--value", "7", "--unit", "Count")
        now = datetime.datetime.now(datetime.timezone.utc)
        data = self.cli(
            EAST, "cloudwatch", "GetMetricData", "--start-time",
            (now - datetime.timedelta(hours=1)).isoformat(), "--end-time",
            (now + datetime.timedelta(hours=1)).isoformat(), "--metric-data-queries", json.dumps(
                [{"Id": "m", "MetricStat": {"Metric": {"Namespace": "Contract", "MetricName": "M"},
                                            "Period": 60, "Stat": "Sum"}}]))
        self.assertEqual(data["MetricDataResults"][0]["Values"], [7.0])

        group = f"/aws/lambda/{FUNCTION}"
        groups = self.cli(EAST, "logs", "DescribeLogGroups")["logGroups"]
        self.assertEqual([one["logGroupName"] for one in groups], [group])
        self.assertTrue(self.cli(EAST, "logs", "DescribeLogStreams", "--log-group-name",
                                 group)["logStreams"])

        created = self.cli(EAST, "secretsmanager", "CreateSecret", "--name", "contract/cli",
                           "--secret-string", "first")
        put = self.cli(EAST, "secretsmanager", "PutSecretValue", "--secret-id", "contract/cli",
                       "--secret-string", "second")
        self.assertNotEqual(put["VersionId"], created["VersionId"])
        self.cli(EAST, "secretsmanager", "UpdateSecret", "--secret-id", "contract/cli",
                 "--description", "words")
        contract = ("--secret-id", "contract/cli")
        self.assertEqual(len(self.cli(EAST, "secretsmanager", "ListSecretVersionIds",
                                      *contract)["Versions"]), 2)
        self.cli(EAST, "secretsmanager", "UpdateSecretVersionStage", *contract, "--version-stage",
                 "MINE", "--move-to-version-id", created["VersionId"])
        identity = self.cli(EAST, "sts", "GetCallerIdentity")
        self.assertEqual(identity["Account"], "123456789012")
        listed = self.cli(EAST, "secretsmanager", "ListSecrets")["SecretList"]
        self.assertIn("contract/cli", [one["Name"] for one in listed])

        def kms(action, *options):
            return self.cli(EAST, "kms", action, *options)

        ours = ("--key-id", kms("DescribeKey", "--key-id", "alias/aurora-global")
                ["KeyMetadata"]["KeyId"])
        alias = ("--alias-name", "alias/contract-cli", "--target-key-id", ours[1])
        kms("DisableKeyRotation", *ours)
        kms("TagResource", *ours, "--tags", "TagKey=a,TagValue=b")
        self.assertEqual(kms("ListResourceTags", *ours)["Tags"], [{"TagKey": "a", "TagValue": "b"}])
        kms("UntagResource", *ours, "--tag-keys", "a")
        kms("CreateAlias", *alias)
        kms("UpdateAlias", *alias)
        self.assertEqual(len(kms("ListAliases", *ours)["Aliases"]), 2)
        kms("DeleteAlias", *alias[:2])
        made = kms("GenerateDataKeyWithoutPlaintext", *ours, "--key-spec", "AES_128")
        again = kms("ReEncrypt", "--cli-binary-format", "base64", "--ciphertext-blob",
                    made["CiphertextBlob"], "--destination-key-id", ours[1])
        self.assertEqual(again["SourceKeyId"], again["KeyId"])

    def test_d_both_clients_have_asked_for_every_action(self):
        every = {action for section, actions in self.sections.items() for action in actions
                 if section not in OTHERS.values()}
        for asked, elsewhere, word in (
                (self.by_cli, CLI_ELSEWHERE,
                 lambda action: f'"{xform_name(action, "-")}"|"?\\b{xform_name(action)}["(]'),
                (self.by_sdk, SDK_ELSEWHERE, lambda action: f"{action}Command\\(")):
            for file, actions in elsewhere.items():
                text = (HERE / file).read_text(encoding="utf-8")
                unasked = [action for action in actions if not re.search(word(action), text)]
                self.assertEqual([], unasked, f"{file} does not ask for them")
            self.assertEqual(asked.union(*elsewhere.values()), every)


if __name__ == "__main__":
    unittest.main()
