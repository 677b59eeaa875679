"""A consuming service: prefetch, a simulated handler, acks, retries and dead letters.

One `Consumer` is one channel on a connection of its own. A delivery is recorded when it arrives,
waits its turn among the prefetched ones, is served for the contract's service time, and is then
acked, requeued, rejected, or republished with its count raised and acked once that is confirmed.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any

import gevent
from gevent.event import Event

from gameday.contracts import model
from gameday.history.ledger import LedgerWriter
from gameday.history.records import COUNT_MAX, Disposition, Kind, Result, pack_attempt
from gameday.traffic.deliveries import Delivery, Reader
from gameday.traffic.frames import ack, integer_entry
from gameday.traffic.identity import PERMANENT, Identity
from gameday.traffic.link import Link, Purpose, Target
from gameday.traffic.messages import Outgoing, Route
from gameday.traffic.sender import Sender

MOVE_WITHIN_S = 5.0
CONSUME_WITHIN_S = 5.0
OWN_PRODUCER_ATTEMPTS = 32
YIELD_EVERY = 50
"""A handler that takes no time still lets the connection be read after so many messages."""

Validate = Callable[[str, bytes], bool]


@dataclass(slots=True)
class Served:
    """What a consumer has done so far."""

    delivered: int = 0
    handled: int = 0
    rejected: int = 0
    retried: int = 0


@dataclass(frozen=True)
class Tools:
    """What consumers of one process share: the ledger, where to connect, how to republish."""

    ledger: LedgerWriter
    targets: tuple[Target, ...]
    republish: Sender | None
    validate: Validate
    counts: dict[tuple[int, int], int]


class Consumer:
    """One consumer of a queue, which comes back after every loss until it is told to drain."""

    def __init__(self, contract: model.Consumer, tools: Tools, first: int, name: str) -> None:
        self.queue = contract.queue
        self.served = Served()
        self.delay_ms = 0.0
        self.on_handled: Callable[[Delivery, Result], None] | None = None
        self._contract = contract
        self._tools = tools
        self._reader = Reader(tools.ledger, contract.queue, no_ack=not contract.manual_ack)
        self._waiting: deque[tuple[int, Delivery]] = deque()
        self._arrived = Event()
        self._republishing = 0
        self._draining = False
        self._tag: str | None = None
        self._name = name
        self._routes: dict[str, Route] = {}
        details = (
            ("queue", contract.queue),
            ("prefetch", contract.prefetch),
            ("no_ack", not contract.manual_ack),
            ("consumer", name),
        )
        purpose = Purpose("consume", name, contract.heartbeat_s, details)
        self.link = Link(tools.ledger, tools.targets, first, purpose, self._opened, self._lost)
        self._server = gevent.spawn(self._serve)

    @property
    def is_consuming(self) -> bool:
        """Whether the broker has this consumer on its books, as far as it knows."""
        return self.link.is_open and self._tag is not None

    @property
    def unsettled(self) -> int:
        """How many deliveries it holds."""
        return len(self._waiting) + self._republishing

    def rebalance(self) -> None:
        """Go back to the first node, once what is in hand is settled."""
        if self.link.is_open and not self.link.is_home and not self._draining:
            gevent.spawn(self._move_home)

    def _move_home(self) -> None:
        if self._tag is not None:
            self.link.channel.basic_cancel(self._tag)
        with gevent.Timeout(MOVE_WITHIN_S, False):
            while self.unsettled:
                gevent.sleep(0.01)
        self.link.go_home()

    def drain(self, within_s: float) -> bool:
        """Take no more, finish what is in hand, close; False when the time did not suffice."""
        self._draining = True
        if self.link.is_open and self._tag is not None:
            self.link.channel.basic_cancel(self._tag)
        with gevent.Timeout(within_s, False):
            while self.unsettled:
                gevent.sleep(0.01)
        self._server.kill(block=False)
        self.link.close()
        return not self.unsettled

    def _opened(self, link: Link) -> None:
        channel = link.channel
        self._waiting.clear()
        if self._draining:
            return
        channel.add_on_cancel_callback(self._cancelled)
        channel.basic_qos(prefetch_count=self._contract.prefetch)
        self._tag = None
        tag: str = channel.basic_consume(
            self._contract.queue,
            self._delivered,
            auto_ack=not self._contract.manual_ack,
            callback=lambda _: self._consuming(tag),
        )
        gevent.spawn_later(CONSUME_WITHIN_S, self._insist, link.channel_index)

    def _consuming(self, tag: str) -> None:
        self._tag = tag

    def _insist(self, index: int) -> None:
        """Come back elsewhere when the broker does not answer.

        Seen on 4.3.6: for a queue whose node is down, `basic.consume` is answered after 65 s.
        """
        if self._tag is None and index == self.link.channel_index:
            self.link.drop()

    def _lost(self, _: Link) -> None:
        self._tag = None
        self._waiting.clear()

    def _cancelled(self, _: Any) -> None:
        """Come back after the broker cancelled (its queue failed over, or was deleted)."""
        queue = self._tools.ledger.intern("queue", self._contract.queue)
        index = self.link.channel_index
        self._tools.ledger.append(Kind.CANCELLED, monotonic_ns(), channel=index, queue=queue)
        gevent.spawn(self.link.drop)

    def _delivered(self, _: Any, method: Any, properties: Any, body: bytes) -> None:
        index = self.link.channel_index
        self._waiting.append((index, self._reader.read(index, method, properties, body)))
        self.served.delivered += 1
        self._arrived.set()

    def _serve(self) -> None:
        while True:
            if not self._waiting:
                self._arrived.clear()
                self._arrived.wait()
                continue
            index, delivery = self._waiting[0]
            service_ms = self._contract.service_ms + self.delay_ms
            if service_ms or self.served.delivered % YIELD_EVERY == 0:
                gevent.sleep(service_ms / 1000)
            if self._waiting and self._waiting[0][1] is delivery:
                self._settle(index, delivery)
                self._waiting.popleft()

    def _settle(self, index: int, delivery: Delivery) -> None:
        if self._used_up(delivery):
            self._reject(index, delivery)  # Its last rejection was lost with its connection.
            return
        result = self._handle(delivery)
        self._reader.note(Kind.HANDLED, index, delivery, extra=result)
        self.served.handled += result is Result.DONE
        if self.on_handled is not None:
            self.on_handled(delivery, result)
        if not self._contract.manual_ack:
            return
        if result is Result.DONE:
            self._ack(index, delivery)
        elif result is Result.PERMANENT or self._tries(delivery) >= self._contract.attempts:
            self._reject(index, delivery)
        elif self._contract.retry == "republish":
            self._republish(index, delivery)
        else:
            self._requeue(index, delivery)

    def _used_up(self, delivery: Delivery) -> bool:
        """Whether a message that never succeeds comes back beyond its limit: no further try."""
        fails = delivery.who is not None and delivery.who.fail >= self._contract.attempts
        return fails and self._tries(delivery) > self._contract.attempts

    def _handle(self, delivery: Delivery) -> Result:
        """Stand for the application: validate, then fail as the message says it shall."""
        who = delivery.who
        if who is None or who.fail == PERMANENT:
            return Result.PERMANENT
        if not self._tools.validate(delivery.properties.type or "", delivery.body):
            return Result.PERMANENT
        return Result.TRANSIENT if self._tries(delivery) <= who.fail else Result.DONE

    def _tries(self, delivery: Delivery) -> int:
        """Count the tries of a message, this one included."""
        if self._contract.retry == "requeue":
            return delivery.delivery_count + 1
        headers = delivery.properties.headers or {}
        return int(headers.get(self._contract.retry_header, 0)) + 1

    def _ack(self, index: int, delivery: Delivery) -> None:
        self._reader.note(Kind.ACKED, index, delivery)
        self.link.write(ack(self._channel().channel_number, delivery.tag))

    def _reject(self, index: int, delivery: Delivery) -> None:
        self.served.rejected += 1
        self._reader.note(Kind.REJECTED, index, delivery)
        self._channel().basic_nack(delivery.tag, requeue=False)

    def _requeue(self, index: int, delivery: Delivery) -> None:
        self.served.retried += 1
        self._reader.note(Kind.REQUEUED, index, delivery)
        self._channel().basic_nack(delivery.tag, requeue=True)

    def _republish(self, index: int, delivery: Delivery) -> None:
        """Publish a new attempt; ack the old one only when the new one is confirmed."""
        who = delivery.who
        assert who is not None, "a message without our headers is never retried"
        assert self._tools.republish is not None, "a consumer that republishes needs a sender"
        message = self._next_attempt(delivery)
        if message.count > COUNT_MAX:
            self._requeue(index, delivery)  # A storm: this process has used its names up.
            return
        name = delivery.producer, delivery.sequence
        self._tools.counts[name] = message.count + 1

        def done(arrived: bool) -> None:
            self._republishing -= 1
            gevent.spawn(self._republished, index, delivery, message, arrived=arrived)

        message.done = done
        self.served.retried += 1
        self._republishing += 1
        self._tools.republish.send(message)

    def _next_attempt(self, delivery: Delivery) -> Outgoing:
        who, properties = delivery.who, delivery.properties
        assert who is not None
        return Outgoing(
            who.producer, who.sequence, who.due_ns, properties.priority,
            Disposition(who.expect), who.fail, delivery.body, who.checksum,
            properties.message_id, self._route(properties.type or ""),
            extra=integer_entry(self._contract.retry_header, self._tries(delivery)),
            count=self._tools.counts.get((who.producer, who.sequence), self._first_count(who)),
        )  # fmt: skip

    def _first_count(self, who: Identity) -> int:
        """Keep clear of the producer's own attempts, where both work in one process."""
        return OWN_PRODUCER_ATTEMPTS if who.producer == self._tools.ledger.process else 0

    def _route(self, message_type: str) -> Route:
        """Republish straight to the queue, through the default exchange."""
        if message_type not in self._routes:
            queue = self._contract.queue
            value = {"exchange": "", "routing_key": queue, "type": message_type, "queues": [queue]}
            index = self._tools.ledger.intern("route", value)
            self._routes[message_type] = Route(index, "", queue, message_type)
        return self._routes[message_type]

    def _republished(
        self, index: int, delivery: Delivery, message: Outgoing, *, arrived: bool
    ) -> None:
        if index != self.link.channel_index or not self.link.is_open:
            return
        if not arrived:
            self._requeue(index, delivery)
            return
        attempt = pack_attempt(self._tools.ledger.process, message.count - 1)
        self._reader.note(Kind.SUPERSEDED, index, delivery, attempt=attempt)
        self._ack(index, delivery)

    def _channel(self) -> Any:
        return self.link.channel
