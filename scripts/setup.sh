#!/usr/bin/env bash
# Makes this machine ready: a virtual environment, RabbitMQ, Redis, libfaketime, HAProxy
# and Toxiproxy. Safe
# to run again and twice at once; says one line a step, and nothing where nothing is to do. Starts
# no broker.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

# Two set-ups of one clone wait for each other. The lock goes with the process, however it ends.
if [ -z "${GAMEDAY_SETUP_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
    mkdir -p .cache
    export GAMEDAY_SETUP_LOCKED=1
    exec flock --close .cache/setup.lock "$BASH" scripts/setup.sh "$@"
fi

# What may be missing for good comes first; the minute of pip comes last.
scripts/setup_rabbitmq.sh
scripts/setup_redis.sh
scripts/setup_faketime.sh
scripts/setup_haproxy.sh
scripts/setup_zones.sh
scripts/setup_toxiproxy.sh
scripts/setup_python.sh
