"""A platform for a test: brought up in a directory and on addresses of its own, gone afterwards.

Every process is found and ended by its pid file. Nothing here waits for a fixed time: it waits for a
condition, with a limit.
"""

import atexit
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

from lib.aws_cli import AwsCli

PROGRAM = os.environ.get("AURORA_GLOBAL_PROGRAM") or str(
    pathlib.Path(__file__).resolve().parents[2] / "build" / "dev" / "bin" / "aurora-global")
AWS = "/usr/bin/aws"
EAST, WEST = "us-east-1", "us-west-2"
COMMAND_LIMIT_S = 120


class CommandFailed(AssertionError):
    """A command ended with another exit code than expected."""


def run(argv, *, expect=0, env=None, limit_s=COMMAND_LIMIT_S, text_in=None):
    """Runs a command to its end. `expect` is the exit code, or None for any."""
    done = subprocess.run(argv, env=env, input=text_in, capture_output=True, text=True,
                          timeout=limit_s, check=False)
    check(done, expect)
    return done


def check(done, expect):
    if expect is not None and done.returncode != expect:
        raise CommandFailed(f"{' '.join(map(str, done.args))}\nexit code {done.returncode}, expected "
                            f"{expect}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def wait_until(condition, what, limit_s=60.0, every_s=0.05):
    """The first true value of `condition()`; an exception in it counts as "not yet"."""
    ends = time.monotonic() + limit_s
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (OSError, AssertionError, ValueError, KeyError, IndexError,
                subprocess.SubprocessError) as error:
            last = error
        if time.monotonic() > ends:
            raise AssertionError(f"not within {limit_s:g} s: {what}" + (f" ({last})" if last else ""))
        time.sleep(every_s)


class AddressPrefix:
    """Two numbers of 127.x that no other test uses now; held by a lock until release()."""

    FIRST, LAST = 64, 120

    def __init__(self):
        for number in range(self.FIRST, self.LAST + 1):
            path = pathlib.Path(tempfile.gettempdir()) / f"aurora-global-test-127.{number}.lock"
            self.file = open(path, "w", encoding="ascii")
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.file.close()
                continue
            self.text = f"127.{number}"
            if all(self._free(host, port)
                   for host, port in ((".1.1", 4566), (".1.10", 5432), (".1.21", 5432))):
                return
            self.file.close()
        raise AssertionError(f"no free address prefix from 127.{self.FIRST} to 127.{self.LAST}")

    def _free(self, host, port):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.text + host, port))
            except OSError:
                return False
            return True

    def release(self):
        self.file.close()


