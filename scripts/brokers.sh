#!/usr/bin/env bash
# Other RabbitMQ versions beside the installed one, each in a Debian tree of its own in this
# user's cache: 4.3 (strict priorities on quorum queues) and 4.0 (two classes of them).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

can_be_root \
    || give_up "fetching a Debian tree needs root, and this user cannot become it without a password: run 'sudo make brokers', or name an unpacked RabbitMQ with gameday run --broker PATH."
# Under sudo the trees still belong into this user's cache.
as_root env HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME:-$HOME/.cache}" PATH="$PATH" \
    GAMEDAY_DEBIAN_MIRROR="${GAMEDAY_DEBIAN_MIRROR:-}" \
    "$BASH" -c 'scripts/make_broker_tree.sh 4.3 forky && scripts/make_broker_tree.sh 4.0 trixie'
