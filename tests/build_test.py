"""./dev build on a small project of its own: headers that somebody installs anew under it."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES CXX)
add_executable(one one.cc)
target_include_directories(one SYSTEM PRIVATE "{installed}")
target_precompile_headers(one PRIVATE <installed.h>)
add_executable(two two.cc)
target_include_directories(two SYSTEM PRIVATE "{installed}")
"""


class InstalledHeaders(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-test-build-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.project = self.directory / "project"
        self.installed = self.directory / "installed"
        self.project.mkdir()
        self.installed.mkdir()
        shutil.copy(SOURCE / "dev", self.project / "dev")
        shutil.copy(SOURCE / "CMakePresets.json", self.project / "CMakePresets.json")
        (self.project / "CMakeLists.txt").write_text(PROJECT.format(installed=self.installed))
        (self.project / "one.cc").write_text("int main() { return kVersion; }\n")
        (self.project / "two.cc").write_text(
            "#include <installed.h>\nint main() { return kVersion; }\n")
        self.install(1)
        self.build()

    def install(self, version, comment=""):
        """As dpkg does: another file under the same name, with a time of long ago."""
        fresh = self.installed / "installed.h.dpkg-new"
        fresh.write_text(f"{comment}\ninline constexpr int kVersion = {version};\n")
        os.utime(fresh, (1_000_000_000 + version, 1_000_000_000 + version))
        fresh.rename(self.installed / "installed.h")

    def build(self):
        environment = dict(os.environ, CCACHE_DIR=str(self.directory / "ccache"))
        done = subprocess.run([self.project / "dev", "build", "dev"], capture_output=True,
                              text=True, timeout=300, env=environment)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stderr

    def versions(self):
        programs = self.project / "build" / "dev"
        return [subprocess.run([programs / name]).returncode for name in ("one", "two")]

    def test_a_changed_header_with_an_old_time_is_compiled_everywhere(self):
        self.assertEqual([1, 1], self.versions())
        self.install(2, "// Longer than before.")
        self.assertIn("installed headers have changed", self.build())
        self.assertEqual([2, 2], self.versions())

    def test_only_the_time_of_a_header_changes(self):
        os.utime(self.installed / "installed.h", (1_100_000_000, 1_100_000_000))
        self.build()
        self.assertEqual([1, 1], self.versions())

    def test_a_build_without_a_change_compiles_nothing(self):
        self.assertNotIn("changed", self.build())


if __name__ == "__main__":
    unittest.main()
