#!/usr/bin/env bash
# Builds the images that docker-compose.yml needs on this machine, from Debian's packages and
# Toxiproxy's source: for machines that cannot pull the official ones.
#
#   scripts/images.sh [VERSION ...]     the broker's versions, 4.3 when none is named
#
# A broker's image is the tree of `make brokers` with the official image's entry point and
# defaults; Redis, HAProxy and Prometheus share one image. Safe to run again: an image whose
# ingredients have not changed is left alone. Prints the variables that docker compose wants.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

toxiproxy=2.12.0
suite=forky
trees=$(cache_folder)/brokers
docker version --format '{{.Server.Version}}' >/dev/null 2>&1 \
    || give_up "no container engine answers: run scripts/engine.sh start, then make images again."

# Whether an image is there that was made of exactly this.
made_of() { [ "$(docker image inspect --format '{{index .Config.Labels "gameday.made-of"}}' "$1" 2>/dev/null)" = "$2" ]; }

fingerprint() { { printf '%s\n' "$@"; cat scripts/images.sh; find containers/debian -type f -exec sha256sum {} + | sort; } | sha256sum | cut -c1-16; }

# The newest tree of a version, fetched when there is none.
tree_of() {
    local found
    found=$(find "$trees" -maxdepth 1 \( -name "$1" -o -name "$1.*" \) 2>/dev/null | sort -V | tail -n 1)
    [ -n "$found" ] && echo "$found"
}

import_broker() {
    local tree=$1 image=$2 mark=$3 sbin own
    sbin=$(cd "$tree" && echo usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin)
    # Files alone: an engine refuses a folder that comes twice.
    mapfile -t own < <(cd containers/debian && find . -type f)
    as_root tar --numeric-owner -C "$tree" --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' \
        --exclude=./usr/share/doc --exclude=./usr/share/man -c . -C "$PWD/containers/debian" "${own[@]}" \
        | docker import \
            -c "ENV PATH=/$sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
            -c "ENV HOME=/var/lib/rabbitmq LANG=C.UTF-8 RABBITMQ_LOGS=- RUNNING_UNDER_SYSTEMD=true" \
            -c "ENV RABBITMQ_VERSION=$(basename "$tree")" \
            -c "LABEL gameday.made-of=$mark" \
            -c 'VOLUME /var/lib/rabbitmq' \
            -c 'ENTRYPOINT ["docker-entrypoint.sh"]' -c 'CMD ["rabbitmq-server"]' \
            - "$image"
}

broker() {
    local version=$1 tree image mark debian
    tree=$(tree_of "$version" || true)
    if [ -z "$tree" ]; then
        case $version in
        4.3*) debian=forky ;; 4.0*) debian=trixie ;; 3.10*) debian=bookworm ;;
        *) give_up "no Debian release is known to have RabbitMQ $version: name 4.3, 4.0 or 3.10." ;;
        esac
        step images "fetching a Debian tree with RabbitMQ $version" \
            as_root env HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME:-$HOME/.cache}" \
            "$BASH" scripts/make_broker_tree.sh "$version" "$debian"
        tree=$(tree_of "$version")
    fi
    image=gameday/rabbitmq:$(basename "$tree")
    mark=$(fingerprint "$tree")
    made_of "$image" "$mark" || step images "making $image" import_broker "$tree" "$image" "$mark"
    rabbitmq=$image
}

import_toxiproxy() {
    local image=$1 mark=$2 draft
    draft=$(mktemp -d)
    # Static: the image holds nothing else.
    CGO_ENABLED=0 GOBIN="$draft" GOFLAGS=-mod=mod go install \
        "github.com/Shopify/toxiproxy/v2/cmd/server@v$toxiproxy" \
        "github.com/Shopify/toxiproxy/v2/cmd/cli@v$toxiproxy"
    mv "$draft/server" "$draft/toxiproxy"
    mv "$draft/cli" "$draft/toxiproxy-cli"
    tar -C "$draft" --owner=0 --group=0 -c toxiproxy toxiproxy-cli | docker import \
        -c "LABEL gameday.made-of=$mark" \
        -c 'ENTRYPOINT ["/toxiproxy"]' -c 'CMD ["-host=0.0.0.0"]' - "$image"
    rm -rf "$draft"
}

proxies() {
    local image=gameday/toxiproxy:$toxiproxy mark
    mark=$(fingerprint "$toxiproxy")
    command -v go >/dev/null 2>&1 || export PATH="$PATH:/usr/local/go/bin"
    made_of "$image" "$mark" || step images "building $image" import_toxiproxy "$image" "$mark"
    proxy=$image
}

import_services() {
    local image=$1 mark=$2 folder draft mirror
    folder=$(cache_folder)/images
    mkdir -p "$folder"
    if [ ! -d "$folder/services-$suite" ]; then
        command -v debootstrap >/dev/null || as_root "$BASH" scripts/apt_install.sh debootstrap
        mirror=${GAMEDAY_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
            | grep -v security | grep -i debian | sort | uniq -c | sort -rn | awk 'NR == 1 {print $2}')}
        draft=$(mktemp -d "$folder/.new.XXXXXX")
        chmod 755 "$draft"
        as_root unshare --mount debootstrap --variant=minbase \
            --include=redis-server,haproxy,prometheus "$suite" "$draft" "$mirror" \
            /usr/share/debootstrap/scripts/sid
        as_root rm -rf "$draft/var/cache/apt/archives" "$draft/var/lib/apt/lists"
        mv -T "$draft" "$folder/services-$suite"
    fi
    as_root tar -C "$folder/services-$suite" --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' \
        --exclude=./usr/share/doc --exclude=./usr/share/man -c . \
        | docker import -c "LABEL gameday.made-of=$mark" - "$image"
}

services() {
    local image=gameday/services:$suite mark
    mark=$(fingerprint "$suite")
    made_of "$image" "$mark" \
        || step images "making $image: Redis, HAProxy, Prometheus" import_services "$image" "$mark"
    beside=$image
}

[ $# -gt 0 ] || set -- 4.3
proxies
services
for version in "$@"; do broker "$version"; done
echo "export RABBITMQ_IMAGE=$rabbitmq TOXIPROXY_IMAGE=$proxy REDIS_IMAGE=$beside HAPROXY_IMAGE=$beside PROMETHEUS_IMAGE=$beside"
