#!/usr/bin/env bash
# RabbitMQ: the installed one, else Debian's or Ubuntu's package. The harness starts nodes of its
# own from it as processes, so the package's own broker is neither started nor enabled.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

# The package's sbin folder, not its wrapper in /usr/sbin, is what nodes are started from.
find_broker() {
    local script
    for script in {/usr/lib/rabbitmq/lib,/opt/rabbitmq,/usr/local/lib/rabbitmq/lib}/rabbitmq_server-*/sbin/rabbitmq-server \
        "$(command -v rabbitmq-server || true)"; do
        if [ -x "$script" ]; then echo "$script"; return; fi
    done
    return 1
}

# An install that was cut short leaves scripts that cannot run: the package half there, no Erlang.
half_installed() {
    local state
    state=$(dpkg-query -W -f '${db:Status-Abbrev}' rabbitmq-server 2>/dev/null) || return 1
    case $state in i*) [ "$state" != "ii " ] ;; *) return 1 ;; esac
}

own_broker_runs() {
    [ -d /run/systemd/system ] && systemctl is-active --quiet rabbitmq-server.service
}

# Enabled, the package's broker would come up with the machine's next start.
keep_it_off() {
    if command -v systemctl >/dev/null 2>&1; then
        as_root systemctl disable rabbitmq-server.service epmd.service epmd.socket || true
    fi
    as_root update-rc.d rabbitmq-server disable || true
}

if find_broker >/dev/null && ! half_installed; then exit 0; fi
command -v apt-get >/dev/null 2>&1 \
    || give_up "RabbitMQ is not installed and this machine has no apt-get: install RabbitMQ 3.10 or later with its rabbitmq-server on the PATH, then make setup again."
can_be_root \
    || give_up "RabbitMQ is not installed and this user cannot become root without a password: run 'sudo $PWD/scripts/apt_install.sh rabbitmq-server', then make setup again."
step rabbitmq "installing rabbitmq-server by apt-get" as_root "$BASH" scripts/apt_install.sh rabbitmq-server \
    || give_up "apt-get could not install rabbitmq-server: see above, mend that, then make setup again."
step rabbitmq "keeping the package's own broker off" keep_it_off
broker=$(find_broker) \
    || give_up "the package rabbitmq-server was installed, but its scripts are not under /usr/lib/rabbitmq: put rabbitmq-server on the PATH, then make setup again."
if own_broker_runs; then
    give_up "the package started a broker of its own all the same: run 'sudo systemctl disable --now rabbitmq-server', then make setup again."
fi
say rabbitmq "$broker; its own broker is off ('systemctl enable --now rabbitmq-server' turns it on)"
