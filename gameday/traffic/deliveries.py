"""What a consumer saw: a delivery read, checked and written down, before anything acts on it."""

import json
import zlib
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any

from gameday.history.ledger import LedgerWriter
from gameday.history.records import DEATH_REASONS, NO_PRIORITY, Death, Flag, Kind
from gameday.traffic.identity import Identity, identify, is_whole
from gameday.traffic.messages import digest

COUNT_HEADERS = ("x-delivery-count", "x-acquired-count")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery in a consumer's hand. `who` is None when our headers are gone."""

    tag: int
    who: Identity | None
    sequence: int
    producer: int
    attempt: int
    properties: Any
    body: bytes
    delivery_count: int


class Reader:
    """Reads deliveries of one queue into the ledger. `kind` is DELIVERED, or DRAINED."""

    def __init__(
        self, ledger: LedgerWriter, queue: str, *, no_ack: bool = False, kind: Kind = Kind.DELIVERED
    ) -> None:
        self._ledger = ledger
        self._queue = ledger.intern("queue", queue)
        self._no_ack = Flag.SEEN_NO_ACK if no_ack else 0
        self._kind = kind
        self._drained = 0

    def read(self, channel: int, method: Any, properties: Any, body: bytes) -> Delivery:
        """Note a delivery; the record is written before this returns."""
        now = monotonic_ns()
        headers = properties.headers or {}
        who = identify(headers)
        flags = self._no_ack | (Flag.SEEN_REDELIVERED if method.redelivered else 0)
        if who is None:
            producer, attempt = 0, 0
            sequence = self._ledger.intern("digest", digest(body))
            flags |= Flag.SEEN_BY_DIGEST
        else:
            producer, sequence, attempt = who.producer, who.sequence, who.attempt
            flags |= _differences(who, properties, body)
        count = max(_whole(headers.get(name)) for name in COUNT_HEADERS)
        priority = NO_PRIORITY if properties.priority is None else properties.priority
        deaths, death = self._deaths(headers)
        self._ledger.append(
            self._kind, now, sequence, method.delivery_tag, deaths, producer, channel, self._queue,
            attempt, priority, flags, death | min(count, 15) << 4,
        )  # fmt: skip
        return Delivery(
            method.delivery_tag, who, sequence, producer, attempt, properties, body, count
        )

    def note(self, kind: Kind, channel: int, delivery: Delivery, **fields: int) -> None:
        """Write down what is about to become of a delivery."""
        self._ledger.append(
            kind, monotonic_ns(), sequence=delivery.sequence, tag=delivery.tag,
            producer=delivery.producer, channel=channel, queue=self._queue,
            **{"attempt": delivery.attempt, **fields},
        )  # fmt: skip

    def _deaths(self, headers: dict[str, Any]) -> tuple[int, int]:
        deaths = headers.get("x-death")
        if not isinstance(deaths, list) or not all(isinstance(each, dict) for each in deaths):
            return 0, Death.NONE  # None, or nothing that a broker wrote.
        if not deaths:
            return 0, Death.NONE
        death = DEATH_REASONS.get(str(headers.get("x-first-death-reason", "")), Death.OTHER)
        if self._kind is Kind.DRAINED:
            self._drained += 1
            return self._ledger.intern("deaths", json.loads(json.dumps(deaths, default=str))) + 1, (
                death
            )
        total = min(sum(_whole(each.get("count", 1)) for each in deaths), 0xFFFF)
        first = self._ledger.intern("queue", str(headers.get("x-first-death-queue", "")))
        return total | (first + 1) << 16, death


def _whole(value: Any) -> int:
    """Return a count that a header gives; 0 for whatever is none."""
    return max(0, value) if is_whole(value) else 0


def _differences(who: Identity, properties: Any, body: bytes) -> int:
    """Compare a delivery with what its publisher said of it."""
    sent = None if who.priority < 0 else who.priority
    flags = 0
    if zlib.crc32(body) != who.checksum:
        flags |= Flag.SEEN_BODY_DIFFERS
    complete = properties.delivery_mode and properties.message_id and properties.content_type
    if properties.priority != sent or not complete:
        flags |= Flag.SEEN_PROPERTY_DIFFERS
    return flags
