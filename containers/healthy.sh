#!/usr/bin/env bash
# Whether a broker takes clients, or a balancer leads to one: its answer to an AMQP greeting begins
# with a method frame. Costs a fiftieth of a call of rabbitmq-diagnostics.
exec 3<>/dev/tcp/127.0.0.1/5672 || exit 1
printf 'AMQP\0\0\11\1' >&3
IFS= read -r -N 1 -t 3 frame <&3 || exit 1
[ "$frame" = $'\001' ]
