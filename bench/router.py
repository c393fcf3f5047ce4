"""The router beside PgBouncer (session pooling), HAProxy (TCP) and no router at all.

    bash bench/router.sh [--rounds N] [--seconds N] [--clients 1,8] [--parts plain,tls,memory] ...

All three stand before the same PostgreSQL, which they reach by its Unix socket; "direct" is that
PostgreSQL over TCP. The variants take turns within each round, and the turn begins with another one
in each. Throughput is the median over the rounds of the ratio to "direct" of the same round; p99 is
of all transactions that pgbench logs in a run, median over the rounds.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import peers
from peers import ADMIN, BUILD, EXTENSION, POSTGRES_BIN, PROGRAM, ROOT, Postgres, Workshop, median

sys.path.insert(0, str(ROOT / "tests"))

from lib.wire import Closed, ServerError, Session  # noqa: E402  (the path comes first)

ROLE, PASSWORD, DATABASE = "bench", "bench-password", "bench"
REGION = "us-east-1"
SESSIONS_STUB, SESSIONS_POSTGRES = 10_000, 1_000
SPARE_FILES = 200  # Of a router beside those of its sessions, two for each.


class Variant:
    """Something that clients connect to."""

    def __init__(self, name, host, port, pid=None, tls=True):
        self.name, self.host, self.port, self.pid, self.tls = name, host, port, pid, tls


class Ours:
    """A router of ours on addresses of its own, without a daemon: the topology is a file."""

    def __init__(self, workshop, prefix, backend_address, socket, name="ours", program=PROGRAM):
        self.workshop, self.host = workshop, f"{prefix}.1.10"
        home = workshop.directory / f"{name}-home"
        subprocess.run([program, "--home", home, "up", "--config-only", "--address-prefix", prefix],
                       check=True, capture_output=True, timeout=peers.LIMIT_S)
        self.region = home / REGION
        file = self.region / "router.toml"
        text = file.read_text(encoding="utf-8")
        # A router that knows no tls_dir relays bytes, TLS or not, and knows no sockets.
        terminates = "tls_dir" in text
        text = re.sub(r"^(max_connections|require_tls)\b.*\n", "", text, flags=re.M)
        text = f"max_connections = {SESSIONS_STUB + 1000}\n" + text
        if terminates:
            text = "require_tls = false\n" + text
        file.write_text(text, encoding="utf-8")
        backend = {"address": backend_address, "socket": str(socket)}
        backends = [backend if terminates else backend_address]
        topology = {"version": 1, "epoch": 1, "region": REGION, "writer_region": REGION,
                    "endpoints": [{"name": endpoint, "backends": backends}
                                  for endpoint in ("global-writer", "cluster", "reader")]}
        (self.region / "topology.json").write_text(json.dumps(topology), encoding="ascii")
        self.log = f"{name}.log"
        self.name = name
        self.process = workshop.start([program, "router", file], self.log, as_postgres=False)

    def variant(self):
        return Variant(self.name, self.host, 5432, self.process.pid)


def pgbouncer(workshop, address, socket, verifier, certificate, key, name="pgbouncer"):
    folder = workshop.folder(name)
    (folder / "users.txt").write_text(f'"{ROLE}" "{verifier}"\n', encoding="ascii")
    (folder / "pgbouncer.ini").write_text(f"""
[databases]
{DATABASE} = host={socket} port=5432 dbname={DATABASE} user={ROLE}
[pgbouncer]
listen_addr = {address}
listen_port = 6432
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = session
default_pool_size = {SESSIONS_STUB + 1000}
max_client_conn = {SESSIONS_STUB + 1000}
client_tls_sslmode = allow
client_tls_cert_file = {certificate}
client_tls_key_file = {key}
logfile =
log_connections = 0
log_disconnections = 0
""", encoding="ascii")
    process = workshop.start([peers.PACKAGES["pgbouncer"][0], folder / "pgbouncer.ini"],
                             f"{name}.log")
    return Variant("pgbouncer", address, 6432, process.pid), process


def haproxy(workshop, address, socket):
    file = workshop.folder("haproxy") / "haproxy.cfg"
    file.write_text(f"""
