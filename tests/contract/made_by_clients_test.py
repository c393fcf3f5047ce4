"""Goal: functions, APIs, queues and log groups that ordinary clients make are what they asked for.

Method: Debian's AWS CLI and the current AWS SDK for JavaScript make, show, use, change and remove
them in one region, each for itself; the API is called as its users would, signed and not.
"""

import json
import pathlib
import subprocess
import unittest

from lib.echo_function import code_zip
from lib.platform import EAST, PlatformTest, run, wait_until

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parent.parent / "build" / "sdk"  # Made by `./dev test`.
ROLE = "arn:aws:iam::123456789012:role/any"

def function_uri(arn):
    return f"arn:aws:apigateway:{EAST}:lambda:path/2015-03-31/functions/{arn}/invocations"


class MadeByClients(PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.zip = cls.platform.directory / "code.zip"
        cls.zip.write_bytes(code_zip())

    def aws(self, *command, **options):
        return self.platform.aws(EAST, *command, **options)

    def refused(self, code, *command):
        done = self.aws(*command, expect=254)
        self.assertIn(f"({code})", done.stderr)

    def curl(self, path, body=None, signed=True, headers=()):
        environment = self.platform.environment(EAST)
        command = ["curl", "-sS", "-w", "\n%{http_code}", "-X", "POST",
                   environment["AWS_ENDPOINT_URL"] + path]
        for header in headers:
            command += ["-H", header]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", body]
        config = ""
        if signed:
            keys = dict(line.split(" = ") for line in pathlib.Path(
                environment["AWS_SHARED_CREDENTIALS_FILE"]).read_text().splitlines()
                if " = " in line)
            command += ["--aws-sigv4", f"aws:amz:{EAST}:execute-api", "-K", "-"]
            config = f'user = "{keys["aws_access_key_id"]}:{keys["aws_secret_access_key"]}"\n'
        text, status = run(command, text_in=config).stdout.rsplit("\n", 1)
        return int(status), json.loads(text)

    def invoke(self, name, payload, *options):
        out = self.platform.directory / "out.json"
        self.aws("lambda", "invoke", "--function-name", name, "--cli-binary-format",
                 "raw-in-base64-out", "--payload", json.dumps(payload), *options, str(out))
        return json.loads(out.read_text()) if out.read_text() else None

    def test_1_functions_by_the_cli(self):
        name = ("--function-name", "by-cli")
        made = self.aws("lambda", "create-function", *name, "--runtime", "provided.al2023",
                        "--handler", "bootstrap", "--role", ROLE, "--zip-file",
                        f"fileb://{self.zip}", "--environment", "Variables={COLOR=red}",
                        "--tags", "a=b")
        self.assertEqual((made["State"], made["Timeout"], made["MemorySize"]), ("Active", 3, 128))
        arn = made["FunctionArn"]
        self.aws("lambda", "wait", "function-active-v2", *name)
        self.assertEqual(json.loads(self.invoke("by-cli", {})["body"])["color"], "red")
        self.refused("ResourceConflictException", "lambda", "create-function", *name, "--runtime",
                     "provided.al2023", "--handler", "x", "--role", ROLE, "--zip-file",
                     f"fileb://{self.zip}")
        bad = self.platform.directory / "bad.zip"
        bad.write_bytes(code_zip("no-bootstrap"))
        self.refused("InvalidParameterValueException", "lambda", "update-function-code", *name,
                     "--zip-file", f"fileb://{bad}")
        self.aws("lambda", "update-function-code", *name, "--zip-file", f"fileb://{self.zip}")
        changed = self.aws("lambda", "update-function-configuration", *name, "--memory-size", "256",
                           "--environment", "Variables={COLOR=blue}")
        self.assertEqual(changed["MemorySize"], 256)
        self.assertEqual(json.loads(self.invoke("by-cli", {})["body"])["color"], "blue")
        permission = ("--statement-id", "s")
        self.aws("lambda", "add-permission", *name, *permission, "--action",
                 "lambda:InvokeFunction", "--principal", "apigateway.amazonaws.com")
        policy = json.loads(self.aws("lambda", "get-policy", *name)["Policy"])
        self.assertEqual(policy["Statement"][0]["Resource"], arn)
        self.aws("lambda", "remove-permission", *name, *permission)
        self.refused("ResourceNotFoundException", "lambda", "get-policy", *name)
        self.aws("lambda", "put-function-concurrency", *name, "--reserved-concurrent-executions",
                 "5")
        self.assertEqual(self.aws("lambda", "get-function-concurrency", *name), {
            "ReservedConcurrentExecutions": 5})
        self.aws("lambda", "delete-function-concurrency", *name)
        self.aws("lambda", "tag-resource", "--resource", arn, "--tags", "c=d")
        self.aws("lambda", "untag-resource", "--resource", arn, "--tag-keys", "a")
        self.assertEqual(self.aws("lambda", "list-tags", "--resource", arn)["Tags"], {"c": "d"})
        self.refused("ResourceConflictException", "lambda", "delete-function", "--function-name",
                     "failover")

    def test_2_a_failed_event_ends_in_a_queue(self):
        queue = self.aws("sqs", "create-queue", "--queue-name", "failures", "--attributes",
                         "VisibilityTimeout=0", "--tags", "a=b")["QueueUrl"]
        url = ("--queue-url", queue)
        self.assertEqual(self.aws("sqs", "get-queue-url", "--queue-name", "failures")["QueueUrl"],
                         queue)
        arn = self.aws("sqs", "get-queue-attributes", *url, "--attribute-names",
                       "QueueArn")["Attributes"]["QueueArn"]
        name = ("--function-name", "by-cli")
        self.aws("lambda", "put-function-event-invoke-config", *name, "--maximum-retry-attempts",
                 "0", "--destination-config", json.dumps({"OnFailure": {"Destination": arn}}))
        self.aws("lambda", "update-function-event-invoke-config", *name,
                 "--maximum-event-age-in-seconds", "600")
        shown = self.aws("lambda", "get-function-event-invoke-config", *name)
        self.assertEqual((shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]),
                         (0, 600))
        self.invoke("by-cli", {"fail": True}, "--invocation-type", "Event")
        got = self.aws("sqs", "receive-message", *url, "--wait-time-seconds", "20",
                       "--attribute-names", "All")["Messages"][0]
        record = json.loads(got["Body"])
        self.assertEqual(record["requestContext"]["condition"], "RetriesExhausted")
        self.assertEqual(record["requestPayload"], {"fail": True})
        self.aws("lambda", "delete-function-event-invoke-config", *name)

        self.aws("sqs", "purge-queue", *url)
        self.aws("sqs", "set-queue-attributes", *url, "--attributes", "VisibilityTimeout=30")
        sent = self.aws("sqs", "send-message", *url, "--message-body", "ä & <b>",
                        "--message-attributes",
                        json.dumps({"n": {"DataType": "Number", "StringValue": "7"}}))
        got = self.aws("sqs", "receive-message", *url, "--message-attribute-names",
                       "All")["Messages"][0]
        self.assertEqual((got["Body"], got["MD5OfBody"]), ("ä & <b>", sent["MD5OfMessageBody"]))
        self.assertEqual(got["MessageAttributes"]["n"]["StringValue"], "7")
        receipt = ("--receipt-handle", got["ReceiptHandle"])
        self.aws("sqs", "change-message-visibility", *url, *receipt, "--visibility-timeout", "60")
        self.aws("sqs", "delete-message", *url, *receipt)
        self.aws("sqs", "tag-queue", *url, "--tags", "c=d")
        self.aws("sqs", "untag-queue", *url, "--tag-keys", "a")
        self.assertEqual(self.aws("sqs", "list-queue-tags", *url)["Tags"], {"c": "d"})
        self.assertIn(queue, self.aws("sqs", "list-queues")["QueueUrls"])
        self.aws("sqs", "delete-queue", *url)
        self.refused("AWS.SimpleQueueService.NonExistentQueue", "sqs", "purge-queue", *url)

    def test_3_an_api_by_the_cli(self):
        function = self.aws("lambda", "get-function", "--function-name",
                            "by-cli")["Configuration"]["FunctionArn"]
        made = self.aws("apigateway", "create-rest-api", "--name", "by-cli", "--tags", "a=b")
        api = ("--rest-api-id", made["id"])
        # Debian's CLI does not know rootResourceId.
        (root,) = [one["id"] for one in self.aws("apigateway", "get-resources", *api)["items"]]
        arn = f"arn:aws:apigateway:{EAST}::/restapis/{made['id']}"
        self.aws("apigateway", "update-rest-api", *api, "--patch-operations",
                 "op=replace,path=/description,value=words")
        self.assertEqual(self.aws("apigateway", "get-rest-api", *api)["description"], "words")
        self.assertEqual([one["id"] for one in self.aws("apigateway", "get-rest-apis")["items"]],
                         [made["id"]])
        resource = self.aws("apigateway", "create-resource", *api, "--parent-id", root,
                            "--path-part", "orders")["id"]
        place = (*api, "--resource-id", resource)
        validator = self.aws("apigateway", "create-request-validator", *api, "--name", "v",
                             "--validate-request-body")["id"]
        self.aws("apigateway", "update-request-validator", *api, "--request-validator-id",
                 validator, "--patch-operations",
                 "op=replace,path=/validateRequestParameters,value=false")
        schema = {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}},
                  "additionalProperties": False}
        self.aws("apigateway", "create-model", *api, "--name", "Order", "--content-type",
                 "application/json", "--schema", "{}")
        self.aws("apigateway", "update-model", *api, "--model-name", "Order", "--patch-operations",
                 json.dumps([{"op": "replace", "path": "/schema", "value": json.dumps(schema)}]))
        method = (*place, "--http-method", "POST")
        self.aws("apigateway", "put-method", *method, "--authorization-type", "AWS_IAM",
                 "--request-validator-id", validator, "--request-models",
                 "application/json=Order", "--request-parameters",
                 "method.request.querystring.x=false")
        self.aws("apigateway", "put-integration", *method, "--type", "AWS_PROXY",
                 "--integration-http-method", "POST", "--uri", function_uri(function))
        self.aws("apigateway", "create-deployment", *api, "--stage-name", "v1")
        status, _ = self.curl("/v1/orders", "{}")
        self.assertEqual(status, 500, "the function's policy does not let the API in")
        self.aws("lambda", "add-permission", "--function-name", "by-cli", "--statement-id", "api",
                 "--action", "lambda:InvokeFunction", "--principal", "apigateway.amazonaws.com",
                 "--source-arn", f"arn:aws:execute-api:{EAST}:123456789012:{made['id']}/*/POST/orders")
        status, answer = self.curl("/v1/orders?x=1", '{"kind": "a"}')
        self.assertEqual((status, answer), (200, {"color": "blue", "given": '{"kind": "a"}',
                                                  "path": "/orders"}))
        self.assertEqual(self.curl("/v1/orders", '{"kind": "c"}'),
                         (400, {"message": "Invalid request body"}))
        self.assertEqual(self.curl("/v1/orders", signed=False)[0], 403)
        self.assertEqual(self.curl("/v1/other", "{}")[0], 403)

        self.aws("apigateway", "delete-method", *method)
        self.aws("apigateway", "put-method", *method, "--authorization-type", "NONE")
        self.aws("apigateway", "put-integration", *method, "--type", "AWS_PROXY",
                 "--integration-http-method", "POST", "--uri", function_uri(function))
        second = self.aws("apigateway", "create-deployment", *api)["id"]
        self.assertEqual(self.curl("/v1/orders", signed=False)[0], 403, "not deployed to v1")
        stage = (*api, "--stage-name", "open")
        self.aws("apigateway", "create-stage", *stage, "--deployment-id", second)
        self.assertEqual(self.curl("/open/orders", signed=False)[0], 200)
        self.assertEqual(self.curl("/open/orders", signed=False, headers=(
            f"Host: {made['id']}.execute-api.{EAST}.amazonaws.com",))[0], 200)
        self.assertEqual(self.curl("/open/orders", signed=False, headers=(
            "x-apigw-api-id: another",))[0], 403)
        self.aws("apigateway", "update-stage", *stage, "--patch-operations",
                 "op=replace,path=/variables/color,value=red")
        self.assertEqual(self.aws("apigateway", "get-stage", *stage)["variables"],
                         {"color": "red"})

        self.assertEqual(len(self.aws("apigateway", "get-resources", *api)["items"]), 2)
        self.assertEqual(self.aws("apigateway", "get-resource", *place)["path"], "/orders")
        self.assertEqual(self.aws("apigateway", "get-method", *method)["authorizationType"], "NONE")
        self.assertEqual(self.aws("apigateway", "get-integration", *method)["type"], "AWS_PROXY")
        self.aws("apigateway", "delete-integration", *method)
        model = (*api, "--model-name", "Order")
        self.assertEqual(json.loads(self.aws("apigateway", "get-model", *model)["schema"]), schema)
        self.assertEqual(len(self.aws("apigateway", "get-models", *api)["items"]), 1)
        self.aws("apigateway", "delete-model", *model)
        valid = (*api, "--request-validator-id", validator)
        self.assertTrue(self.aws("apigateway", "get-request-validator", *valid)
                        ["validateRequestBody"])
        self.assertEqual(len(self.aws("apigateway", "get-request-validators", *api)["items"]), 1)
        self.aws("apigateway", "delete-request-validator", *valid)
        self.assertEqual(len(self.aws("apigateway", "get-deployments", *api)["items"]), 2)
        self.aws("apigateway", "get-deployment", *api, "--deployment-id", second)
        self.refused("BadRequestException", "apigateway", "delete-deployment", *api,
                     "--deployment-id", second)
        self.assertEqual(len(self.aws("apigateway", "get-stages", *api)["item"]), 2)
        self.aws("apigateway", "delete-stage", *stage)
        self.aws("apigateway", "delete-deployment", *api, "--deployment-id", second)
        self.aws("apigateway", "tag-resource", "--resource-arn", arn, "--tags", "c=d")
        self.aws("apigateway", "untag-resource", "--resource-arn", arn, "--tag-keys", "a")
        self.assertEqual(self.aws("apigateway", "get-tags", "--resource-arn", arn)["tags"],
                         {"c": "d"})
        self.aws("apigateway", "delete-resource", *place)
        self.aws("apigateway", "delete-rest-api", *api)
        self.aws("lambda", "delete-function", "--function-name", "by-cli")
        self.refused("ResourceNotFoundException", "lambda", "get-function", "--function-name",
                     "by-cli")

    def test_4_log_groups_by_the_cli(self):
        group = ("--log-group-name", "by/cli")
        self.aws("logs", "create-log-group", *group, "--tags", "a=b")
        self.refused("ResourceAlreadyExistsException", "logs", "create-log-group", *group)
        self.aws("logs", "put-retention-policy", *group, "--retention-in-days", "3")
        self.aws("logs", "associate-kms-key", *group, "--kms-key-id",
                 f"arn:aws:kms:{EAST}:123456789012:key/k")
        shown = self.aws("logs", "describe-log-groups", "--log-group-name-prefix",
                         "by/")["logGroups"][0]
        self.assertEqual(shown["retentionInDays"], 3)
        self.assertTrue(shown["kmsKeyId"].endswith("key/k"))
        self.aws("logs", "delete-retention-policy", *group)
        self.aws("logs", "disassociate-kms-key", *group)
        stream = (*group, "--log-stream-name", "s")
        self.aws("logs", "create-log-stream", *stream)
        now = subprocess.run(["date", "+%s%3N"], capture_output=True, text=True,
                             check=True).stdout.strip()
        self.aws("logs", "put-log-events", *stream, "--log-events",
                 f"timestamp={now},message=hello")
        events = self.aws("logs", "get-log-events", *stream)["events"]
        self.assertEqual([one["message"] for one in events], ["hello"])
        arn = shown["arn"].removesuffix(":*")
        self.aws("logs", "tag-resource", "--resource-arn", arn, "--tags", "c=d")
        self.aws("logs", "untag-resource", "--resource-arn", arn, "--tag-keys", "a")
        self.assertEqual(self.aws("logs", "list-tags-for-resource", "--resource-arn", arn)["tags"],
                         {"c": "d"})
        self.aws("logs", "delete-log-group", *group)
        self.refused("ResourceNotFoundException", "logs", "delete-log-group", *group)

    def test_5_all_of_it_by_the_sdk(self):
        self.assertTrue(MODULES.exists(), "run the tests with ./dev test, which installs the SDK")
        done = run(["node", str(HERE / "sdk" / "made.mjs"), str(MODULES), str(self.zip)],
                   env=self.platform.environment(EAST))
        out = json.loads(done.stdout)
        self.assertEqual(out["color"], "green")
        self.assertEqual(out["record"]["requestContext"]["condition"], "RetriesExhausted")
        self.assertEqual(out["message"], {"body": "ä & <b>", "number": "7"})
        self.assertEqual(out["queueGone"], "QueueDoesNotExist")
        self.assertEqual(out["invalid"], "InvalidParameterValueException")
        self.assertEqual(out["api"], {"resources": 2, "created": True, "tags": {"c": "d"}})
        self.assertEqual(out["badApi"], ["BadRequestException", 400])
        self.assertEqual(out["lines"], ["hello"])
        wait_until(lambda: not self.aws("apigateway", "get-rest-apis")["items"], "the API is gone")


if __name__ == "__main__":
    unittest.main()
