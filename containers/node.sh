#!/bin/sh
# Starts node NUMBER in a container: its files come from outside, read-only and whoever's they are;
# the broker needs them as its own. What it changes in them itself, such as its plugins, stays over
# a restart. Then the image's own entry point takes over.
set -eu
number=$1
files=/etc/gameday
cookie=/var/lib/rabbitmq/.erlang.cookie

if [ ! -e "$files/ready" ]; then
    mkdir -p "$files"
    cp /gameday-nodes/* "$files/"
    chmod 600 "$files"/*
    chmod 700 "$files"
    chown -R rabbitmq "$files"
    : >"$files/ready"
fi
# A node whose data was wiped comes back with the same cookie.
umask 077
cp "$files/cookie" "$cookie.new"
chmod 400 "$cookie.new"
chown rabbitmq "$cookie.new"
mv -f "$cookie.new" "$cookie"
umask 022

RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=$(cat "$files/r$number.arguments")
# What RabbitMQ believes to be its distribution's port; nothing opens it, the arguments name another.
RABBITMQ_DIST_PORT=3567$number
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS RABBITMQ_DIST_PORT
exec docker-entrypoint.sh rabbitmq-server
