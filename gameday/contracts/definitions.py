"""A contract's topology as the broker's `definitions.json`, and back.

Data only: who wants it on a broker posts it to `/api/definitions/<vhost>` or boots a node with it,
and reads it back from the same address. Users are no part of a contract, so a node that boots from
such a file alone has none: `with_user` adds one.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from gameday.contracts.difference import is_built_in
from gameday.contracts.model import Contract
from gameday.contracts.parts import (
    Binding,
    Exchange,
    ExchangeBinding,
    Policy,
    Queue,
    Topology,
)
from gameday.contracts.versions import reached

Definitions = dict[str, Any]

TYPE = "x-queue-type"
OPERATOR = "operator_policy"
"""The component of the runtime parameters that operators' policies are."""
SECTIONS = ("policies", "queues", "exchanges", "bindings", "parameters")
"""What a single virtual host takes."""


def to_definitions(contract: Contract, vhost: str, version: str) -> Definitions:
    """Return definitions that declare the contract's topology in `vhost` on this version."""
    topology = contract.topology
    bindings = [_binding(binding, vhost) for binding in topology.bindings]
    bindings += [_exchange_binding(binding, vhost) for binding in topology.exchange_bindings]
    operators = _taken(topology.operator_policies, version)
    return {
        "vhosts": [{"name": vhost}],
        "exchanges": [_exchange(exchange, vhost) for exchange in topology.exchanges],
        "queues": [_queue(queue, vhost) for queue in topology.queues],
        "bindings": bindings,
        "policies": [_policy(policy, vhost) for policy in _taken(topology.policies, version)],
        "parameters": [_operator_policy(policy, vhost) for policy in operators],
    }


def for_one_vhost(definitions: Definitions) -> Definitions:
    """Return what may be posted to a single virtual host: its sections, in which none is named."""
    return {
        section: [
            {name: value for name, value in row.items() if name != "vhost"}
            for row in definitions[section]
        ]
        for section in SECTIONS
    }


def with_user(definitions: Definitions, name: str, password: str) -> Definitions:
    """Return definitions that also make an administrator who may do all in their vhosts."""
    salt = secrets.token_bytes(4)
    digest = hashlib.sha256(salt + password.encode()).digest()
    user = {
        "name": name,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": "administrator",
        "limits": {},
    }
    everything = {"user": name, "configure": ".*", "write": ".*", "read": ".*"}
    permissions = [{**everything, "vhost": vhost["name"]} for vhost in definitions["vhosts"]]
    return {
        **definitions,
        "users": [*definitions.get("users", ()), user],
        "permissions": [*definitions.get("permissions", ()), *permissions],
    }


def _taken(policies: Iterable[Policy], version: str) -> list[Policy]:
    return [policy for policy in policies if not reached(policy.until, version)]


def _exchange(exchange: Exchange, vhost: str) -> Definitions:
    return {**exchange.model_dump(mode="json"), "vhost": vhost, "internal": False}


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


def _exchange_binding(binding: ExchangeBinding, vhost: str) -> Definitions:
    return {
        "source": binding.source,
        "vhost": vhost,
        "destination": binding.destination,
        "destination_type": "exchange",
        "routing_key": binding.routing_key,
        "arguments": dict(binding.arguments),
    }


def _operator_policy(policy: Policy, vhost: str) -> Definitions:
    row = _policy(policy, vhost)
    value = {name: row[name] for name in ("pattern", "apply-to", "definition", "priority")}
    return {"component": OPERATOR, "name": policy.name, "vhost": vhost, "value": value}


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
    not a mistake.
    """
    bindings = [row for row in rows(definitions, "bindings", vhost) if row["source"] != ""]
    default = default_queue_type(definitions, vhost)
    return Topology.model_construct(
        exchanges=tuple(
            _seen_exchange(row)
            for row in rows(definitions, "exchanges", vhost)
            if not is_built_in(row["name"])
        ),
        queues=tuple(_seen_queue(row, default) for row in rows(definitions, "queues", vhost)),
        bindings=tuple(
            _seen_binding(row) for row in bindings if row["destination_type"] == "queue"
        ),
        exchange_bindings=tuple(
            _seen_exchange_binding(row) for row in bindings if row["destination_type"] != "queue"
        ),
        policies=tuple(_seen_policy(row) for row in rows(definitions, "policies", vhost)),
        operator_policies=tuple(
            _seen_policy({"name": row["name"], **row["value"]})
            for row in rows(definitions, "parameters", vhost)
            if row["component"] == OPERATOR
        ),
    )


def rows(definitions: Definitions, section: str, vhost: str) -> Iterator[Definitions]:
    """Yield a section's rows of one vhost; in the export of a single vhost rows name none."""
    for row in definitions.get(section, []):
        if row.get("vhost", vhost) == vhost:
            yield row


def default_queue_type(definitions: Definitions, vhost: str) -> str:
    """Return the type of queues that name none: the virtual host's default, else classic."""
    named = [row for row in definitions.get("vhosts", []) if row.get("name") == vhost]
    for row in (*named, definitions):
        for place in (row, row.get("metadata") or {}):
            value = place.get("default_queue_type")
            if value and value != "undefined":
                return str(value)
    return "classic"


def _arguments(row: Definitions, *flags: str) -> Definitions:
    """Return the arguments and, as if they were some, the flags that no contract can ask for."""
    set_here = {flag: True for flag in flags if row.get(flag)}
    return {name: value for name, value in row["arguments"].items() if name != TYPE} | set_here


def _seen_exchange(row: Definitions) -> Exchange:
    return Exchange.model_construct(
        name=row["name"],
        type=row["type"],
        durable=row["durable"],
        auto_delete=row.get("auto_delete", False),
        arguments=_arguments(row, "internal"),
    )


def _seen_queue(row: Definitions, default_type: str) -> Queue:
    """Read a queue; where it was declared without a type, it is of the default one."""
    return Queue.model_construct(
        name=row["name"],
        type=row.get("type", row["arguments"].get(TYPE, default_type)),
        durable=row["durable"],
        arguments=_arguments(row, "auto_delete", "exclusive"),
    )


def _seen_binding(row: Definitions) -> Binding:
    return Binding.model_construct(
        exchange=row["source"],
        queue=row["destination"],
        routing_key=row["routing_key"],
        arguments=row["arguments"],
    )


def _seen_exchange_binding(row: Definitions) -> ExchangeBinding:
    return ExchangeBinding.model_construct(
        source=row["source"],
        destination=row["destination"],
        routing_key=row["routing_key"],
        arguments=row["arguments"],
    )


def _seen_policy(row: Definitions) -> Policy:
    return Policy.model_construct(
        name=row["name"],
        pattern=row["pattern"],
        apply_to=row.get("apply-to", "all"),
        definition=row["definition"],
        priority=row.get("priority", 0),
    )
