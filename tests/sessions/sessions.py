"""The session machine: random sessions through each of our ways, compared message by message with
the same bytes sent to a plain PostgreSQL server.

    python3 tests/sessions/sessions.py [--ways WAY,...] [--count N] [--seconds S] [--from SEED]
                                       [--seeds SEED,...] [--resume] [--suites NAME,...]

Ways: direct (the plain server twice: shows that the machine itself sees no difference), relayed
(through the router), moved (the router moves the session at every boundary), forwarded (a standby
that forwards writes), reopened (the same; at every boundary the session's primary side is closed).

Exit code 0: nothing unexplained. 1: differences without a reason; each is printed as a small case
and written to out/sessions/. docs/reference/sessions.md says more.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

import servers  # noqa: E402  (the path comes first)
import suites  # noqa: E402
from lib import pair  # noqa: E402

MACHINE = servers.PROGRAM.parent / "session_machine"
OUTPUT = pair.ROOT / "out" / "sessions"
ROUTED = {"relayed": (), "moved": ("move_every = 1",)}
FORWARDED = {"forwarded": 0, "reopened": 1}  # And after how many transactions it is reopened.
WAYS = ["direct", *ROUTED, *FORWARDED]
SHRINKING_LIMIT_S = 1800
DIFF_LINES = 12


def target(name, host, password=""):
    return {"name": name, "host": str(host), "password": password}


def commit():
    done = subprocess.run(["git", "-C", pair.ROOT, "rev-parse", "HEAD"], capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() or "unknown"


class Book:
    """What was done on this commit in earlier runs, so that they add up."""

    def __init__(self, way):
        self.file = OUTPUT / "book.json"
        self.key = f"{commit()} {way}"
        self.all = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.own = self.all.setdefault(self.key, {"sessions": 0, "different": 0, "next_seed": 1})

    def add(self, result):
        self.own["sessions"] += result["sessions"]
        self.own["different"] += result["different"]
        self.own["next_seed"] = max(self.own["next_seed"], result["next_seed"])
        self.file.write_text(json.dumps(self.all, indent=1), encoding="utf-8")


class Way:
    """The servers, with a router before them as the way has it."""

    def __init__(self, name, both):
        self.name, self.both = name, both
        self.router = servers.Router(both.pair, ROUTED.get(name, ()))

    def __enter__(self):
        self.both.reopen_every(FORWARDED.get(self.name, 0))
        self.router.start()
        return self

    def __exit__(self, *error):
        keep(f"{self.name}-router", self.router.log())
        self.router.stop()

    def moves(self):
        """Moves made, and those not made by reason, as the router counts them."""
        status = self.router.endpoint_status("global-writer")
        return {name: status[name] for name in ("moved_in_place_total", "stayed", "cut_total")
                if name in status}

    def reopened(self):
        """The same for a session's side at the primary."""
        if self.name not in FORWARDED:
            return {}
        row = self.both.pair.standby.psql("SELECT to_json(r) FROM aurora_global_reopened() r",
                                          "-At", database="room", check=False).stdout.strip()
        return json.loads(row) if row else {}


def keep(name, log):
    (OUTPUT / f"{name}.log").write_text(log, encoding="utf-8")


def run_suites(way, names, direct):
    """Prints the table's rows. Returns how many cases differ. `direct` keeps what was printed
    directly from one way to the next.
    """
    different = 0
    plain, primary = way.both.plain, way.both.pair.primary
    for name in names:
        if name not in direct:
            way.both.fresh_database(plain, "suite")
            direct[name] = suites.SUITES[name](
                suites.environment(plain.address, "suite", "tester"),
                suites.environment(plain.directory, "suite", "builder"), "direct")
        server = plain if way.name == "direct" else primary
        way.both.fresh_database(server, "suite")
        host = (plain.address if way.name == "direct" else
                way.router.address("reader" if way.name in FORWARDED else "global-writer"))
        tested = suites.SUITES[name](
            suites.environment(host, "suite", "tester", servers.PASSWORD),
            suites.environment(server.directory, "suite", "builder"), way.name)
        for side, cases in (("direct", direct[name]), (way.name, tested)):
            (OUTPUT / f"{side}-{name}.txt").write_text(
                "".join(f"== {case}\n{text}" for case, text in cases.items()), encoding="utf-8")
        found = suites.compare(name, direct[name], tested)
        unknown = {case: lines for case, lines in found.items() if case not in suites.known(way.name)}
        different += len(unknown)
        print(f"{way.name}: suite {name}: {len(tested)} cases, {len(tested) - len(found)} the same, "
              f"{len(found) - len(unknown)} with a known reason, {len(unknown)} unexplained",
              flush=True)
        for case, lines in unknown.items():
            file = OUTPUT / f"{way.name}-{case.replace('/', '-')}.diff"
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
            print(f"  {case}: {len(lines)} lines in {file}")
            for line in lines[:DIFF_LINES]:
                print("    " + line[:200])
    return different


