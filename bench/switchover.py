"""Planned switchovers, ours beside other systems and a bare promotion, in turns.

    bash bench/switchover.sh [--rounds N] [--systems ours,pgbouncer,...] [--limit-s N]
                             [--before BUILD]

One prober for all: 8 connections that write as fast as they can. The window is the longest gap
between two successive acknowledged writes over all connections, from the moment the switchover is
asked for. "promotion" has no clients: it is the time from pg_promote() to the first write accepted
by a session that was open on the standby. All systems run at once and idle while another one moves;
a CHECKPOINT on both sides comes before every move.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import psycopg2

import peers
from peers import (ADMIN, BUILD, LIMIT_S, PACKAGES, POSTGRES_BIN, PROGRAM, ROOT, Postgres, Workshop,
                   await_true, median)

PROBER = BUILD / "bin" / "write_prober"
CONNECTIONS = 8
ROWS = 1000  # Acknowledged before a move begins, and again after it.
TABLE = "CREATE TABLE IF NOT EXISTS write_probe(run bigint, id bigint, PRIMARY KEY (run, id))"
EAST, WEST = "us-east-1", "us-west-2"


def psql(conninfo, statement, env=None):
    return subprocess.run([POSTGRES_BIN / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", conninfo,
                           "-c", statement], check=True, capture_output=True, text=True, env=env,
                          timeout=LIMIT_S).stdout.strip()


def connect(conninfo):
    connection = psycopg2.connect(conninfo)
    connection.autocommit = True
    return connection, connection.cursor()


def position(text):
    high, low = text.split("/")
    return (int(high, 16) << 32) | int(low, 16)


class System:
    """What is measured. `conninfo` is the clients', `admin_conninfo` leads to the writer."""

    name = ""
    needs = ()
    logs = ""  # What the names of its logs begin with.

    def __init__(self, workshop, prefix):
        self.workshop, self.prefix = workshop, prefix
        self.runs = []

    def conninfo(self):
        raise NotImplementedError

    def admin_conninfo(self):
        return self.conninfo()

    def await_healthy(self):
        """Ready for a move."""

    def checkpoint(self):
        """On both sides."""

    def move(self):
        """Asks for the switchover and returns when it is said to be done."""

    def sql(self, statement):
        return psql(self.admin_conninfo(), statement)

    def measure(self):
        """One switchover under the prober."""
        self.await_healthy()
        run = time.time_ns()
        with open(self.workshop.directory / f"{self.name}-prober.log", "ab") as log:
            prober = subprocess.Popen([PROBER, self.conninfo(), self.conninfo(),
                                       str(CONNECTIONS), str(run)], stdout=subprocess.PIPE,
                                      stderr=log, text=True)
        try:
            self._await_rows(run, ROWS)
            self.checkpoint()
            asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            self.move()
            self._await_rows(run, int(self._rows(run)) + ROWS)
            prober.send_signal(signal.SIGTERM)
            found = json.loads(prober.communicate(timeout=LIMIT_S)[0])
        finally:
            if prober.poll() is None:
                prober.kill()
                prober.wait()
        gaps = [(gap["to_ns"] - gap["from_ns"]) / 1e6 for gap in found["gaps"]
                if gap["to_ns"] >= asked]
        result = {"window_ms": max(gaps, default=0.0), "failed": found["failed"],
                  "reconnects": found["reconnects"], "lost": found["lost"],
                  "acknowledged": found["acknowledged"]}
        self.runs.append(result)
        return result

    def _rows(self, run):
        return self.sql(f"SELECT count(*) FROM write_probe WHERE run = {run}")

    def _await_rows(self, run, count):
        await_true(lambda: int(self._rows(run)) >= count, f"{self.name}: {count} rows")


