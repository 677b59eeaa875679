"""One job request of a developer's own, made of its message type's schema and what is given.

What is given goes before all else; what a schema requires besides is an id, the time, or whatever
fits. It is made and judged without a broker; `enqueueing.py` sends it.
"""

import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gameday.contracts.model import Contract, MessageType, Producer, Sending
from gameday.contracts.parts import Topology
from gameday.contracts.topology import route
from gameday.contracts.uses import sendings_of, used_by_producer
from gameday.errors import UsageError
from gameday.traffic.bodies import sample
from gameday.traffic.validation import Form

BY_HAND = "manual"
"""Where a request comes from that a person makes, where the schema knows that word."""


@dataclass(frozen=True)
class Request:
    """A valid request, where it goes, and what must stand on the broker for it."""

    identifier: str
    message_type: str
    body: bytes
    exchange: str
    routing_key: str
    queues: tuple[str, ...]
    declares: Topology


def make_request(contract: Contract, given: Mapping[str, str]) -> Request:
    """Return one request of the first message type that has all the given fields."""
    producer, sending, message = _sending_with(contract, given)
    identifier = str(uuid.uuid4())
    body = _body(message, given, identifier)
    encoded = json.dumps(body).encode()
    _require_fit(message, body, encoded, given)
    return Request(
        identifier, message.name, encoded, sending.exchange, sending.routing_key,
        tuple(route(contract.topology, sending.exchange, sending.routing_key)),
        used_by_producer(contract.topology, producer),
    )  # fmt: skip


def option(field: str) -> str:
    """Return the option of the command line that gives a field."""
    return f"--{field.replace('_', '-')}"


def _sending_with(
    contract: Contract, given: Mapping[str, str]
) -> tuple[Producer, Sending, MessageType]:
    types = {message.name: message for message in contract.messages}
    for producer in contract.producers:
        for sending in sendings_of(producer):
            if set(given) <= set(types[sending.message].body_schema.get("properties", {})):
                return producer, sending, types[sending.message]
    wanted = ", ".join(given)
    raise UsageError(
        f"no message that {contract.system} sends has the fields {wanted}; name a system that "
        "takes such job requests with --system, such as solstice"
    )


def _body(message: MessageType, given: Mapping[str, str], identifier: str) -> dict[str, Any]:
    """Fill what is given and what is required, in the schema's order; leave the rest out."""
    schema = message.body_schema
    required = schema.get("required", ())
    return {
        name: given[name] if name in given else _value(inner, identifier)
        for name, inner in schema["properties"].items()
        if name in given or name in required
    }


def _value(schema: Mapping[str, Any], identifier: str) -> Any:
    if schema.get("format") == "uuid":
        return identifier
    if schema.get("format") == "date-time":
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if BY_HAND in schema.get("enum", ()):
        return BY_HAND
    return sample(dict(schema), random.Random(identifier))


def _require_fit(
    message: MessageType, body: dict[str, Any], encoded: bytes, given: Mapping[str, str]
) -> None:
    """Refuse what no consumer would take, and say which option is to blame."""
    form = Form(message)
    if form.fits(encoded):
        return
    complaint = form.complaint(body) or f"{len(encoded)} bytes are too many"
    field = complaint.split(":")[0]
    cure = f"correct {option(field)}" if field in given else "shorten what is given"
    raise UsageError(f"this is no {message.name}: {complaint}; {cure}")
