"""Runs the `sh long` blocks of the documents as they are printed, in a clone of what is committed here.

`./dev soak documents` calls it. Documents named as arguments are run alone. What a block prints goes
to out/documents/; here one line tells how each document went.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.documents import ROOT, blocks, documents  # pylint: disable=wrong-import-position
from lib.platform import AddressPrefix  # pylint: disable=wrong-import-position

LIMIT_S = 7200


def long_script(document):
    return "\n".join(text for language, mark, text in blocks(document)
                     if language == "sh" and mark == "long")


def main():
    wanted = sys.argv[1:]
    failed = False
    out = ROOT / "out" / "documents"
    out.mkdir(parents=True, exist_ok=True)
    prefix = AddressPrefix()
    with tempfile.TemporaryDirectory(prefix="aurora-global-documents-") as directory:
        top = pathlib.Path(directory)
        top.chmod(0o755)  # The user postgres must get through.
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(top / "clone")], check=True)
        environment = {**os.environ, "AURORA_GLOBAL_HOME": str(top / "home"),
                       "AURORA_GLOBAL_ADDRESS_PREFIX": prefix.text}
        for document in documents():
            name = str(document.relative_to(ROOT))
            # Of the clone: what is not committed is not run.
            script = long_script(top / "clone" / name) if (top / "clone" / name).exists() else ""
            if not script or (wanted and name not in wanted):
                continue
            began = time.monotonic()
            log = out / (name.replace("/", "-") + ".log")
            with open(log, "w", encoding="utf-8") as file:
                done = subprocess.run(["/bin/bash", "-euxo", "pipefail", "-c", script],
                                      cwd=top / "clone", env=environment, stdin=subprocess.DEVNULL,
                                      stdout=file, stderr=subprocess.STDOUT, timeout=LIMIT_S,
                                      check=False)
            took = time.monotonic() - began
            print(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'} after {took:.0f} s ({log})",
                  flush=True)
            failed = failed or done.returncode != 0
    prefix.release()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
