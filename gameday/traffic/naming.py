"""What an attempt is called: in our headers, or, where poison has none, by its body's digest."""

from typing import Any

from gameday.history.ledger import LedgerWriter
from gameday.history.records import pack_attempt
from gameday.traffic.identity import Identity, identify
from gameday.traffic.messages import Outgoing, digest


class Naming:
    """Names the attempts of one sender, and finds the name of one that came back."""

    def __init__(self, ledger: LedgerWriter) -> None:
        self._ledger = ledger
        self._bare: dict[str, tuple[int, int, int]] = {}

    def name(self, message: Outgoing) -> int:
        """Return the name of a message's next attempt."""
        attempt = pack_attempt(self._ledger.process, message.count)
        message.count += 1
        message.tries += 1
        return attempt

    def table(self, message: Outgoing, attempt: int) -> bytes:
        """Return the header entries that say who an attempt is; poison goes without."""
        if message.bare:
            name = message.producer, message.sequence, attempt
            sign = digest(message.body)
            self._bare[sign] = name
            who = dict(zip(("producer", "sequence", "attempt"), name, strict=True))
            self._ledger.intern("digest", {"digest": sign, **who})
            return b""
        return Identity(
            message.producer, message.sequence, attempt, message.due_ns,
            -1 if message.priority is None else message.priority,
            message.expect, message.checksum, message.fail,
        ).table()  # fmt: skip

    def of(self, properties: Any, body: bytes) -> tuple[int, int, int]:
        """Return (producer, sequence, attempt) of what the broker returned."""
        who = identify(properties.headers)
        if who is None:
            return self._bare[digest(body)]
        return who.producer, who.sequence, who.attempt
