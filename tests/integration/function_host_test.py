"""The function host: empty roots, crashes, time-outs, limits, retries, the dead-letter log."""

import json
import os
import pathlib
import stat
import subprocess
import tempfile
import textwrap
import time
import unittest

from lib.platform import EAST, PROGRAM, PlatformTest, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FUNCTIONS = pathlib.Path(PROGRAM).parent.parent / "functions"

# A runtime in Python's standard library; `handler` is put in its place.
RUNTIME = '''#!/usr/bin/python3
import json, os, sys, time, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
def call(path, body=None):
    request = urllib.request.Request(API + path, None if body is None else json.dumps(body).encode())
    return urllib.request.urlopen(request)
count = 0
{start}
while True:
    with call("invocation/next") as answer:
        event, headers = json.load(answer), answer.headers
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    count += 1
{handler}
'''


class FunctionHost(PlatformTest):
    def declare(self, name, handler, start="", **keys):
        folder = self.platform.region_dir(EAST) / "functions"
        code = folder / f"code-{name}"
        code.mkdir(exist_ok=True)
        bootstrap = code / "bootstrap"
        bootstrap.write_text(RUNTIME.format(handler=textwrap.indent(textwrap.dedent(handler), "    "),
                                            start=start))
        bootstrap.chmod(0o755)
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        (folder / f"{name}.toml").write_text(
            "\n".join([f'code = "{code}"', "memory_mb = 256", *lines]) + "\n")

    def invoke(self, name, payload, *options, expect=0):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out"
            done = self.platform.aws(EAST, "lambda", "invoke", "--function-name", name,
                                     "--cli-binary-format", "raw-in-base64-out", "--payload",
                                     json.dumps(payload), *options, str(out), expect=expect)
            if expect:
                return done
            text = out.read_text()
            return done.get("FunctionError"), json.loads(text) if text else None

    ANSWER = 'call(f"invocation/{request_id}/response", {"count": count, "pid": os.getpid()})'

    def test_1_cold_once_warm_afterwards(self):
        self.declare("warm", self.ANSWER)
        _, first = self.invoke("warm", {})
        _, second = self.invoke("warm", {})
        self.assertEqual((first["count"], second["count"]), (1, 2))
        self.assertEqual(first["pid"], second["pid"])

    def test_2_handler_errors_keep_their_type(self):
        self.declare("failing", 'call(f"invocation/{request_id}/error", '
                                '{"errorType": "Bad", "errorMessage": "no"})')
        self.assertEqual(self.invoke("failing", {}),
                         ("Unhandled", {"errorType": "Bad", "errorMessage": "no"}))

    def test_3_a_crash_is_told_and_the_next_call_starts_afresh(self):
        self.declare("crashing", "if event.get('die'): os._exit(3)\n" + self.ANSWER)
        error, answer = self.invoke("crashing", {"die": True})
        self.assertEqual(error, "Unhandled")
        self.assertEqual(answer["errorType"], "Runtime.ExitError")
        self.assertIn("exit status 3", answer["errorMessage"])
        self.assertEqual(self.invoke("crashing", {})[1]["count"], 1)

    def test_4_time_out_memory_and_init_failures(self):
        self.declare("slow", "time.sleep(60)", timeout_s=1)
        error, answer = self.invoke("slow", {})
        self.assertEqual((error, answer["errorType"]), ("Unhandled", "Sandbox.Timedout"))
        self.assertIn("Task timed out after 1.00 seconds", answer["errorMessage"])
        self.declare("greedy", "hog = bytearray(400 << 20)\nhog[::4096] = b'x' * len(hog[::4096])\n"
                               "time.sleep(20)", timeout_s=30)
        error, answer = self.invoke("greedy", {})
        self.assertEqual((error, answer["errorType"]), ("Unhandled", "Runtime.ExitError"))
        self.assertIn("killed", answer["errorMessage"])
        self.declare("stillborn", self.ANSWER, start="sys.exit(7)")
        error, answer = self.invoke("stillborn", {})
        self.assertEqual((error, answer["errorType"]), ("Unhandled", "Runtime.ExitError"))
        self.declare("confessing", self.ANSWER,
                     start='call("init/error", {"errorType": "Cfg", "errorMessage": "x"}); '
                           'sys.exit(1)')
        self.assertEqual(self.invoke("confessing", {})[1]["errorType"], "Cfg")

    def test_5_over_the_concurrency_is_throttled(self):
        self.declare("single", "time.sleep(event['s'])\n" + self.ANSWER, concurrency=1)
        environment = self.platform.environment(EAST)
        busy = subprocess.Popen(
            ["aws", "lambda", "invoke", "--function-name", "single", "--cli-binary-format",
             "raw-in-base64-out", "--payload", '{"s": 8}', "/dev/null"], env=environment,
            stdout=subprocess.DEVNULL)

        def throttled():
            environment_once = dict(environment, AWS_MAX_ATTEMPTS="1")
            done = subprocess.run(
                ["aws", "lambda", "invoke", "--function-name", "single", "--cli-binary-format",
                 "raw-in-base64-out", "--payload", '{"s": 0}', "/dev/null"],
                env=environment_once, capture_output=True, text=True, check=False)
            return "TooManyRequestsException" in done.stderr

        wait_until(throttled, "a second invocation is throttled", limit_s=7)
        self.assertEqual(busy.wait(), 0)

    def test_6_events_are_retried_then_dead_lettered(self):
        marks = self.platform.region_dir(EAST) / "functions" / "marks"
        self.declare("unlucky", f"open({str(marks)!r}, 'a').write('x')\nos._exit(1)",
                     event_retries=2, retry_delays_s=[0.1, 0.1])
        self.invoke("unlucky", {"a": 1}, "--invocation-type", "Event")
        log = self.platform.region_dir(EAST) / "functions" / "dead-letter.log"
        wait_until(log.exists, "the event is in the dead-letter log")
        record = json.loads(log.read_text().splitlines()[-1])
        self.assertEqual(record["requestPayload"], {"a": 1})
        self.assertEqual(record["requestContext"]["condition"], "RetriesExhausted")
        self.assertEqual(marks.read_text(), "xxx")
        self.assertEqual(stat.S_IMODE(log.stat().st_mode), 0o600)

    def test_7_events_survive_the_daemon(self):
        mark = self.platform.region_dir(EAST) / "functions" / "mark"
        self.declare("patient", "if not os.path.exists(event['go']): os._exit(1)\n"
                                f"open({str(mark)!r}, 'w').write(event['go'])\n" + self.ANSWER,
                     event_retries=2, retry_delays_s=[1.0, 1.0])
        go = self.platform.region_dir(EAST) / "functions" / "go"
        self.invoke("patient", {"go": str(go)}, "--invocation-type", "Event")
        old = self.platform.pid(EAST, "daemon")
        self.platform.kill(old)
        go.write_text("")
        wait_until(mark.exists, "the new daemon has taken the event up")

    @unittest.skipUnless(os.geteuid() == 0, "chroot needs root")
    def test_8_the_zip_works_in_an_empty_root_over_verified_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["/usr/bin/python3", str(ROOT / "tools" / "package.py"),
                            str(FUNCTIONS.parent), folder], check=True, capture_output=True)
            region = self.platform.region_dir(EAST)
            text = (region / "functions" / "crud-global-endpoint.toml").read_text()
            authority = {"good": self.platform.home / "server-ca.crt",
                         "bad": region / "tls" / "client-ca.crt"}
            for name, file in authority.items():
                lines = []
                for line in text.splitlines():
                    if line.startswith("name ="):
                        line = f'name = "empty-{name}"'
                    if line.startswith("code ="):
                        line = f'code = "{folder}/crud-operations.zip"\nempty_root = true'
                    if line.startswith("timeout_s"):
                        line = "timeout_s = 30"
                    if line.startswith("DB_CA_FILE"):
                        line = 'DB_CA_FILE = "/etc/ca.pem"'
                    lines.append(line)
                lines += ["[files]", f'"/etc/ca.pem" = "{file}"']
                (region / "functions" / f"empty-{name}.toml").write_text("\n".join(lines) + "\n")
            error, result = self.invoke("empty-good", {"operations": 40})
            self.assertIsNone(error, result)
            self.assertEqual((result["succeeded"], result["verification"]["lost"]), (40, 0))
            root = region / "functions" / "unpacked" / "empty-good"
            inside = sorted(str(path.relative_to(root)) for path in root.rglob("*")
                            if path.is_file())
            self.assertEqual(inside, ["etc/ca.pem", "var/task/aws-ca.pem", "var/task/bootstrap"])
            error, result = self.invoke("empty-bad", {"operations": 1})
            self.assertEqual(error, "Unhandled")
            self.assertIn("certificate verify failed", result["errorMessage"])


if __name__ == "__main__":
    unittest.main()
