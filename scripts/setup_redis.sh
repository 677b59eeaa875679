#!/usr/bin/env bash
# Redis, for a migration from it, which is judged but not played yet: the installed one, else
# Debian's or Ubuntu's package, without starting its service. Without it everything else works, so
# a machine that cannot have it goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

if command -v redis-server >/dev/null 2>&1; then exit 0; fi
if ! command -v apt-get >/dev/null 2>&1 || ! can_be_root; then
    say redis "not installed, and not to be installed by this user: only a migration from it will need it (sudo apt-get install redis-server)"
    exit 0
fi
step redis "installing redis-server by apt-get" as_root "$BASH" scripts/apt_install.sh redis-server \
    || { say redis "apt-get could not install redis-server: only a migration from it will need it"; exit 0; }
say redis "$(command -v redis-server); its own server is off"
