#!/usr/bin/env bash
# The tests in network zones by themselves. Before anything starts it says how much memory they take;
# afterwards, however they ended, whatever is left is put right and the machine's own network is
# compared with what it was. Their JUnit file, badge and result go to reports/network. Words given
# are pytest's.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
folder=reports/network
mkdir -p "$folder"
$python -m gameday.clusters.zones.machine forecast
$python -m gameday.clusters.zones.machine note "$folder/machine.json"

restore() {
    local code=$?
    trap - EXIT
    .venv/bin/gameday heal
    $python -m gameday.clusters.zones.machine compare "$folder/machine.json" || [ "$code" -ne 0 ] || code=4
    exit "$code"
}
trap restore EXIT
trap 'exit 130' INT TERM

code=0
$python -m pytest -m network_isolation "--network-report=$folder" "$@" || code=$?
echo "report: $folder/junit.xml, badge: $folder/badge.svg"
exit "$code"
