"""How a consumer settles a delivery: acks, requeues, rejects, or publishes a new attempt and acks.

What is about to be done is in the ledger before its bytes leave. A new attempt, and whatever the
service emits, is confirmed before the old one is acked: a crash between the two makes a duplicate,
never a loss.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gevent

from gameday.contracts import model
from gameday.contracts.parts import Topology
from gameday.history.ledger import LedgerWriter
from gameday.history.records import COUNT_MAX, Disposition, Kind, Result, pack_attempt
from gameday.traffic.deliveries import Delivery, Reader
from gameday.traffic.effects import EffectStore
from gameday.traffic.emitting import Emitter
from gameday.traffic.frames import ack, integer_entry
from gameday.traffic.handler import Handler
from gameday.traffic.identity import Identity
from gameday.traffic.link import Link
from gameday.traffic.messages import Outgoing, Route
from gameday.traffic.purpose import Target
from gameday.traffic.sender import Sender
from gameday.traffic.states import StateStore
from gameday.traffic.validation import Validate

OWN_PRODUCER_ATTEMPTS = 32

Then = Callable[[int, Delivery], None]
"""How a delivery is settled, once all that it caused is confirmed."""


@dataclass(slots=True)
class Served:
    """What a consumer has done so far."""

    delivered: int = 0
    handled: int = 0
    rejected: int = 0
    retried: int = 0


@dataclass(frozen=True)
class Tools:
    """What consumers share: the ledger, where to connect, how to publish, what to declare."""

    ledger: LedgerWriter
    targets: tuple[Target, ...]
    republish: Sender | None
    validate: Validate
    counts: dict[tuple[int, int], int]
    emitters: Mapping[str, Emitter] = field(default_factory=dict)
    states: StateStore | None = None
    effects: EffectStore | None = None
    declares: Topology | None = None


@dataclass
class Settler:
    """Settles the deliveries of one consumer, on its link."""

    contract: model.Consumer
    tools: Tools
    reader: Reader
    handler: Handler
    link: Link
    served: Served
    republishing: int = 0
    _routes: dict[tuple[str, str], Route] = field(default_factory=dict)

    def settle(self, index: int, delivery: Delivery, result: Result) -> None:
        """Settle what was handled, as the contract says of such an ending."""
        if result is Result.DONE:
            self._emit("done", index, delivery, self._ack)
        elif result is Result.TIMED_OUT:
            self._emit("timed_out", index, delivery, self._ack)
        elif result is Result.PERMANENT or self.handler.is_last_try(delivery):
            self._emit("failed", index, delivery, self.reject)
        elif self.contract.retry in {"republish", "ladder"}:
            self._republish(index, delivery)
        else:
            self._requeue(index, delivery)

    def reject(self, index: int, delivery: Delivery) -> None:
        """Give a delivery up: it goes to the dead-letter queue, where there is one."""
        self.served.rejected += 1
        self.reader.note(Kind.REJECTED, index, delivery)
        self._channel.basic_nack(delivery.tag, requeue=False)

    def _emit(self, when: str, index: int, delivery: Delivery, then: Then) -> None:
        """Publish what such an ending causes; settle the delivery when all of it is confirmed."""
        emitter = self.tools.emitters.get(self.contract.name)
        messages = emitter.messages(when, index, delivery) if emitter else []
        if not messages:
            then(index, delivery)
            return
        assert self.tools.republish is not None, "a consumer that emits needs a sender"
        open_, arrived = len(messages), True

        def done(came: bool) -> None:
            nonlocal open_, arrived
            open_, arrived = open_ - 1, arrived and came
            if not open_:
                self.republishing -= 1
                gevent.spawn(self._emitted, index, delivery, then if arrived else self._requeue)

        self.republishing += 1
        for message in messages:
            message.done = done
            self.tools.republish.send(message)

    def _emitted(self, index: int, delivery: Delivery, then: Then) -> None:
        if index == self.link.channel_index and self.link.is_open:
            then(index, delivery)

    def _ack(self, index: int, delivery: Delivery) -> None:
        self.reader.note(Kind.ACKED, index, delivery)
        self.link.write(ack(self._channel.channel_number, delivery.tag))

    def _requeue(self, index: int, delivery: Delivery) -> None:
        self.served.retried += 1
        self.reader.note(Kind.REQUEUED, index, delivery)
        self._channel.basic_nack(delivery.tag, requeue=True)

    def _republish(self, index: int, delivery: Delivery) -> None:
        """Publish a new attempt; ack the old one only when the new one is confirmed."""
        assert delivery.who is not None, "a message without our headers is never retried"
        assert self.tools.republish is not None, "a consumer that republishes needs a sender"
        message = self._next_attempt(delivery, delivery.who)
        if message.count > COUNT_MAX:
            self._requeue(index, delivery)  # A storm: this process has used its names up.
            return
        self.tools.counts[delivery.producer, delivery.sequence] = message.count + 1

        def done(arrived: bool) -> None:
            self.republishing -= 1
            gevent.spawn(self._republished, index, delivery, message, arrived=arrived)

        message.done = done
        self.served.retried += 1
        self.republishing += 1
        self.tools.republish.send(message)

    def _next_attempt(self, delivery: Delivery, who: Identity) -> Outgoing:
        properties = delivery.properties
        return Outgoing(
            who.producer, who.sequence, who.due_ns, properties.priority,
            Disposition(who.expect), who.fail, delivery.body, who.checksum,
            properties.message_id, self._route(properties.type or "", self._next_queue(delivery)),
            extra=integer_entry(self.contract.retry_header, self.handler.tries(delivery)),
            count=self.tools.counts.get((who.producer, who.sequence), self._first_count(who)),
        )  # fmt: skip

    def _first_count(self, who: Identity) -> int:
        """Keep clear of the producer's own attempts, where both work in one process."""
        return OWN_PRODUCER_ATTEMPTS if who.producer == self.tools.ledger.process else 0

    def _next_queue(self, delivery: Delivery) -> str:
        """Name where a failed message goes: its queue again, or the next step of the ladder."""
        if self.contract.retry != "ladder":
            return self.contract.queue
        return self.contract.ladder[self.handler.tries(delivery) - 1].queue

    def _route(self, message_type: str, queue: str) -> Route:
        """Republish straight to a queue, through the default exchange."""
        if (message_type, queue) not in self._routes:
            value = {"exchange": "", "routing_key": queue, "type": message_type, "queues": [queue]}
            index = self.tools.ledger.intern("route", value)
            self._routes[message_type, queue] = Route(index, "", queue, message_type)
        return self._routes[message_type, queue]

    def _republished(
        self, index: int, delivery: Delivery, message: Outgoing, *, arrived: bool
    ) -> None:
        if index != self.link.channel_index or not self.link.is_open:
            return
        if not arrived:
            self._requeue(index, delivery)
            return
        attempt = pack_attempt(self.tools.ledger.process, message.count - 1)
        self.reader.note(Kind.SUPERSEDED, index, delivery, attempt=attempt)
        self._ack(index, delivery)

    @property
    def _channel(self) -> Any:
        return self.link.channel
