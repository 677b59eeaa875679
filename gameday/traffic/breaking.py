"""Breaking good messages on purpose, each way that the contract lets them be broken in its turn.

A broken message keeps the harness's own headers, so that its consumer refuses it for what it is,
and not for what a header says; all but the one that comes without any, which its body identifies.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from gameday.contracts import poison
from gameday.contracts.model import Contract, MessageType, Sending
from gameday.contracts.poison import Breakage, breakages, stranger, version_field
from gameday.contracts.topology import route
from gameday.traffic.bodies import prepare
from gameday.traffic.frames import integer_entry, long_entry, table_entry, text_entry, time_entry

DEPTH = 20_000
NEVER_S = 2**63
"""Seconds since 1970: some 292 thousand million years."""


@dataclass(frozen=True)
class Broken:
    """What a message becomes: body, `type` where it changes, further header entries, or none."""

    body: bytes
    type: str = ""
    extra: bytes = b""
    bare: bool = False


@dataclass(frozen=True)
class Victim:
    """What is broken: a message type, its consumer's retry header, a good message of another."""

    message: MessageType
    header: str
    other: tuple[str, bytes] | None = None


class Breaker:
    """Breaks the messages of one producer's type."""

    def __init__(
        self, contract: Contract, sending: Sending, message: MessageType, seed: int
    ) -> None:
        queues = route(contract.topology, sending.exchange, sending.routing_key)
        headers = [each.retry_header for each in contract.consumers if each.queue in queues]
        other = stranger(contract, queues)
        good = (other.name, prepare(other, seed).body(0, message.name)) if other else None
        self._victim = Victim(message, headers[0] if headers else "x-retry-count", good)
        self.ways = breakages(contract, sending, message)
        self._turns = cycle(self.ways)

    def next(self, *, refused: bool = False) -> Breakage:
        """Return the way whose turn it is; with `refused` the next that no consumer accepts."""
        return next(each for each in self._turns if each.refused or not refused)

    def make(self, way: Breakage, good: bytes, number: int) -> Broken:
        """Break a good body in a way; `number` makes unique what only its digest identifies."""
        if way is poison.HEADERLESS:
            return _headerless(good, number)
        return _MAKE[way](self._victim, good)


def _headerless(good: bytes, number: int) -> Broken:
    """White space behind the text holds the number: it changes nothing but the digest."""
    marks = format(number, "032b").replace("0", " ").replace("1", "\t")
    return Broken(_half(good) + marks.encode(), bare=True)


def _half(good: bytes) -> bytes:
    text = good.rstrip()
    return text[: len(text) // 2]


def _without(victim: Victim, good: bytes) -> Broken:
    value = json.loads(good)
    del value[victim.message.body_schema["required"][-1]]
    return Broken(json.dumps(value).encode())


def _wrong_type(victim: Victim, good: bytes) -> Broken:
    """Put an object where a text or a number belongs; a list for all, where no field has a type."""
    value = json.loads(good)
    fields = victim.message.body_schema.get("properties", {})
    plain = ("string", "integer", "number", "boolean")
    name = next((each for each in fields if fields[each].get("type") in plain), None)
    wrong = [value] if name is None else {**value, name: {"what": "belongs here"}}
    return Broken(json.dumps(wrong).encode())


def _wrong_version(victim: Victim, good: bytes) -> Broken:
    name = version_field(victim.message)
    value = json.loads(good)
    return Broken(json.dumps({**value, name: f"{value[name]}0"}).encode())


def _other_message(victim: Victim, _: bytes) -> Broken:
    assert victim.other is not None, "only a contract with another type has this way"
    name, body = victim.other
    return Broken(body, type=name)


def _oversized(victim: Victim, good: bytes) -> Broken:
    assert victim.message.most_bytes is not None, "only a type with a limit has this way"
    return Broken(good.ljust(victim.message.most_bytes + 1))


def _count(entry: Callable[[str, Any], bytes], value: Any) -> Callable[[Victim, bytes], Broken]:
    return lambda victim, good: Broken(good, extra=entry(victim.header, value))


_MAKE: dict[Breakage, Callable[[Victim, bytes], Broken]] = {
    poison.TRUNCATED: lambda _, good: Broken(_half(good)),
    poison.NOT_UTF8: lambda _, good: Broken(good.replace(b'"', b'"\xff\xfe', 1)),
    poison.EMPTY: lambda _, __: Broken(b""),
    poison.TOO_DEEP: lambda _, __: Broken(b"[" * DEPTH + b"]" * DEPTH),
    poison.MISSING_FIELD: _without,
    poison.WRONG_TYPE: _wrong_type,
    poison.WRONG_VERSION: _wrong_version,
    poison.UNKNOWN_TYPE: lambda _, good: Broken(good, type="no.such.message"),
    poison.OTHER_MESSAGE: _other_message,
    poison.OVERSIZED: _oversized,
    poison.RETRIES_TEXT: _count(text_entry, "twice"),
    poison.RETRIES_NEGATIVE: _count(integer_entry, -1),
    poison.RETRIES_HUGE: _count(long_entry, 2**62),
    poison.RETRIES_TABLE: _count(table_entry, {"count": {"count": 1}}),
    poison.RETRIES_UNREAD: _count(text_entry, "twice"),
    poison.IMPOSSIBLE_TIME: lambda _, good: Broken(good, extra=time_entry("x-expires", NEVER_S)),
}
