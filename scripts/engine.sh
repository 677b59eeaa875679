#!/usr/bin/env bash
# A container engine with Compose, for machines that have none: continuous integration, mostly.
#
#   scripts/engine.sh start     use the engine that answers, else install Debian's and start it
#   scripts/engine.sh stop      stop the engine that start has started, and no other
#
# Where no service manager runs, the engine is started by hand, with networks out of the range that
# RFC 2544 keeps for tests. Compose v2 comes from Debian forky, for this user alone.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

place=$(cache_folder)/engine
noted=$place/pid
networks=(--bip 198.18.0.1/24 --default-address-pool base=198.18.128.0/17,size=24)

answers() { docker version --format '{{.Server.Version}}' 2>/dev/null; }

# A process's id is used again after its end; with its start time it is one process's alone.
started_at() { sed -E 's/.*\) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

wait_for() {
    local tries=$1
    shift
    until "$@" >/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.5
    done
}

start_by_hand() {
    local pid
    mkdir -p "$place"
    as_root env -i PATH="$PATH" HOME="$HOME" setsid dockerd "${networks[@]}" \
        >"$place/log" 2>&1 </dev/null 9>&- &
    wait_for 80 answers || {
        tail -n 5 "$place/log" >&2
        give_up "the container engine does not start; its log: $place/log"
    }
    pid=$(cat /var/run/docker.pid)
    printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$noted"
}

start() {
    if ! answers >/dev/null; then
        command -v dockerd >/dev/null 2>&1 || install_engine
        if [ -d /run/systemd/system ]; then
            as_root systemctl start docker || true
            wait_for 40 answers || give_up "docker.service does not start: see journalctl -u docker."
        else
            can_be_root || give_up "starting a container engine needs root: start one, then try again."
            start_by_hand
        fi
    fi
    say engine "$(answers)"
    docker compose version --short >/dev/null 2>&1 || install_compose
    say compose "$(docker compose version --short)"
}

install_engine() {
    command -v apt-get >/dev/null 2>&1 && can_be_root \
        || give_up "no container engine is installed: install Docker with its Compose plugin, then try again."
    step engine "installing docker.io by apt-get" as_root "$BASH" scripts/apt_install.sh docker.io iptables \
        || give_up "apt-get could not install docker.io: see above."
}

# By apt, which checks what it fetches, from a list of its own: the machine's stays as it is.
fetch_compose() {
    local draft=$1 mirror
    mirror=${GAMEDAY_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
        | grep -v security | grep -i debian | sort | uniq -c | sort -rn | awk 'NR == 1 {print $2}')}
    [ -n "$mirror" ] || return 1
    mkdir -p "$draft/lists/partial" "$draft/cache/archives/partial"
    echo "deb $mirror forky main" >"$draft/list"
    local apt=(apt-get -o "Dir::Etc::SourceList=$draft/list" -o Dir::Etc::SourceParts=-
        -o "Dir::State::Lists=$draft/lists" -o "Dir::Cache=$draft/cache" -o APT::Sandbox::User=root)
    "${apt[@]}" update
    (cd "$draft" && "${apt[@]}" download docker-compose && dpkg -x docker-compose_*.deb tree)
}

install_compose() {
    local remedy="install Docker's Compose plugin, version 2, then try again."
    command -v dpkg >/dev/null 2>&1 || give_up "Compose is missing: $remedy"
    draft=$(mktemp -d)
    trap 'rm -rf "$draft"' EXIT
    step compose "fetching Compose from Debian forky" fetch_compose "$draft" \
        || give_up "Compose is missing and could not be fetched: $remedy"
    mkdir -p "$HOME/.docker/cli-plugins"
    cp "$draft/tree/usr/libexec/docker/cli-plugins/docker-compose" "$HOME/.docker/cli-plugins/.new"
    mv "$HOME/.docker/cli-plugins/.new" "$HOME/.docker/cli-plugins/docker-compose"
}

stop() {
    local pid ticks
    [ -f "$noted" ] || { say engine "none was started here"; return; }
    read -r pid ticks <"$noted"
    rm -f "$noted"
    if [ "$(started_at "$pid")" != "$ticks" ]; then
        say engine "it has ended already"
        return
    fi
    as_root kill "$pid"
    gone() { [ "$(started_at "$pid")" != "$ticks" ]; }
    wait_for 60 gone || give_up "the container engine, process $pid, does not end."
    say engine "stopped"
}

case "${1:-}" in
start) start ;;
stop) stop ;;
*)
    echo "usage: $0 start|stop" >&2
    exit 2
    ;;
esac
