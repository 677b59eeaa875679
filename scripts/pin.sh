#!/usr/bin/env bash
# Writes constraints.txt anew: today's version of every package that a fresh install brings in.
# Names no index: each machine asks the one it is configured for.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

python=${GAMEDAY_PYTHON:-python3}
fresh=$(mktemp -d "${TMPDIR:-/tmp}/gameday-pin.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
trap 'exit 130' INT TERM HUP

resolve() {
    "$python" -m venv "$fresh"
    "$fresh/bin/python" -m pip install --disable-pip-version-check hatchling editables
    "$fresh/bin/python" -m pip install --disable-pip-version-check --no-build-isolation '.[dev]'
}

step pins "resolving every package anew" resolve
{
    echo "# Every package of \`pip install '.[dev]'\`, and of the tools that build it, at one version."
    echo "# Written by \`make constraints\`; used by \`make setup\`."
    "$fresh/bin/python" -m pip freeze --exclude gameday | grep -E '^[A-Za-z0-9._-]+==' | sort -f
} >"$fresh/constraints.txt"
cp "$fresh/constraints.txt" constraints.txt
say pins "$(grep -c == constraints.txt) packages pinned in constraints.txt"
