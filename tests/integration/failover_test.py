"""The primary region dies, the survivor takes over, and the old one comes back as a secondary."""

import pathlib
import tomllib
import unittest

from lib.platform import EAST, WEST, PlatformTest, Writers, wait_until


class Failover(PlatformTest):
    def setUp(self):
        self.platform.make_writer(EAST)

    def test_needs_the_word(self):
        refused = self.platform.command("failover", "--to", WEST, expect=2)
        self.assertIn("--allow-data-loss", refused.stderr)

    def test_the_survivor_takes_over_and_the_old_region_rejoins(self):
        writers = Writers(self.platform, WEST)
        try:
            writers.await_progress()
            arrived = writers.stored(WEST, "cluster")
            self.platform.kill_region(EAST)
            self.platform.command("failover", "--to", WEST, "--allow-data-loss")
            writers.await_progress()
        finally:
            writers.stop()
        lost, stored = writers.lost(WEST), writers.stored(WEST)
        self.assertGreater(len(arrived), 200)
        self.assertEqual(set(), arrived - stored)
        # Of what a session was told only the last before the move can be missing: one gap.
        for session in writers.sessions:
            kept = [True, *(one in stored for one in session)]
            gaps = sum(before and not after for before, after in zip(kept, kept[1:]))
            self.assertLessEqual(gaps, 1)
        self.platform.sql(WEST, "CREATE TABLE after_it(id int)")

        self.platform.up()
        self.platform.await_healthy(WEST, limit_s=120)
        self.platform.await_row(EAST, "SELECT count(*) FROM after_it", "0")
        # Both regions hold the same rows now: what was lost is lost everywhere.
        query = f"SELECT count(*), min(id), max(id) FROM {Writers.TABLE}"
        self.platform.await_row(EAST, query, self.platform.sql(WEST, query, "cluster"))
        self.assertEqual(lost, writers.lost(EAST))

        # The writer can go home, and back at once, while the region that it leaves is only about to
        # be a standby.
        for region in (EAST, WEST, EAST):
            moved = self.platform.command("switchover", "--to", region, expect=None)
            if moved.returncode != 0:  # A busy machine: it starts for longer than is waited for.
                self.assertRegex(moved.stdout + moved.stderr, "starting up|not replicating")
                self.platform.await_healthy()
                self.platform.command("switchover", "--to", region)
        self.platform.await_healthy(EAST)


class DivergedPrimary(PlatformTest):
    """The old primary goes on in a partition and has writes that nobody else has."""

    def setUp(self):
        self.platform.make_writer(EAST)

    def test_it_is_stopped_and_rewound(self):
        self.platform.sql(EAST, "CREATE TABLE t(id int PRIMARY KEY)")
        self.platform.await_row(WEST, "SELECT count(*) FROM t", "0")
        self.platform.command("link", "set", "--partition", "both")
        self.platform.sql(EAST, "INSERT INTO t VALUES (1)")  # Acknowledged by one region alone.
        self.platform.command("failover", "--to", WEST, "--allow-data-loss")
        self.platform.sql(WEST, "INSERT INTO t VALUES (2)")
        self.platform.command("link", "set", "--partition", "none")
        self.platform.await_healthy(WEST, limit_s=120)
        self.platform.await_row(EAST, "SELECT string_agg(id::text, ',') FROM t", "2")
        # By pg_rewind; a full copy would have kept what it replaces.
        kept = list(self.platform.region_dir(EAST).glob("instances/*/data.diverged*"))
        self.assertEqual([], kept)

    def test_a_primary_that_comes_back_alone_waits_for_the_epoch(self):
        self.platform.command("link", "set", "--partition", "both")
        self.platform.kill_region(EAST)
        self.platform.command("failover", "--to", WEST, "--allow-data-loss")
        # It cannot know of the new epoch: it must not open for writing.
        self.platform.start_region(EAST)
        wait_until(lambda: self.platform.region_status(EAST)["duty"] == "waiting-for-epoch",
                   "the old primary waits")
        self.assertEqual([], self.platform.postmasters(EAST))
        self.platform.command("link", "set", "--partition", "none")
        self.platform.await_healthy(WEST, limit_s=120)


class ARewindThatBreaksOff(PlatformTest):
    """The old primary's data are half the new one's when pg_rewind ends and the link is cut again."""

    # After the dry run: one file is spoilt, as one that was only begun to be written.
    PG_REWIND = """#!/bin/bash
for one; do [ "$one" != --dry-run ] || exec {real} "$@"; done
: > "$2/global/pg_filenode.map"
touch {place}/reached
for i in {{1..600}}; do [ -e {place}/go ] && break; sleep 0.1; done
exit 1
"""

    def programs_of_its_own(self, place):
        """A copy of the folder with PostgreSQL's programs in which pg_rewind is ours."""
        place.mkdir()
        place.chmod(0o777)
        file = self.platform.region_dir(EAST) / "region.toml"
        text = file.read_text(encoding="utf-8")
        theirs = pathlib.Path(tomllib.loads(text)["postgres_bin"])
        for program in theirs.iterdir():
            (place / program.name).symlink_to(program)
        (place / "pg_rewind").unlink()
        (place / "pg_rewind").write_text(
            self.PG_REWIND.format(real=theirs / "pg_rewind", place=place), encoding="utf-8")
        (place / "pg_rewind").chmod(0o755)
        file.write_text(text.replace(str(theirs), str(place)), encoding="utf-8")

    def test_the_region_is_no_target_until_it_was_copied(self):
        self.platform.await_healthy(EAST)
        self.platform.sql(EAST, "CREATE TABLE t(id int); INSERT INTO t VALUES (1)")
        self.platform.await_row(WEST, "SELECT count(*) FROM t", "1")
        self.platform.command("link", "set", "--partition", "both")
        self.platform.sql(EAST, "INSERT INTO t VALUES (2)")
        self.platform.command("failover", "--to", WEST, "--allow-data-loss")
        self.platform.kill_region(EAST)
        place = self.platform.directory / "bin"
        self.programs_of_its_own(place)
        self.platform.command("link", "set", "--partition", "none")
        self.platform.start_region(EAST)
        wait_until((place / "reached").exists, "pg_rewind is under way", limit_s=120)
        self.platform.command("link", "set", "--partition", "both")
        (place / "go").touch()

        def refused():
            done = self.platform.command("failover", "--to", EAST, "--allow-data-loss", expect=None)
            self.assertNotEqual(0, done.returncode, done.stdout)
            return "no DB instance with data" in done.stdout + done.stderr

        wait_until(refused, "its data are no database", limit_s=120)
        self.assertEqual([], self.platform.postmasters(EAST))
        self.platform.command("link", "set", "--partition", "none")
        self.platform.await_healthy(WEST, limit_s=120)
        self.platform.await_row(EAST, "SELECT string_agg(id::text, ',') FROM t", "1")
        # What only it had written was put aside before.
        self.assertNotEqual(
            [], list(self.platform.region_dir(EAST).glob("instances/*/discarded-wal-*")))


if __name__ == "__main__":
    unittest.main()
