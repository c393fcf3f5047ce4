"""The functions and their metrics through the current AWS SDK for JavaScript."""

import json
import pathlib
import unittest

from lib.platform import EAST, PlatformTest, run

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parent.parent / "build" / "sdk"  # Made by `./dev test`.


class FunctionsThroughTheSdk(PlatformTest):
    def test_metrics_equal_the_result(self):
        self.assertTrue(MODULES.exists(), "run the tests with ./dev test, which installs the SDK")
        done = run(["node", str(HERE / "sdk" / "functions.mjs"), str(MODULES)],
                   env=self.platform.environment(EAST))
        out = json.loads(done.stdout)
        self.assertIsNone(out["functionError"], out["result"])
        self.assertIn("failover", out["functions"])
        metrics = out["result"]["metrics"]
        latency = metrics["Latency"]
        self.assertEqual(out["latency"]["SampleCount"], 230)
        self.assertAlmostEqual(out["latency"]["Average"], latency["average"], places=6)
        self.assertEqual(out["latency"]["Maximum"], latency["maximum"])
        self.assertEqual(out["latency"]["ExtendedStatistics"],
                         {"p50": latency["p50"], "p99": latency["p99"]})
        self.assertEqual(out["p90"], latency["p90"])
        self.assertEqual(out["success"]["Average"], metrics["SuccessRate"])
        self.assertEqual(out["retries"]["Sum"], metrics["RetryCount"])
        self.assertEqual(out["during"]["Sum"], metrics["OperationsDuringFailover"])
        self.assertEqual([one["MetricName"] for one in out["own"]], ["M"])
        self.assertGreater(out["lines"], 0)
        self.assertEqual(out["user"], "postgres")
        names = {key: (value or {}).get("name") for key, value in out["refusals"].items()}
        self.assertEqual(names["function"], "ResourceNotFoundException")
        self.assertEqual(names["secret"], "ResourceNotFoundException")
        self.assertTrue(names["metric"].startswith("Validation"), names)
        self.assertTrue(names["namespace"].startswith("InvalidParameterValue"), names)
        self.assertEqual({value["status"] for value in out["refusals"].values()}, {400, 404})


if __name__ == "__main__":
    unittest.main()
