#!/usr/bin/env bash
# HAProxy, for contracts with `behind: haproxy` only: the installed one, else Debian's or Ubuntu's
# package, without starting its service. Without it everything else works, so a machine that cannot
# have it goes on. Debian has it in a folder that not everybody's PATH names.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

found() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v haproxy; }

if found >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null 2>&1 || ! can_be_root; then
    say haproxy "not installed, and not to be installed by this user: only a contract with 'behind: haproxy' needs it (sudo apt-get install haproxy)"
    exit 0
fi
step haproxy "installing haproxy by apt-get" as_root "$BASH" scripts/apt_install.sh haproxy \
    || { say haproxy "apt-get could not install haproxy: only a contract with 'behind: haproxy' needs it"; exit 0; }
say haproxy "$(found); its own service is off"
