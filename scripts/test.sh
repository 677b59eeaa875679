#!/usr/bin/env bash
# What a change must pass, after set-up: the fast tests beside those with a broker or a browser,
# which wait most of their time. The fast ones have the lowest priority, so that no broker is late
# for them; what they print comes when all is over. FAST and SLOW say which are which, in pytest's
# own words (`Makefile`); words given are pytest's, for both.
set -euo pipefail
cd "$(dirname "$0")/.."

printed=$(mktemp)
nice -n 19 .venv/bin/python -m pytest -m "$FAST" "$@" >"$printed" 2>&1 </dev/null &
fast=$!
end() {
    kill "$fast" 2>/dev/null || true
    wait "$fast" 2>/dev/null || true
    rm -f "$printed"
}
trap end EXIT
trap 'exit 130' INT TERM

code=0
.venv/bin/python -m pytest -m "$SLOW" "$@" || code=$?
fast_code=0
wait "$fast" || fast_code=$?
echo "--- the fast tests, which ran beside"
cat "$printed"
[ "$code" -ne 0 ] || code=$fast_code
exit "$code"
