#!/usr/bin/env bash
# The virtual environment .venv, with the versions that constraints.txt pins. A stamp says what it
# was made from; an environment without a stamp is unfinished and is made anew.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

stamp=.venv/.gameday-stamp
made_here=.venv/.made-by-gameday

# A shim of a version manager can be on the PATH and still not run: ask each for its version.
find_python() {
    local candidate
    for candidate in "${GAMEDAY_PYTHON:-}" python3 python3.11 python3.12 python3.13 python3.14; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

wanted() {
    { cat constraints.txt pyproject.toml; pwd -P; echo "$1"; "$1" -V; } | sha256sum | cut -d' ' -f1
}

# Debian keeps what `python3 -m venv` needs in a package of its own.
ensure_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    local package
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if command -v apt-get >/dev/null 2>&1 && can_be_root; then
        step python "installing $package by apt-get" as_root "$BASH" scripts/apt_install.sh "$package" || true
    fi
    "$1" -c 'import ensurepip, venv' 2>/dev/null \
        || give_up "$1 cannot make virtual environments: run 'sudo apt-get install python3-venv' (or $package), then make setup again."
}

drop_unfinished() {
    if [ ! -e "$stamp" ] && [ -e "$made_here" ]; then rm -rf .venv; fi
}

fill() {
    # The build tool is pinned too, so it is installed first and used without isolation.
    .venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt hatchling editables
    .venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt \
        --no-build-isolation -e '.[dev]'
}

python=$(find_python) || give_up "no Python 3.11 or later was found: run 'sudo apt-get install python3 python3-venv' on Debian 12, Ubuntu 24.04 or later, or name one in GAMEDAY_PYTHON."
want=$(wanted "$python")
if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi
ensure_venv "$python"
# Without its stamp the environment counts as unfinished until everything is in it.
rm -f "$stamp"
trap drop_unfinished EXIT
trap 'exit 130' INT TERM HUP
drop_unfinished
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    mkdir -p .venv && : >"$made_here"
    step python "making .venv with $python" "$python" -m venv .venv \
        || give_up "$python could not make .venv here: see above; is this folder writable?"
fi
step python "installing the pinned packages into .venv" fill \
    || give_up "pip could not install the packages that constraints.txt pins: check this machine's pip configuration and network, then make setup again."
printf '%s\n' "$want" >"$stamp"
say python "$(.venv/bin/python -V | cut -d' ' -f2) in .venv, $(grep -c '==' constraints.txt) pinned packages"
