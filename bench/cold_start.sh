#!/usr/bin/env bash
# Cold start of the static crud-operations as a ratio to the same in Python (goal: at least 5).
set -euo pipefail
exec /usr/bin/python3 bench/cold_start.py "$PWD/${AURORA_GLOBAL_BUILD:-build/release}/bin/aurora-global"
