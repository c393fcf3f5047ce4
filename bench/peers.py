"""What the benches need to put others beside us: PostgreSQL servers, the peers' programs, pgbench.

Everything started here is ended by its process id when the script ends, however that happens.
"""

import atexit
import os
import pathlib
import pwd
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / os.environ.get("AURORA_GLOBAL_BUILD", "build/release")
PROGRAM = BUILD / "bin" / "aurora-global"
POSTGRES_BIN = pathlib.Path(os.environ.get("AURORA_GLOBAL_POSTGRES_BIN")
                            or "/usr/lib/postgresql/15/bin")
EXTENSION = pathlib.Path(os.environ.get("AURORA_GLOBAL_EXTENSION") or BUILD / "extension")
ADMIN = "rdsadmin"  # The superuser's name on our platforms, which a router of ours looks for.
LIMIT_S = 120

# The programs of the peers and Debian's packages of them.
PACKAGES = {
    "pgbouncer": ("/usr/sbin/pgbouncer", "pgbouncer"),
    "haproxy": ("/usr/sbin/haproxy", "haproxy"),
    "patroni": ("/usr/bin/patroni", "patroni python3-etcd"),
    "etcd": ("/usr/bin/etcd", "etcd-server"),
    "pg_autoctl": ("/usr/bin/pg_autoctl", "pg-auto-failover-cli postgresql-15-auto-failover"),
}

# Running SystemExit's way through `finally` and atexit is what ends the processes.
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def is_there(*programs):
    """Whether all programs are installed; says in a sentence what is missing."""
    missing = [PACKAGES[one] for one in programs if not pathlib.Path(PACKAGES[one][0]).exists()]
    if missing:
        print(f"left out: there is no {', '.join(one[0] for one in missing)}; "
              f"apt-get install {' '.join(one[1] for one in missing)}", flush=True)
    return not missing


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if not ordered:
        return float("nan")
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def await_true(condition, what, limit_s=LIMIT_S, every_s=0.05):
    ends = time.monotonic() + limit_s
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (OSError, ValueError, KeyError, IndexError, subprocess.SubprocessError) as error:
            last = error
        if time.monotonic() > ends:
            reason = f" ({last})" if last else ""
            raise RuntimeError(f"not within {limit_s:g} s: {what}{reason}")
        time.sleep(every_s)


def postgres_user():
    """PostgreSQL refuses to run as root, and so do its peers."""
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


def give_to_postgres(path):
    if os.geteuid() == 0:
        entry = pwd.getpwnam("postgres")
        os.chown(path, entry.pw_uid, entry.pw_gid)


def descendants(pid):
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        try:
            with open(f"/proc/{one}/task/{one}/children", encoding="ascii") as file:
                children = [int(child) for child in file.read().split()]
        except OSError:
            children = []
        found += children
        todo += children
    return found


