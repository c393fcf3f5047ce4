#!/usr/bin/env bash
# How long writes are away in a planned switchover: ours beside other systems and a bare promotion.
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/switchover.py" "$@"
