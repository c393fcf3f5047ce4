#!/usr/bin/env python3
"""Requests of every service, spoilt in what they say and in how they lie on the wire, against the
daemons of a platform.

No request may end a daemon, be answered with a 5xx, be left without an answer, leave an exception in
a log, or be answered with what AWS's own parsers refuse. What fails is printed with its seed and
number; `--only N` asks it again. AURORA_GLOBAL_BOTOCORE is a folder with a botocore that is newer
than Debian's: then AWS's own parser reads CBOR, too.
"""

import argparse
import collections
import configparser
import json
import os
import pathlib
import random
import re
import socket
import struct
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [os.environ.get("AURORA_GLOBAL_BOTOCORE") or str(HERE), str(HERE), str(HERE.parent)]

import botocore.session  # noqa: E402

import forms  # noqa: E402
from grow import Grower  # noqa: E402
from lib.platform import EAST, WEST, Platform  # noqa: E402

HANG_S = 60  # More than any answer takes on a busy machine.
FAILURES_SHOWN = 10
RARE_IN = 400
ANSWER_HEADER_BYTES_MAX = 64 * 1024
# What a daemon logs of an exception, in a handler or in a task.
CAUGHT = re.compile(r"request \S+ \(.*\) failed: |exception|terminate called|Assertion")

ECHO = '''#!/usr/bin/python3
import json, os, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(API + "next") as answer:
        event, request_id = answer.read(), answer.headers["Lambda-Runtime-Aws-Request-Id"]
    print(len(event))
    urllib.request.urlopen(urllib.request.Request(f"{API}{request_id}/response", event))
'''


class Flaw(Exception):
    """What is wrong with an answer."""


class Closed(Exception):
    """The server has closed the connection."""


