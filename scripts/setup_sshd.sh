#!/usr/bin/env bash
# sshd, for the tests of attached clusters only: the installed one, else Debian's or Ubuntu's
# package, kept from ever starting by itself on this machine. Where it cannot be had, those tests
# are skipped with that reason, so a machine without it goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

if [ -x /usr/sbin/sshd ] || command -v sshd >/dev/null 2>&1; then exit 0; fi
if ! command -v apt-get >/dev/null 2>&1 || ! can_be_root; then
    say sshd "not installed, and not to be installed by this user: only the tests of attached clusters need it (sudo apt-get install openssh-server)"
    exit 0
fi
# Debian's own way to say so: neither its unit nor its init script starts sshd while this is there.
never=/etc/ssh/sshd_not_to_be_run
as_root install -D -m 644 /dev/null "$never"
step sshd "installing openssh-server by apt-get" as_root "$BASH" scripts/apt_install.sh openssh-server openssh-client \
    || { as_root rm -f "$never"; say sshd "apt-get could not install openssh-server: only the tests of attached clusters need it"; exit 0; }
say sshd "/usr/sbin/sshd, for tests; $never keeps its service off"
