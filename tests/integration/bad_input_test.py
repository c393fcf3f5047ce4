"""Wrong arguments and wrong surroundings get a clear error, and nothing is changed."""

import pathlib
import shutil
import tempfile
import unittest

from lib.documents import ROOT, blocks
from lib.platform import PROGRAM, AddressPrefix, run


class BadInput(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-test-"))
        self.directory.chmod(0o755)
        self.home = self.directory / "home"
        self.addCleanup(shutil.rmtree, self.directory)

    def refused(self, *arguments, code, words):
        done = run([PROGRAM, "--home", str(self.home), *arguments], expect=code)
        for word in words:
            self.assertIn(word, done.stdout + done.stderr)

    def config(self, *options):
        prefix = AddressPrefix()
        self.addCleanup(prefix.release)
        run([PROGRAM, "--home", str(self.home), "up", "--config-only", "--address-prefix",
             prefix.text, *options])

    def test_no_platform(self):
        for command in (["status"], ["down"], ["destroy", "--yes"], ["env", "us-east-1"],
                        ["switchover", "--to", "us-west-2"]):
            self.refused(*command, code=2, words=[f"--home {self.home} up`"])
        self.assertFalse(self.home.exists())

    def test_unknown_commands_and_options(self):
        self.refused("upp", code=2, words=["did you mean up"])
        self.refused("up", "--radius", "3", code=2, words=["--radius"])
        self.refused(code=2, words=["a command is needed"])

    def test_up_with_wrong_values(self):
        for option, value, word in (("--regions", "us-east-1", "two to ten"),
                                    ("--regions", "a,a", "twice"),
                                    ("--regions", "us-east-1,US_WEST", "region name"),
                                    ("--readers", "99", "--readers"),
                                    ("--readers", "-1", "--readers"),
                                    ("--address-prefix", "10.0", "loopback"),
                                    ("--address-prefix", "127.999", "127.999"),
                                    ("--latency-ms", "-4", "--latency-ms"),
                                    ("--global-cluster", "9lives", "valid identifier")):
            self.refused("up", option, value, code=2, words=[word])
        self.assertFalse(self.home.exists())

    def test_no_postgresql(self):
        self.refused("up", "--postgres-bin", "/nowhere", code=2, words=["/nowhere", "postgresql-15"])
        other = self.directory / "bin"
        other.mkdir()
        (other / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
        (other / "postgres").chmod(0o755)
        self.refused("up", "--postgres-bin", str(other), code=2, words=["14.9", "PostgreSQL 15"])
        self.assertFalse(self.home.exists())

    def test_a_directory_with_something_else_in_it(self):
        self.home.mkdir()
        (self.home / "photos").touch()
        self.refused("up", code=1, words=["not empty", "--home"])
        self.assertEqual(["photos"], [one.name for one in self.home.iterdir()])

    def test_other_regions_than_the_platform_has(self):
        self.config()
        self.refused("up", "--regions", "eu-west-1,eu-west-2", code=1, words=["destroy", "--home"])

    def test_config_only_starts_nothing(self):
        self.config()
        self.assertEqual([], list(self.home.glob("**/*.pid")))
        self.assertTrue((self.home / "us-west-2" / "region.toml").exists())

    def test_a_typing_error_in_a_configuration_file_is_named_with_its_line(self):
        self.config()
        for name, command in (("us-east-1/region.toml", ["region"]),
                              ("us-east-1/router.toml", ["router"]),
                              ("link/link.toml", ["link", "serve"])):
            file = self.home / name
            text = file.read_text()
            file.write_text("nonsense = 3\n" + text)
            self.refused(*command, str(file), code=2, words=[file.name, "nonsense"])
            file.write_text(text + "\n[[[\n")
            self.refused(*command, str(file), code=2, words=[file.name, "line"])
            file.write_text(text)

    def test_the_configuration_files_of_the_reference_are_accepted(self):
        kinds = {"[[route]]": ["link", "serve"], "[[endpoint]]": ["router"], "[[peer]]": ["region"]}
        texts = [text for language, _, text in blocks(ROOT / "docs" / "reference" / "control.md")
                 if language == "toml"]
        for sign, command in kinds.items():
            text = next(one for one in texts if sign in one)
            file = self.directory / "file.toml"
            file.write_text(text.replace("/…", str(self.directory / "nowhere")), encoding="utf-8")
            # It is read, and then there is no such directory.
            done = run([PROGRAM, *command, str(file)], expect=1)
            self.assertIn("nowhere", done.stdout + done.stderr)

    def test_a_configuration_file_that_does_not_exist(self):
        for command in (["region"], ["router"], ["link", "serve"]):
            self.refused(*command, str(self.directory / "none.toml"), code=2, words=["none.toml"])

    def test_destroy_asks(self):
        self.config()
        self.refused("destroy", code=2, words=["--yes"])
        self.assertTrue(self.home.exists())

    def test_link_that_does_not_run(self):
        self.config()
        self.refused("link", "status", code=3, words=["is down", " up`"])

    def test_failover_needs_the_word(self):
        self.refused("failover", "--to", "us-west-2", code=2, words=["--allow-data-loss"])


if __name__ == "__main__":
    unittest.main()
