"""The drill from the command line: what it measures, what it refuses, and that it can fail.

Lost writes are counted here a second time, from the load's own log (ops.csv) and by SQL of this test,
so that the drill's verdict is not believed on its word alone.
"""

import csv
import json
import unittest

from lib.platform import EAST, WEST, PlatformTest

LOAD = """
[load]
operation_type = "mixed"
concurrency = 4
"""


def drill(platform, text, expect, *options):
    """Runs a drill file and returns its results.json, or None where it was refused."""
    file = platform.directory / "case.toml"
    file.write_text(text, encoding="utf-8")
    output = platform.directory / "out"
    done = platform.command("drill", file, "--output", output, *options, expect=expect, limit_s=240)
    results = output / "case" / "results.json"
    if not results.exists():
        return None, done
    parsed = json.loads(results.read_text(encoding="utf-8"))
    results.unlink()
    return parsed, done


def ops_of(platform):
    with open(platform.directory / "out" / "case" / "ops.csv", encoding="utf-8", newline="") as log:
        return list(csv.DictReader(log))


def lost_by_hand(platform, results, region):
    """Acknowledged writes in ops.csv whose op_id the writer's ledger does not have."""
    acknowledged = {row["op_id"] for row in ops_of(platform)
                    if row["outcome"] == "ok" and row["type"] != "read"}
    stored = set(platform.sql(region, "SELECT op_id FROM drill_ledger WHERE run = "
                                      f"'{results['run']}'").split())
    return len(acknowledged - stored), len(acknowledged)


def expectation(results, name):
    return next(one for one in results["expectations"] if one["name"] == name)


class Drills(PlatformTest):
    def test_00_a_load_of_functions_is_judged_like_any_other(self):
        results, _ = drill(self.platform, """
            [load]
            via = "lambda"
            concurrency = 32
            rate = 300
            [[step]]
            after_writes = 100
            do = "switchover"
            [expect]
            lost_writes = 0
            failed_operations = 0
            min_acknowledged_writes = 200
            healthy_at_end = true
            """, 0)
        self.assertTrue(all(one["held"] for one in results["expectations"]), results)
        self.assertEqual(lost_by_hand(self.platform, results, WEST)[0], 0)
        self.assertEqual({row["region"] for row in ops_of(self.platform)} - {""}, {EAST, WEST})
        results, done = drill(self.platform, """
            [load]
            via = "lambda"
            retries = 3
            duration_s = 1
            """, 2)
        self.assertIsNone(results)
        self.assertIn("line 4: retries in [load] needs via", done.stderr)
        drill(self.platform, '[load]\nduration_s = 0.5\n[[step]]\ndo = "switchover"\n', 0)

    def test_01_a_switchover_loses_nothing(self):
        results, _ = drill(self.platform, LOAD + """
            [[step]]
            after_writes = 500
            do = "switchover"
            [expect]
            lost_writes = 0
            failed_operations = 0
            min_acknowledged_writes = 800
            healthy_at_end = true
            """, 0)
        self.assertTrue(all(one["held"] for one in results["expectations"]))
        self.platform.await_healthy(WEST)
        report = self.platform.directory / "out" / "case" / "report.html"
        page = report.read_text(encoding="utf-8")
        self.assertIn(results["run"], page)
        for outside in ('src="http', 'href="http', "@import", "fetch("):
            self.assertNotIn(outside, page)
        lost, acknowledged = lost_by_hand(self.platform, results, WEST)
        self.assertEqual(0, lost)
        self.assertGreaterEqual(acknowledged, 800)

    def test_02_an_expectation_that_does_not_hold_fails_the_drill(self):
        results, _ = drill(self.platform, LOAD + """
            [[step]]
            after_writes = 200
            do = "switchover"
            [expect]
            max_write_unavailability_ms = 0
            """, 1)
        self.assertFalse(expectation(results, "max_write_unavailability_ms")["held"])
        self.platform.await_healthy(EAST)

    def test_03_ten_switchovers_in_a_row(self):
        before = self.platform.epoch()
        drill(self.platform, LOAD + """
            [[step]]
            after_writes = 200
            do = "switchover"
            repeat = 10
            min_writes_between = 100
            [expect]
            lost_writes = 0
            failed_operations = 0
            healthy_at_end = true
            """, 0)
        self.platform.await_healthy(EAST)
        self.assertEqual(before + 10, self.platform.epoch())

    def test_04_a_killed_primary_region(self):
        results, _ = drill(self.platform, LOAD + """
            op_timeout_ms = 2000
            client_region = "us-west-2"
            [[step]]
            after_writes = 500
            do = "kill-region"
            region = "us-east-1"
            [[step]]
            do = "failover"
            to = "us-west-2"
            [[step]]
            do = "start-region"
            region = "us-east-1"
            [[step]]
            do = "wait-healthy"
            [expect]
            min_acknowledged_writes = 500
            healthy_at_end = true
            """, 0)
        self.platform.await_healthy(WEST)
        lost, _ = lost_by_hand(self.platform, results, WEST)
        self.assertEqual(results["verification"]["lost_writes"], lost)

    def test_05_a_drill_file_with_a_mistake_is_refused_before_anything_happens(self):
        for text, word in ((LOAD + "speed = 9\n", "speed"),
                           (LOAD + '[[step]]\nat_s = 1\ndo = "explode"\n', "explode"),
                           ("[load\n", "line"),
                           (LOAD + "[expect]\nlost_wrties = 0\n", "lost_wrties")):
            results, done = drill(self.platform, text, 2)
            self.assertIsNone(results)
            self.assertIn(word, done.stdout + done.stderr)


class LostWrites(PlatformTest):
    """The negative control: a failover out of a partition loses writes, and the checker says so."""

    def test_the_checker_reports_loss(self):
        self.platform.await_healthy(EAST)
        results, done = drill(self.platform, LOAD + """
            client_region = "us-east-1"
            [[step]]
            after_writes = 500
            do = "partition"
            [[step]]
            after_writes = 1500
            do = "failover"
            [[step]]
            do = "heal"
            [[step]]
            do = "wait-healthy"
            [expect]
            lost_writes = 0
            """, 1)
        self.assertFalse(expectation(results, "lost_writes")["held"], done.stdout)
        lost, _ = lost_by_hand(self.platform, results, WEST)
        self.assertGreater(lost, 0)
        self.assertEqual(results["verification"]["lost_writes"], lost)


if __name__ == "__main__":
    unittest.main()
