#!/usr/bin/env bash
# Toxiproxy's server: on the PATH, else in the user's cache, else built there by Go. Go names the
# program "server"; it is built aside and renamed, so that nobody ever runs half of it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

module=github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0
place="$(cache_folder)/bin"
program="$place/toxiproxy-server"

command -v toxiproxy-server >/dev/null 2>&1 && exit 0
[ -x "${GAMEDAY_TOXIPROXY:-$program}" ] && exit 0

remedy="put toxiproxy-server 2.12.0 on the PATH, or install Go 1.23 or later, then make setup again."
go=$(command -v go || true)
[ -n "$go" ] || { [ ! -x /usr/local/go/bin/go ] || go=/usr/local/go/bin/go; }
[ -n "$go" ] || give_up "Toxiproxy is missing and so is Go to build it: $remedy"
version=$("$go" env GOVERSION)
[ "$(printf 'go1.23\n%s\n' "${version%% *}" | sort -V | head -n 1)" = go1.23 ] \
    || give_up "Toxiproxy is missing and $go is $version, too old to build it: $remedy"

mkdir -p "$place"
building=$(mktemp -d "$place/.building.XXXXXX")
trap 'rm -rf "$building"' EXIT
trap 'exit 130' INT TERM HUP
step toxiproxy "building $module with $version" env GOBIN="$building" GOFLAGS=-mod=mod "$go" install "$module" \
    || give_up "Go could not build $module: see above; $remedy"
mv "$building/server" "$program"
say toxiproxy "$program"
