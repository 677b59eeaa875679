#!/usr/bin/env bash
# What a change must pass, after set-up: the tests without a broker beside those with one, which
# wait most of their time. Those beside have the lowest priority, so that no broker is late for
# them; then come those that strike processes and look at clocks, at the usual one. What they print
# comes when all is over. BESIDE, STAND and SLOW say which are which, in pytest's own words
# (`Makefile`); words given are pytest's, for all.
set -euo pipefail
cd "$(dirname "$0")/.."

printed=$(mktemp)
beside() {
    local code=0
    nice -n 19 .venv/bin/python -m pytest -m "$BESIDE" "$@" || code=$?
    .venv/bin/python -m pytest -m "$STAND" "$@" || code=$?
    return "$code"
}
set -m # In a group of its own, what runs beside can be ended as one.
beside "$@" >"$printed" 2>&1 </dev/null &
group=$!
set +m
end() {
    kill -- -"$group" 2>/dev/null || true
    wait "$group" 2>/dev/null || true
    rm -f "$printed"
}
trap end EXIT
trap 'exit 130' INT TERM

code=0
.venv/bin/python -m pytest -m "$SLOW" "$@" || code=$?
beside_code=0
wait "$group" || beside_code=$?
echo "--- the tests without a broker, which ran beside"
cat "$printed"
[ "$code" -ne 0 ] || code=$beside_code
exit "$code"
