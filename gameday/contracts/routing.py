"""Which queues a message reaches, which policy counts, and where dead letters go.

Pure functions over a topology that answer as the broker would, alternate exchanges and bindings
between exchanges included. A message is taken to have no headers.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from gameday.contracts.parts import Binding, Exchange, ExchangeBinding, Policy, Queue, Topology

BUILT_IN = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.headers": "headers",
    "amq.match": "headers",
    "amq.topic": "topic",
}
"""The exchanges that every virtual host has, by type."""

SMALLER_COUNTS = frozenset(
    {"max-length", "max-length-bytes", "message-ttl", "expires", "delivery-limit"}
)
"""Limits of which the smaller counts where arguments or policies give several."""


def route(topology: Topology, exchange: str, routing_key: str) -> tuple[str, ...]:
    """Return the queues that a message reaches, each once, in the topology's order."""
    reached: set[str] = set()
    pending, seen = [exchange], {exchange}
    while pending:
        queues, exchanges = _next(topology, pending.pop(), routing_key)
        reached |= queues
        pending += exchanges - seen
        seen |= exchanges
    return tuple(queue.name for queue in topology.queues if queue.name in reached)


def _next(topology: Topology, name: str, routing_key: str) -> tuple[set[str], set[str]]:
    """Return the queues and the exchanges that an exchange hands a message to."""
    if name == "":
        return {routing_key}, set()
    kind = exchange_type(topology, name)
    queues = {
        binding.queue
        for binding in topology.bindings
        if binding.exchange == name and _takes(kind, binding, routing_key)
    }
    exchanges = {
        binding.destination
        for binding in topology.exchange_bindings
        if binding.source == name and _takes(kind, binding, routing_key)
    }
    if queues or exchanges:
        return queues, exchanges
    return set(), set(_alternate(topology, name))


def _alternate(topology: Topology, name: str) -> Iterator[str]:
    """Yield the exchange that takes what an exchange can hand to nobody, if it has one."""
    found = next((each for each in topology.exchanges if each.name == name), None)
    alternate = alternate_of(topology, found) if found else None
    if alternate is not None:
        yield alternate


def alternate_of(topology: Topology, exchange: Exchange) -> str | None:
    """Return the alternate exchange by the exchange's own argument, or else by its policy."""
    argument = exchange.arguments.get("alternate-exchange")
    if argument is not None:
        return str(argument)
    policy = _counts(topology.policies, exchange.name, ("all", "exchanges"))
    return policy.definition.get("alternate-exchange") if policy else None


def exchange_type(topology: Topology, name: str) -> str | None:
    """Return the type of an exchange, declared or built in; none of one that is not there."""
    declared = {exchange.name: str(exchange.type) for exchange in topology.exchanges}
    return declared.get(name, BUILT_IN.get(name))


def _takes(kind: str | None, binding: Binding | ExchangeBinding, routing_key: str) -> bool:
    if kind == "topic":
        return topic_matches(binding.routing_key, routing_key)
    if kind == "headers":  # A message without headers fits only a binding that asks for none.
        return all(name.startswith("x-") for name in binding.arguments)
    return kind == "fanout" or (kind == "direct" and binding.routing_key == routing_key)


def topic_matches(pattern: str, routing_key: str) -> bool:
    """Whether a topic pattern takes a key: `*` is one word, `#` is any number of words."""
    matched = {0}  # How many of the key's words the pattern so far may have taken.
    words = _words(routing_key)
    for part in _words(pattern):
        if part == "#":
            matched = set(range(min(matched, default=len(words) + 1), len(words) + 1))
        else:
            matched = {n + 1 for n in matched if n < len(words) and part in ("*", words[n])}
    return len(words) in matched


def _words(key: str) -> list[str]:
    """Split as the broker does: an empty key has no word, `a.` has two."""
    return key.split(".") if key else []


def policy_of(topology: Topology, queue: Queue) -> Policy | None:
    """Return the policy that counts for a queue: of those that match, the highest priority."""
    return _counts(topology.policies, queue.name, _takers(queue))


def _takers(queue: Queue) -> tuple[str, ...]:
    return "all", "queues", f"{queue.type}_queues"


def _counts(policies: Iterable[Policy], name: str, applies_to: tuple[str, ...]) -> Policy | None:
    matching = [
        policy
        for policy in policies
        if policy.apply_to in applies_to and re.search(policy.pattern, name)
    ]
    return max(matching, key=lambda policy: policy.priority, default=None)


def setting_of(topology: Topology, queue: Queue, name: str) -> Any:
    """Return what counts for a queue: the argument `x-name`, or else the policy's key `name`.

    An operator's policy goes before a policy; of limits the smallest of all that are given counts.
    """
    own = queue.arguments.get(f"x-{name}")
    policy = policy_of(topology, queue)
    operator = _counts(topology.operator_policies, queue.name, _takers(queue))
    asked = [own, *(each.definition.get(name) for each in (operator, policy) if each)]
    given = [value for value in asked if value is not None]
    if name in SMALLER_COUNTS and given:
        return min(given)
    return given[0] if given else None


def dead_letter_targets(topology: Topology, queue: str, routing_key: str) -> tuple[str, ...]:
    """Return where a message that dies in `queue` goes; nowhere if the queue has no DLX."""
    dying = next(q for q in topology.queues if q.name == queue)
    exchange = setting_of(topology, dying, "dead-letter-exchange")
    if exchange is None:
        return ()
    replacement = setting_of(topology, dying, "dead-letter-routing-key")
    return route(topology, exchange, routing_key if replacement is None else replacement)
