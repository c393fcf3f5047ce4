"""A seeded slice of the session machine; `./dev soak sessions` runs more of it."""

import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MACHINE = ROOT / "tests" / "sessions" / "sessions.py"
DOCUMENT = ROOT / "docs" / "reference" / "sessions.md"
RANDOM = 60
WAYS = ("direct", "relayed", "moved", "forwarded", "reopened")


class SessionMachine(unittest.TestCase):
    def test_a_session_is_the_same_session_in_every_way(self):
        """Every case that was ever found, and random sessions."""
        done = subprocess.run(
            [sys.executable, MACHINE, "--ways", ",".join(WAYS), "--count", str(RANDOM),
             "--seconds", "0", "--kinds", "3"],
            capture_output=True, text=True, timeout=560, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        cases = len(list(MACHINE.parent.glob("cases/*.txt")))
        for way in WAYS:
            sessions = int(re.search(rf"^{way}: (\d+) sessions", done.stdout, re.M).group(1))
            self.assertEqual(cases + RANDOM, sessions, done.stdout)

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
