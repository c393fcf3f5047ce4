"""The custom resource that tells CloudFormation the global writer endpoint: invoked by the function
host as Lambda would, it answers to a ResponseURL of ours.
"""

import base64
import http.server
import json
import pathlib
import queue
import threading
import unittest

from lib.platform import EAST, PROGRAM, PlatformTest

CODE = pathlib.Path(PROGRAM).resolve().parents[1] / "functions" / "global-writer-endpoint"
TOKEN = "X-Amz-Signature=secret-of-the-url"


class Bucket:
    """Where the answers go: a pre-signed URL that takes a PUT without Content-Type."""

    def __init__(self):
        self.answers = queue.Queue()
        self.refuse = 0
        bucket = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                accepted = bucket.refuse == 0
                bucket.refuse = max(0, bucket.refuse - 1)
                if accepted:
                    bucket.answers.put((self.path, self.headers.get("Content-Type"),
                                        json.loads(body)))
                self.send_response(200 if accepted else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/stack%2Fid?{TOKEN}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class GlobalWriterEndpoint(PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bucket = Bucket()
        (cls.platform.region_dir(EAST) / "functions" / "lookup.toml").write_text(
            f'code = "{CODE}"\ntimeout_s = 6\nevent_retries = 0\n')

    def request(self, kind, identifier, **fields):
        event = {"RequestType": kind, "ResponseURL": self.bucket.url, "StackId": "arn:stack",
                 "RequestId": f"{kind}-1", "LogicalResourceId": "GlobalWriterEndpoint",
                 "ResourceType": "Custom::GlobalWriterEndpoint",
                 "ResourceProperties": {"ServiceToken": "arn:lambda",
                                        "GlobalClusterIdentifier": identifier}, **fields}
        return self.invoke(event)

    def invoke(self, event):
        out = self.platform.directory / "out"
        done = self.platform.aws(EAST, "lambda", "invoke", "--function-name", "lookup",
                                 "--cli-binary-format", "raw-in-base64-out", "--log-type", "Tail",
                                 "--payload", json.dumps(event), str(out))
        log = base64.b64decode(done["LogResult"]).decode()
        self.assertNotIn("secret-of-the-url", log)
        return done.get("FunctionError"), json.loads(out.read_text())

    def told(self):
        path, content_type, answer = self.bucket.answers.get(timeout=1)
        self.assertEqual(path, f"/stack%2Fid?{TOKEN}")
        self.assertIn(content_type, (None, ""))
        self.assertEqual((answer["StackId"], answer["LogicalResourceId"]),
                         ("arn:stack", "GlobalWriterEndpoint"))
        return answer

    def test_1_create_tells_the_endpoint_that_rds_describes(self):
        found = self.platform.aws(EAST, "rds", "describe-global-clusters")["GlobalClusters"][0]
        self.assertIsNone(self.request("Create", found["GlobalClusterIdentifier"])[0])
        answer = self.told()
        self.assertEqual(answer["Status"], "SUCCESS")
        self.assertEqual(answer["PhysicalResourceId"], found["GlobalClusterIdentifier"])
        self.assertEqual(answer["Data"], {"Endpoint": found["Endpoint"]})
        self.assertEqual(answer["RequestId"], "Create-1")

    def test_2_an_answer_that_is_refused_is_sent_again(self):
        self.bucket.refuse = 2
        self.request("Update", "aurora-global-db", PhysicalResourceId="aurora-global-db")
        self.assertEqual(self.told()["Status"], "SUCCESS")

    def test_3_a_global_cluster_that_is_not_there_fails_the_resource_in_time(self):
        self.assertIsNone(self.request("Create", "no-such-one")[0])
        answer = self.told()
        self.assertEqual(answer["Status"], "FAILED")
        self.assertIn("no-such-one", answer["Reason"])

    def test_4_delete_asks_nobody(self):
        self.request("Delete", "no-such-one", PhysicalResourceId="no-such-one")
        answer = self.told()
        self.assertEqual((answer["Status"], answer["PhysicalResourceId"]),
                         ("SUCCESS", "no-such-one"))

    def test_5_without_a_property_or_a_url(self):
        self.request("Create", None)
        answer = self.told()
        self.assertEqual(answer["Status"], "FAILED")
        self.assertIn("GlobalClusterIdentifier is missing", answer["Reason"])
        error, result = self.invoke({"RequestType": "Create"})
        self.assertEqual((error, result["errorType"]), ("Unhandled", "InvalidPayload"))


if __name__ == "__main__":
    unittest.main()
