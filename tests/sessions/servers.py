"""What the session machine runs on: a plain PostgreSQL server, a pair with the extension, and a
router before it that moves sessions at every boundary. No daemon of ours runs.

Each worker has a "room": a database of the same name and content on both sides.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib import pair  # noqa: E402  (the path comes first)
from lib.platform import AddressPrefix, wait_until  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = pathlib.Path(os.environ.get("AURORA_GLOBAL_PROGRAM")
                       or pair.ROOT / "build" / "dev" / "bin" / "aurora-global")
PASSWORD = "of the sessions"
ROLES = f"""
CREATE ROLE tester LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE app_a NOLOGIN;
CREATE ROLE app_b NOLOGIN;
GRANT app_a, app_b TO tester;
CREATE ROLE builder SUPERUSER LOGIN;
"""
# Both sides have them, so that they can be compared.
SETTINGS = {"synchronous_commit": "on", "fsync": "off", "autovacuum": "off", "max_connections": "200", "jit": "off",
            "max_prepared_transactions": "0", "timezone": "UTC", "log_min_messages": "fatal",
            "shared_buffers": "16MB", "log_min_error_statement": "panic"}
STRICT = ("-v", "ON_ERROR_STOP=1")
ENDPOINTS = {"global-writer": ".1.10", "reader": ".1.12"}


class Plain(pair.Server):
    """A server without anything of ours."""

    def __init__(self):
        self.directory_of_all = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-plain-"))
        self.directory_of_all.chmod(0o755)
        self.pair = None
        self.directory = self.directory_of_all
        super().__init__(self, "plain")
        self.prefix = AddressPrefix()
        self.address = self.prefix.text + ".1.21"  # For those who know no Unix socket.

    def up(self):
        self.tool("initdb", "-D", self.data, "-U", "postgres", "--auth", "trust", "--encoding",
                  "UTF8", "--no-locale", "--no-sync")
        with open(self.data / "pg_hba.conf", "a", encoding="utf-8") as out:
            out.write("host all all 127.0.0.0/8 trust\n")
        lines = {"listen_addresses": self.address, "unix_socket_directories": self.directory, **SETTINGS}
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as out:
            out.write("".join(f"{name} = '{value}'\n" for name, value in lines.items()))
        self.start()

    def destroy(self):
        try:
            self.stop(signal.SIGQUIT)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            pass
        self.prefix.release()
        shutil.rmtree(self.directory_of_all, ignore_errors=True)


class Router:
    """A router before a pair; `options` are lines of its file."""

    def __init__(self, of, options=()):
        self.of, self.options = of, options
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-sessions-"))
        self.prefix = AddressPrefix()
        self.process = None

    def address(self, endpoint):
        return self.prefix.text + ENDPOINTS[endpoint]

    def start(self):
        backends = {"global-writer": self.of.primary, "reader": self.of.standby}
        topology = {"version": 1, "epoch": 1, "region": "here", "writer_region": "here",
                    "endpoints": [{"name": name, "backends": [
                        {"address": f"127.0.0.1:{port}", "socket": str(server.directory)}]}
                        for port, (name, server) in enumerate(backends.items(), 5432)]}
        (self.directory / "topology.json").write_text(json.dumps(topology), encoding="utf-8")
        lines = ['region = "here"', f'control = "{self.directory}/router.sock"',
                 f'pid_file = "{self.directory}/router.pid"',
                 f'topology_file = "{self.directory}/topology.json"', *self.options]
        for name in ENDPOINTS:
            lines += ["[[endpoint]]", f'name = "{name}"', f'listen = "{self.address(name)}:5432"']
        file = self.directory / "router.toml"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        with open(self.directory / "router.log", "wb") as log:
            self.process = subprocess.Popen([PROGRAM, "router", file], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_until(self.listens, "the router listens")
        return self

    def listens(self):
        if self.process.poll() is not None:
            log = (self.directory / "router.log").read_text(encoding="utf-8", errors="replace")
            raise SystemExit(f"the router has ended: {log[-2000:]}")
        with socket.create_connection((self.address("reader"), 5432), 1):
            return True

    def ask(self, request):
        """One order at the control socket."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(30)
            control.connect(str(self.directory / "router.sock"))
            control.sendall(json.dumps(request).encode() + b"\n")
            with control.makefile("rb") as answers:
                return json.loads(answers.readline())

    def endpoint_status(self, name):
        return next(one for one in self.ask({"do": "status"})["endpoints"] if one["name"] == name)

    def log(self):
        return (self.directory / "router.log").read_text(encoding="utf-8", errors="replace")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
        self.prefix.release()
        shutil.rmtree(self.directory, ignore_errors=True)


class Servers:
    """Both sides with `rooms` rooms."""

    def __init__(self, rooms):
        self.rooms = rooms
        self.plain = Plain()
        self.pair = pair.Pair(SETTINGS, {})

    def up(self):
        self.plain.up()
        self.pair.start()
        primary = self.pair.primary
        primary.psql("CREATE ROLE rdsadmin SUPERUSER LOGIN")
        primary.psql("CREATE DATABASE rdsadmin")
        room = (HERE / "room.sql").read_text(encoding="utf-8")
        for server, with_extension in ((self.plain, False), (primary, True)):
            server.psql(ROLES)
            server.psql("CREATE DATABASE room")
            server.psql("GRANT CREATE ON DATABASE room TO tester", database="room")
            if with_extension:
                # As a region's daemon does it in template1.
                script = pair.EXTENSION_DIR / "aurora_global--1.0.sql"
                server.psql(script.read_text(encoding="utf-8"), *STRICT, database="room")
            server.psql(room, *STRICT, database="room")
            for number in range(self.rooms):
                server.psql(f"CREATE DATABASE room_{number} TEMPLATE room")
                server.psql(f"GRANT CREATE, TEMP ON DATABASE room_{number} TO tester")
        self.pair.await_replay()
        return self

    def reopen_every(self, transactions):
        """Of the standby's sessions from now on."""
        standby, name = self.pair.standby, "aurora_global.reopen_every"
        with open(standby.data / "postgresql.conf", "a", encoding="utf-8") as out:
            out.write(f"{name} = {transactions}\n")
        standby.process.send_signal(signal.SIGHUP)
        wait_until(lambda: standby.psql(f"SHOW {name}", "-At").stdout.strip() == str(transactions),
                   f"{name} is {transactions}")

    def fresh_database(self, server, name):
        """A room for a suite, whose outputs may show its name: it is the same on both sides."""
        server.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", *STRICT)
        server.psql(f"CREATE DATABASE {name} TEMPLATE room OWNER tester", *STRICT)
        if server is not self.plain:
            self.pair.await_replay()

    def destroy(self):
        self.plain.destroy()
        self.pair.destroy()
