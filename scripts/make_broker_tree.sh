#!/usr/bin/env bash
# Fetches another Debian release with its RabbitMQ into a folder of its own, for `--broker`.
#
#   scripts/make_broker_tree.sh 4.3 forky
#
# The tree goes to ~/.cache/gameday/brokers/<its full version>. Packages come from the site that
# this machine's apt uses (or GAMEDAY_DEBIAN_MIRROR). Safe to run again: a tree that is there is
# left alone, and one that is only half there never gets its name.
set -euo pipefail

say() { printf 'broker %s: %s\n' "$version" "$1"; }
die() {
    say "$1" >&2
    exit 4
}

[ $# -eq 2 ] || {
    echo "usage: $0 VERSION DEBIAN_RELEASE, for example: $0 4.3 forky" >&2
    exit 2
}
version=$1
suite=$2
folder=${XDG_CACHE_HOME:-$HOME/.cache}/gameday/brokers
mkdir -p "$folder"

exec 9>"$folder/.lock"
flock 9
for tree in "$folder/$version" "$folder/$version".*; do
    if [ -d "$tree" ]; then
        say "already in $tree"
        exit 0
    fi
done

[ "$(id -u)" = 0 ] || die "fetching needs root (debootstrap): sudo $0 $version $suite"
command -v debootstrap >/dev/null || "$(dirname "$0")/apt_install.sh" debootstrap
command -v debootstrap >/dev/null || die "install debootstrap first"

mirror=${GAMEDAY_DEBIAN_MIRROR:-}
if [ -z "$mirror" ]; then
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
        grep -v security | grep -i debian | sort | uniq -c | sort -rn | awk 'NR == 1 {print $2}')
fi
[ -n "$mirror" ] || die "this machine's apt names no Debian mirror: set GAMEDAY_DEBIAN_MIRROR"

# What a killed run left: its mounts ended with it, see below.
rm -rf --one-file-system "$folder"/.new.*
draft=$(mktemp -d "$folder/.new.XXXXXX")
chmod 755 "$draft"
trap 'rm -rf --one-file-system "$draft"' EXIT
trap 'exit 130' INT TERM HUP

say "fetching Debian $suite with RabbitMQ (400 MB, about a minute)"
# In a mount namespace of its own, what debootstrap mounts ends with it, however it ends.
unshare --mount debootstrap --variant=minbase --include=rabbitmq-server,ca-certificates \
    "$suite" "$draft" "$mirror" /usr/share/debootstrap/scripts/sid >"$folder/.log" 2>&1 ||
    die "debootstrap failed: $(tail -n 1 "$folder/.log") (log: $folder/.log)"

found=$(basename "$(ls -d "$draft"/usr/lib/rabbitmq/lib/rabbitmq_server-* | tail -n 1)")
found=${found#rabbitmq_server-}
case $found in
"$version" | "$version".*) ;;
*) die "Debian $suite has RabbitMQ $found now, not $version" ;;
esac
# The packages' archives have been unpacked; half of the tree's size is theirs.
rm -rf "$draft"/var/cache/apt/archives/*.deb "$draft"/var/lib/apt/lists/*
mv -T "$draft" "$folder/$found"
say "ready in $folder/$found"
