"""The function host: empty roots, crashes, time-outs, limits, retries, the dead-letter log."""

import base64
import configparser
import json
import os
import pathlib
import stat
import subprocess
import tempfile
import textwrap
import time
import unittest

from lib.platform import EAST, PROGRAM, WEST, PlatformTest, wait_until

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

    RAW = 'urllib.request.urlopen(urllib.request.Request(API + ' \
          'f"invocation/{{request_id}}/response", {bytes}))'

    def daemons(self):
        return {region: self.platform.pid(region, "daemon") for region in (EAST, WEST)}

    def through_the_other_region(self, name):
        """The answer's bytes of a function in EAST that is asked of WEST's daemon."""
        environment = self.platform.environment(WEST)
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out"
            subprocess.run(["aws", "lambda", "invoke", "--region", EAST, "--function-name", name,
                            str(out)], env=environment, check=True, capture_output=True)
            return out.read_bytes()

    def test_7b_odd_answers_end_no_daemon(self):
        before = self.daemons()
        self.declare("binary", self.RAW.format(bytes='b"\\xff\\xfe\\x00"'))
        self.assertEqual(self.through_the_other_region("binary"), b"\xff\xfe\x00")
        marks = self.platform.region_dir(EAST) / "functions" / "newline-marks"
        self.declare("newlines", f"open({str(marks)!r}, 'a').write('x')\n" +
                     self.RAW.format(bytes='b"\\n" * 4_000_000'))
        self.assertEqual(len(self.through_the_other_region("newlines")), 4_000_000)
        self.assertEqual(marks.read_text(), "x")
        self.assertEqual(self.daemons(), before)

    def test_7c_an_event_that_cannot_begin_is_buried(self):
        before = self.daemons()
        self.declare("mute", self.ANSWER, event_retries=1, retry_delays_s=[0.1],
                     start='call("init/error", {"errorMessage": None}); sys.exit(1)')
        self.assertEqual(self.invoke("mute", {})[0], "Unhandled")
        self.invoke("mute", {"a": "b"}, "--invocation-type", "Event")
        log = self.platform.region_dir(EAST) / "functions" / "dead-letter.log"

        def buried():
            return [record for record in map(json.loads, log.read_text().splitlines())
                    if record["requestContext"]["functionArn"].endswith(":mute:$LATEST")]

        record, = wait_until(buried, "the event is in the dead-letter log")
        self.assertEqual(record["requestContext"]["approximateInvokeCount"], 2)
        self.assertEqual(record["responseContext"]["functionError"], "Unhandled")
        self.assertEqual(record["responsePayload"], {"errorMessage": None})
        self.assertEqual(self.daemons(), before)

    def test_7d_the_caller_reaches_the_function_and_hears_its_lines(self):
        self.declare("talking", """
            print("a line of its own", flush=True)
            print("and one without end", end="", flush=True)
            call(f"invocation/{request_id}/response",
                 json.loads(headers["Lambda-Runtime-Client-Context"]))""")
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out"
            context = base64.b64encode(b'{"custom":\n{"a": "\xc3\xa4"}}').decode()
            ask = ("lambda", "invoke", "--function-name", "talking", "--log-type", "Tail",
                   "--client-context")
            done = self.platform.aws(EAST, *ask, context, str(out))
            self.assertEqual(json.loads(out.read_text()), {"custom": {"a": "\u00e4"}})
            lines = base64.b64decode(done["LogResult"]).decode().splitlines()
            self.assertEqual(lines[1:3], ["a line of its own", "and one without end"])
            self.assertTrue(lines[0].startswith("START") and lines[-1].startswith("REPORT"))
            refused = self.platform.aws(EAST, *ask, "no base64!", str(out), expect=254)
            self.assertIn("InvalidRequestContentException", refused.stderr)

    def test_7e_a_proxy_answer_that_is_none_is_a_bad_gateway(self):
        before = self.daemons()
        region = self.platform.region_dir(EAST) / "functions"
        ours = (region / "failover.toml").read_text()
        try:
            for status in ("1000", "-1", '"x"'):
                self.declare("failover", f'call(f"invocation/{{request_id}}/response", '
                                         f'{{"statusCode": {status}, "body": ""}})')
                script = ('curl -s -o /dev/null -w "%{http_code}" --aws-sigv4 '
                          '"aws:amz:$AWS_REGION:execute-api" --user "$KEYS" -X POST '
                          '"$AWS_ENDPOINT_URL/prod/failover"')
                keys = configparser.ConfigParser()
                keys.read(self.platform.home / "credentials")
                section = keys[keys.sections()[0]]
                environment = dict(self.platform.environment(EAST), KEYS=":".join(
                    (section["aws_access_key_id"], section["aws_secret_access_key"])))
                done = subprocess.run(["/bin/bash", "-c", script], env=environment, check=True,
                                      capture_output=True, text=True)
                self.assertEqual(done.stdout, "502", status)
        finally:
            (region / "failover.toml").write_text(ours)
        self.assertEqual(self.daemons(), before)

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
            root, = (region / "functions" / "unpacked").glob("empty-good-*")
            inside = sorted(str(path.relative_to(root)) for path in root.rglob("*")
                            if path.is_file())
            self.assertEqual(inside, ["etc/ca.pem", "var/task/aws-ca.pem", "var/task/bootstrap"])
            error, result = self.invoke("empty-bad", {"operations": 1})
            self.assertEqual(error, "Unhandled")
            self.assertIn("certificate verify failed", result["errorMessage"])


if __name__ == "__main__":
    unittest.main()
