"""Whatever comes over a socket, the daemons go on and answer as AWS: some hundred requests of the
fuzzer in tests/wire, the same each time (`./dev soak wire`: more, and others)."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

FUZZ = pathlib.Path(__file__).resolve().parents[1] / "wire" / "wire_fuzz.py"


class Wire(unittest.TestCase):
    def test_no_request_does_harm(self):
        done = subprocess.run([sys.executable, str(FUZZ), "--requests", "500", "--seed", "7"],
                              capture_output=True, text=True, timeout=500, check=False,
                              env={**os.environ, "AURORA_GLOBAL_BOTOCORE": ""})
        self.assertEqual(0, done.returncode, done.stdout[-8000:] + done.stderr[-2000:])
        counts = json.loads(done.stdout.splitlines()[-2])
        self.assertGreater(counts["200"], 25)  # Not everything is refused at the door.
        self.assertGreater(counts["chunked"], 25)


if __name__ == "__main__":
    unittest.main()
