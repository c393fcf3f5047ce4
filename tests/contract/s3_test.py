"""Goal: what the CDK CLI needs beside CloudFormation works with real clients: S3, SSM, session
credentials, IAM and EC2, through Debian's AWS CLI and the current AWS SDK, over HTTP and HTTPS."""

import json
import os
import pathlib
import signal
import tempfile
import unittest

from lib.platform import EAST, WEST, PlatformTest, run, wait_until

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parent.parent / "build" / "sdk"  # Made by `./dev test`.


class S3(PlatformTest):
    def s3(self, *arguments, region=EAST, **more):
        return self.platform.aws(region, "s3api", *arguments, **more)

    def refused(self, code, *arguments, region=EAST):
        done = self.platform.aws(region, *arguments, expect=254)
        self.assertIn(f"({code})", done.stderr)

    def as_role(self, region=EAST):
        account = self.platform.aws(region, "sts", "get-caller-identity")["Account"]
        role = f"arn:aws:iam::{account}:role/cdk-deploy"
        given = self.platform.aws(region, "sts", "assume-role", "--role-arn", role,
                                  "--role-session-name", "cli")["Credentials"]
        environment = dict(self.platform.environment(region))
        environment.pop("AWS_PROFILE", None)
        environment.update(AWS_ACCESS_KEY_ID=given["AccessKeyId"],
                           AWS_SECRET_ACCESS_KEY=given["SecretAccessKey"],
                           AWS_SESSION_TOKEN=given["SessionToken"])
        return environment

    def test_the_sdk_for_javascript(self):
        self.assertTrue(MODULES.exists(), "run the tests with ./dev test, which installs the SDK")
        done = run(["node", str(HERE / "sdk" / "s3.mjs"), str(MODULES)],
                   env=self.platform.environment(EAST))
        seen = json.loads(done.stdout)
        self.assertEqual(seen["refusals"], {
            "token": ["InvalidClientTokenId", 403], "again": ["BucketAlreadyOwnedByYou", 409],
            "noKey": ["NoSuchKey", 404], "noHead": ["NotFound", 404],
            "noBucket": ["NoSuchBucket", 404], "notEmpty": ["BucketNotEmpty", 409],
            "noParameter": ["ParameterNotFound", 400]})
        self.assertEqual(seen["parameters"], ["b", "/none", True, "/sdk/b"])
        self.assertEqual(seen["hours"], 1)
        self.assertTrue(seen["who"].endswith("/sdk"), seen["who"])
        self.assertEqual(seen["tags"], [{"Key": "k", "Value": "<v>"}])
        self.assertIsNone(seen["location"])
        self.assertEqual(seen["encryption"], "AES256")
        self.assertEqual(seen["put"][0], '"99914b932bd37a50b983c5e7c90ae93b"')
        self.assertEqual(seen["put"][2], "string")
        self.assertEqual((seen["streamed"], seen["same"], seen["head"]), ("string", 0, 300_000))
        self.assertEqual(seen["first"], ["{}", "application/json", {"who": "me"}, True])
        self.assertEqual(seen["range"], "}")
        self.assertEqual(seen["pages"], [["a/1", "a/2"], ["b/1", "dir/ä b+c.json"], ["stream"]])
        self.assertEqual(seen["prefixes"], ["a/", "b/", "dir/"])
        self.assertEqual(seen["big"], (5 << 20) + 3)
        self.assertTrue(seen["deleted"])
        self.assertEqual(seen["parameter"], ["s3cret", True])
        self.assertEqual(seen["path"], ["/sdk/secret"])

    def test_the_command_line_copies_files(self):
        bucket = "cli-assets"
        self.s3("create-bucket", "--bucket", bucket)
        with tempfile.TemporaryDirectory() as place:
            large = pathlib.Path(place) / "large.zip"
            large.write_bytes(os.urandom(20 << 20))  # In parts.
            small = pathlib.Path(place) / "small ü.json"
            small.write_text('{"a": 1}', encoding="utf-8")
            environment = self.as_role()
            url = environment["AWS_ENDPOINT_URL"]

            def s3(*arguments):
                return run(["/usr/bin/aws", "--endpoint-url", url, "s3", *arguments],
                           env=environment)
            s3("cp", str(large), f"s3://{bucket}/dir/large.zip")
            s3("cp", str(small), f"s3://{bucket}/dir/")
            listed = self.s3("list-objects-v2", "--bucket", bucket)["Contents"]
            self.assertEqual({one["Key"]: one["Size"] for one in listed},
                             {"dir/large.zip": 20 << 20, "dir/small ü.json": 8})
            back = pathlib.Path(place) / "back"
            s3("cp", "--recursive", f"s3://{bucket}/dir/", str(back))
            self.assertEqual((back / "large.zip").read_bytes(), large.read_bytes())
            self.assertEqual((back / "small ü.json").read_bytes(), small.read_bytes())
            signed = s3("presign", f"s3://{bucket}/dir/small ü.json").stdout.strip()
            self.assertEqual(run(["curl", "-sf", signed]).stdout, '{"a": 1}')
            # Whole, in one request, and larger than any other may be.
            whole = self.s3("put-object", "--bucket", bucket, "--key", "whole", "--body",
                            str(large))
            self.assertIn("ETag", whole)
            # For another region, through this one.
            self.s3("create-bucket", "--bucket", bucket, "--create-bucket-configuration",
                    f"LocationConstraint={WEST}", region=WEST)
            environment["AWS_DEFAULT_REGION"] = environment["AWS_REGION"] = WEST
            s3("cp", str(large), f"s3://{bucket}/afar")
            afar = self.s3("head-object", "--bucket", bucket, "--key", "afar", region=WEST)
            self.assertEqual(afar["ContentLength"], 20 << 20)
            s3("rm", "--recursive", f"s3://{bucket}")
            self.refused("NoSuchKey", "s3api", "get-object", "--bucket", bucket, "--key", "afar",
                         "/dev/null", region=WEST)

    def test_what_was_answered_survives_a_killed_daemon(self):
        bucket = "kept"
        self.s3("create-bucket", "--bucket", bucket)
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"kept content")
            file.flush()
            self.s3("put-object", "--bucket", bucket, "--key", "k", "--body", file.name)
        self.platform.aws(EAST, "ssm", "put-parameter", "--name", "/kept", "--type",
                          "SecureString", "--value", "kept value")
        os.kill(self.platform.pid(EAST, "daemon"), signal.SIGKILL)
        with tempfile.NamedTemporaryFile() as file:
            wait_until(lambda: self.s3("get-object", "--bucket", bucket, "--key", "k", file.name),
                       "the region answers again")
            self.assertEqual(file.read(), b"kept content")
        found = self.platform.aws(EAST, "ssm", "get-parameter", "--name", "/kept",
                                  "--with-decryption")["Parameter"]
        self.assertEqual(found["Value"], "kept value")

    def test_roles_places_and_parameters(self):
        role = self.platform.aws(EAST, "iam", "get-role", "--role-name", "cdk-deploy")["Role"]
        self.assertTrue(role["Arn"].endswith(":role/cdk-deploy"))
        self.assertIn("Statement", role["AssumeRolePolicyDocument"])
        zones = self.platform.aws(WEST, "ec2", "describe-availability-zones")
        self.assertEqual([one["ZoneName"] for one in zones["AvailabilityZones"]],
                         [f"{WEST}a", f"{WEST}b", f"{WEST}c"])
        regions = self.platform.aws(EAST, "ec2", "describe-regions")["Regions"]
        self.assertLessEqual({EAST, WEST}, {one["RegionName"] for one in regions})
        self.refused("InvalidParameterValue", "ec2", "describe-regions", "--region-names", "mars")
        for name in ("/cli/a", "/cli/b/c"):
            self.platform.aws(EAST, "ssm", "put-parameter", "--name", name, "--type", "String",
                              "--value", name)
        found = self.platform.aws(EAST, "ssm", "get-parameters-by-path", "--path", "/cli",
                                  "--recursive")["Parameters"]
        self.assertEqual([one["Value"] for one in found], ["/cli/a", "/cli/b/c"])
        several = self.platform.aws(EAST, "ssm", "get-parameters", "--names", "/cli/a", "/cli/none")
        self.assertEqual(([one["Name"] for one in several["Parameters"]],
                          several["InvalidParameters"]), (["/cli/a"], ["/cli/none"]))
        shown = self.platform.aws(EAST, "ssm", "describe-parameters", "--filters",
                                  "Key=Name,Values=/cli/a")["Parameters"]
        self.assertEqual([one["Type"] for one in shown], ["String"])
        self.refused("ParameterNotFound", "ssm", "get-parameter", "--name", "/cli/none")
        self.refused("ParameterNotFound", "ssm", "get-parameter", "--name", "/cli/a", region=WEST)
        self.platform.aws(EAST, "ssm", "delete-parameter", "--name", "/cli/a")
        gone = self.platform.aws(EAST, "ssm", "delete-parameters", "--names", "/cli/a", "/cli/b/c")
        self.assertEqual((gone["DeletedParameters"], gone["InvalidParameters"]),
                         (["/cli/b/c"], ["/cli/a"]))

    def test_the_port_takes_https_as_well(self):
        environment = dict(self.platform.environment(EAST))
        url = environment["AWS_ENDPOINT_URL"].replace("http://", "https://")
        health = run(["curl", "-sf", f"{url}/-/health"], env=environment)
        self.assertEqual(json.loads(health.stdout)["region"], EAST)
        who = run(["/usr/bin/aws", "--endpoint-url", url, "sts", "get-caller-identity"],
                  env=environment)
        self.assertIn("Account", json.loads(who.stdout))
        environment.pop("CURL_CA_BUNDLE")
        run(["curl", "-sf", f"{url}/-/health"], env=environment, expect=60)


if __name__ == "__main__":
    unittest.main()