def run_random(of, chosen, cases):
    """What the machine has found."""
    way, both, router = of.name, of.both, of.router
    book = Book(way)
    plain, primary = both.plain.directory, both.pair.primary.directory
    orders = {
        "direct": target("direct", plain), "direct_control": target("plain", plain),
        "tested_control": target("primary", primary), "cases": cases,
        "from": book.own["next_seed"] if chosen.resume else chosen.first,
        "count": chosen.count, "seconds": chosen.seconds, "workers": chosen.workers,
        "kinds_max": chosen.kinds, "output": str(OUTPUT)}
    if way == "direct":
        orders.update(tested=target(way, plain), tested_control=target("plain", plain))
    elif way in ROUTED:
        orders.update(tested=target(way, router.address("global-writer"), servers.PASSWORD))
    else:
        standby = both.pair.standby.directory
        orders.update(tested=target(way, standby), standby=str(standby))
    file = OUTPUT / f"{way}.json"
    file.write_text(json.dumps(orders), encoding="utf-8")
    done = subprocess.run([MACHINE, "run", file], capture_output=True, text=True, check=False,
                          timeout=chosen.seconds + SHRINKING_LIMIT_S, errors="replace")
    if done.returncode not in (0, 1):
        raise SystemExit(f"{way}: {done.stdout}{done.stderr}")
    result = json.loads(done.stdout)
    book.add(result)
    result["on_this_commit"] = book.own
    return result


def plans_of(seeds):
    """Files with the plans of these seeds."""
    files = [OUTPUT / f"seed-{seed}.txt" for seed in seeds]
    for seed, file in zip(seeds, files):
        file.write_bytes(subprocess.check_output([MACHINE, "show", seed]))
    return [str(file) for file in files]


def tell(way, result):
    seconds = max(result["seconds"], 0.001)
    print(f"{way}: {result['sessions']} sessions of {result['messages']} messages in "
          f"{seconds:.0f} s ({60 * result['sessions'] / seconds:.0f} a minute), "
          f"{result['different']} unexplained, explained: {result['explained'] or 'none'}"
          + f"; on this commit {result['on_this_commit']['sessions']} in all", flush=True)
    if result["loose"]:
        print(f"  {result['loose']} plans have a wait that the plain server ends by silence")
    if result["failure"]:
        print(f"  the machine itself has failed: {result['failure']}")
    for kind in result["kinds"]:
        again = "" if kind.get("again", True) else " (not seen again when tried alone)"
        print(f"  {kind['count']} x {kind['origin']}{again}\n    direct: {kind['direct'][:300]}\n"
              f"    tested: {kind['tested'][:300]}")
        if "case" in kind:
            text = pathlib.Path(kind["case"]).read_text(encoding="utf-8", errors="replace")
            for line in text.splitlines():
                if not line.startswith("#"):
                    print("      " + line[:200])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--ways", default=",".join(WAYS))
    arguments.add_argument("--count", type=int, default=1_000_000, help="random sessions")
    arguments.add_argument("--seconds", type=float, default=60, help="for each way")
    arguments.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    arguments.add_argument("--seeds", default="", help="these and the cases alone")
    arguments.add_argument("--resume", action="store_true", help="go on after this commit's last")
    arguments.add_argument("--suites", default="", help="comma-separated, or all")
    arguments.add_argument("--workers", type=int, default=4)
    arguments.add_argument("--kinds", type=int, default=20, help="differences to shrink")
    chosen = arguments.parse_args()
    ways = chosen.ways.split(",")
    if set(ways) - set(WAYS):
        sys.exit(f"no such way: {', '.join(set(ways) - set(WAYS))}; there are {', '.join(WAYS)}")
    names = [] if not chosen.suites else \
        list(suites.SUITES) if chosen.suites == "all" else chosen.suites.split(",")
    if set(names) - set(suites.SUITES):
        sys.exit(f"no such suite; there are {', '.join(suites.SUITES)}")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    cases = sorted(str(one) for one in (HERE / "cases").glob("*.txt"))
    if chosen.seeds:
        cases = plans_of(chosen.seeds.split(",")) + cases
        chosen.count = 0
    bad, direct = 0, {}
    both = servers.Servers(chosen.workers)
    try:
        both.up()
        for name in ways:
            with Way(name, both) as way:
                result = run_random(way, chosen, cases)
                tell(name, result)
                bad += result["different"] + bool(result["failure"])
                bad += run_suites(way, names, direct)
                if name == "moved":
                    print(f"{name}: moves: {way.moves()}", flush=True)
                if name in FORWARDED:
                    print(f"{name}: primary sides reopened and kept: {way.reopened()}", flush=True)
    finally:
        for server in (both.pair.primary, both.pair.standby):
            keep(server.name, server.log())
        both.destroy()
    return 1 if bad else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    sys.exit(main())
