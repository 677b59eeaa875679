#!/usr/bin/env bash
# What a change must pass, after set-up, in lanes at once, for all wait most of their time:
#   shared  the live tests that share one cluster
#   apart   the live tests that start what they need themselves
#   beside  the tests without a broker, at the lowest priority so that no broker is late for them
#   stand   and after those the ones that strike processes, at the usual priority
# and when the live ones of these are over,
#   alone   the live tests that look at clocks under a whole system's load
# The first prints as it goes, the others when all is over. SHARED, APART, ALONE, BESIDE, STAND say
# which are which, in pytest's own words (`Makefile`); words given are pytest's, for all.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
groups=()
none_selected=5 # pytest's exit code when no test was selected

# Reading all tests takes half a minute, so each lane reads its own folder, unless files are named.
live=(tests/live)
other=(tests --ignore=tests/live)
for word in "$@"; do
    case $word in tests/*) live=() other=() ;; esac
done

pytest() { .venv/bin/python -m pytest "$@"; }

apart() {
    # A state folder of its own: what starts in the one heals what it finds there.
    if [ -n "${GAMEDAY_STATE_DIR:-}" ]; then export GAMEDAY_STATE_DIR="$GAMEDAY_STATE_DIR/apart"; fi
    if [ -n "${GAMEDAY_PORT_BASE:-}" ]; then export GAMEDAY_PORT_BASE=$((GAMEDAY_PORT_BASE + 1000)); fi
    pytest -m "$APART" "${live[@]}" "$@"
}

stand() {
    tail --pid="${groups[1]}" -f /dev/null # until the lane beside has ended
    pytest -m "$STAND" "${other[@]}" "$@"
}

# Begin a lane in a group of its own, so that it can be ended as one.
begin() {
    local lane=$1
    set -m
    "$@" >"$folder/$lane" 2>&1 </dev/null &
    groups+=($!)
    set +m
}

# Begin a lane that takes only what nobody else wants of the processors. Linux weighs sessions
# against each other, and niceness only within one (sched(7), autogroup); each node has a session of
# its own, so this lane has one too, whose weight is lowered as a whole.
begin_lowest() {
    local lane=$1
    shift
    setsid "$BASH" -c 'echo 19 2>/dev/null >/proc/self/autogroup || true; exec nice -n 19 "$@"' \
        "$lane" "$@" >"$folder/$lane" 2>&1 </dev/null &
    groups+=($!)
}

end() {
    local group
    for group in "${groups[@]}"; do kill -- -"$group" 2>/dev/null || kill "$group" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT TERM

begin apart "$@"
begin_lowest beside .venv/bin/python -m pytest -m "$BESIDE" "${other[@]}" "$@"
begin stand "$@"
code=$none_selected
# The first failure counts; a lane with none of the tests that were named is no failure.
count() { if [ "$code" -eq 0 ] || [ "$code" -eq "$none_selected" ]; then code=$1; fi; }
lane_code=0
pytest -m "$SHARED" "${live[@]}" "$@" || lane_code=$?
count "$lane_code"
# Wait for a lane that was begun, and count how it ended.
ended() {
    lane_code=0
    wait "$1" || lane_code=$?
    [ "$lane_code" -eq "$none_selected" ] || count "$lane_code"
}
ended "${groups[0]}"
lane_code=0
pytest -m "$ALONE" "${live[@]}" "$@" || lane_code=$?
[ "$lane_code" -eq "$none_selected" ] || count "$lane_code"
ended "${groups[1]}"
ended "${groups[2]}"
echo "--- the live tests that start what they need themselves"
cat "$folder/apart"
echo "--- the tests without a broker"
cat "$folder/beside"
echo "--- the tests that strike processes"
cat "$folder/stand"
exit "$code"
