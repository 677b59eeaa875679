#!/usr/bin/env bash
# Installs Debian packages as root, and lets none of them start a service.
#
# Packages start their services from their maintainer scripts. Three things hold them back, each
# for as long as this script runs: a policy-rc.d (unless one is there already: that is the
# owner's), systemd units masked at run time, and a run level without services for old init
# scripts. The policy-rc.d denies only while this very process lives, so that a kill -9 leaves no
# machine on which nothing starts.
set -euo pipefail

policy=/usr/sbin/policy-rc.d
mark='# Put here by gameday: no service starts while its set-up installs packages.'
units=(rabbitmq-server.service epmd.service epmd.socket)
placed=
masked=

lift() {
    [ -n "$placed" ] && rm -f "$policy"
    [ -n "$masked" ] && systemctl unmask --runtime "${units[@]}" >/dev/null 2>&1
    placed=
    masked=
    return 0
}

hold_back() {
    if [ -e "$policy" ] && grep -qF "$mark" "$policy"; then rm -f "$policy"; fi
    if [ ! -e "$policy" ]; then
        placed=yes
        printf '#!/bin/sh\n%s\ngrep -q apt_install /proc/%d/cmdline 2>/dev/null && exit 101\nexit 0\n' \
            "$mark" $$ >"$policy.new"
        chmod 755 "$policy.new"
        mv "$policy.new" "$policy"
    fi
    if [ -d /run/systemd/system ]; then
        masked=yes
        systemctl mask --runtime "${units[@]}" >/dev/null 2>&1 || true
    fi
}

# One at a time on the machine: a second would take the first one's policy for the owner's.
exec 9>/run/lock/gameday-apt-install.lock
flock 9
trap lift EXIT
trap 'exit 130' INT TERM HUP
hold_back
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
# An earlier install that was cut short has to be finished first; apt refuses otherwise.
[ -z "$(dpkg --audit)" ] || dpkg --configure -a
# One unreachable source among several must not stop us: the install itself decides.
apt-get -o DPkg::Lock::Timeout=300 update || true
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
