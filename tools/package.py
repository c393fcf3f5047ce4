"""Makes the zip of each function: one static `bootstrap`, and the authorities it trusts.

Usage: package.py BUILD_DIR OUTPUT_DIR [RDS_CA_BUNDLE]

The same input gives the same bytes: entries are in order and dated 1980-01-01.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

FUNCTIONS = ("crud-operations", "failover", "global-writer-endpoint")
# The authorities of AWS's public endpoints, from Debian's ca-certificates.
AMAZON_AUTHORITIES = sorted(pathlib.Path("/usr/share/ca-certificates/mozilla").glob("Amazon_Root*"))


def add(archive, name, content, mode):
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.create_system = 3  # Unix: the mode counts.
    entry.external_attr = (0o100000 | mode) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content, compresslevel=9)


def package(build_dir, output_dir, rds_ca):
    if not AMAZON_AUTHORITIES:
        sys.exit("package: /usr/share/ca-certificates/mozilla/Amazon_Root* are not there: the "
                 "functions would trust no AWS API; install the package ca-certificates")
    if rds_ca is None:
        print("package: no RDS_CA_BUNDLE given: crud-operations.zip will not reach a database of "
              "AWS", file=sys.stderr)
    output_dir.mkdir(parents=True, exist_ok=True)
    for function in FUNCTIONS:
        program = build_dir / "functions" / function / "bootstrap"
        if not program.exists():
            sys.exit(f"package: {program} is not there; build it first (./dev build release)")
        if b"ld-linux" in program.read_bytes()[:4096]:
            sys.exit(f"package: {program} is linked dynamically and would not start on AWS")
        with tempfile.TemporaryDirectory() as folder:
            stripped = pathlib.Path(folder) / "bootstrap"
            shutil.copy(program, stripped)
            subprocess.run(["strip", str(stripped)], check=True)
            target = output_dir / f"{function}.zip"
            with zipfile.ZipFile(target, "w") as archive:
                add(archive, "bootstrap", stripped.read_bytes(), 0o755)
                authorities = "".join(path.read_text() for path in AMAZON_AUTHORITIES)
                add(archive, "aws-ca.pem", authorities, 0o644)
                if rds_ca is not None and function == "crud-operations":
                    add(archive, "rds-ca.pem", rds_ca.read_text(), 0o644)
            print(f"{target.name}: {stripped.stat().st_size / 1e6:.1f} MB unpacked, "
                  f"{target.stat().st_size / 1e6:.1f} MB zipped")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    package(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]),
            pathlib.Path(sys.argv[3]) if len(sys.argv) == 4 else None)
