"""Two PostgreSQL servers with the extension, set up by hand as docs/reference/extension.md says.

No daemon of ours runs: a primary, a streaming standby, Unix sockets only.
"""

import atexit
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXTENSION_DIR = pathlib.Path(os.environ.get("AURORA_GLOBAL_EXTENSION")
                             or ROOT / "build" / "dev" / "extension")
POSTGRES_BIN = pathlib.Path(os.environ.get("AURORA_GLOBAL_POSTGRES_BIN")
                            or "/usr/lib/postgresql/15/bin")
START_LIMIT_S = 60


# A test that is told to end takes its servers down, too.
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def postgres_user():
    """PostgreSQL refuses to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


class Server:
    """One server: its directory, its socket, its process."""

    def __init__(self, pair, name):
        self.pair, self.name = pair, name
        self.directory = pair.directory / name
        self.data = self.directory / "data"
        self.directory.mkdir()
        self.process = None
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            os.chown(self.directory, entry.pw_uid, entry.pw_gid)
        self.directory.chmod(0o755)

    def tool(self, program, *arguments, **options):
        return subprocess.run([POSTGRES_BIN / program, *map(str, arguments)], check=True,
                              capture_output=True, text=True, cwd=self.directory,
                              **postgres_user(), **options)

    def start(self, **settings):
        argv = [POSTGRES_BIN / "postgres", "-D", self.data]
        for name, value in settings.items():
            argv += ["-c", f"{name.replace('__', '.')}={value}"]
        with open(self.directory / "server.log", "ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, **postgres_user())
        ends = time.monotonic() + START_LIMIT_S
        while self.psql("SELECT 1", check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > ends:
                raise AssertionError(f"{self.name} does not start:\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def stop(self, how=signal.SIGINT):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(START_LIMIT_S)
        self.process = None

    def log(self):
        return (self.directory / "server.log").read_text(errors="replace")

    def environment(self, database="postgres", user="postgres"):
        return {**os.environ, "PGHOST": str(self.directory), "PGPORT": "5432", "PGUSER": user,
                "PGDATABASE": database}

    def psql(self, sql, *options, database="postgres", user="postgres", check=True, limit_s=60):
        """`sql` may be a script: it comes from standard input, as when a person types it."""
        return subprocess.run(
            [POSTGRES_BIN / "psql", "-Xq", *options], input=sql, text=True, capture_output=True,
            env=self.environment(database, user), check=check, timeout=limit_s)

    def value(self, sql, **options):
        return self.psql(sql, "-At", "-v", "ON_ERROR_STOP=1", **options).stdout.strip()


class Pair:
    """`settings` go to both servers' postgresql.conf."""

    def __init__(self, settings=(), standby_settings=(), extension=EXTENSION_DIR):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-pair-"))
        self.directory.chmod(0o755)
        atexit.register(self.destroy)
        self.library_dir = self.directory / "lib"
        self.library_dir.mkdir()
        shutil.copy(extension / "aurora_global.so", self.library_dir)
        self.primary = Server(self, "primary")
        self.standby = Server(self, "standby")
        self.settings = dict(settings)
        self.standby_settings = dict(standby_settings)

    def start(self):
        primary, standby = self.primary, self.standby
        primary.tool("initdb", "-D", primary.data, "-U", "postgres", "--auth", "trust",
                     "--encoding", "UTF8", "--no-locale", "--no-sync")
        self._configure(primary, {"synchronous_commit": "on"})
        primary.start()
        primary.value("SELECT pg_create_physical_replication_slot('standby', true)")
        standby.tool("pg_basebackup", "-D", standby.data, "-h", primary.directory, "-U", "postgres",
                     "-c", "fast", "-R", "-S", "standby", "--no-sync")
        self._configure(standby, {
            "aurora_global.write_forwarding": "on",
            "aurora_global.primary_conninfo": f"host={primary.directory} port=5432",
            **self.standby_settings})
        standby.start()
        return self

    def _configure(self, server, more):
        settings = {
            "listen_addresses": "", "unix_socket_directories": server.directory,
            "dynamic_library_path": f"{self.library_dir}:$libdir",
            "shared_preload_libraries": "aurora_global", "fsync": "off",
            "max_connections": "100", "max_prepared_transactions": "20",
            "wal_level": "replica", "hot_standby_feedback": "on",
            "wal_receiver_status_interval": "1s", "autovacuum": "off",
            "aurora_global.instance": server.name, **self.settings, **more}
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        file = server.data / "postgresql.conf"
        with open(file, "a", encoding="utf-8") as out:
            out.write("\n" + "\n".join(lines) + "\n")

    def await_replay(self):
        """The standby has replayed what the primary has written until now."""
        position = self.primary.value("SELECT pg_current_wal_flush_lsn()")
        ends = time.monotonic() + START_LIMIT_S
        while self.standby.value(f"SELECT pg_last_wal_replay_lsn() >= '{position}'") != "t":
            if time.monotonic() > ends:
                raise AssertionError("the standby does not replay")
            time.sleep(0.01)

    def destroy(self):
        for server in (self.standby, self.primary):
            try:
                server.stop(signal.SIGQUIT)
            except (subprocess.TimeoutExpired, ProcessLookupError):
                pass
        shutil.rmtree(self.directory, ignore_errors=True)
