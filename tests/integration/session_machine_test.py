"""A seeded slice of the session machine; `./dev soak sessions` runs more of it."""

import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MACHINE = ROOT / "tests" / "sessions" / "sessions.py"
DOCUMENT = ROOT / "docs" / "reference" / "sessions.md"


class SessionMachine(unittest.TestCase):
    def run_ways(self, *ways):
        """Random sessions enough to mean something, and every case that was ever found."""
        done = subprocess.run(
            [sys.executable, MACHINE, "--ways", ",".join(ways), "--seconds", "20", "--kinds", "3"],
            capture_output=True, text=True, timeout=400, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        for way in ways:
            sessions = int(re.search(rf"^{way}: (\d+) sessions", done.stdout, re.M).group(1))
            self.assertGreater(sessions, 20, done.stdout)
        return done.stdout

    def test_the_machine_sees_no_difference_between_a_server_and_itself(self):
        self.run_ways("direct")

    def test_a_session_through_the_router_is_the_same_session(self):
        self.run_ways("relayed")

    def test_the_document_has_every_reason(self):
        program = pathlib.Path(subprocess.check_output(
            [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[1]); import sessions; "
             "print(sessions.MACHINE)", MACHINE.parent], text=True).strip())
        named = [line.split(":")[0] for line in
                 subprocess.check_output([program, "reasons"], text=True).splitlines()]
        table = DOCUMENT.read_text(encoding="utf-8").split("## Differences with a reason")[1]
        self.assertEqual(sorted(re.findall(r"^\| `([a-z-]+)` \|", table, re.M)), sorted(named))


if __name__ == "__main__":
    unittest.main()
