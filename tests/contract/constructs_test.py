"""Goal: what people build of aws-cdk-lib's constructs is deployed for real, or refused by name before
anything is made.

Method: constructs/app.mjs has a stack for each construct; the CDK's CLI deploys all of them at once
and one after the other those that cannot be had.
"""

import json
import os
import pathlib
import tempfile
import unittest

from lib.deployment import Deployment, differences
from lib.echo_function import code_zip
from lib.platform import EAST, WEST, run

APP = pathlib.Path(__file__).resolve().parent / "constructs" / "app.mjs"
UNASKED = ("--exclusively", "--require-approval", "never")
DEPLOYED = ("Cluster", "Secret", "Key", "Function", "Api", "Queue")
# Stack -> what the refusal says.
REFUSED = {
    "Rotated": "AWS::SecretsManager::RotationSchedule",
    "Inline": "The property Runtime with the value nodejs22.x is not supported here",
    "Table": "Unrecognized resource types: [AWS::DynamoDB::Table]",
    "Ordered": "FifoQueue",
}


class Constructs(unittest.TestCase):
    """The tests run in the order of their names."""

    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment("--empty")
        cls.platform = cls.deployment.platform
        cls.addClassCleanup(cls.platform.destroy)
        cls.platform.up()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.app = f"{folder.name}/app"
        code = pathlib.Path(folder.name, "code.zip")
        code.write_bytes(code_zip())
        run(["node", APP], env={**os.environ, "CDK_OUTDIR": cls.app, "CODE": str(code),
                                "ENGINE_VERSION": "15.17"})
        cls.deployment.cdk("bootstrap", f"aws://123456789012/{EAST}")

    def aws(self, *command):
        return self.platform.aws(EAST, *command)

    def outputs(self, stack):
        told = self.aws("cloudformation", "describe-stacks", "--stack-name", stack)["Stacks"][0]
        self.assertEqual(told["StackStatus"], "CREATE_COMPLETE")
        return {one["OutputKey"]: one["OutputValue"] for one in told.get("Outputs", [])}

    def test_1_deployed(self):
        self.deployment.cdk("deploy", *DEPLOYED, *UNASKED, "--concurrency", "6", "--app", self.app)
        self.assertEqual([], differences(self.platform, EAST))

    def test_2_the_cluster_is_a_database(self):
        told = self.outputs("Cluster")
        secret = json.loads(self.aws("secretsmanager", "get-secret-value", "--secret-id",
                                     told["Secret"])["SecretString"])
        self.assertEqual((secret["host"], secret["dbname"]),
                         (told["Endpoint"].split(":")[0], "shop"))
        shown = run(["psql", "-XqAt", "-c", "SHOW log_min_duration_statement"], env={
            **os.environ, "PGHOST": told["Reader"], "PGUSER": secret["username"],
            "PGPASSWORD": secret["password"], "PGDATABASE": "shop"}).stdout.strip()
        self.assertEqual(shown, "500ms")
        clusters = self.aws("rds", "describe-db-clusters")["DBClusters"]
        self.assertEqual([len(one["DBClusterMembers"]) for one in clusters], [2])

    def test_3_the_function_runs(self):
        with tempfile.NamedTemporaryFile() as file:
            self.aws("lambda", "invoke", "--function-name", self.outputs("Function")["Name"],
                     "--payload", "{}", "--cli-binary-format", "raw-in-base64-out", file.name)
            answer = json.loads(pathlib.Path(file.name).read_text(encoding="utf-8"))
        self.assertEqual(json.loads(answer["body"])["color"], "green")

    def test_4_the_api_answers(self):
        url = self.outputs("Api")["Url"]
        done = run(["curl", "--silent", "--show-error", "-X", "POST", url, "-d", "words"],
                   env=self.platform.environment(EAST))
        self.assertEqual(json.loads(done.stdout)["given"], "words")

    def test_5_refused_by_name(self):
        for stack, words in REFUSED.items():
            with self.subTest(stack):
                told = self.deployment.cdk("deploy", stack, *UNASKED, "--app", self.app, expect=1)
                self.assertIn(words, " ".join(told.split()))
        self.assertEqual([], differences(self.platform, EAST))

    def test_6_nothing_is_left(self):
        self.deployment.cdk("destroy", *DEPLOYED, "--force", "--concurrency", "6", "--app",
                            self.app)
        for region in (EAST, WEST):
            self.assertEqual([], differences(self.platform, region))


if __name__ == "__main__":
    unittest.main()
