"""The README's commands for AWS, as they stand there, on a platform whose `env` is loaded."""

import os
import pathlib
import re
import unittest

from lib.platform import EAST, PROGRAM, PlatformTest, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What needs the stacks themselves.
FOR_AWS_ONLY = ("./destroy.sh", "bin/aurora-global drill")


def commands(heading):
    """The shell blocks below a heading of the README, without what only AWS can do."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.split(r"\n#+ ", text.split(f" {heading}\n", 1)[1])[0]
    block = "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    lines = block.replace("\\\n", "").splitlines()
    return "\n".join(line for line in lines if not line.startswith(FOR_AWS_ONLY))


class Readme(PlatformTest):
    def type(self, heading):
        script = commands(heading).replace("bin/aurora-global", PROGRAM)
        # The program's place, the platform's home and a folder for what the commands write.
        folder = self.platform.directory / "typed"
        folder.mkdir(exist_ok=True)
        (folder / "tools").exists() or (folder / "tools").symlink_to(ROOT / "tools")
        load = f'eval "$("{PROGRAM}" --home "{self.platform.home}" env {EAST})"; '
        done = run(["/bin/bash", "-euxo", "pipefail", "-c",
                    f'cd "{folder}"; {load}\n{script}'], env={**os.environ,
                    "AURORA_GLOBAL_HOME": str(self.platform.home)})
        return done.stdout, folder

    def test_1_functions(self):
        out, folder = self.type("Functions, as on AWS")
        self.assertNotIn("FunctionError", out)
        self.assertIn('"completed"', (folder / "response.json").read_text())
        self.platform.await_healthy()

    def test_2_usage(self):
        out, folder = self.type("Usage")
        self.assertIn("switching-over", out)
        self.assertIn('"failed":0', (folder / "response.json").read_text())
        self.platform.await_healthy()

    def test_3_monitoring(self):
        out, _ = self.type("Monitoring")
        self.assertIn("OperationsDuringFailover", out)
        self.assertIn("AuroraGlobalDBReplicationLag", out)
        self.assertIn("REPORT RequestId", out)
        self.assertIn("Global switchover", out)

    def test_4_cleanup(self):
        out, _ = self.type("Cleanup")
        self.assertIn('"KeyState": "PendingDeletion"', out)
        key = self.platform.aws(EAST, "kms", "describe-key", "--key-id", "alias/aurora-global")
        self.assertEqual(key["KeyMetadata"]["KeyState"], "Disabled")


if __name__ == "__main__":
    unittest.main()
