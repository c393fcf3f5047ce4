"""Goal: whichever daemon ends at whichever moment of a deployment, the deployment ends, and what the
services have is what the stacks say.

Method: the CDK's CLI deploys the primary's stack and destroys it, again and again; at a random
moment of each a daemon is killed. $AURORA_GLOBAL_KILLS says how often (1; `./dev soak deployments`:
20), $AURORA_GLOBAL_SEED which moments.
"""

import os
import random
import tempfile
import threading
import time
import unittest

from lib.deployment import KEYS, PRIMARY, STACKS, Deployment, differences
from lib.platform import EAST, WEST, wait_until

KILLS = int(os.environ.get("AURORA_GLOBAL_KILLS", "1"))
SEED = int(os.environ.get("AURORA_GLOBAL_SEED", str(time.time_ns() % 1_000_000)))
UNASKED = ("--exclusively", "--require-approval", "never", "--app")
VICTIMS = [(EAST, "daemon"), (WEST, "daemon"), (EAST, "router"), (WEST, "router")]
GONE = "DELETE_COMPLETE"


class DeploymentKills(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment()
        cls.platform = cls.deployment.platform
        cls.addClassCleanup(cls.platform.destroy)
        # Its functions, the CDK's packages and its bootstrap are there afterwards.
        cls.deployment.script("deploy.sh", "--yes", "--no-retain")
        cls.deployment.script("destroy.sh", "--yes", "--force")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.app = folder.name
        cls.deployment.copy_app(cls.app)
        for stack in KEYS:
            cls.deployment.cdk("deploy", stack, *UNASKED, cls.app)

    def status(self):
        stacks = self.platform.aws(STACKS[PRIMARY], "cloudformation", "list-stacks", "--query",
                                   f"StackSummaries[?StackName=='{PRIMARY}'].StackStatus")
        return stacks[0] if stacks else GONE

    def settled(self):
        return not self.status().endswith("_IN_PROGRESS") or self.status() == "REVIEW_IN_PROGRESS"

    def run_beside_a_death(self, victim, after_s, *arguments):
        """What the CLI said. It may lose its patience with a region; the deployment must not."""
        timer = threading.Timer(after_s, lambda: self.platform.kill(self.platform.pid(*victim)))
        with self.deployment.start_cdk(*arguments) as cli:
            timer.start()
            told, _ = cli.communicate(timeout=300)
            timer.join()
        wait_until(lambda: self.platform.pid(*victim), f"{victim} runs again")
        wait_until(self.settled, "the stack is at rest", 300, 0.2)
        return told

    def test_whatever_dies(self):
        took = {}
        for verb, options in (("deploy", UNASKED), ("destroy", ("--force", "--app"))):
            begin = time.monotonic()
            self.deployment.cdk(verb, PRIMARY, *options, self.app)
            took[verb] = time.monotonic() - begin
        chance = random.Random(SEED)
        for number in range(KILLS):
            for verb, options, ends in (
                    ("deploy", UNASKED, ("CREATE_COMPLETE", "ROLLBACK_COMPLETE",
                                         "REVIEW_IN_PROGRESS")),
                    ("destroy", ("--force", "--app"), (GONE,))):
                victim = VICTIMS[number % len(VICTIMS)] if verb == "deploy" else VICTIMS[0]
                after_s = chance.uniform(0, took[verb])
                with self.subTest(seed=SEED, number=number, verb=verb, victim=victim,
                                  after_s=after_s):
                    told = self.run_beside_a_death(victim, after_s, verb, PRIMARY, *options,
                                                   self.app)
                    status = self.status()
                    if verb == "destroy" and status != GONE:  # The CLI had not said it yet.
                        self.deployment.cdk(verb, PRIMARY, *options, self.app)
                        status = self.status()
                    self.assertIn(status, ends, told)
                    for region in (EAST, WEST):
                        self.assertEqual([], differences(self.platform, region), told)


if __name__ == "__main__":
    unittest.main()
