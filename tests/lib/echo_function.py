"""The zip of a function for provided.al2023 that answers a proxy event with what it was given."""

import io
import zipfile

BOOTSTRAP = b"""#!/usr/bin/python3
import json, os, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(API + "next") as answer:
        event, told = json.load(answer), answer.headers
    what, body = "response", {"statusCode": 200, "body": json.dumps(
        {"color": os.environ.get("COLOR"), "given": event.get("body"), "path": event.get("path")})}
    if event.get("fail"):
        what, body = "error", {"errorType": "Asked", "errorMessage": "to fail"}
    path = f"{API}{told['Lambda-Runtime-Aws-Request-Id']}/{what}"
    urllib.request.urlopen(path, json.dumps(body).encode())
"""


def code_zip(name="bootstrap"):
    """Its one file is called `name`; a function needs a `bootstrap`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o100755 << 16
        archive.writestr(entry, BOOTSTRAP)
    return out.getvalue()