def open_files(wanted):
    """Lets this process and what it starts open up to `wanted` files; returns how many it may."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, hard), max(wanted, hard)))
        return max(wanted, hard)
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


class Workshop:
    """A directory and the processes that work in it; both gone at the end."""

    def __init__(self, name):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"aurora-global-{name}-"))
        self.directory.chmod(0o755)  # The user postgres must get through.
        self.processes = []
        self.at_end = []
        atexit.register(self.close)

    def folder(self, name):
        path = self.directory / name
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
        give_to_postgres(path)
        return path

    def start(self, argv, log, *, as_postgres=True, env=None):
        with open(self.directory / log, "ab") as out:
            process = subprocess.Popen(
                [str(one) for one in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=self.directory, start_new_session=True, env=env,
                **(postgres_user() if as_postgres else {}))
        self.processes.append(process)
        return process

    def log(self, name, lines=30):
        text = (self.directory / name).read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    @staticmethod
    def stop(process, how=signal.SIGTERM, limit_s=20):
        """With its descendants, which some peers leave behind."""
        children = descendants(process.pid) if process.poll() is None else []
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for child in children:
            try:
                os.kill(child, signal.SIGQUIT)
            except ProcessLookupError:
                continue

    def close(self):
        while self.at_end:
            self.at_end.pop()()
        for process in reversed(self.processes):
            try:
                self.stop(process, signal.SIGTERM, 5)
            except ProcessLookupError:
                continue
        self.processes.clear()
        for file in self.directory.glob("**/postmaster.pid"):  # What a peer has left running.
            try:
                pid = int(file.read_text(encoding="ascii").split()[0])
                if os.path.realpath(f"/proc/{pid}/cwd") == str(file.parent):
                    os.kill(pid, signal.SIGQUIT)
                    await_true(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "it ends", 20)
            except (OSError, ValueError, IndexError, RuntimeError):
                continue
        shutil.rmtree(self.directory, ignore_errors=True)


class Postgres:
    """A server of PostgreSQL's own making with settings like those of our platforms."""

    SETTINGS = {
        "shared_buffers": "128MB", "max_wal_size": "1GB", "min_wal_size": "256MB",
        "wal_level": "replica", "max_wal_senders": "20", "max_replication_slots": "20",
        "wal_keep_size": "256MB", "hot_standby": "on", "wal_log_hints": "on",
        "wal_retrieve_retry_interval": "100ms", "password_encryption": "scram-sha-256",
        "checkpoint_timeout": "30min", "logging_collector": "off", "log_checkpoints": "off",
    }

    def __init__(self, workshop, name, address, port=5432, **settings):
        self.workshop, self.name, self.address, self.port = workshop, name, address, port
        self.directory = workshop.folder(name)  # Of its Unix socket, too.
        self.data = self.directory / "data"
        self.settings = {**self.SETTINGS, **settings, "listen_addresses": address,
                         "unix_socket_directories": str(self.directory), "port": str(port)}
        self.process = None

    def tool(self, program, *arguments):
        return subprocess.run([POSTGRES_BIN / program, *map(str, arguments)], check=True,
                              capture_output=True, text=True, cwd=self.directory,
                              timeout=LIMIT_S, **postgres_user())

    def init(self):
        self.tool("initdb", "-D", self.data, "-U", ADMIN, "--auth", "trust", "--encoding", "UTF8",
                  "--no-locale", "--no-sync", "--wal-segsize", 1)
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nlocal replication all trust\n"
            f"host all {ADMIN} all trust\nhost replication all all trust\n"
            "host all all all scram-sha-256\n", encoding="ascii")
        return self

    def follow(self, primary):
        """A fresh standby of `primary`."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.tool("pg_basebackup", "-D", self.data, "-h", primary.directory, "-p", primary.port,
                  "-U", ADMIN, "-c", "fast", "-R", "--no-sync")
        return self

    def start(self):
        argv = [POSTGRES_BIN / "postgres", "-D", self.data]
        for name, value in self.settings.items():
            argv += ["-c", f"{name}={value}"]
        self.process = self.workshop.start(argv, f"{self.name}.log")

        def answers():
            if self.process.poll() is not None:
                log = self.workshop.log(f"{self.name}.log")
                raise RuntimeError(f"{self.name} has ended:\n{log}")
            return self.sql("SELECT 1") == "1"

        await_true(answers, f"{self.name} starts", every_s=0.02)
        return self

    def stop(self, how=signal.SIGINT):
        if self.process:
            self.workshop.stop(self.process, how)
        self.process = None

    def sql(self, statement, database="postgres"):
        return subprocess.run(
            [POSTGRES_BIN / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-p",
             str(self.port), "-U", ADMIN, "-d", database, "-c", statement],
            check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout.strip()

    def await_streaming(self):
        await_true(lambda: self.sql("SELECT count(*) FROM pg_stat_replication "
                                    "WHERE state = 'streaming'") == "1",
                   f"a standby streams from {self.name}")


def pgbench_latencies(directory):
    """Microseconds of every transaction that pgbench has logged in `directory`."""
    latencies = []
    for file in pathlib.Path(directory).iterdir():
        with open(file, encoding="ascii") as text:
            latencies += [int(line.split(" ", 3)[2]) for line in text]
    return latencies
