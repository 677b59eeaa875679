"""An exported `definitions.json` as a topology that a contract can hold.

What a contract cannot hold is left out and named, one sentence each: nothing disappears in
silence. Users, their password hashes and permissions are no part of what a system promises; they
are not read at all. How the rest of the contract is begun: `beginning.py`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from gameday.contracts.declared import topology_mistakes
from gameday.contracts.definitions import (
    OPERATOR,
    TYPE,
    Definitions,
    default_queue_type,
    from_definitions,
    rows,
)
from gameday.contracts.parts import Exchange, Part, Policy, Queue, Topology
from gameday.contracts.routing import BUILT_IN
from gameday.contracts.sentences import any_of
from gameday.errors import UsageError

Held = TypeVar("Held", Exchange, Queue)

LIMITS = "vhost-limits"
MIRRORING_ENDS = "4.0"
ROOTLESS = ("users", "permissions", "topic_permissions")


@dataclass(frozen=True)
class Imported:
    """A topology that loads, and a sentence for everything that is not in it as it was."""

    topology: Topology
    notes: tuple[str, ...]


def vhosts_of(definitions: Definitions) -> list[str]:
    """Return the virtual hosts that something is declared in; the export of one names none."""
    found = {row["name"] for row in definitions.get("vhosts", []) if "name" in row}
    for section in ("exchanges", "queues", "bindings", "policies"):
        found |= {row["vhost"] for row in definitions.get(section, []) if "vhost" in row}
    return sorted(found)


def choose_vhost(definitions: Definitions, wanted: str | None) -> str:
    """Return the virtual host to import: the one that was named, else the only one."""
    known = vhosts_of(definitions)
    if wanted is None and len(known) <= 1:
        return known[0] if known else "/"
    if wanted in known or (wanted is not None and not known):
        return str(wanted)
    if wanted is None:
        raise UsageError(f"there are several virtual hosts: name one by --vhost: {any_of(known)}")
    raise UsageError(f"--vhost: there is no virtual host {wanted!r}, but {any_of(known)}")


def import_topology(definitions: Definitions, vhost: str) -> Imported:
    """Return what a contract can hold of a virtual host, and what it cannot, in sentences."""
    notes: list[str] = list(_elsewhere(definitions, vhost))
    seen = from_definitions(definitions, vhost)
    exchanges = tuple(_kept(seen.exchanges, _exchange_reason, notes))
    queues = tuple(_queue(queue, notes) for queue in _kept(seen.queues, _queue_reason, notes))
    policies = tuple(_policy(each) for each in _kept(seen.policies, _policy_reason, notes))
    limits = tuple(_kept(seen.operator_policies, _policy_reason, notes))
    declared = {each.name for each in seen.exchanges} | {each.name for each in seen.queues}
    names = {*BUILT_IN, *(each.name for each in exchanges)}
    reached = {queue.name for queue in queues}

    def bound(binding: Any) -> str | None:
        ends = [getattr(binding, end, None) for end in ("exchange", "source", "destination")]
        strange = [end for end in ends if end is not None and end not in names]
        strange += [end for end in [getattr(binding, "queue", None)] if end and end not in reached]
        if not strange:
            return None
        return _missing(strange[0], declared)

    topology = Topology(
        exchanges=tuple(_exchange(each, names, notes) for each in exchanges),
        queues=tuple(_dead_letters(queue, names, notes) for queue in queues),
        bindings=tuple(_kept(seen.bindings, bound, notes)),
        exchange_bindings=tuple(_kept(seen.exchange_bindings, bound, notes)),
        policies=policies,
        operator_policies=limits,
    )
    topology = _without_mistakes(topology, notes)
    notes += _defaults(definitions, vhost) + _mirroring(topology)
    return Imported(topology, tuple(notes))


def _elsewhere(definitions: Definitions, vhost: str) -> Iterator[str]:
    """Name what is no part of a topology."""
    if any(definitions.get(section) for section in ROOTLESS):
        yield "users, password hashes and permissions are left out: they are no part of a contract"
    for row in rows(definitions, "parameters", vhost):
        if row["component"] not in {OPERATOR, LIMITS}:
            yield f"parameter {row['name']} of {row['component']} is left out"
    for row in definitions.get("global_parameters", []):
        if row["name"] not in {"cluster_name", "internal_cluster_id", "cluster_tags"}:
            yield f"global parameter {row['name']} is left out"
    limits = [row for row in rows(definitions, "parameters", vhost) if row["component"] == LIMITS]
    named = [row for row in definitions.get("vhosts", []) if row.get("name") == vhost]
    if limits or any(row.get("limits") for row in (*named, definitions)):
        yield "the virtual host's limits are left out: a run has a virtual host of its own"


def _kept(parts: Iterable[Any], reason: Any, notes: list[str]) -> Iterator[Any]:
    """Yield the parts that nothing is said against; note the others with the reason."""
    for part in parts:
        said = reason(part)
        if said is None:
            yield type(part).model_validate(part.model_dump())
        else:
            notes.append(f"{_called(part)} is left out: {said}")


def _missing(name: str, declared: set[str]) -> str:
    """Say why an end of a binding is not there; newer brokers do not export what is internal."""
    if name in declared:
        return f"{name} is left out"
    return f"{name} is not in the export (newer brokers do not export internal exchanges)"


def _called(part: Any) -> str:
    if isinstance(part, Exchange | Queue | Policy):
        return f"{type(part).__name__.lower()} {part.name}"
    source = getattr(part, "exchange", None) or part.source
    target = getattr(part, "queue", None) or f"exchange {part.destination}"
    return f"binding {source} -> {target} with key {part.routing_key!r}"


def _choices(part: type[Part], field: str) -> tuple[str, ...]:
    return get_args(part.model_fields[field].annotation)


def _exchange_reason(exchange: Exchange) -> str | None:
    known = _choices(Exchange, "type")
    return (
        None
        if exchange.type in known
        else f"its type {exchange.type} is none of {', '.join(known)}"
    )


def _queue_reason(queue: Queue) -> str | None:
    known = _choices(Queue, "type")
    if queue.type in known:
        return None
    if str(queue.type) == "stream":
        return "it is a stream, which keeps what was consumed, so that no drain can empty it"
    return f"its type {queue.type} is none of {', '.join(known)}"


def _policy_reason(policy: Policy) -> str | None:
    known = _choices(Policy, "apply_to")
    foreign = sorted(key for key in policy.definition if key.startswith("federation"))
    if foreign:
        return f"{foreign[0]} is federation's, which a run does not set up"
    if policy.apply_to not in known:
        return f"it applies to {policy.apply_to}, of which a contract has none"
    try:
        re.compile(policy.pattern)
    except re.error as error:
        return f"its pattern {policy.pattern!r} cannot be read here ({error})"
    return None


def _policy(policy: Policy) -> Policy:
    """Return a policy with its end: newer brokers refuse mirroring."""
    mirrors = any(key.startswith("ha-") for key in policy.definition)
    return policy.model_copy(update={"until": MIRRORING_ENDS}) if mirrors else policy


def _queue(queue: Queue, notes: list[str]) -> Queue:
    """Return a queue that stays until it is read out."""
    kept = dict(queue.arguments)
    flags = [flag for flag in ("auto_delete", "exclusive") if kept.pop(flag, False)]
    notes += [
        f"queue {queue.name}: {flag} is left out, since the queue would be gone before the end "
        "of a run, when it is read out"
        for flag in flags
    ]
    if kept.pop(TYPE, queue.type) != queue.type:
        notes.append(f"queue {queue.name}: {TYPE} is left out, since its type is {queue.type}")
    return queue.model_copy(update={"arguments": kept})


def _exchange(exchange: Exchange, names: set[str], notes: list[str]) -> Exchange:
    """Return an exchange as it can be read back, without an alternate that is not there."""
    if "internal" in exchange.arguments:
        notes.append(
            f"exchange {exchange.name}: internal is left out, since newer brokers do not export "
            "internal exchanges, so that no comparison would find it"
        )
        exchange = _without(exchange, "internal")
    alternate = exchange.arguments.get("alternate-exchange", "")
    if alternate in names or alternate == "":
        return exchange
    notes.append(
        f"exchange {exchange.name}: alternate-exchange {alternate} is left out, since there is no "
        "such exchange: what no binding takes is returned or dropped"
    )
    return _without(exchange, "alternate-exchange")


def _dead_letters(queue: Queue, names: set[str], notes: list[str]) -> Queue:
    """Return a queue without a dead-letter exchange that is not there."""
    exchange = queue.arguments.get("x-dead-letter-exchange", "")
    if exchange in {"", *names}:
        return queue
    notes.append(
        f"queue {queue.name}: x-dead-letter-exchange {exchange} is left out, since there is no "
        "such exchange: what dies in the queue is dropped"
    )
    return _without(queue, "x-dead-letter-exchange")


def _without(part: Held, argument: str) -> Held:
    kept = {name: value for name, value in part.arguments.items() if name != argument}
    return part.model_copy(update={"arguments": kept})


def _without_mistakes(topology: Topology, notes: list[str]) -> Topology:
    """Take out the arguments that the loader would refuse, each with what it says of them."""
    while True:
        found = list(topology_mistakes(topology))
        if not found:
            return topology
        place = found[0].path
        section, number, argument = str(place[1]), int(place[2]), str(place[-1])
        parts = list(getattr(topology, section))
        notes.append(f"{_called(parts[number])}: {argument} is left out: {found[0].text}")
        parts[number] = _without(parts[number], argument)
        topology = topology.model_copy(update={section: tuple(parts)})


def _defaults(definitions: Definitions, vhost: str) -> list[str]:
    default = default_queue_type(definitions, vhost)
    if default == "classic":
        return []
    text = f"queues that name no type are {default}, the virtual host's default: the contract"
    return [f"{text} says so of each"]


def _mirroring(topology: Topology) -> list[str]:
    """Say what is lost with a policy that ends: its other keys go too."""
    mirrored = [policy for policy in topology.policies if policy.until == MIRRORING_ENDS]
    return [
        f"policy {policy.name} ends with {MIRRORING_ENDS}, which refuses mirroring; its "
        f"{any_of(others)} would end with it: give it a policy of its own"
        for policy in mirrored
        if (others := [key for key in policy.definition if not key.startswith("ha-")])
    ]
