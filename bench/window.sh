#!/usr/bin/env bash
# The write-unavailability window of planned switchovers, with its steps, at zero latency and at the
# default link: medians over the switchovers there and back of one drill each.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=${AURORA_GLOBAL_BUILD:-build/release}/bin/aurora-global
mkdir -p out/bench
for latency in 0 31; do
  log=out/bench/window-$latency.log
  "$program" drill drills/there-and-back.toml --up --latency-ms "$latency" \
    --address-prefix 127.94 --output "out/bench/window-$latency" >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
  }
  /usr/bin/python3 - "$latency" "out/bench/window-$latency/there-and-back/results.json" <<'PYTHON'
import json, statistics, sys

latency, file = sys.argv[1:]
with open(file, encoding="utf-8") as text:
    moves = [step for step in json.load(text)["steps"] if step["do"] == "switchover"]
gaps = sorted(move["write_unavailability"]["ms"] for move in moves)
print(f"link {latency} ms one way, {len(moves)} switchovers: no acknowledged write for "
      f"{statistics.median(gaps):.0f} ms median ({gaps[0]:.0f} to {gaps[-1]:.0f})")
for step in [phase["step"] for phase in moves[0]["phases"]]:
    took = [phase["ms"] for move in moves for phase in move["phases"] if phase["step"] == step]
    print(f"    {step:9} {statistics.median(took):8.1f} ms")
PYTHON
done