class Connection:
    def __init__(self, address):
        self.socket = socket.create_connection(address, HANG_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, form):
        """Whether all of it could be sent: who is refused early may find the connection closed."""
        try:
            for piece in form.pieces:
                self.socket.sendall(piece)
            if form.end == "half-close":
                self.socket.shutdown(socket.SHUT_WR)
        except TimeoutError:
            raise Flaw("the server does not read") from None
        except OSError:
            return False
        return True

    def _more(self):
        try:
            text = self.socket.recv(65536)
        except TimeoutError:
            raise Flaw(f"no answer in {HANG_S} s") from None
        except OSError:
            text = b""
        if not text:
            raise Closed
        self.buffer += text

    def answer(self, is_head):
        """(status, headers by lower-case name, body) of the next answer that is no interim one."""
        while True:
            while b"\r\n\r\n" not in self.buffer:
                if len(self.buffer) > ANSWER_HEADER_BYTES_MAX:
                    raise Flaw("the header of the answer does not end")
                self._more()
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            first, *lines = head.decode("latin-1").split("\r\n")
            match = re.fullmatch(r"HTTP/1\.1 (\d{3}) [ -~]*", first)
            if not match:
                raise Flaw(f"a status line: {first!r}")
            headers = {}
            for line in lines:
                if not re.fullmatch(r"[!#-'*+\-.^-z|~\w]+: [ -~\x80-\xff]*", line):
                    raise Flaw(f"a header: {line!r}")
                name, value = line.split(": ", 1)
                headers[name.lower()] = value
            status = int(match[1])
            if status >= 200:
                return status, headers, self._body(status, headers, is_head)

    def _body(self, status, headers, is_head):
        if is_head or status in (204, 304):
            return b""
        size = int(headers["content-length"])
        while len(self.buffer) < size:
            self._more()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return body

    def await_end(self):
        try:
            while not self.buffer:
                self._more()
        except Closed:
            return
        raise Flaw(f"more than the answers: {self.buffer[:200]!r}")

    def close(self, how="close"):
        if how == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Run:
    def __init__(self, platform, grower, seed):
        self.platform, self.grower, self.seed = platform, grower, seed
        self.addresses = [f"{platform.prefix.text}.{number}.1" for number in (1, 2)]
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.succeeded = collections.Counter()
        self.failures = []

    def ask(self, number, connections):
        """One request. `connections`: those that this thread keeps, by host."""
        rng = random.Random(f"{self.seed} {number}")
        request = self.grower.request(rng)
        host = self.addresses[rng.random() < 0.3]
        here = EAST if host == self.addresses[0] else WEST
        region = here if rng.random() < 0.94 else (WEST if here == EAST else EAST)
        make = rng.choice(forms.RARE if rng.randrange(RARE_IN) == 0 else forms.FORMS)
        if request.method == "HEAD":
            make = forms.whole  # Whether its answer has a body depends on what was understood.
        form = make(rng, request, lambda one: self.grower.signed(one, f"{host}:4566", region))
        connection = connections.pop(host, None) if rng.random() < 0.9 else None
        if connection is None:
            connection = Connection((host, 4566))
        statuses = []
        try:
            statuses = self.exchange(connection, request, form)
            if form.end == "keep" and form.answers:
                connections[host] = connection
                connection = None
        except Flaw as flaw:
            self.fail(number, form, request, str(flaw))
        finally:
            if connection is not None:
                connection.close(form.end)
        with self.lock:
            self.counts[form.name] += 1
            for status in statuses:
                self.counts[status] += 1
                if status < 300:
                    self.succeeded[request.service, request.protocol, request.operation] += 1

    def exchange(self, connection, request, form):
        sent = connection.send(form)
        if form.end in ("close", "reset"):
            return []
        statuses = []
        is_head = form.pieces[0].startswith(b"HEAD ")
        try:
            while form.answers is None or len(statuses) < form.answers:
                status, headers, body = connection.answer(is_head)
                statuses.append(status)
                self.judge(request, form, status, headers, body)
        except Closed:
            if form.answers is not None or connection.buffer:
                raise Flaw(f"{len(statuses)} of {form.answers} answers, then the connection was "
                           f"closed; all sent: {sent}") from None
        if form.end != "keep":
            connection.await_end()
        elif connection.buffer:
            raise Flaw(f"more than the answers: {connection.buffer[:200]!r}")
        return statuses

    def judge(self, request, form, status, headers, body):
        # What S3 says of parameters that it does not have.
        if status >= 500 and not (request.service == "s3" and status == 501):
            raise Flaw(f"status {status}: {body[:500]!r}")
        if "date" not in headers:
            raise Flaw("no Date")
        if not form.calls or form.answers is None:
            return
        # S3 has a header of its own for it.
        if not headers.get("x-amzn-requestid") and not headers.get("x-amz-request-id"):
            raise Flaw(f"no request id in {status} {body[:500]!r}")
        try:
            parsed = self.grower.parsed(request, status, headers, body)
        except Exception as error:  # pylint: disable=broad-except  # Whatever the SDK raises.
            raise Flaw(f"the SDK's parser: {error!r}, of {status} {headers} {body[:500]!r}") from None
        if status >= 400 and not parsed.get("Error", {}).get("Code"):
            raise Flaw(f"no code of the error: {status} {headers} {body[:500]!r}")

    def fail(self, number, form, request, what):
        with self.lock:
            self.failures.append(number)
            shown = b"".join(form.pieces)[:1500]
            print(f"request {number} of seed {self.seed}, {form.name}, {request.protocol} "
                  f"{request.service}.{request.operation}: {what}\n{shown!r}\n", flush=True)

    def work(self, numbers):
        connections = {}
        for number in numbers:
            if len(self.failures) >= FAILURES_SHOWN:
                break
            try:
                self.ask(number, connections)
            except OSError as error:  # Nobody listens: a daemon is gone.
                with self.lock:
                    self.failures.append(number)
                    print(f"request {number} of seed {self.seed}: {error!r}", flush=True)
        for connection in connections.values():
            connection.close()

    def together(self, first, count, threads):
        lanes = [threading.Thread(target=self.work, args=(range(first + at, first + count, threads),))
                 for at in range(threads)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()


class Target:
    """A platform with something of everything, and what its daemons were before."""

    def __init__(self, platform):
        self.platform = platform
        platform.await_healthy(EAST)
        platform.sql(EAST, "CREATE ROLE fuzz LOGIN PASSWORD 'before'")
        for region in (EAST, WEST):
            code = platform.region_dir(region) / "functions" / "code-echo"
            code.mkdir()
            (code / "bootstrap").write_text(ECHO)
            (code / "bootstrap").chmod(0o755)
            (code.parent / "echo.toml").write_text(f'code = "{code}"\nmemory_mb = 256\n')
        aws = platform.aws
        aws(EAST, "secretsmanager", "create-secret", "--name", "fuzz/secret", "--secret-string",
            '{"username":"fuzz","password":"before"}')
        key = aws(EAST, "kms", "create-key")["KeyMetadata"]
        aws(EAST, "kms", "create-alias", "--alias-name", "alias/fuzz", "--target-key-id",
            key["KeyId"])
        (cluster,) = aws(EAST, "rds", "describe-db-clusters")["DBClusters"]
        (instance, *_) = aws(EAST, "rds", "describe-db-instances")["DBInstances"]
        (whole,) = aws(EAST, "rds", "describe-global-clusters")["GlobalClusters"]
        self.named = {"KeyId": key["KeyId"], "TargetKeyId": key["KeyId"],
                      "DestinationKeyId": key["Arn"], "SourceKeyId": "alias/fuzz",
                      "DBClusterIdentifier": cluster["DBClusterIdentifier"],
                      "ResourceName": cluster["DBClusterArn"],
                      "DBInstanceIdentifier": instance["DBInstanceIdentifier"],
                      "GlobalClusterIdentifier": whole["GlobalClusterIdentifier"],
                      "EngineVersion": cluster["EngineVersion"]}
        keys = configparser.ConfigParser()
        keys.read(platform.home / "credentials")
        section = keys[keys.sections()[0]]
        self.keys = section["aws_access_key_id"], section["aws_secret_access_key"]
        self.pids = self.processes()

    def processes(self):
        return {(region, process): self.platform.pid(region, process)
                for region in (EAST, WEST) for process in ("supervisor", "daemon", "router")}

    def served(self):
        return [tuple(line.split()) for line in self.platform.command("api").stdout.splitlines()]

    def wounds(self):
        """What should not be, afterwards."""
        found = [f"{name} is process {self.processes()[name]}, was {pid}: it has ended"
                 for name, pid in self.pids.items() if self.processes()[name] != pid]
        for region in (EAST, WEST):
            for file in sorted(self.platform.region_dir(region).glob("**/daemon*.log*")):
                for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                    if CAUGHT.search(line):
                        found.append(f"{file.name} of {region}: {line[:500]}")
        try:
            self.platform.await_healthy(limit_s=60)
            self.platform.sql(WEST, "SELECT 1")
        except AssertionError as error:
            found.append(f"the platform is not healthy: {error}")
        return found


def fuzz(requests, seed, threads=6, first=0):
    """True if nothing was found."""
    platform = Platform()
    try:
        platform.up()
        target = Target(platform)
        session = botocore.session.Session()
        # SwitchoverGlobalCluster is younger than Debian's botocore.
        session.get_component("data_loader").search_paths.insert(0, str(ROOT / "tools/aws-models"))
        grower = Grower(session, target.served(), target.named, target.keys)
        running = Run(platform, grower, seed)
        begun = time.monotonic()
        running.together(first, requests, threads)
        wounds = target.wounds()
        for wound in wounds[:30]:
            print(wound)
        counts = {str(name): count for name, count in sorted(running.counts.items(), key=str)}
        print(f"{requests} requests of seed {seed} in {time.monotonic() - begun:.0f} s: "
              f"{len(running.failures)} failures, {len(wounds)} wounds\n{json.dumps(counts)}\n"
              f"operations that succeeded: {len(running.succeeded)}", flush=True)
        return not running.failures and not wounds, running
    finally:
        platform.destroy()


def main():
    sys.setrecursionlimit(20_000)  # Some requests are nested deeply.
    threading.stack_size(64 * 1024 * 1024)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument("--only", type=int, help="this request of the seed alone")
    chosen = parser.parse_args()
    if chosen.only is not None:
        return 0 if fuzz(1, chosen.seed, 1, chosen.only)[0] else 1
    return 0 if fuzz(chosen.requests, chosen.seed, chosen.threads)[0] else 1


if __name__ == "__main__":
    sys.exit(main())
