#!/usr/bin/env bash
# Write forwarding against the same work sent to the primary directly.
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/forwarding.py" "$@"