global
    maxconn 2000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen postgres
    bind {address}:6433
    server postgres unix@{socket}/.s.PGSQL.5432
""", encoding="ascii")
    process = workshop.start([peers.PACKAGES["haproxy"][0], "-db", "-f", file], "haproxy.log")
    return Variant("haproxy", address, 6433, process.pid, tls=False)


class Setting:
    """PostgreSQL and everything that stands before it."""

    def __init__(self, chosen):
        self.workshop = Workshop("bench-router")
        self.chosen = chosen
        self.files = peers.open_files(2 * SESSIONS_STUB + SPARE_FILES)
        prefix = chosen.address_prefix
        self.address = f"{prefix}.201.21"
        self.certificate, self.key = self._certificate()
        settings = {"ssl": "on", "ssl_cert_file": self.certificate, "ssl_key_file": self.key,
                    "max_connections": SESSIONS_POSTGRES + 100}
        if (EXTENSION / "aurora_global.so").exists():  # As on a platform of ours.
            library = self.workshop.folder("library")
            shutil.copy(EXTENSION / "aurora_global.so", library)
            settings |= {"dynamic_library_path": f"{library}:$libdir",
                         "shared_preload_libraries": "aurora_global"}
        self.postgres = Postgres(self.workshop, "postgres", self.address, **settings).init().start()
        self.postgres.sql(f"CREATE DATABASE {ADMIN}")  # Where our router asks for verifiers.
        self.postgres.sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
        self.postgres.sql(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
        self.verifier = self.postgres.sql(
            f"SELECT rolpassword FROM pg_authid WHERE rolname = '{ROLE}'")
        self.variants = [Variant("direct", self.address, 5432, self.postgres.process.pid)]
        wanted = chosen.variants.split(",")
        socket = self.postgres.directory
        if "pgbouncer" in wanted and peers.is_there("pgbouncer"):
            self.variants.append(pgbouncer(self.workshop, self.address, socket, self.verifier,
                                           self.certificate, self.key)[0])
        if "haproxy" in wanted and peers.is_there("haproxy"):
            self.variants.append(haproxy(self.workshop, self.address, socket))
        self.ours = None
        if "ours" in wanted:
            self.ours = Ours(self.workshop, prefix, f"{self.address}:5432", socket)
            self.variants.append(self.ours.variant())
        if chosen.before:
            self.variants.append(Ours(
                self.workshop, chosen.before_prefix,
                f"{self.address}:5432", socket, "before",
                chosen.before / "bin" / "aurora-global").variant())
        for variant in self.variants:
            self.await_answer(variant)
        print(f"pgbench -i -s {chosen.scale}", flush=True)
        self.pgbench(self.variants[0], "-i", "-q", "-s", chosen.scale)

    def _certificate(self):
        folder = self.workshop.folder("tls")
        certificate, key = folder / "server.crt", folder / "server.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        for file in (certificate, key):
            peers.give_to_postgres(file)
        return certificate, key

    @staticmethod
    def environment(variant, sslmode):
        return {**os.environ, "PGHOST": variant.host, "PGPORT": str(variant.port), "PGUSER": ROLE,
                "PGPASSWORD": PASSWORD, "PGDATABASE": DATABASE, "PGSSLMODE": sslmode,
                "PGGSSENCMODE": "disable"}

    def await_answer(self, variant):
        def answers():
            return subprocess.run([POSTGRES_BIN / "psql", "-XqAtc", "SELECT 1"],
                                  env=self.environment(variant, "disable"), check=True, timeout=10,
                                  capture_output=True, text=True).stdout == "1\n"

        try:
            peers.await_true(answers, f"{variant.name} answers", 20)
        except RuntimeError:
            for log in sorted(self.workshop.directory.glob("*.log")):
                print(f"--- {log.name}\n{self.workshop.log(log.name)}", flush=True)
            raise

    def pgbench(self, variant, *options, sslmode="disable"):
        return subprocess.run([POSTGRES_BIN / "pgbench", *map(str, options)],
                              env=self.environment(variant, sslmode), check=True, text=True,
                              capture_output=True, timeout=600).stdout

    def measure(self, variant, workload, protocol, clients, sslmode):
        """Transactions per second and the p99 in milliseconds."""
        # The time of -T begins before the clients log in, what is measured when they have.
        duration = self.chosen.seconds + clients // 50
        with tempfile.TemporaryDirectory(dir=self.workshop.directory) as logs:
            out = self.pgbench(variant, "-n", workload, "-M", protocol, "-c", clients, "-j",
                               min(clients, os.cpu_count()), "-T", duration, "-l",
                               f"--log-prefix={logs}/log", sslmode=sslmode)
            latencies = sorted(peers.pgbench_latencies(logs))
        tps = float(re.search(r"tps = ([\d.]+) \(without", out).group(1))
        return tps, latencies[min(len(latencies) - 1, len(latencies) * 99 // 100)] / 1000

    def compare(self, sslmode, results):
        variants = [one for one in self.variants if sslmode == "disable" or one.tls]
        head = "  ".join(f"{one.name:>21}" for one in variants)
        print(f"\n{'with TLS' if sslmode == 'require' else 'without TLS'}: throughput (ratio to "
              f"direct), p99 in ms; {self.chosen.rounds} rounds of {self.chosen.seconds} s\n"
              f"{'':24}{head}", flush=True)
        for workload in self.chosen.workloads.split(","):
            for protocol in self.chosen.protocols.split(","):
                for clients in map(int, self.chosen.clients.split(",")):
                    self._row(variants, f"-{workload}", protocol, clients, sslmode, results)

    def _row(self, variants, workload, protocol, clients, sslmode, results):
        seen = {one.name: [] for one in variants}
        for turn in range(self.chosen.rounds):
            first = turn % len(variants)
            for variant in variants[first:] + variants[:first]:
                seen[variant.name].append(
                    self.measure(variant, workload, protocol, clients, sslmode))
        row = {"workload": workload, "protocol": protocol, "clients": clients, "sslmode": sslmode,
               "variants": {}}
        cells = []
        for name, runs in seen.items():
            ratios = [tps / base for (tps, _), (base, _) in zip(runs, seen["direct"])]
            one = {"tps": median(tps for tps, _ in runs), "ratio": median(ratios),
                   "p99_ms": median(p99 for _, p99 in runs), "runs": runs}
            row["variants"][name] = one
            cells.append(f"{one['tps']:7.0f} {one['ratio']:5.2f} {one['p99_ms']:7.2f}")
        results.append(row)
        print(f"{workload} {protocol:9} {clients:4} clients" +
              "  ".join(cell.rjust(21) for cell in cells), flush=True)


def verdict(results):
    """The goals of the router: at least the peers' throughput, p99 not above theirs."""
    for sslmode in ("disable", "require"):
        rows = [row for row in results if row["sslmode"] == sslmode and "ours" in row["variants"]]
        for peer in ("pgbouncer", "haproxy", "before"):
            both = [(row["variants"]["ours"], row["variants"][peer]) for row in rows
                    if peer in row["variants"]]
            if not both:
                continue
            faster = sum(ours["tps"] >= its["tps"] for ours, its in both)
            calmer = sum(ours["p99_ms"] <= its["p99_ms"] for ours, its in both)
            ratio = median(ours["tps"] / its["tps"] for ours, its in both)
            print(f"ours against {peer}, {'TLS' if sslmode == 'require' else 'no TLS'}: throughput "
                  f"at least its in {faster} of {len(both)} rows (median ratio {ratio:.2f}), p99 "
                  f"not above its in {calmer}", flush=True)


