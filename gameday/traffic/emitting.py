"""What a consuming service publishes when it has handled a message.

An emitted message is a new one of the consumer's process, with an id of its own, in the chain of
the message that caused it: it carries that one's correlation id. The ledger says which delivery
made it be sent, before it is sent; `settling.py` lets it be confirmed before the old one is acked.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic_ns

from gameday.contracts.model import Consumer, Emission
from gameday.history.ledger import LedgerWriter
from gameday.history.records import Disposition, Kind, pack_attempt
from gameday.traffic.deliveries import Delivery
from gameday.traffic.messages import GOOD, Outgoing, Source

WHOLE = 1 << 32


@dataclass
class Emitter:
    """Makes the messages that one consuming service emits.

    `correlations` names, by message type, the field of a body that carries the correlation id.
    """

    contract: Consumer
    ledger: LedgerWriter
    sources: Mapping[Emission, Source] = field(default_factory=dict)
    correlations: Mapping[str, str] = field(default_factory=dict)

    def note(self, channel: int, delivery: Delivery) -> None:
        """Write down which correlation id a delivery carries, where its type has one.

        What is broken on purpose may be broken there.
        """
        if delivery.who is not None and delivery.who.expect != Disposition.ACK:
            return
        correlation = self.correlation(delivery)
        if correlation is not None:
            self._write(Kind.CORRELATED, channel, delivery, delivery, correlation)

    def messages(self, when: str, channel: int, delivery: Delivery) -> list[Outgoing]:
        """Return what is to be published after such an ending, written down as its doing."""
        chosen = [
            each
            for each in self.contract.emits
            if each.when == when
            and each.of in {None, delivery.properties.type}
            and _drawn(delivery, each.share)
        ]
        correlation = self.correlation(delivery) if chosen else None
        return [self._message(each, channel, delivery, correlation) for each in chosen]

    def _message(
        self, emission: Emission, channel: int, delivery: Delivery, correlation: str | None
    ) -> Outgoing:
        message = self.sources[emission].make(monotonic_ns(), None, GOOD, correlation)
        if message.correlation is not None and message.correlation == correlation:
            self._write(Kind.CAUSED, channel, delivery, message, correlation)
        return message

    def _write(
        self,
        kind: Kind,
        channel: int,
        parent: Delivery,
        message: Delivery | Outgoing,
        correlation: str,
    ) -> None:
        attempt = (
            message.attempt
            if isinstance(message, Delivery)
            else pack_attempt(self.ledger.process, 0)
        )
        chain = zlib.crc32(correlation.encode(errors="replace"))
        self.ledger.append(
            kind, monotonic_ns(), sequence=message.sequence, tag=parent.tag, channel=channel,
            producer=message.producer, attempt=attempt, detail=chain,
        )  # fmt: skip

    def correlation(self, delivery: Delivery) -> str | None:
        """Read the correlation id from a body; none where the type has none, or it is broken."""
        name = self.correlations.get(delivery.properties.type or "")
        if name is None:
            return None
        try:
            value = json.loads(delivery.body)[name]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return value if isinstance(value, str) else None


def _drawn(delivery: Delivery, share: float) -> bool:
    """Tell whether a message is among a share of all: the same one whenever it comes."""
    if share >= 1:
        return True
    name = f"{delivery.producer}:{delivery.sequence}".encode()
    return zlib.crc32(name) < share * WHOLE
