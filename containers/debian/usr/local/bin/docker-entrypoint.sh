#!/bin/sh
# What the official image's entry point does, for an image made of a Debian tree: the broker runs as
# its own user, whoever starts the container.
set -eu
if [ "$1" = rabbitmq-server ] && [ "$(id -u)" = 0 ]; then
    chown -R rabbitmq /var/lib/rabbitmq
    exec setpriv --reuid rabbitmq --regid rabbitmq --clear-groups -- "$@"
fi
exec "$@"