def hold_sessions(variant, count):
    """KiB that the variant's process grew by while it holds sessions, each with a backend."""
    warm = Session((variant.host, variant.port), ROLE, PASSWORD, DATABASE)
    warm.query("SELECT 1")
    before = peers.rss_kib(variant.pid)
    began = time.monotonic()
    sessions = []
    try:
        for _ in range(count):
            sessions.append(Session((variant.host, variant.port), ROLE, PASSWORD, DATABASE))
            sessions[-1].query("SELECT 1")
        took = time.monotonic() - began
        return before, peers.rss_kib(variant.pid), took
    finally:
        for one in sessions:
            one.close()
        warm.close()


def memory(setting, results):
    """Each measurement has a process of its own, which has done nothing before."""
    stub_sessions = min(SESSIONS_STUB, (setting.files - SPARE_FILES) // 2)
    if stub_sessions < SESSIONS_STUB:
        print(f"\na process may open {setting.files} files here, so there are {stub_sessions} "
              f"sessions instead of {SESSIONS_STUB}", flush=True)
    workshop, prefix = setting.workshop, setting.chosen.address_prefix
    stub_folder = workshop.folder("stub")
    stub_socket = stub_folder / ".s.PGSQL.5432"
    program = pathlib.Path(__file__).with_name("stub_backend.py")
    workshop.start(["/usr/bin/python3", program, stub_socket, ROLE, setting.verifier], "stub.log")
    peers.await_true(stub_socket.exists, "the stub listens")
    if setting.ours:
        workshop.stop(setting.ours.process)  # Its addresses are needed.
    print(f"\nresident memory of the router's process with idle sessions, each logged in and with "
          f"a backend\n{'':27}{'before':>12}{'after':>12}{'a session':>14}{'logins/s':>10}",
          flush=True)
    names = [one.name for one in setting.variants if one.name in ("pgbouncer", "ours")]
    for what, folder, count in (("PG 15", setting.postgres.directory, SESSIONS_POSTGRES),
                                ("stub", stub_folder, stub_sessions)):
        for name in names:
            fresh = f"{name}-{what.split(' ', maxsplit=1)[0]}"
            if name == "ours":
                started = Ours(workshop, prefix, f"{setting.address}:5432", folder, fresh)
                variant, process = started.variant(), started.process
            else:
                variant, process = pgbouncer(workshop, f"{prefix}.201.31", folder,
                                             setting.verifier, setting.certificate, setting.key,
                                             fresh)
            setting.await_answer(variant)
            try:
                before, after, took = hold_sessions(variant, count)
            except (Closed, ServerError, OSError) as error:
                print(f"{name}: no {count} sessions on {what}: {error}", flush=True)
                continue
            finally:
                workshop.stop(process)
            results.append({"backend": what, "variant": name, "sessions": count,
                            "before_kib": before, "after_kib": after,
                            "logins_per_s": count / took})
            print(f"{name:10}{count:7} on {what:7}{before / 1024:8.1f} MiB{after / 1024:8.1f} MiB"
                  f"{(after - before) / count:10.2f} KiB{count / took:10.0f}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=4, help="of one run of pgbench")
    options.add_argument("--workloads", default="S,N", help="pgbench's -S and -N")
    options.add_argument("--protocols", default="simple,extended,prepared")
    options.add_argument("--clients", default="1,8,32,256")
    options.add_argument("--variants", default="pgbouncer,haproxy,ours")
    options.add_argument("--before", type=pathlib.Path,
                         help="build/release of an older commit: its router takes turns with ours")
    options.add_argument("--parts", default="plain,tls,memory")
    options.add_argument("--scale", type=int, default=10)
    options.add_argument("--address-prefix", default="127.78")
    options.add_argument("--before-prefix", default="127.79")
    options.add_argument("--json", type=pathlib.Path,
                         default=ROOT / "out" / "bench" / "router.json")
    chosen = options.parse_args()
    if not PROGRAM.exists():
        raise SystemExit(f"there is no {PROGRAM}: ./dev build {BUILD.name}")
    setting = Setting(chosen)
    results = {"throughput": [], "memory": []}
    parts = chosen.parts.split(",")
    if "plain" in parts:
        setting.compare("disable", results["throughput"])
    if "tls" in parts:
        setting.compare("require", results["throughput"])
    verdict(results["throughput"])
    if "memory" in parts:
        memory(setting, results["memory"])
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    setting.workshop.close()


if __name__ == "__main__":
    main()
