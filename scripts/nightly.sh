#!/usr/bin/env bash
# A night of game days: every system in full, on each broker that is named, or on the installed one.
#   scripts/nightly.sh [VERSION ...]
# Set-up is done here. Runs go to reports/nights/<date>, the verdicts of all nights are kept in
# reports/nights/nights.jsonl and drawn in trend.html beside it. GAMEDAY_NIGHT_SYSTEMS and
# GAMEDAY_NIGHT_SUITE make a night shorter; GAMEDAY_NIGHT_CLUSTER=compose plays it in containers.
# The exit code is the worst run's, by gameday's own order; a regression alone changes nothing,
# since its run has failed anyway.
set -euo pipefail
cd "$(dirname "$0")/.."
make setup
gameday=.venv/bin/gameday
night=reports/nights/$(date -u +%Y%m%dT%H%M%S)
mkdir -p "$night"
suite=${GAMEDAY_NIGHT_SUITE:-nightly}
read -ra systems <<<"${GAMEDAY_NIGHT_SYSTEMS:-}"

# Interrupted, not prepared, NO-GO, INCONCLUSIVE, GO: the worst first.
rank() {
    case $1 in 130) echo 0 ;; 4) echo 1 ;; 1) echo 2 ;; 3) echo 3 ;; 0) echo 4 ;; *) echo 1 ;; esac
}

worst=0
for version in "${@:-installed}"; do
    words=(run "${systems[@]}" --suite "$suite" --out "$night")
    [ "$version" = installed ] || words+=(--broker "$version")
    [ -z "${GAMEDAY_NIGHT_CLUSTER:-}" ] || words+=(--cluster "$GAMEDAY_NIGHT_CLUSTER")
    code=0
    "$gameday" "${words[@]}" || code=$?
    [ "$(rank "$code")" -ge "$(rank "$worst")" ] || worst=$code
    [ "$code" -ne 130 ] || break
done

# Every run of the night that was judged, newest verdicts last; a night without any has no trend.
shopt -s nullglob
judged=()
for verdict in "$night"/*/verdict.json; do
    folder=$(dirname "$verdict")
    [ -L "$folder" ] || judged+=("$folder")
done
for folder in "${judged[@]}"; do
    { cat "$folder/summary.md"; printf '\n'; } >>"$night/summary.md"
done
if [ "${#judged[@]}" -gt 0 ]; then
    "$gameday" trend "${judged[@]}" --file reports/nights/nights.jsonl | tee "$night/trend.txt" || true
fi
exit "$worst"
