#!/usr/bin/env bash
# Installs Debian packages as root, and lets none of them start a service.
#
# Packages start their services from their maintainer scripts, through invoke-rc.d and
# deb-systemd-invoke. Three things hold them back, each only while this script runs: stand-ins
# for both programs on the PATH of dpkg; a policy-rc.d, unless one is there, which is the
# owner's; and systemd units masked at run time. The policy-rc.d denies only while this very
# process lives, so that a kill -9 leaves no machine on which nothing starts.
set -euo pipefail

policy=/usr/sbin/policy-rc.d
mark='# Put here by gameday: no service starts while its set-up installs packages.'
units=(haproxy.service rabbitmq-server.service epmd.service epmd.socket)
standins=
placed=
masked=

lift() {
    [ -z "$standins" ] || rm -rf "$standins"
    [ -z "$placed" ] || rm -f "$policy"
    [ -z "$masked" ] || systemctl unmask --runtime "${units[@]}" >/dev/null 2>&1 || true
    standins=
    placed=
    masked=
}

put_standins() {
    standins=$(mktemp -d)
    local name
    for name in invoke-rc.d deb-systemd-invoke; do
        printf '#!/bin/sh\n# Starts nothing; see apt_install.sh of gameday.\nexit 0\n' >"$standins/$name"
        chmod 755 "$standins/$name"
    done
}

put_policy() {
    # One of ours, left by a kill -9, is nobody's.
    if [ -e "$policy" ] && grep -qF "$mark" "$policy"; then rm -f "$policy"; fi
    [ ! -e "$policy" ] || return 0
    placed=yes
    printf '#!/bin/sh\n%s\ngrep -q apt_install /proc/%d/cmdline 2>/dev/null && exit 101\nexit 0\n' \
        "$mark" $$ >"$policy.new"
    chmod 755 "$policy.new"
    mv "$policy.new" "$policy"
}

mask_units() {
    [ -d /run/systemd/system ] || return 0
    masked=yes
    systemctl mask --runtime "${units[@]}" >/dev/null 2>&1 || true
}

# One at a time on the machine: a second would take the first one's policy for the owner's.
exec 9>/run/lock/gameday-apt-install.lock
flock 9
trap lift EXIT
trap 'exit 130' INT TERM HUP
put_standins
put_policy
mask_units
export DEBIAN_FRONTEND=noninteractive PATH="$standins:$PATH"
apt=(apt-get -o DPkg::Lock::Timeout=300 -o DPkg::Path="$PATH")
# An earlier install that was cut short has to be finished first; apt refuses otherwise.
[ -z "$(dpkg --audit)" ] || dpkg --configure -a || true
# One unreachable source among several must not stop us: the install itself decides.
"${apt[@]}" update 9>&- || true
"${apt[@]}" install -y --no-install-recommends "$@" 9>&-
