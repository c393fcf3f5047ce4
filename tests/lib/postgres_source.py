"""PostgreSQL's source package, as Debian has it: the regression suite and the parts to build it.

Nothing of it is kept in this repository. The package is fetched once, into build/postgresql-source.
"""

import pathlib
import re
import shutil
import subprocess
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "postgresql-source"
PACKAGE = "postgresql-15"
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LIMIT_S = 600


def _apt(*arguments):
    return subprocess.run(["apt-get", *arguments], check=True, capture_output=True, text=True,
                          timeout=LIMIT_S).stdout


def _source_list():
    """The machine's binary sources, each as a source of sources: deb-src is often switched off."""
    lines = set()
    option = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    wanted = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    for line in _apt("indextargets", "--format", wanted, "Created-By: Packages",
                     "Origin: Debian").splitlines():
        lines.add(f"deb-src {option}{line}")
    return "\n".join(sorted(lines)) + "\n"


def _fetch():
    lists = CACHE / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    source_list = CACHE / "sources.list"
    source_list.write_text(_source_list(), encoding="ascii")
    options = ["-o", f"Dir::Etc::SourceList={source_list}", "-o", "Dir::Etc::SourceParts=/dev/null",
               "-o", f"Dir::State::Lists={lists}", "-qq"]
    _apt(*options, "update")
    shown = subprocess.run(["apt-cache", *options[:-1], "showsrc", PACKAGE], check=True,
                           capture_output=True, text=True, timeout=LIMIT_S).stdout
    versions = re.findall(r"^Version: (\S+)$", shown, re.M)
    installed = subprocess.run(["dpkg-query", "-W", "-f=${Version}", PACKAGE], check=True,
                               capture_output=True, text=True, timeout=LIMIT_S).stdout
    # The server's own version first; a mirror may not have its source any more.
    versions.sort(key=lambda one: one != installed)
    for version in versions:
        done = subprocess.run(["apt-get", *options, "source", "--download-only",
                               f"{PACKAGE}={version}"], cwd=CACHE, capture_output=True, text=True,
                              timeout=LIMIT_S, check=False)
        archives = list(CACHE.glob("*.orig.tar.bz2"))
        if done.returncode == 0 and archives:
            return archives[0]
        for partial in CACHE.glob(f"{PACKAGE}_*"):
            partial.unlink()
    raise AssertionError(f"no source of {PACKAGE} can be fetched (offered: {versions})")


def source():
    """The directory of the unpacked source."""
    found = [one.parent for one in CACHE.glob("*/configure")]
    if found:
        return found[0]
    archive = _fetch()
    unpacked = CACHE / "unpacking"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked)
    (top,) = unpacked.iterdir()
    final = CACHE / top.name
    top.rename(final)
    unpacked.rmdir()
    return final


def regress_library(directory, postgres_bin):
    """The C functions of the regression suite, compiled against the server that runs it."""
    include = subprocess.run([postgres_bin / "pg_config", "--includedir-server"], check=True,
                             capture_output=True, text=True).stdout.strip()
    subprocess.run(["clang-16", "-shared", "-fPIC", "-O1", "-w", f"-I{include}",
                    source() / "src" / "test" / "regress" / "regress.c", "-o",
                    directory / "regress.so"], check=True)
