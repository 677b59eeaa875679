#!/usr/bin/env bash
# What a change must pass, after set-up: the tests without a broker beside those with one, which
# wait most of their time. The former have the lowest priority, so that no broker is late for them;
# what they print comes when all is over. BESIDE and SLOW say which are which, in pytest's own words
# (`Makefile`); words given are pytest's, for both.
set -euo pipefail
cd "$(dirname "$0")/.."

printed=$(mktemp)
nice -n 19 .venv/bin/python -m pytest -m "$BESIDE" "$@" >"$printed" 2>&1 </dev/null &
beside=$!
end() {
    kill "$beside" 2>/dev/null || true
    wait "$beside" 2>/dev/null || true
    rm -f "$printed"
}
trap end EXIT
trap 'exit 130' INT TERM

code=0
.venv/bin/python -m pytest -m "$SLOW" "$@" || code=$?
beside_code=0
wait "$beside" || beside_code=$?
echo "--- the tests without a broker, which ran beside"
cat "$printed"
[ "$code" -ne 0 ] || code=$beside_code
exit "$code"
