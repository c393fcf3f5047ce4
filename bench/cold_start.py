"""Cold start of crud-operations against an equivalent Python handler, under the same host.

Both read the secret from Secrets Manager, log in over TLS and create one row; measured from the
start of the process to the first response, as the host reports it (Init Duration + Duration).
The Python handler is what one would write for Lambda: psycopg2 and botocore, from Debian.

Usage: cold_start.py PROGRAM [RUNS]
"""

import base64
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

HANDLER = '''#!/usr/bin/python3
import json, os, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
import psycopg2
import botocore.session

def connect():
    client = botocore.session.get_session().create_client(
        "secretsmanager", region_name=os.environ["AWS_REGION"],
        endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    secret = json.loads(client.get_secret_value(SecretId=os.environ["SECRET_ID"])["SecretString"])
    return psycopg2.connect(
        host=os.environ["DB_HOST"], dbname=os.environ["DB_NAME"], user=secret["username"],
        password=secret["password"], sslmode="verify-full", sslrootcert=os.environ["DB_CA_FILE"])

connection = None
while True:
    with urllib.request.urlopen(API + "invocation/next") as answer:
        event, request_id = json.load(answer), answer.headers["Lambda-Runtime-Aws-Request-Id"]
    connection = connection or connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS python_items(id bigserial, payload text)")
        cursor.execute("INSERT INTO python_items(payload) VALUES (%s) RETURNING id", ("x" * 100,))
        item = cursor.fetchone()[0]
    urllib.request.urlopen(API + f"invocation/{request_id}/response",
                           json.dumps({"operations": 1, "item": item}).encode())
'''


def environment(program, home):
    script = 'eval "$("$0" --home "$1" env us-east-1)"; exec env -0'
    out = subprocess.run(["/bin/bash", "-c", script, program, home], check=True,
                         capture_output=True, text=True).stdout
    return dict(line.split("=", 1) for line in out.split("\0") if "=" in line)


def cold_start_ms(env, function, declaration):
    os.utime(declaration)  # A changed declaration is a new version: the next start is cold.
    done = subprocess.run(
        ["aws", "lambda", "invoke", "--function-name", function, "--log-type", "Tail",
         "--cli-binary-format", "raw-in-base64-out", "--payload",
         '{"operations": 1, "operation_type": "create", "concurrency": 1}'
         if function != "python" else "{}", "--output", "json", "/dev/stderr"],
        env=env, check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    if "FunctionError" in answer:
        raise SystemExit(f"cold_start: {function} failed: {done.stderr}")
    report = base64.b64decode(answer["LogResult"]).decode()
    return sum(float(re.search(rf"\t{name}: ([0-9.]+) ms", report)[1])
               for name in ("Duration", "Init Duration"))


def main():
    program, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 15
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        home = str(pathlib.Path(folder) / "home")
        subprocess.run([program, "--home", home, "up", "--address-prefix", "127.63",
                        "--latency-ms", "0"], check=True, capture_output=True)
        try:
            functions = pathlib.Path(home) / "us-east-1" / "functions"
            code = functions / "python-code"
            code.mkdir()
            (code / "bootstrap").write_text(HANDLER)
            (code / "bootstrap").chmod(0o755)
            ours = functions / "crud-global-endpoint.toml"
            text = re.sub(r"^code = .*$", f'code = "{code}"', ours.read_text(), flags=re.M)
            (functions / "python.toml").write_text(
                text.replace('name = "crud-global-endpoint"', 'name = "python"'))
            env = environment(program, home)
            times = {"crud-global-endpoint": [], "python": []}
            for _ in range(runs):
                for function, measured in times.items():
                    measured.append(cold_start_ms(env, function, functions / f"{function}.toml"))
        finally:
            subprocess.run([program, "--home", home, "destroy", "--yes"], check=True,
                           capture_output=True)
    ours, python = (statistics.median(one) for one in times.values())
    print(f"cold start, process start to first response, median of {runs}: crud-operations "
          f"{ours:.1f} ms, Python {python:.1f} ms, ratio {python / ours:.1f} (goal: at least 5)")


if __name__ == "__main__":
    main()
