#!/usr/bin/env bash
# The router against PgBouncer, HAProxy and no router at all: throughput, p99, memory.
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/router.py" "$@"
