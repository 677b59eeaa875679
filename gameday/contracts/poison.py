"""The ways in which a producer's messages are broken on purpose, and what becomes of each.

`mix.invalid` of a producer is made in each of these ways in turn. Which ways there are depends on
the contract: a field can only be missing where one is required, and a body only be too large where
`most_bytes` says so. The load breaks messages so, and the check `schemas` demands to see each way.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gameday.contracts.model import Consumer, Contract, MessageType, Sending
from gameday.contracts.topology import route
from gameday.contracts.uses import types_into

VERSION_FIELDS = ("schema_version", "version")
COUNTING = frozenset({"republish", "ladder"})
"""How a consumer retries that reads its count from a header, which anybody may write."""


@dataclass(frozen=True)
class Breakage:
    """One way to break a message; what is not `refused` is handled in spite of it."""

    name: str
    what: str
    refused: bool = True


TRUNCATED = Breakage("truncated", "JSON cut short")
NOT_UTF8 = Breakage("not-utf8", "bytes that are no UTF-8")
EMPTY = Breakage("empty", "no body at all")
TOO_DEEP = Breakage("too-deep", "lists within lists, deeper than a parser goes")
HEADERLESS = Breakage("headerless", "none of the harness's headers, and a body that fits nothing")
MISSING_FIELD = Breakage("missing-field", "a required field is missing")
WRONG_TYPE = Breakage("wrong-type", "a field of another type")
WRONG_VERSION = Breakage("wrong-version", "another schema version")
UNKNOWN_TYPE = Breakage("unknown-type", "the property `type` names no message type")
OTHER_MESSAGE = Breakage("other-message", "a good message of a type that is not sent there")
OVERSIZED = Breakage("oversized", "a good body, larger than its consumer takes")
RETRIES_TEXT = Breakage("retries-text", "a text where the retry count belongs")
RETRIES_NEGATIVE = Breakage("retries-negative", "a retry count below zero")
RETRIES_HUGE = Breakage("retries-huge", "a retry count beyond any limit")
RETRIES_TABLE = Breakage("retries-table", "a nested table where the retry count belongs")
RETRIES_UNREAD = Breakage("retries-unread", "a text as the retry count, which nobody reads", False)
IMPOSSIBLE_TIME = Breakage("impossible-time", "a header with a time that no calendar has", False)

BREAKAGES = (
    TRUNCATED, NOT_UTF8, EMPTY, TOO_DEEP, HEADERLESS, MISSING_FIELD, WRONG_TYPE, WRONG_VERSION,
    UNKNOWN_TYPE, OTHER_MESSAGE, OVERSIZED, RETRIES_TEXT, RETRIES_NEGATIVE, RETRIES_HUGE,
    RETRIES_TABLE, RETRIES_UNREAD, IMPOSSIBLE_TIME,
)  # fmt: skip
"""Every way that there is."""


def breakages(contract: Contract, sending: Sending, message: MessageType) -> tuple[Breakage, ...]:
    """Return the ways in which messages of a type that are sent so can be broken."""
    schema = message.body_schema
    queues = route(contract.topology, sending.exchange, sending.routing_key)
    found = [TRUNCATED, NOT_UTF8, EMPTY, TOO_DEEP, HEADERLESS, UNKNOWN_TYPE]
    if schema.get("type") == "object":
        found.append(WRONG_TYPE)
    if schema.get("required"):
        found.append(MISSING_FIELD)
    if version_field(message):
        found.append(WRONG_VERSION)
    if stranger(contract, queues):
        found.append(OTHER_MESSAGE)
    if message.most_bytes:
        found.append(OVERSIZED)
    found += _headers([each for each in contract.consumers if each.queue in queues])
    return tuple(each for each in BREAKAGES if each in found)


def _headers(consumers: list[Consumer]) -> Iterator[Breakage]:
    """Return what headers can do: to refuse a count, all that take a message must read it."""
    yield IMPOSSIBLE_TIME
    reads = {each.retry in COUNTING for each in consumers}
    if reads == {True}:
        yield from (RETRIES_TEXT, RETRIES_NEGATIVE, RETRIES_HUGE, RETRIES_TABLE)
    elif reads == {False}:
        yield RETRIES_UNREAD


def version_field(message: MessageType) -> str | None:
    """Return the body's field that holds the schema's version, if it has one to be wrong."""
    properties = message.body_schema.get("properties", {})
    for name in VERSION_FIELDS:
        if "const" in properties.get(name, {}):
            return name
    return None


def stranger(contract: Contract, queues: tuple[str, ...]) -> MessageType | None:
    """Return a message type of the contract that none of these queues is sent, if there is one."""
    known = {name for queue in queues for name in types_into(contract, queue)}
    return next((each for each in contract.messages if each.name not in known), None)
