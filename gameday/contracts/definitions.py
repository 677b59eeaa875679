"""A contract's topology as the broker's `definitions.json`, and back.

Data only: who wants it on a broker posts it to `/api/definitions/<vhost>` or boots a node with it,
and reads it back from the same address. Users are left out: they are no part of a contract, so a
node that boots from such a file alone has none.
"""

from collections.abc import Iterator
from typing import Any

from gameday.contracts.difference import is_built_in
from gameday.contracts.model import Contract
from gameday.contracts.parts import Binding, Exchange, Policy, Queue, Topology
from gameday.contracts.versions import reached

Definitions = dict[str, Any]

TYPE = "x-queue-type"


def to_definitions(contract: Contract, vhost: str, version: str) -> Definitions:
    """Return definitions that declare the contract's topology in `vhost` on this version."""
    topology = contract.topology
    policies = [policy for policy in topology.policies if not reached(policy.until, version)]
    return {
        "vhosts": [{"name": vhost}],
        "exchanges": [_exchange(exchange, vhost) for exchange in topology.exchanges],
        "queues": [_queue(queue, vhost) for queue in topology.queues],
        "bindings": [_binding(binding, vhost) for binding in topology.bindings],
        "policies": [_policy(policy, vhost) for policy in policies],
        "parameters": [],
    }


def _exchange(exchange: Exchange, vhost: str) -> Definitions:
    return {
        **exchange.model_dump(mode="json"),
        "vhost": vhost,
        "auto_delete": False,
        "internal": False,
    }


def _queue(queue: Queue, vhost: str) -> Definitions:
    return {
        "name": queue.name,
        "vhost": vhost,
        "durable": queue.durable,
        "auto_delete": False,
        "arguments": {TYPE: queue.type, **queue.arguments},
    }


def _binding(binding: Binding, vhost: str) -> Definitions:
    return {
        "source": binding.exchange,
        "vhost": vhost,
        "destination": binding.queue,
        "destination_type": "queue",
        "routing_key": binding.routing_key,
        "arguments": dict(binding.arguments),
    }


def _policy(policy: Policy, vhost: str) -> Definitions:
    return {
        "name": policy.name,
        "vhost": vhost,
        "pattern": policy.pattern,
        "apply-to": policy.apply_to,
        "definition": dict(policy.definition),
        "priority": policy.priority,
    }


def from_definitions(definitions: Definitions, vhost: str) -> Topology:
    """Return the topology of one vhost; other vhosts and what the broker made are left out.

    What a broker says is taken as it is: a queue of a type that no contract knows is a difference,
    not a mistake. Bindings between exchanges are left out.
    """
    return Topology.model_construct(
        exchanges=tuple(
            _seen_exchange(row)
            for row in _rows(definitions, "exchanges", vhost)
            if not is_built_in(row["name"])
        ),
        queues=tuple(_seen_queue(row) for row in _rows(definitions, "queues", vhost)),
        bindings=tuple(
            _seen_binding(row)
            for row in _rows(definitions, "bindings", vhost)
            if row["source"] != "" and row["destination_type"] == "queue"
        ),
        policies=tuple(_seen_policy(row) for row in _rows(definitions, "policies", vhost)),
    )


def _rows(definitions: Definitions, section: str, vhost: str) -> Iterator[Definitions]:
    """Yield a section's rows of one vhost; in the export of a single vhost rows name none."""
    for row in definitions.get(section, []):
        if row.get("vhost", vhost) == vhost:
            yield row


def _arguments(row: Definitions) -> Definitions:
    """Return the arguments and, as if they were some, the flags that no contract can ask for."""
    flags = {flag: True for flag in ("auto_delete", "internal", "exclusive") if row.get(flag)}
    return {name: value for name, value in row["arguments"].items() if name != TYPE} | flags


def _seen_exchange(row: Definitions) -> Exchange:
    return Exchange.model_construct(
        name=row["name"],
        type=row["type"],
        durable=row["durable"],
        arguments=_arguments(row),
    )


def _seen_queue(row: Definitions) -> Queue:
    """Read a queue; where it was declared without a type, it is the broker's default, classic."""
    return Queue.model_construct(
        name=row["name"],
        type=row.get("type", row["arguments"].get(TYPE, "classic")),
        durable=row["durable"],
        arguments=_arguments(row),
    )


def _seen_binding(row: Definitions) -> Binding:
    return Binding.model_construct(
        exchange=row["source"],
        queue=row["destination"],
        routing_key=row["routing_key"],
        arguments=row["arguments"],
    )


def _seen_policy(row: Definitions) -> Policy:
    return Policy.model_construct(
        name=row["name"],
        pattern=row["pattern"],
        apply_to=row["apply-to"],
        definition=row["definition"],
        priority=row["priority"],
    )
