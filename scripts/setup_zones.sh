#!/usr/bin/env bash
# What network zones need: iproute2, nftables, util-linux. Installed ones, else Debian's or Ubuntu's
# packages; no rule and no service of theirs is started. Without them everything else works, so a
# machine that cannot have them goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

missing=()
# Administrators' programs may lie where an ordinary user's PATH does not lead.
PATH="$PATH:/usr/sbin:/sbin"
command -v ip >/dev/null 2>&1 || missing+=(iproute2)
command -v nft >/dev/null 2>&1 || missing+=(nftables)
command -v nsenter >/dev/null 2>&1 || missing+=(util-linux)
[ "${#missing[@]}" -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null 2>&1 || ! can_be_root; then
    say zones "${missing[*]} not installed, and not to be installed by this user: only network isolation needs it (sudo apt-get install ${missing[*]})"
    exit 0
fi
step zones "installing ${missing[*]} by apt-get" as_root "$BASH" scripts/apt_install.sh "${missing[@]}" \
    || { say zones "apt-get could not install ${missing[*]}: only network isolation needs it"; exit 0; }
say zones "${missing[*]}, for network isolation; no rule of the machine's own is changed"
