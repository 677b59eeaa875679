"""Where a message goes, by the topology alone.

Pure functions that answer as the broker would: what the bindings reach, where dead letters go,
which policy counts. This is the one place to ask: what depends on the version (`versions.py`)
and the comparison with a broker (`difference.py`) are offered from here too. It knows no alternate
exchanges, no exchange-to-exchange bindings and no headers of messages.
"""

import difflib
import re
from typing import Any

from gameday.contracts.difference import difference
from gameday.contracts.model import Alternative, Contract
from gameday.contracts.parts import Binding, Policy, Queue, Topology
from gameday.contracts.versions import (
    Expectation,
    applies,
    effective_priority,
    expectations,
    for_version,
    settings_for,
)
from gameday.errors import UsageError

__all__ = [
    "Expectation",
    "applies",
    "dead_letter_targets",
    "difference",
    "effective_priority",
    "expectations",
    "for_version",
    "policy_of",
    "route",
    "setting_of",
    "settings_for",
    "topic_matches",
    "with_alternative",
]

BUILT_IN = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.headers": "headers",
    "amq.match": "headers",
    "amq.topic": "topic",
}
"""The exchanges that every virtual host has, by type."""


def route(topology: Topology, exchange: str, routing_key: str) -> tuple[str, ...]:
    """Return the queues that a message reaches, each once, in the topology's order."""
    if exchange == "":
        reached = {routing_key}
    else:
        kind = exchange_type(topology, exchange)
        reached = {
            binding.queue
            for binding in topology.bindings
            if binding.exchange == exchange and _takes(kind, binding, routing_key)
        }
    return tuple(queue.name for queue in topology.queues if queue.name in reached)


def exchange_type(topology: Topology, name: str) -> str | None:
    """Return the type of an exchange, declared or built in; none of one that is not there."""
    declared = {exchange.name: str(exchange.type) for exchange in topology.exchanges}
    return declared.get(name, BUILT_IN.get(name))


def _takes(kind: str | None, binding: Binding, routing_key: str) -> bool:
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
    matching = [
        policy
        for policy in topology.policies
        if policy.apply_to in {"all", "queues", f"{queue.type}_queues"}
        and re.search(policy.pattern, queue.name)
    ]
    return max(matching, key=lambda policy: policy.priority, default=None)


def setting_of(topology: Topology, queue: Queue, name: str) -> Any:
    """Return what the argument `x-name`, or else the policy's key `name`, sets for a queue."""
    if f"x-{name}" in queue.arguments:
        return queue.arguments[f"x-{name}"]
    policy = policy_of(topology, queue)
    return policy.definition.get(name) if policy else None


def dead_letter_targets(topology: Topology, queue: str, routing_key: str) -> tuple[str, ...]:
    """Return where a message that dies in `queue` goes; nowhere if the queue has no DLX."""
    dying = next(q for q in topology.queues if q.name == queue)
    exchange = setting_of(topology, dying, "dead-letter-exchange")
    if exchange is None:
        return ()
    replacement = setting_of(topology, dying, "dead-letter-routing-key")
    return route(topology, exchange, routing_key if replacement is None else replacement)


def with_alternative(contract: Contract, name: str) -> Contract:
    """Return the contract in the shape that the alternative of this name gives it."""
    alternative = _alternative(contract, name)
    topology = contract.topology
    shapes = {queue.name: queue for queue in alternative.queues}
    queues = tuple(shapes.get(queue.name, queue) for queue in topology.queues)
    policies = tuple(p for p in topology.policies if not _mirrors_nothing(p, queues))
    rows = {row.id: row for row in alternative.requirements}
    changed = topology.model_copy(update={"queues": queues, "policies": policies})
    return contract.model_copy(
        update={
            "topology": changed,
            "requirements": tuple(rows.get(row.id, row) for row in contract.requirements),
        },
    )


def _alternative(contract: Contract, name: str) -> Alternative:
    known = {alternative.name: alternative for alternative in contract.alternatives}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    remedy = f'did you mean "{near[0]}"?' if near else f"known are: {', '.join(known) or 'none'}"
    raise UsageError(f'{contract.system} has no alternative "{name}": {remedy}')


def _mirrors_nothing(policy: Policy, queues: tuple[Queue, ...]) -> bool:
    """Whether it is a mirroring policy that no classic queue is left for."""
    classic = [queue for queue in queues if queue.type == "classic"]
    return "ha-mode" in policy.definition and not any(
        re.search(policy.pattern, queue.name) for queue in classic
    )
