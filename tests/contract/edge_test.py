"""Goal: what SDKs do beside plain calls works: CBOR, compression, a wrong clock, pages, waiters."""

import json
import pathlib
import unittest

from lib.platform import EAST, PlatformTest, run

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parent.parent / "build" / "sdk"  # Made by `./dev test`.
SERVICES = ("rds", "lambda", "cloudwatch", "cloudwatch-logs", "secrets-manager", "kms", "sts")
CLUSTER = f"aurora-global-db-{EAST}"


class Edge(PlatformTest):
    def test_the_sdk_for_javascript(self):
        self.assertTrue(MODULES.exists(), "run the tests with ./dev test, which installs the SDK")
        done = run(["node", str(HERE / "sdk" / "edge.mjs"), str(MODULES), CLUSTER,
                    str(self.platform.pid(EAST, "daemon"))],
                   env=self.platform.environment(EAST))
        seen = json.loads(done.stdout)
        points = [["Count", 4, 0], ["Seconds", 1.5, 0]]  # Units are not mixed.
        self.assertEqual(seen["cbor"], points)
        self.assertEqual(seen["json"], points)
        self.assertEqual(seen["refused"], "InvalidParameterValueException")
        self.assertEqual(seen["newest"], [2])
        self.assertEqual(seen["encoding"], "gzip")
        self.assertEqual(seen["listed"], 1000)
        self.assertEqual(seen["secrets"], [["edge/0", "edge/1"], ["edge/2"]])
        self.assertEqual(seen["waited"], "SUCCESS")
        self.assertEqual(seen["noStream"], "ResourceNotFoundException")
        # At first, and after a look at the region's clock.
        self.assertEqual(seen["clocks"], {service: [1, 2, 2] for service in SERVICES})
        self.assertEqual(seen["again"], {service: "answered" for service in SERVICES})


if __name__ == "__main__":
    unittest.main()
