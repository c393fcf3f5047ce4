"""Debian's AWS CLI as a process that stays: its own program runs command after command, so that a
test pays its start once.

The process has the environment of a shell in which `aurora-global env` is loaded. It is given the
endpoint as the wrapper that stands first on PATH in such a shell gives it (tests of that shell run
the wrapper itself).
"""

import contextlib
import io
import json
import os
import select
import subprocess
import sys

LIMIT_S = 120


class AwsCli:
    """Ends with close(). Not for threads."""

    def __init__(self, environment):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-P", __file__], env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def run(self, arguments):
        """What subprocess.run(["aws", *arguments]) would give."""
        self.process.stdin.write(json.dumps(list(arguments)).encode() + b"\n")
        self.process.stdin.flush()
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], LIMIT_S)
            more = os.read(self.process.stdout.fileno(), 1 << 20) if ready else b""
            if not more:
                self.close()
                raise AssertionError(f"aws {' '.join(arguments)}: no answer within {LIMIT_S} s")
            line += more
        code, out, error = json.loads(line)
        return subprocess.CompletedProcess(["aws", *arguments], code, out, error)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def serve():
    """A command a line on standard input, as JSON; exit code and output a line on standard output."""
    import awscli.clidriver  # pylint: disable=import-outside-toplevel
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    endpoint = ["--endpoint-url", os.environ["AWS_ENDPOINT_URL"]]
    for line in sys.stdin:
        out, error = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            try:
                code = awscli.clidriver.create_clidriver().main(endpoint + json.loads(line))
            except SystemExit as ended:
                code = ended.code
        texts = []
        for stream in (out, error):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode(errors="replace"))
        print(json.dumps([code, *texts]), file=answers, flush=True)


if __name__ == "__main__":
    serve()
