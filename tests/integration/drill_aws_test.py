"""`drill --target aws` against the region daemons: the same drill by AWS's means alone.

The platform plays AWS: its API is the endpoint, an outputs file as `cdk deploy` writes it names the
functions. Nothing of the platform's home is given to the drill but an access key.
"""

import configparser
import json
import os
import pathlib
import unittest

from lib.platform import EAST, PROGRAM, WEST, PlatformTest, run

FILE = pathlib.Path(__file__).resolve().parents[2] / "drills" / "functions.toml"
FUNCTION_METRICS = {"OperationsDuringFailover", "SuccessRate", "Latency", "RetryCount"}
STATISTICS = {"SampleCount": "samples", "Sum": "sum", "Average": "average", "Minimum": "minimum",
              "Maximum": "maximum"}
# Keyed by what happened, not by what it is called.
DATA = {"ok", "dimensions"}


def shape(value):
    """The keys of nested objects; a list has the shapes of its members together."""
    if isinstance(value, dict):
        return {key: None if key in DATA else shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        together = None
        for one in value:
            together = merged(together, shape(one))
        return together
    return None


def merged(one, other):
    """What is absent (null, an empty list) in one may be there in the other."""
    if one is None or other is None:
        return one if other is None else other
    return {key: merged(one.get(key), other.get(key)) for key in one.keys() | other.keys()}


def differences(one, other, path=""):
    if one is None or other is None:
        return []
    found = [f"{path}.{key}" for key in one.keys() ^ other.keys()]
    for key in one.keys() & other.keys():
        found += differences(one[key], other[key], f"{path}.{key}")
    return found


class DrillOnAws(PlatformTest):
    @staticmethod
    def edit_files(platform):
        # AWS publishes the lag each minute; here there is no minute to wait for.
        for region in (EAST, WEST):
            file = platform.region_dir(region) / "region.toml"
            file.write_text("metrics_interval_s = 1\n" + file.read_text("utf-8"), "utf-8")

    def setUp(self):
        self.outputs = self.platform.directory / "outputs.json"
        self.write_outputs(self.stacks())

    def stacks(self):
        """What the stacks of this platform would have for outputs."""
        found = {"AuroraGlobalKmsStackPrimary": {"KeyId": "k"}}
        for region, name in ((EAST, "AuroraGlobalPrimaryStack"), (WEST, "MySecondaryStack")):
            clusters = self.platform.aws(region, "rds", "describe-db-clusters")["DBClusters"]
            account = clusters[0]["DBClusterArn"].split(":")[4]
            arn = f"arn:aws:lambda:{region}:{account}:function:{{}}".format
            found[name] = {
                "Region": region, "GlobalClusterIdentifier": "aurora-global-db",
                "ClusterIdentifier": clusters[0]["DBClusterIdentifier"],
                "ClusterEndpoint": clusters[0]["Endpoint"],
                "ReaderEndpoint": clusters[0]["ReaderEndpoint"],
                "GlobalWriterEndpoint": "g", "SecretName": "aurora-global/credentials",
                "GlobalEndpointLambdaArn": arn("crud-global-endpoint"),
                "WriteForwardingLambdaArn": arn("crud-write-forwarding"),
                "FailoverLambdaArn": arn("failover"), "FailoverApiUrl": "u", "DashboardName": "d"}
        return found

    def write_outputs(self, stacks):
        self.outputs.write_text(json.dumps(stacks), encoding="utf-8")

    def environment(self, **changes):
        """Nothing but where AWS is and a key; a value of None takes a variable away."""
        given = self.platform.environment(EAST)
        keys = configparser.ConfigParser()
        keys.read(given["AWS_SHARED_CREDENTIALS_FILE"])
        section = keys[keys.sections()[0]]
        own = {"PATH": os.environ["PATH"], "HOME": str(self.platform.directory),
               "AWS_ENDPOINT_URL": given["AWS_ENDPOINT_URL"],
               "AWS_ACCESS_KEY_ID": section["aws_access_key_id"],
               "AWS_SECRET_ACCESS_KEY": section["aws_secret_access_key"], **changes}
        return {key: value for key, value in own.items() if value is not None}

    def on_aws(self, file, *options, expect=0, env=None):
        output = self.platform.directory / "aws"
        done = run([PROGRAM, "drill", str(file), "--target", "aws", "--outputs", str(self.outputs),
                    "--output", str(output), *options], expect=expect, limit_s=240,
                   env=env or self.environment())
        self.assertNotIn(self.environment()["AWS_SECRET_ACCESS_KEY"], done.stdout + done.stderr)
        results = output / os.path.basename(file).removesuffix(".toml") / "results.json"
        if not results.exists():
            return None, done
        parsed = json.loads(results.read_text(encoding="utf-8"))
        results.unlink()
        return parsed, done

    def case(self, text):
        file = self.platform.directory / "case.toml"
        file.write_text(text, encoding="utf-8")
        return file

    def refused(self, file, *words, expect=2, env=None, options=()):
        results, done = self.on_aws(file, *options, expect=expect, env=env)
        self.assertIsNone(results)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_1_the_same_drill_says_the_same_in_both_places(self):
        short = ("--set", "duration_s=6", "--set", "concurrency=16")
        local_output = self.platform.directory / "local"
        self.platform.command("drill", FILE, *short, "--output", local_output, limit_s=240)
        local = json.loads((local_output / "functions" / "results.json").read_text("utf-8"))
        self.platform.await_healthy(WEST)
        results, done = self.on_aws(FILE, *short)
        self.platform.await_healthy(EAST)
        self.assertEqual((local["target"], results["target"]), ("local", "aws"))
        self.assertEqual(differences(shape(local), shape(results)), [])
        self.assertTrue(results["passed"], done.stdout)
        self.assertEqual(results["verification"]["lost_writes"], 0)
        self.assertEqual(results["verification"]["rows_wrong"], 0)
        self.assertGreaterEqual(results["verification"]["acknowledged_writes"], 1000)
        step, = results["steps"]
        self.assertEqual(step["title"], f"switchover {WEST} -> {EAST}")
        self.assertLess(step["accepted_ms"], step["ended_ms"])
        self.assertGreater(step["write_unavailability"]["ms"], 0)
        # Known from the platform's own status, which is no API of AWS.
        self.assertTrue(local["steps"][0]["phases"])
        self.assertEqual(step["phases"], [])
        self.check_metrics(results, function_region=WEST, secondary=EAST)
        self.assertIn("CloudWatch", done.stdout)
        report = self.platform.directory / "aws" / "functions" / "report.html"
        self.assertIn("OperationsDuringFailover", report.read_text(encoding="utf-8"))

    def check_metrics(self, results, function_region, secondary):
        seen = results["cloudwatch"]
        mine = {one["metric"]: one for one in seen["metrics"]
                if one["namespace"] == "AuroraGlobalDB/Failover"}
        self.assertEqual(set(mine), FUNCTION_METRICS)
        self.assertEqual({one["region"] for one in mine.values()}, {function_region})
        lags = {(one["region"], one["metric"]) for one in seen["metrics"]
                if one["namespace"] == "AWS/RDS" and one["samples"]}
        self.assertLessEqual({(secondary, "AuroraGlobalDBReplicationLag"),
                              (secondary, "AuroraGlobalDBRPOLag")}, lags)
        self.assertGreaterEqual(mine["SuccessRate"]["samples"],
                                mine["SuccessRate"]["samples_expected"])
        self.assertGreater(mine["SuccessRate"]["samples_expected"], 2)
        self.assertEqual(mine["SuccessRate"]["average"], 100)
        for one in seen["metrics"]:
            self.assertEqual(one["error"], "")
            self.assertEqual(one["samples"] is None, one["average"] is None, one)
            if one in mine.values():
                self.compare_with_the_cli(seen, one)

    def compare_with_the_cli(self, seen, one):
        """Two minutes are two data points; what can be added up is added up."""
        dimensions = [f"Name={name},Value={value}" for name, value in one["dimensions"].items()]
        points = self.platform.aws(
            one["region"], "cloudwatch", "get-metric-statistics", "--namespace", one["namespace"],
            "--metric-name", one["metric"], "--dimensions", *dimensions, "--start-time",
            seen["from"], "--end-time", seen["to"], "--period", "60", "--statistics",
            *STATISTICS)["Datapoints"]
        samples = sum(point["SampleCount"] for point in points)
        total = sum(point["Sum"] for point in points)
        self.assertEqual(one["samples"], samples, one)
        self.assertAlmostEqual(one["sum"], total, delta=abs(total) * 1e-9)
        self.assertAlmostEqual(one["average"], total / samples, delta=abs(total) * 1e-9)
        self.assertEqual(one["minimum"], min(point["Minimum"] for point in points))
        self.assertEqual(one["maximum"], max(point["Maximum"] for point in points))

    def test_2_connections_become_functions_and_absent_metrics_are_absent(self):
        self.platform.await_healthy(EAST)
        results, done = self.on_aws(self.case("""
            [load]
            duration_s = 1
            [expect]
            lost_writes = 0
            """), "--metrics-wait-s", "0")
        self.assertEqual(len(results["notes"]), 1)
        self.assertIn("runs in the Lambda functions", results["notes"][0])
        self.assertIn(results["notes"][0], " ".join(done.stderr.split()))
        for one in results["cloudwatch"]["metrics"]:
            if one["samples"] is None:
                self.assertEqual([one[name] for name in STATISTICS.values()], [None] * 5)

    def test_3_what_aws_cannot_do_is_refused_before_anything_starts(self):
        before = self.platform.epoch()
        faults = self.case('[[step]]\ndo = "switchover"\n[[step]]\ndo = "kill-region"\n'
                           '[[step]]\ndo = "partition"\n[[step]]\ndo = "wait-healthy"\n')
        self.refused(faults, "step 2 (line 3) 'kill-region'", "step 3 (line 5) 'partition'",
                     "only switchover, failover and wait-healthy")
        self.refused(self.case('[load]\nduration_s = 1\nretries = 3\n'),
                     "line 3: retries in [load] cannot be given with --target aws")
        self.refused(self.case('[[step]]\ndo = "switchover"\nto = "mars-1"\n'),
                     "there is no region 'mars-1'; there are us-east-1, us-west-2")
        self.refused(FILE, "--up and --keep are for a platform of this machine", options=("--up",))
        self.assertEqual(before, self.platform.epoch())

    def test_4_outputs_that_are_not_right(self):
        stacks = self.stacks()
        del stacks["MySecondaryStack"]["GlobalEndpointLambdaArn"]
        self.write_outputs(stacks)
        self.refused(FILE, "stack MySecondaryStack has no output GlobalEndpointLambdaArn",
                     "./deploy.sh")
        self.outputs.unlink()
        self.refused(FILE, str(self.outputs), "./deploy.sh")
        # A deployment elsewhere.
        stacks = self.stacks()
        stacks["MySecondaryStack"]["Region"] = "eu-west-1"
        self.write_outputs(stacks)
        self.refused(FILE, "stack MySecondaryStack is of region eu-west-1, which is no member of "
                           "global cluster aurora-global-db; its members are in us-east-1, "
                           "us-west-2")
        stacks = self.stacks()
        for name in ("AuroraGlobalPrimaryStack", "MySecondaryStack"):
            stacks[name]["GlobalClusterIdentifier"] = "other"
        self.write_outputs(stacks)
        self.refused(FILE, "describe global cluster other", "GlobalClusterNotFoundFault")

    def test_5_credentials_that_are_not_right(self):
        self.refused(FILE, "no AWS credentials", "aws configure export-credentials --format env",
                     env=self.environment(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None))
        self.refused(FILE, "SignatureDoesNotMatch",
                     env=self.environment(AWS_SECRET_ACCESS_KEY="x" * 40))
        self.refused(FILE, "an endpoint URL starts with http",
                     env=self.environment(AWS_ENDPOINT_URL="ftp://127.0.0.1"))
        nobody = self.environment(AWS_ENDPOINT_URL=f"http://{self.platform.prefix.text}.9.9:4566")
        self.refused(FILE, "describe global cluster", expect=3, env=nobody)


if __name__ == "__main__":
    unittest.main()