def running_pid(pid_file):
    """The process that holds the lock of a pid file, or None."""
    try:
        with open(pid_file, "r", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                return int(file.read())
    except (OSError, ValueError):
        return None


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


# A test that is told to end takes its platform down, too.
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def move_every(count):
    """For Platform(edit_files=...): every session is carried to a fresh one of its server after each
    `count` transactions, as when the writer moves."""
    def edit(platform):
        for region in platform.regions:
            file = platform.home / region / "router.toml"
            text = file.read_text(encoding="utf-8")
            file.write_text(f"move_every = {count}\n{text}", encoding="utf-8")
    return edit


class Platform:
    """`options` go to `up`; `edit_files(platform)` may change what `up --config-only` wrote."""

    def __init__(self, *options, regions=(EAST, WEST), latency_ms=0, edit_files=None):
        self.regions = list(regions)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-test-"))
        self.directory.chmod(0o755)  # The user postgres must get through.
        self.home = self.directory / "home"
        self.prefix = AddressPrefix()
        self.psql_options = []
        self.aws_clis = {}  # By region.
        self.destroyed = False
        atexit.register(self.destroy)
        self.up_options = ["--regions", ",".join(regions), "--address-prefix", self.prefix.text,
                           "--latency-ms", str(latency_ms), *options]
        if edit_files:
            self.command("up", *self.up_options, "--config-only")
            edit_files(self)

    # ---- the command

    def command(self, *arguments, expect=0, limit_s=COMMAND_LIMIT_S):
        return run([PROGRAM, "--home", str(self.home), *map(str, arguments)], expect=expect,
                   limit_s=limit_s)

    def up(self):
        return self.command("up", *self.up_options)

    def down(self):
        return self.command("down")

    def status(self, *options):
        return json.loads(self.command("status", "--json", *options).stdout)

    def region_status(self, region, *options):
        return next(one for one in self.status(*options)["regions"] if one["region"] == region)

    def environment(self, region):
        """What `eval "$(aurora-global env REGION)"` leads to, as a mapping."""
        script = 'eval "$("$0" --home "$1" env "$2")"; exec env -0'
        out = run(["/bin/bash", "-c", script, PROGRAM, str(self.home), region]).stdout
        return dict(line.split("=", 1) for line in out.split("\0") if "=" in line)

    def aws(self, region, *arguments, expect=0):
        """What Debian's AWS CLI says; the finished command with another `expect`."""
        if region not in self.aws_clis:
            self.aws_clis[region] = AwsCli(self.environment(region))
        done = self.aws_clis[region].run([*arguments, "--output", "json"])
        check(done, expect)
        return done if expect else (json.loads(done.stdout) if done.stdout.strip() else {})

    def sql(self, region, statement, endpoint="global-writer", expect=0):
        """The rows as text, one per line, columns separated by |."""
        done = self.command("psql", region, "--endpoint", endpoint, "--", *self.psql_options,
                            "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statement, expect=expect)
        return done.stdout.strip() if expect == 0 else done

    def as_superuser(self, region, statement, database="rdsadmin", expect=0):
        """What only PostgreSQL's bootstrap superuser may do, over the head instance's own socket.
        Gives the rows as text; the finished process with another `expect`."""
        (lock,) = self.region_dir(region).glob("instances/*/data/postmaster.pid")
        socket = lock.read_text(encoding="ascii").splitlines()[4]
        done = run(["psql", "-h", socket, "-U", "rdsadmin", "-d", database, "-XqAt", "-v",
                    "VERBOSITY=sqlstate", "-c", statement], expect=expect)
        return done.stdout.strip() if expect == 0 else done

    # ---- what is the case

    def writer(self):
        """The region that the regions agree on as the writer, with the global cluster at rest."""
        answers = set()
        for region in self.status()["regions"]:
            for one in region["globals"]:
                if one["members"]:  # Anybody may make one that has none yet.
                    answers.add((one["writer_region"], one["epoch"]))
            for operation in region["operations"]:
                if operation["step"] not in ("done", "aborted"):
                    return None
        return answers.pop()[0] if len(answers) == 1 else None

    def epoch(self):
        return max(one["epoch"] for region in self.status()["regions"]
                   for one in region.get("globals", []))

    def await_healthy(self, writer=None, limit_s=90):
        """All regions up, one primary, all others streaming from it."""

        def healthy():
            regions = self.status()["regions"]
            primaries = [one["region"] for one in regions if one.get("duty") == "primary"]
            if len(primaries) != 1 or self.writer() != primaries[0]:
                return False
            if writer and primaries != [writer]:
                return False
            return all(one["head"]["running"] and one["head"]["in_recovery"] ==
                       (one["region"] != primaries[0]) and
                       (one["region"] == primaries[0] or one["head"]["streaming"])
                       for one in regions)

        wait_until(healthy, f"all regions healthy, writer {writer or 'anywhere'}", limit_s, 0.1)

    def make_writer(self, region):
        """Whatever the tests before have left."""
        self.await_healthy(limit_s=120)
        if self.writer() != region:
            self.command("switchover", "--to", region)
            self.await_healthy(region)

    def await_row(self, region, statement, wanted, endpoint="cluster", limit_s=30):
        wait_until(lambda: self.sql(region, statement, endpoint) == wanted,
                   f"{statement} gives {wanted!r} in {region}", limit_s)

    # ---- processes

    def region_dir(self, region):
        return self.home / region

    def pid(self, region, process):
        """Of "daemon", "router" or "supervisor"; None if it does not run."""
        return running_pid(self.region_dir(region) / "run" / f"{process}.pid")

    def link_pid(self):
        return running_pid(self.home / "link" / "link.pid")

    def postmasters(self, region):
        found = []
        for file in self.region_dir(region).glob("instances/*/data/postmaster.pid"):
            try:
                pid = int(file.read_text(encoding="ascii").split()[0])
                if os.path.realpath(f"/proc/{pid}/cwd") == os.path.realpath(file.parent):
                    found.append(pid)
            except (OSError, ValueError, IndexError):
                continue
        return found

    def kill(self, pid):
        if pid is None:
            raise AssertionError("the process to kill does not run")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_running(pid), f"process {pid} ends")

    def kill_region(self, region):
        """SIGKILL to every process of a region: as if its machines had lost power."""
        victims = [self.pid(region, name) for name in ("supervisor", "daemon", "router")]
        for postmaster in self.postmasters(region):
            victims += [postmaster, *children_of(postmaster)]
        victims = [pid for pid in victims if pid]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for pid in victims:
            wait_until(lambda pid=pid: not is_running(pid), f"process {pid} ends")

    def start_region(self, region):
        """The processes of a region alone; `up` would also wait until everything replicates."""
        directory = self.region_dir(region)
        with open(directory / "supervisor.log", "ab") as log:
            subprocess.Popen([PROGRAM, "supervise", str(directory)], stdin=subprocess.DEVNULL,
                             stdout=log, stderr=log, start_new_session=True)
        wait_until(lambda: "duty" in self.region_status(region), f"the daemon of {region} answers")

    # ---- the end

    def logs(self):
        text = ""
        for file in sorted(self.home.glob("**/*.log")):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            text += f"\n--- {file.relative_to(self.home)}\n" + "\n".join(lines[-40:])
        return text

    def destroy(self):
        if self.destroyed:
            return
        self.destroyed = True
        for cli in self.aws_clis.values():
            cli.close()
        try:
            if (self.home / "platform.toml").exists():
                self.command("destroy", "--yes", expect=None)
        finally:
            for region in self.regions:
                self.kill_region(region)
            link = self.link_pid()
            if link:
                self.kill(link)
            shutil.rmtree(self.directory, ignore_errors=True)
            self.prefix.release()


class PlatformTest(unittest.TestCase):
    """One platform for all tests of the class; they run in the order of their names."""

    up_options = ()
    latency_ms = 0  # Of the link, one way.
    edit_files = None  # Or a staticmethod that takes the platform.
    regions = (EAST, WEST)

    @classmethod
    def setUpClass(cls):
        cls.platform = Platform(*cls.up_options, regions=cls.regions,
                                latency_ms=cls.latency_ms, edit_files=cls.edit_files)
        try:
            cls.platform.up()
        except BaseException:
            print(cls.platform.logs(), flush=True)
            cls.platform.destroy()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.platform.destroy()

    def run(self, result=None):
        result = super().run(result)
        broken = [test for test, _ in (result.failures + result.errors)] if result else []
        if self in broken:
            print(self.platform.logs(), flush=True)
        return result


class Writers:
    """Applications that insert rows one by one and remember which ones were acknowledged.

    The count of lost writes is made here: by SQL against this log, independently of what the
    platform says of itself.
    """

    TABLE = "acknowledged_test"

    def __init__(self, platform, region, count=4):
        self.platform, self.region = platform, region
        self.acknowledged, self.errors = [], []
        self.sessions = []  # What was acknowledged in each, in its order.
        self.lock = threading.Lock()
        self.ending = threading.Event()
        platform.sql(region, f"CREATE TABLE IF NOT EXISTS {self.TABLE}(id text PRIMARY KEY)")
        self.environment = platform.environment(region)
        self.threads = [threading.Thread(target=self._write) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _write(self):
        while not self.ending.is_set():
            # One session writes many rows: psql echoes an id only when its insert has returned.
            ids = [uuid.uuid4().hex for _ in range(200)]
            script = "".join(
                f"INSERT INTO {self.TABLE} VALUES ('{one}') RETURNING id;\n" for one in ids)
            done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], input=script, text=True,
                                  capture_output=True, env=self.environment, check=False)
            known = set(ids)
            seen = [line for line in done.stdout.split() if line in known]
            with self.lock:
                self.acknowledged += seen
                self.sessions.append(seen)
                if done.returncode != 0:
                    self.errors.append(done.stderr.strip())

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def await_progress(self, rows=400, limit_s=60):
        wanted = self.count() + rows
        wait_until(lambda: self.count() >= wanted, f"{rows} more acknowledged writes", limit_s)

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def stored(self, region, endpoint="global-writer"):
        return set(self.platform.sql(region, f"SELECT id FROM {self.TABLE}", endpoint).split())

    def lost(self, region):
        """Acknowledged writes that the present writer does not have."""
        stored = self.stored(region)
        return [one for one in self.acknowledged if one not in stored]