class Ours(System):
    """A platform, its link at `latency_ms` one way during the move."""

    def __init__(self, workshop, prefix, name, latency_ms, program=PROGRAM, platform=None):
        super().__init__(workshop, prefix)
        self.name, self.latency_ms, self.program = name, latency_ms, program
        self.home = platform.home if platform else workshop.directory / f"home-{prefix}"
        if platform is None:
            workshop.at_end.append(lambda: self.command("destroy", "--yes", check=False))
            self.command("up", "--address-prefix", f"{prefix}", "--latency-ms", 0)
            self.await_healthy()
            self.sql(TABLE)

    def command(self, *arguments, check=True):
        return subprocess.run([self.program, "--home", self.home, *map(str, arguments)],
                              check=check, capture_output=True, text=True, timeout=LIMIT_S).stdout

    def regions(self):
        return json.loads(self.command("status", "--json"))["regions"]

    def writer(self):
        return next(one["region"] for one in self.regions() if one["duty"] == "primary")

    def conninfo(self):
        """Of the clients in the writer's region."""
        script = 'eval "$("$0" --home "$1" env "$2")"; exec env -0'
        out = subprocess.run(
            ["/bin/bash", "-c", script, self.program, str(self.home), self.writer()],
            check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout
        of = dict(line.split("=", 1) for line in out.split("\0") if "=" in line)
        return (f"host={of['PGHOST']} user={of['PGUSER']} dbname={of['PGDATABASE']} "
                f"passfile={of['PGPASSFILE']} sslmode={of['PGSSLMODE']} "
                f"sslrootcert={of['PGSSLROOTCERT']} connect_timeout=10")

    def await_healthy(self):
        def healthy():
            regions = self.regions()
            primaries = [one["region"] for one in regions if one.get("duty") == "primary"]
            writers = {each["writer_region"] for one in regions for each in one["globals"]}
            at_rest = all(operation["step"] in ("done", "aborted")
                          for one in regions for operation in one["operations"])
            return (at_rest and len(primaries) == 1 and writers == set(primaries) and
                    all(one["region"] in primaries or one["head"]["streaming"] for one in regions))

        await_true(healthy, "the platform is healthy")

    def measure(self):
        self.command("link", "set", "--latency-ms", self.latency_ms)
        try:
            return super().measure()
        finally:
            self.command("link", "set", "--latency-ms", 0)

    def move(self):
        target = WEST if self.writer() == EAST else EAST
        self.command("switchover", "--to", target)
        operations = [operation for one in self.regions() for operation in one["operations"]
                      if operation["to"] == target and operation["step"] == "done"]
        last = max(operations, key=lambda one: one["steps"][0]["started_us"])
        self.steps = {step["step"]: (step["ended_us"] - step["started_us"]) / 1000
                      for step in last["steps"] if step["ended_us"]}

    def checkpoint(self):
        """The platform's own preparation does it."""


class TwoServers(System):
    """A primary and a standby without anybody who looks after them."""

    def __init__(self, workshop, prefix, number):
        super().__init__(workshop, prefix)
        self.primary = Postgres(workshop, f"{self.name}-1", f"{prefix}.{number}.1").init().start()
        self.primary.sql(TABLE)
        self.standby = Postgres(workshop, f"{self.name}-2", f"{prefix}.{number}.2")
        self._follow()

    def _follow(self):
        self.standby.follow(self.primary).start()
        self.primary.await_streaming()

    def admin_conninfo(self):
        return f"host={self.primary.directory} user={ADMIN} dbname=postgres"

    def standby_conninfo(self):
        return f"host={self.standby.directory} user={ADMIN} dbname=postgres"

    def checkpoint(self):
        for server in (self.primary, self.standby):
            server.sql("CHECKPOINT")

    def swap(self):
        """The standby has been promoted: it is the primary now, and the old one begins anew."""
        self.primary, self.standby = self.standby, self.primary
        self.standby.stop(signal.SIGQUIT)
        self._follow()


class Promotion(TwoServers):
    name = "promotion"
    logs = "promotion"

    def measure(self):
        self.checkpoint()
        connection, cursor = connect(self.standby_conninfo())
        began = time.monotonic()
        cursor.execute("SELECT pg_promote(false)")
        row = 0
        while row == 0:
            try:
                cursor.execute(f"INSERT INTO write_probe VALUES ({time.time_ns()}, 0)")
                row = cursor.rowcount
            except psycopg2.errors.ReadOnlySqlTransaction:
                time.sleep(0.0002)
        took = 1000 * (time.monotonic() - began)
        connection.close()
        self.swap()
        result = {"window_ms": took, "failed": 0, "reconnects": 0, "lost": 0}
        self.runs.append(result)
        return result


class PgBouncer(TwoServers):
    """PAUSE, await the standby, promote, lead to it, RESUME. With transaction pooling: PAUSE waits
    for ever for sessions of session pooling. The pause is the only fence."""

    name = "pgbouncer"
    logs = "pgbouncer"
    needs = ("pgbouncer",)

    def __init__(self, workshop, prefix, number):
        super().__init__(workshop, prefix, number)
        self.folder = workshop.folder("pgbouncer")
        self.address = f"{prefix}.{number}.9"
        self._write_ini()
        workshop.start([PACKAGES["pgbouncer"][0], "-q", self.folder / "pgbouncer.ini"],
                       "pgbouncer.log")
        await_true(lambda: psql(self.conninfo(), "SELECT 1") == "1", "PgBouncer answers")

    def _write_ini(self):
        fresh = self.folder / "fresh"
        fresh.write_text(f"""
[databases]
probe = host={self.primary.directory} port=5432 dbname=postgres user={ADMIN}
[pgbouncer]
listen_addr = {self.address}
listen_port = 6432
unix_socket_dir =
auth_type = trust
auth_file = {self.folder}/users.txt
admin_users = {ADMIN}
pool_mode = transaction
default_pool_size = {2 * CONNECTIONS}
logfile =
""", encoding="ascii")
        (self.folder / "users.txt").write_text(f'"{ADMIN}" ""\n', encoding="ascii")
        fresh.rename(self.folder / "pgbouncer.ini")

    def conninfo(self):
        return f"host={self.address} port=6432 user={ADMIN} dbname=probe"

    def move(self):
        old, old_cursor = connect(self.admin_conninfo())
        new, new_cursor = connect(self.standby_conninfo())
        bouncer, orders = connect(self.conninfo().replace("dbname=probe", "dbname=pgbouncer"))

        def until(statement, condition):
            while True:
                new_cursor.execute(statement)
                if condition(new_cursor.fetchone()[0]):
                    return
                time.sleep(0.0002)

        orders.execute("PAUSE probe")
        old_cursor.execute("SELECT pg_current_wal_flush_lsn()")
        final = position(old_cursor.fetchone()[0])
        until("SELECT pg_last_wal_replay_lsn()", lambda replayed: position(replayed) >= final)
        new_cursor.execute("SELECT pg_promote(false)")
        until("SELECT pg_is_in_recovery()", lambda still: not still)
        self.primary, self.standby = self.standby, self.primary
        self._write_ini()
        orders.execute("RELOAD")
        orders.execute("RESUME probe")
        for connection in (old, new, bouncer):
            connection.close()

    def measure(self):
        result = super().measure()
        self.standby.stop(signal.SIGQUIT)
        self._follow()
        return result


class Patroni(System):
    name = "patroni"
    logs = "patroni"
    needs = ("patroni", "etcd")

    def __init__(self, workshop, prefix, number):
        super().__init__(workshop, prefix)
        self.folder = workshop.folder("patroni")
        self.nodes = {f"n{i}": f"{prefix}.{number}.{i}" for i in (1, 2)}
        etcd = f"{prefix}.{number}.3"
        workshop.start(
            [PACKAGES["etcd"][0], "--name", "e", "--data-dir", self.folder / "etcd",
             "--listen-client-urls", f"http://{etcd}:2379", "--advertise-client-urls",
             f"http://{etcd}:2379", "--listen-peer-urls", f"http://{etcd}:2380",
             "--initial-advertise-peer-urls", f"http://{etcd}:2380", "--initial-cluster",
             f"e=http://{etcd}:2380"], "etcd.log")

        def has_etcd():
            with urllib.request.urlopen(f"http://{etcd}:2379/health", timeout=2) as answer:
                return b"true" in answer.read()

        await_true(has_etcd, "etcd answers")
        for node, address in self.nodes.items():
            self._write_node(node, address, etcd)
            workshop.start([PACKAGES["patroni"][0], self.folder / f"{node}.yml"],
                           f"patroni-{node}.log",
                           env={**os.environ, "PATH": f"{POSTGRES_BIN}:{os.environ['PATH']}"})
            await_true(lambda: self.sql("SELECT 1") == "1", "Patroni has a leader")
        self.sql(TABLE)

    def _write_node(self, node, address, etcd):
        settings = {**Postgres.SETTINGS, "unix_socket_directories": ""}
        listed = "".join(f"        {name}: '{value}'\n" for name, value in settings.items())
        (self.folder / f"{node}.yml").write_text(f"""
scope: bench
name: {node}
restapi: {{listen: '{address}:8008', connect_address: '{address}:8008'}}
etcd3: {{host: '{etcd}:2379'}}
bootstrap:
  dcs:
    ttl: 30
    loop_wait: 10
    retry_timeout: 10
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
{listed}  initdb: [{{encoding: UTF8}}, data-checksums, {{wal-segsize: '1'}}]
  pg_hba:
  - local all all trust
  - host all all 127.0.0.0/8 trust
  - host replication all 127.0.0.0/8 trust
postgresql:
  listen: {address}:5432
  connect_address: {address}:5432
  data_dir: {self.folder}/{node}
  bin_dir: {POSTGRES_BIN}
  pgpass: {self.folder}/{node}.pgpass
  authentication:
    superuser: {{username: postgres, password: x}}
    replication: {{username: replicator, password: x}}
    rewind: {{username: rewinder, password: x}}
""", encoding="utf-8")

    def conninfo(self):
        return (f"host={','.join(self.nodes.values())} user=postgres dbname=postgres "
                "target_session_attrs=read-write connect_timeout=2")

    def members(self):
        """Node to role and state, by the first node that answers."""
        for address in self.nodes.values():
            try:
                with urllib.request.urlopen(f"http://{address}:8008/cluster", timeout=2) as answer:
                    return json.load(answer)["members"]
            except (OSError, urllib.error.URLError):
                continue
        return []

    def await_healthy(self):
        def healthy():
            members = self.members()
            replicas = [one for one in members if one["role"] != "leader"]
            return (len(members) == 2 and len(replicas) == 1 and
                    replicas[0]["state"] in ("running", "streaming") and
                    len({one.get("timeline") for one in members}) == 1 and
                    self.sql("SELECT count(*) FROM pg_stat_replication "
                             "WHERE state = 'streaming'") == "1")

        await_true(healthy, "Patroni's nodes are healthy", every_s=0.2)

    def checkpoint(self):
        for address in self.nodes.values():
            psql(f"host={address} user=postgres dbname=postgres", "CHECKPOINT")

    def move(self):
        leader = next(one["name"] for one in self.members() if one["role"] == "leader")
        candidate = next(node for node in self.nodes if node != leader)
        subprocess.run(["/usr/bin/patronictl", "-c", self.folder / f"{leader}.yml", "switchover",
                        "bench", "--leader", leader, "--candidate", candidate, "--force"],
                       check=True, capture_output=True, timeout=LIMIT_S)


class PgAutoFailover(System):
    """It writes pg_hba.conf by the nodes' addresses, and between loopback addresses connections
    come from 127.0.0.1: so all of it is there, on free ports."""

    name = "pg_auto_failover"
    logs = "pgaf"
    needs = ("pg_autoctl",)

    def __init__(self, workshop, prefix, _):
        super().__init__(workshop, prefix)
        self.folder = workshop.folder("pg_auto_failover")
        self.environment = {
            **os.environ, "PATH": f"{POSTGRES_BIN}:{os.environ['PATH']}", "PGUSER": "postgres",
            "HOME": str(self.folder), "XDG_RUNTIME_DIR": str(workshop.folder("pgaf-run")),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_DATA_HOME": str(self.folder / "share")}
        self.monitor_port, *ports = self._free_ports(3)
        self.ports = dict(zip(("n1", "n2"), ports))
        common = ["--hostname", "127.0.0.1", "--auth", "trust", "--no-ssl"]
        self._autoctl("create", "monitor", "--pgdata", self.folder / "monitor", "--pgport",
                      self.monitor_port, *common)
        self._only_loopback("monitor")
        self._run("monitor")
        monitor = f"postgres://autoctl_node@127.0.0.1:{self.monitor_port}/pg_auto_failover"
        await_true(lambda: psql(monitor, "SELECT 1") == "1", "the monitor answers")
        for node, port in self.ports.items():
            self._autoctl("create", "postgres", "--pgdata", self.folder / node, "--pgport", port,
                          "--name", node, "--username", "postgres", "--monitor", monitor,
                          "--listen", "127.0.0.1", *common)
            self._run(node)
            await_true(lambda: self.sql("SELECT 1") == "1", "pg_auto_failover has a primary")
            if node == "n1":
                self.sql(TABLE)

    @staticmethod
    def _free_ports(count):
        sockets = [socket.socket() for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in sockets]
        for one in sockets:
            one.close()
        return ports

    def _autoctl(self, *arguments):
        done = subprocess.run([PACKAGES["pg_autoctl"][0], *map(str, arguments)], check=False,
                              capture_output=True, text=True, timeout=LIMIT_S, cwd=self.folder,
                              env=self.environment, **peers.postgres_user())
        if done.returncode != 0:
            raise RuntimeError(f"pg_autoctl {arguments[0]}: {done.stderr[-2000:]}")

    def _only_loopback(self, node):
        with open(self.folder / node / "postgresql.conf", "a", encoding="ascii") as file:
            file.write("\nlisten_addresses = '127.0.0.1'\n")

    def _run(self, node):
        self.workshop.start([PACKAGES["pg_autoctl"][0], "run", "--pgdata", self.folder / node],
                            f"pgaf-{node}.log", env=self.environment)

    def conninfo(self):
        ports = ",".join(str(port) for port in self.ports.values())
        return (f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname=postgres "
                "target_session_attrs=read-write connect_timeout=2")

    def await_healthy(self):
        states = ("SELECT count(*) FROM pgautofailover.node WHERE health = 1 AND reportedstate = "
                  "goalstate AND reportedstate IN ('primary', 'secondary')")
        monitor = (f"host=127.0.0.1 port={self.monitor_port} user=autoctl_node "
                   "dbname=pg_auto_failover")
        await_true(lambda: psql(monitor, states) == "2" and
                   self.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' "
                            "AND sync_state <> 'async'") == "1",
                   "pg_auto_failover's nodes are healthy", every_s=0.2)

    def checkpoint(self):
        for port in self.ports.values():
            psql(f"host=127.0.0.1 port={port} user=postgres dbname=postgres", "CHECKPOINT")

    def move(self):
        self._autoctl("perform", "switchover", "--pgdata", self.folder / "monitor")


def make_systems(workshop, chosen):
    wanted = chosen.systems.split(",")
    prefix = chosen.address_prefix
    systems = []
    made = {"promotion": Promotion, "pgbouncer": PgBouncer, "patroni": Patroni,
            "pg_auto_failover": PgAutoFailover}
    builds = {"ours": (prefix, PROGRAM)} if "ours" in wanted else {}
    if chosen.before:
        builds["before"] = (chosen.before_prefix, chosen.before / "bin" / "aurora-global")
    for name, (addresses, program) in builds.items():
        print(f"starting {name}", flush=True)
        here = Ours(workshop, addresses, name, 0, program)
        systems += [here, Ours(workshop, addresses, f"{name}, {chosen.latency_ms:g} ms",
                               chosen.latency_ms, program, here)]
    # Regions have the numbers from 1 on.
    for number, (name, kind) in enumerate(made.items(), start=201):
        if name in wanted and peers.is_there(*kind.needs):
            print(f"starting {name}", flush=True)
            try:
                systems.append(kind(workshop, prefix, number))
            except (RuntimeError, subprocess.SubprocessError) as error:
                print(f"left out: {name} does not start: {error}", flush=True)
                for log in sorted(workshop.directory.glob(f"{kind.logs}*.log")):
                    print(f"--- {log.name}\n{workshop.log(log.name, 10)}", flush=True)
    return systems


def table(systems, latency_ms):
    medians = {one.name: median(run["window_ms"] for run in one.runs)
               for one in systems if one.runs}
    print(f"\n{'':22}{'moves':>6}{'no write for, ms':>28}{'by ours':>9}{'failed':>8}"
          f"{'reconnects':>12}{'lost':>6}")
    for one in systems:
        if not one.runs:
            continue
        windows = sorted(run["window_ms"] for run in one.runs)
        ratio = medians[one.name] / medians["ours"] if medians.get("ours") else float("nan")
        sums = {what: median(run[what] for run in one.runs)
                for what in ("failed", "reconnects", "lost")}
        text = f"{medians[one.name]:.1f} ({windows[0]:.1f} to {windows[-1]:.1f})"
        print(f"{one.name:22}{len(windows):6}{text:>28}{ratio:9.2f}{sums['failed']:8.0f}"
              f"{sums['reconnects']:12.0f}{max(run['lost'] for run in one.runs):6}")
    if "ours" in medians:
        for peer, goal in (("pgbouncer", "at most 1.3 x"), ("patroni", "at most 1/40 of"),
                           ("pg_auto_failover", "at most 1/40 of")):
            if peer in medians:
                print(f"ours is {medians['ours'] / medians[peer]:.3f} x {peer} (goal: {goal} its)")
    far = next((name for name in medians if name.startswith("ours, ")), None)
    for now in filter(None, ("ours", far)):
        old = now.replace("ours", "before")
        if now in medians and old in medians:
            print(f"{now} is {medians[now] / medians[old]:.3f} x {old}")
    if far and "promotion" in medians:
        floor = medians["promotion"] + 4 * latency_ms
        print(f"{far} one way: {medians[far]:.1f} ms; promotion alone + 2 round trips: {floor:.1f} "
              f"ms (goal: at most that + 20 ms, which is {floor + 20:.1f} ms)")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--systems",
                         default="ours,promotion,pgbouncer,patroni,pg_auto_failover")
    options.add_argument("--latency-ms", type=float, default=31, help="of the second part of ours")
    options.add_argument("--limit-s", type=float, default=540, help="no round begins after it")
    options.add_argument("--address-prefix", default="127.77")
    options.add_argument("--before", type=pathlib.Path,
                         help="build directory of an earlier version, measured in the same run")
    options.add_argument("--before-prefix", default="127.79")
    options.add_argument("--json", type=pathlib.Path,
                         default=ROOT / "out" / "bench" / "switchover.json")
    chosen = options.parse_args()
    for program in (PROGRAM, PROBER):
        if not program.exists():
            raise SystemExit(f"there is no {program}: ./dev build {BUILD.name}")
    began = time.monotonic()
    workshop = Workshop("bench-switchover")
    systems = make_systems(workshop, chosen)
    for turn in range(chosen.rounds):
        if time.monotonic() - began > chosen.limit_s:
            print(f"the time is up after {turn} rounds", flush=True)
            break
        first = turn % len(systems)
        for one in systems[first:] + systems[:first]:
            try:
                found = one.measure()
            except (RuntimeError, OSError, ValueError, subprocess.SubprocessError,
                    psycopg2.Error) as error:
                detail = getattr(error, "stderr", None) or ""
                print(f"round {turn + 1}: {one.name}: FAILED: {error} {detail}", flush=True)
                continue
            steps = getattr(one, "steps", {})
            print(f"round {turn + 1}: {one.name}: {found['window_ms']:.1f} ms" +
                  "".join(f", {step} {took:.1f}" for step, took in steps.items()), flush=True)
    table(systems, chosen.latency_ms)
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps({one.name: one.runs for one in systems}, indent=2) + "\n",
                           encoding="utf-8")
    workshop.close()
    shutil.rmtree(workshop.directory, ignore_errors=True)


if __name__ == "__main__":
    main()
