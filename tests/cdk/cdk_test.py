"""The CDK app: its own tests, and that synthesis needs neither network nor credentials."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

CDK = pathlib.Path(__file__).resolve().parents[2] / "cdk"
LIMIT_S = 300


def run(command, **options):
    return subprocess.run(command, cwd=CDK, text=True, timeout=LIMIT_S, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)


class App(unittest.TestCase):
    def test_specification(self):
        done = run(["npm", "test", "--silent"])
        self.assertEqual(done.returncode, 0, done.stdout)
        passed = int(done.stdout.split("# pass ")[1].split()[0])
        self.assertGreater(passed, 100, done.stdout)

    def test_synthesis_without_network_and_credentials(self):
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        with tempfile.TemporaryDirectory() as folder:
            nothing = {"PATH": os.environ["PATH"], "HOME": folder}
            done = run(["unshare", "--net", *user, CDK / "node_modules/.bin/cdk", "synth",
                        "--quiet", "--output", f"{folder}/out"], env=nothing)
            self.assertEqual(done.returncode, 0, done.stdout)
            for word in ("WARNING", "ERROR", "[Warning", "[Error"):
                self.assertNotIn(word, done.stdout)
            manifest = json.loads(pathlib.Path(folder, "out/manifest.json").read_text())
            stacks = [one for one in manifest["artifacts"].values()
                      if one["type"] == "aws:cloudformation:stack"]
            self.assertEqual(len(stacks), 5)

    def test_it_can_be_used_from_the_top_of_the_checkout(self):
        top = CDK.parent
        with tempfile.TemporaryDirectory() as folder:
            made = {}
            for place in (CDK, top):
                out = pathlib.Path(folder, place.name)
                done = subprocess.run([CDK / "node_modules/.bin/cdk", "synth", "--quiet", "--output",
                                       out], cwd=place, text=True, timeout=LIMIT_S, check=False,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.assertEqual(done.returncode, 0, done.stdout)
                made[place] = {one.name: one.read_text() for one in out.glob("*.template.json")}
            self.assertEqual(5, len(made[top]))
            self.assertEqual(made[CDK], made[top])

    def test_versions_are_pinned(self):
        package = json.loads((CDK / "package.json").read_text())
        for name, version in {**package["dependencies"], **package["devDependencies"]}.items():
            self.assertRegex(version, r"^\d+\.\d+\.\d+$", name)
        self.assertEqual(package["devDependencies"]["aws-cdk"].split(".")[0], "2")


if __name__ == "__main__":
    unittest.main()
