"""The functions through ordinary clients: Debian's AWS CLI and curl, as the README has it."""

import base64
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
from datetime import datetime, timedelta, timezone

from lib.platform import EAST, WEST, PlatformTest, run, wait_until

CRUD = "crud-global-endpoint"
FORWARDED = "crud-write-forwarding"


class Functions(PlatformTest):
    def invoke(self, region, function, payload, *options):
        """The answer of `aws lambda invoke` and the content of its outfile."""
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "response.json"
            answer = self.platform.aws(
                region, "lambda", "invoke", "--function-name", function, "--cli-binary-format",
                "raw-in-base64-out", "--payload",
                payload if isinstance(payload, str) else json.dumps(payload), *options, str(out))
            text = out.read_text()
            return answer, json.loads(text) if text else None

    def refused(self, region, code, function, payload, *options):
        done = self.platform.aws(region, "lambda", "invoke", "--function-name", function,
                                 "--cli-binary-format", "raw-in-base64-out", "--payload", payload,
                                 *options, "/dev/null", expect=254)
        self.assertIn(code, done.stderr)

    def post_failover(self, region, method="POST", body=None, signed=True):
        environment = self.platform.environment(region)
        keys = dict(line.split(" = ") for line in pathlib.Path(
            environment["AWS_SHARED_CREDENTIALS_FILE"]).read_text().splitlines() if " = " in line)
        command = ["curl", "-sS", "-w", "\n%{http_code}", "-X", method,
                   environment["AWS_ENDPOINT_URL"] + "/prod/failover"]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", body]
        config = ""
        if signed:
            command += ["--aws-sigv4", f"aws:amz:{region}:execute-api", "-K", "-"]
            config = f'user = "{keys["aws_access_key_id"]}:{keys["aws_secret_access_key"]}"\n'
        out = run(command, text_in=config).stdout
        text, status = out.rsplit("\n", 1)
        return int(status), json.loads(text)

    def statistic(self, region, metric, name, since, function=CRUD, endpoint="global-writer"):
        percentile = name.startswith("p") and name[1:].isdigit()
        option = "--extended-statistics" if percentile else "--statistics"
        answer = self.platform.aws(
            region, "cloudwatch", "get-metric-statistics", "--namespace", "AuroraGlobalDB/Failover",
            "--metric-name", metric, "--dimensions", f"Name=FunctionName,Value={function}",
            f"Name=EndpointType,Value={endpoint}", f"Name=Region,Value={region}",
            "--start-time", since, "--end-time",
            (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat(),
            "--period", "86400", option, name)
        points = answer["Datapoints"]
        if not points:
            return None
        return points[0]["ExtendedStatistics"][name] if percentile else points[0][name]

    def test_1_functions_are_listed(self):
        for region in (EAST, WEST):
            found = self.platform.aws(region, "lambda", "list-functions")["Functions"]
            self.assertEqual(sorted(one["FunctionName"] for one in found),
                             [CRUD, FORWARDED, "failover"])
        one = self.platform.aws(EAST, "lambda", "get-function", "--function-name", "failover")
        self.assertEqual(one["Configuration"]["FunctionArn"],
                         f"arn:aws:lambda:{EAST}:123456789012:function:failover")

    def test_2_failover_inside_an_invocation_and_its_metrics(self):
        self.platform.await_healthy(writer=EAST)
        since = (datetime.now(timezone.utc) - timedelta(minutes=1)).isoformat()
        answer, result = self.invoke(
            EAST, CRUD, {"trigger_failover": True, "operations": 50, "operation_type": "mixed"},
            "--log-type", "Tail")
        self.assertNotIn("FunctionError", answer)
        self.assertIn("REPORT RequestId", base64.b64decode(answer["LogResult"]).decode())
        self.assertEqual(result["failover"]["status"], "completed")
        self.assertEqual(result["failover"]["new_primary"], WEST)
        self.assertEqual(self.platform.writer(), WEST)
        self.assertGreaterEqual(result["operations"], 50)
        self.assertEqual(result["success_rate"], 100)
        self.assertGreater(result["during"]["operations"], 0)
        self.assertGreater(result["window"]["write_unavailability_ms"], 0)
        self.assertEqual(result["verification"]["lost"], 0)
        # The few operations before the writer stops may all be reads.
        self.assertEqual(result["served_by"][-1]["served_by"], WEST)
        served = {one["served_by"] for one in result["served_by"] + result["reads_served_by"]}
        self.assertEqual(served, {EAST, WEST})
        metrics = result["metrics"]
        wait_until(lambda: self.statistic(EAST, "Latency", "SampleCount", since)
                   == metrics["Latency"]["sample_count"], "the metrics are stored")
        for metric, name, wanted in (
                ("OperationsDuringFailover", "Sum", metrics["OperationsDuringFailover"]),
                ("SuccessRate", "Average", metrics["SuccessRate"]),
                ("RetryCount", "Sum", metrics["RetryCount"]),
                ("Latency", "Average", metrics["Latency"]["average"]),
                ("Latency", "Maximum", metrics["Latency"]["maximum"]),
                ("Latency", "p50", metrics["Latency"]["p50"]),
                ("Latency", "p90", metrics["Latency"]["p90"]),
                ("Latency", "p99", metrics["Latency"]["p99"])):
            self.assertAlmostEqual(self.statistic(EAST, metric, name, since), wanted, places=6,
                                   msg=f"{metric} {name}")
        listed = self.platform.aws(EAST, "cloudwatch", "list-metrics", "--namespace",
                                   "AuroraGlobalDB/Failover")["Metrics"]
        self.assertEqual(sorted(one["MetricName"] for one in listed),
                         ["Latency", "OperationsDuringFailover", "RetryCount", "SuccessRate"])

    def await_connected(self):
        """The regions' APIs, which the functions ask, say that every member is connected."""
        def connected(region):
            (one,) = self.platform.aws(region, "rds", "describe-global-clusters")["GlobalClusters"]
            return all(member["SynchronizationStatus"] == "connected"
                       for member in one["GlobalClusterMembers"])

        self.platform.await_healthy()
        for region in (EAST, WEST):
            wait_until(lambda region=region: connected(region), f"all is connected in {region}")

    def test_3_direct_failover_both_types_from_both_regions(self):
        for region, kind in ((EAST, "planned"), (EAST, "unplanned"), (WEST, "planned"),
                             (WEST, "unplanned")):
            self.await_connected()
            before = self.platform.writer()
            other = WEST if before == EAST else EAST
            answer, result = self.invoke(region, "failover", {"failover_type": kind})
            self.assertNotIn("FunctionError", answer, result)
            self.assertEqual(result["status"], "completed")
            self.assertEqual(result["role"], "primary" if region == before else "secondary")
            self.assertEqual(result["old_primary"]["region"], before)
            self.assertEqual(result["new_primary"]["region"], other)
            self.assertEqual("warning" in result, kind == "unplanned")
            self.assertEqual(self.platform.writer(), other)
        _, late = self.invoke(EAST, "failover",
                              {"failover_type": "planned", "expected_primary": "eu-west-1"})
        self.assertEqual(late["status"], "superseded")

    def test_4_post_and_get_failover(self):
        self.platform.await_healthy()
        before = self.platform.writer()
        for region in (EAST, WEST):
            def ready(region=region):  # Each region hears of the other's health by gossip.
                status, facts = self.post_failover(region, "GET")
                self.assertEqual(status, 200)
                return facts if facts["readiness"]["switchover"]["ready"] else None

            facts = wait_until(ready, f"{region} calls a switchover ready")
            self.assertEqual(facts["role"], "primary" if region == before else "secondary")
            self.assertIn("bytes", facts["lag"][0])
        status, accepted = self.post_failover(WEST, body='{"failover_type": "planned"}')
        self.assertEqual((status, accepted["status"]), (202, "accepted"))
        wait_until(lambda: self.platform.writer() != before, "the writer has moved")
        self.platform.await_healthy()
        status, answer = self.post_failover(WEST, body='{"failover_type": "soon"}')
        self.assertEqual(status, 400)
        self.assertIn("failover_type", answer["message"])
        self.assertEqual(self.post_failover(WEST, body="{")[0], 400)
        self.assertEqual(self.post_failover(WEST, body='{"failover_type": "planned"}',
                                            signed=False),
                         (403, {"message": "Missing Authentication Token"}))
        self.assertEqual(self.post_failover(WEST, "DELETE")[0], 403)

    def test_5_a_second_failover_meanwhile_is_a_conflict(self):
        self.platform.await_healthy()
        before = self.platform.writer()
        self.platform.command("link", "set", "--latency-ms", "400")
        try:
            self.assertEqual(self.post_failover(before, body="{}")[0], 202)
            status, answer = self.post_failover(before, body="{}")
            self.assertEqual(status, 409, answer)
            self.assertTrue(answer["already_running"])
        finally:
            self.platform.command("link", "set", "--latency-ms", "0")
        wait_until(lambda: self.platform.writer() != before, "the writer has moved")

    def test_6_bad_payloads_are_named(self):
        for payload, field in (({"operations": -1}, "operations"),
                               ({"operations": 10**30}, "operations"),
                               ({"operations": 1.5}, "operations"),
                               ({"operations": "50"}, "operations"),
                               ({"operation_type": "drop"}, "operation_type"),
                               ({"trigger_failover": "yes"}, "trigger_failover"),
                               ({"concurrency": 0}, "concurrency"),
                               ({"failover_typ": "planned"}, "failover_typ"),
                               ([], "object")):
            answer, result = self.invoke(EAST, CRUD, payload)
            self.assertEqual(answer["FunctionError"], "Unhandled", payload)
            self.assertEqual(result["errorType"], "InvalidPayload")
            self.assertIn(field, result["errorMessage"])

    def test_7_the_host_refuses_as_lambda_does(self):
        self.refused(EAST, "ResourceNotFoundException", "absent", "{}")
        self.refused(EAST, "InvalidRequestContentException", CRUD, "{")
        self.refused(EAST, "ResourceNotFoundException", CRUD, "{}", "--qualifier", "7")
        arn = f"arn:aws:lambda:{EAST}:123456789012:function:{CRUD}"
        self.assertEqual(self.invoke(EAST, arn, {"operations": 1})[1]["operations"], 1)
        answer, _ = self.invoke(EAST, CRUD, {}, "--invocation-type", "DryRun")
        self.assertEqual(answer["StatusCode"], 204)
        large = json.dumps({"x": "y" * 1_100_000})
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(large)
            file.flush()
            self.refused(EAST, "RequestTooLargeException", CRUD, f"file://{file.name}",
                         "--invocation-type", "Event")

    def test_8_writes_are_forwarded_or_it_is_said_that_they_are_not(self):
        self.platform.await_healthy()
        primary = self.platform.writer()
        secondary = WEST if primary == EAST else EAST
        since = (datetime.now(timezone.utc) - timedelta(minutes=1)).isoformat()
        for region in (secondary, primary):
            answer, result = self.invoke(region, FORWARDED,
                                         {"operations": 80, "operation_type": "mixed"})
            self.assertNotIn("FunctionError", answer, result)
            self.assertEqual(result["endpoint_type"], "write-forwarding")
            self.assertEqual((result["succeeded"], result["stale_reads"]), (80, 0))
            check = result["verification"]
            self.assertEqual((check["lost"], check["items_wrong"]), (0, 0))
            # Reads are local, writes the primary's.
            self.assertEqual([one["served_by"] for one in result["served_by"]], [primary])
            self.assertEqual([one["served_by"] for one in result["reads_served_by"]], [region])
            wait_until(lambda region=region: self.statistic(
                region, "SuccessRate", "Average", since, FORWARDED, "write-forwarding") == 100,
                "the metrics carry the endpoint type")
        answer, result = self.invoke(secondary, FORWARDED, {"concurrency": 0})
        self.assertEqual(result["errorType"], "InvalidPayload")
        cluster = ("--db-cluster-identifier", f"aurora-global-db-{secondary}")
        self.platform.aws(secondary, "rds", "modify-db-cluster", *cluster,
                          "--no-enable-global-write-forwarding")
        try:
            wait_until(lambda: self.platform.aws(secondary, "rds", "describe-db-clusters", *cluster)
                       ["DBClusters"][0]["GlobalWriteForwardingStatus"] == "disabled", "it is off")
            answer, result = self.invoke(secondary, FORWARDED, {"operations": 5})
            self.assertEqual(answer["FunctionError"], "Unhandled")
            self.assertEqual(result["errorType"], "WriteForwardingUnavailable")
        finally:
            self.platform.aws(secondary, "rds", "modify-db-cluster", *cluster,
                              "--enable-global-write-forwarding")

    def test_9_the_logs_of_a_function(self):
        events = self.platform.aws(EAST, "logs", "filter-log-events", "--log-group-name",
                                   f"/aws/lambda/{CRUD}", "--filter-pattern", "REPORT")["events"]
        self.assertTrue(events)
        stream = events[-1]["logStreamName"]
        lines = self.platform.aws(EAST, "logs", "get-log-events", "--log-group-name",
                                  f"/aws/lambda/{CRUD}", "--log-stream-name", stream,
                                  "--start-from-head")["events"]
        self.assertTrue(lines[0]["message"].startswith("START RequestId"))
        done = self.platform.aws(EAST, "logs", "filter-log-events", "--log-group-name", "/absent",
                                 expect=254)
        self.assertIn("ResourceNotFoundException", done.stderr)

    def test_a_rotation_changes_the_password_everywhere(self):
        name = "aurora-global/credentials"
        old = self.platform.aws(EAST, "secretsmanager", "get-secret-value", "--secret-id", name)
        self.platform.aws(WEST, "secretsmanager", "rotate-secret", "--secret-id", name)

        def current(region):
            return self.platform.aws(region, "secretsmanager", "get-secret-value", "--secret-id",
                                     name)["SecretString"]

        wait_until(lambda: current(EAST) == current(WEST) != old["SecretString"],
                   "both regions have the new password")
        environment = dict(self.platform.environment(EAST), PGPASSFILE="/dev/null",
                           PGPASSWORD=json.loads(old["SecretString"])["password"])
        stale = subprocess.run(["psql", "-c", "SELECT 1"], env=environment, capture_output=True,
                               text=True, check=False)
        self.assertIn("password authentication failed", stale.stderr)
        # A warm function still has the old one: it reads the secret again.
        answer, result = self.invoke(EAST, CRUD, {"operations": 5})
        self.assertNotIn("FunctionError", answer, result)
        self.assertEqual(self.platform.sql(EAST, "SELECT 1"), "1")
        stages = self.platform.aws(EAST, "secretsmanager", "describe-secret", "--secret-id",
                                   name)["VersionIdsToStages"]
        self.assertEqual(sorted(sum(stages.values(), [])), ["AWSCURRENT", "AWSPREVIOUS"])
        stored = b"".join(path.read_bytes() for path in
                          self.platform.region_dir(EAST).glob("state.sqlite*"))
        for text in (current(EAST), old["SecretString"]):
            self.assertNotIn(json.loads(text)["password"].encode(), stored)

    def test_b_a_missing_secret_is_said(self):
        file = self.platform.region_dir(EAST) / "functions" / "no-secret.toml"
        text = (file.parent / f"{CRUD}.toml").read_text()
        file.write_text(text.replace(f'name = "{CRUD}"', 'name = "no-secret"').replace(
            "aurora-global/credentials", "absent"))
        answer, result = self.invoke(EAST, "no-secret", {"operations": 1})
        self.assertEqual(answer["FunctionError"], "Unhandled")
        self.assertEqual(result["errorType"], "ResourceNotFoundException")
        os.unlink(file)

    def test_c_the_other_region_is_killed(self):
        """500 operations while the primary's region dies; the survivor's function fails over."""
        self.platform.await_healthy()
        dies = self.platform.writer()
        survivor = WEST if dies == EAST else EAST
        out = pathlib.Path(tempfile.mkdtemp()) / "response.json"
        invoking = subprocess.Popen(
            ["aws", "lambda", "invoke", "--function-name", CRUD, "--cli-binary-format",
             "raw-in-base64-out", "--payload",
             json.dumps({"operations": 500, "duration_seconds": 12}), str(out)],
            env=self.platform.environment(survivor), stdout=subprocess.DEVNULL)
        wait_until(lambda: self.platform.sql(
            survivor, "SELECT count(*) > 150 FROM drill_ledger WHERE written > "
            "now() - interval '12 s'") == "t", "the load runs")
        self.platform.kill_region(dies)
        status, answer = self.post_failover(survivor, body='{"failover_type": "unplanned"}')
        self.assertEqual(status, 202, answer)
        self.assertEqual(invoking.wait(timeout=120), 0)
        result = json.loads(out.read_text())
        check = result["verification"]
        self.assertTrue(check["counted"], check)
        acknowledged = sum(result["by_type"][one]["succeeded"]
                           for one in ("create", "update", "delete"))
        unknown = sum(result["by_type"][one]["unknown"] for one in ("create", "update", "delete"))
        self.assertEqual(check["acknowledged"], acknowledged)
        self.assertEqual(check["unknown"], unknown)
        stored = int(self.platform.sql(
            survivor, f"SELECT count(*) FROM drill_ledger WHERE run = '{result['run']}'"))
        self.assertEqual(stored, acknowledged - check["lost"] + check["unknown_committed"]
                         + check["not_asked_for"])
        self.assertEqual(result["served_by"][-1]["served_by"], survivor)
        self.platform.start_region(dies)
        self.platform.await_healthy(writer=survivor)


if __name__ == "__main__":
    unittest.main()
