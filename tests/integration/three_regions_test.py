"""Three regions: whoever the writer is, the other two follow it, with readers beside the heads."""

import unittest

from lib.platform import EAST, WEST, PlatformTest

IRELAND = "eu-west-1"


class ThreeRegions(PlatformTest):
    regions = (EAST, WEST, IRELAND)
    up_options = ("--readers", "1")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform.up()
        cls.platform.sql(EAST, "CREATE TABLE visits(region text)")

    def everybody_sees(self, region, rows):
        self.platform.sql(region, f"INSERT INTO visits VALUES ('{region}')")
        for one in self.regions:
            for endpoint in ("cluster", "reader"):
                self.platform.await_row(one, "SELECT count(*) FROM visits", str(rows), endpoint)

    def test_1_all_replicate_from_the_first(self):
        self.platform.await_healthy(EAST)
        self.everybody_sees(EAST, 1)
        self.assertEqual(self.platform.sql(WEST, "SELECT pg_is_in_recovery()", "reader"), "t")

    def test_2_the_third_follows_a_switchover_it_has_no_part_in(self):
        self.platform.command("switchover", "--to", IRELAND)
        self.platform.await_healthy(IRELAND)
        self.everybody_sees(IRELAND, 2)

    def test_3_both_others_follow_a_failover_of_a_healthy_primary(self):
        self.platform.command("failover", "--to", WEST, "--allow-data-loss")
        self.platform.await_healthy(WEST)
        self.everybody_sees(WEST, 3)


if __name__ == "__main__":
    unittest.main()
