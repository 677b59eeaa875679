"""A consuming service: prefetch, a simulated handler, and settling what was handled.

One `Consumer` is one channel on a connection of its own. A delivery is recorded when it arrives,
waits its turn among the prefetched ones, is served for the contract's service time by one of
`parallel` servers, and is then settled.

    delivered -> waiting -> in hand -> handled (`handler.py`) -> settled (`settling.py`)
"""

from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from gameday.contracts import model
from gameday.history.records import Kind, Result
from gameday.traffic.deliveries import Delivery, Reader
from gameday.traffic.handler import Handler
from gameday.traffic.link import Link
from gameday.traffic.purpose import Purpose
from gameday.traffic.settling import Served, Settler, Tools

if TYPE_CHECKING:
    from collections.abc import Callable

MOVE_WITHIN_S = 5.0
CONSUME_WITHIN_S = 5.0
CANCELLED_ON_FAILOVER = {"x-cancel-on-ha-failover": True}
YIELD_EVERY = 50
"""A handler that takes no time still lets the connection be read after so many messages."""


class Consumer:
    """One consumer of a queue, which comes back after every loss until it is told to drain."""

    def __init__(self, contract: model.Consumer, tools: Tools, first: int, name: str) -> None:
        self.queue = contract.queue
        self.served = Served()
        self.delay_ms = 0.0
        self.fails_first = False
        self.on_handled: Callable[[Delivery, Result], None] | None = None
        self._contract = contract
        self._tools = tools
        self._reader = Reader(tools.ledger, contract.queue, no_ack=not contract.manual_ack)
        self._waiting: deque[tuple[int, Delivery]] = deque()
        self._in_hand: set[tuple[int, int]] = set()
        self._arrived = Event()
        self._draining = False
        self._resting = False
        self._going_on = Event()
        self._going_on.set()
        self._tag: str | None = None
        details = (
            ("queue", contract.queue),
            ("prefetch", contract.prefetch),
            ("no_ack", not contract.manual_ack),
            ("consumer", name),
        )
        purpose = Purpose("consume", name, contract.heartbeat_s, details, declares=tools.declares)
        self.link = Link(tools.ledger, tools.targets, first, purpose, self._opened, self._lost)
        self._handler = Handler(contract, tools.validate)
        self._emitter = tools.emitters.get(contract.name)
        self._settler = Settler(
            contract, tools, self._reader, self._handler, self.link, self.served
        )
        self._servers = [gevent.spawn(self._serve) for _ in range(contract.parallel)]

    @property
    def is_consuming(self) -> bool:
        """Whether the broker has this consumer on its books, as far as it knows."""
        return self.link.is_open and self._tag is not None

    @property
    def servers(self) -> int:
        """How many messages it handles at once."""
        return len(self._servers)

    @property
    def unsettled(self) -> int:
        """How many deliveries it holds."""
        return len(self._waiting) + len(self._in_hand) + self._settler.republishing

    def ask(self, answered: "Callable[[Any], None]") -> None:
        """Ask the broker for what is so already; it hears `answered` when the broker answers."""
        if self.link.channel.is_open:  # It may be closing, by our own wish.
            prefetch = self._contract.prefetch
            self.link.channel.basic_qos(prefetch_count=prefetch, callback=answered)

    def wedge(self) -> None:
        """Hold what it has, and what it is given: no handler ends until told to go on."""
        self._going_on.clear()

    def rest(self) -> None:
        """Cancel, and settle what is in hand; take nothing more until told to go on."""
        self._resting = True
        if self.is_consuming:
            self.link.channel.basic_cancel(self._tag)
            self._tag = None

    def go_on(self) -> None:
        """Work as the contract says, whatever it was told before."""
        self.delay_ms = 0.0
        self.fails_first = False
        self._going_on.set()
        if self._resting:
            self._resting = False
            if self.link.is_open and not self._draining:
                self._consume(self.link)

    def rebalance(self) -> None:
        """Go back to the first node, once what is in hand is settled."""
        if self.link.is_open and not self.link.is_home and not self._draining:
            gevent.spawn(self._move_home)

    def renew(self) -> None:
        """Open the connection anew, once what is in hand is settled."""
        if self.link.is_open and not self._draining:
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
        gevent.killall(self._servers, block=False)
        self.link.close()
        if self._tools.effects is not None:
            self._tools.effects.close()
        return not self.unsettled

    def _opened(self, link: Link) -> None:
        self._tag = None
        self._let_go()
        if self._draining:
            return
        link.channel.add_on_cancel_callback(self._cancelled)
        link.channel.basic_qos(prefetch_count=self._contract.prefetch)
        if not self._resting:
            self._consume(link)

    def _consume(self, link: Link) -> None:
        tag: str = link.channel.basic_consume(
            self._contract.queue,
            self._delivered,
            auto_ack=not self._contract.manual_ack,
            arguments=CANCELLED_ON_FAILOVER if self._contract.cancel_on_failover else None,
            callback=lambda _: self._consuming(tag),
        )
        gevent.spawn_later(CONSUME_WITHIN_S, self._insist, link.channel_index)

    def _consuming(self, tag: str) -> None:
        self._tag = tag

    def _insist(self, index: int) -> None:
        """Come back elsewhere when the broker does not answer.

        Seen on 4.3.6: for a queue whose node is down, `basic.consume` is answered after 65 s.
        """
        if self._tag is None and index == self.link.channel_index and not self._resting:
            self.link.drop()

    def _lost(self, _: Link) -> None:
        self._tag = None
        self._let_go()

    def _let_go(self) -> None:
        """Forget what is held: its channel is gone, and the broker gives it to somebody else."""
        self._waiting.clear()
        self._in_hand.clear()

    def _cancelled(self, _: Any) -> None:
        """Come back after the broker cancelled (its queue failed over, or was deleted)."""
        queue = self._tools.ledger.intern("queue", self._contract.queue)
        index = self.link.channel_index
        self._tools.ledger.append(Kind.CANCELLED, monotonic_ns(), channel=index, queue=queue)
        gevent.spawn(self.link.drop)

    def _delivered(self, _: Any, method: Any, properties: Any, body: bytes) -> None:
        index = self.link.channel_index
        delivery = self._reader.read(index, method, properties, body)
        if self._emitter is not None:
            self._emitter.note(index, delivery)
        self._waiting.append((index, delivery))
        self.served.delivered += 1
        self._arrived.set()

    def _serve(self) -> None:
        while True:
            if not self._waiting:
                self._arrived.clear()
                self._arrived.wait()
                continue
            index, delivery = self._waiting.popleft()
            held = index, delivery.tag
            self._in_hand.add(held)
            self._begin(index, delivery)
            service_ms = self._contract.service_ms + self.delay_ms
            timed_out = False
            if service_ms or self.served.delivered % YIELD_EVERY == 0:
                timed_out = self._handler.work(delivery, self.delay_ms)
            self._going_on.wait()
            if held in self._in_hand:
                self._settle(index, delivery, timed_out=timed_out)
                self._in_hand.discard(held)

    def _begin(self, index: int, delivery: Delivery) -> None:
        if self._contract.parallel > 1:
            self._reader.note(Kind.STARTED, index, delivery)
        identifier = self._tracked(delivery) if self._contract.tracks else None
        if identifier is not None and self._tools.states is not None:
            self._tools.states.begin(identifier)

    def _tracked(self, delivery: Delivery) -> str | None:
        return None if self._emitter is None else self._emitter.correlation(delivery)

    def _store(self, delivery: Delivery) -> None:
        identifier = self._tracked(delivery) if self._contract.stores else None
        if identifier and self._contract.stores and self._tools.states is not None:
            self._tools.states.end(identifier, self._contract.stores, delivery)

    def _settle(self, index: int, delivery: Delivery, *, timed_out: bool) -> None:
        if self._handler.is_used_up(delivery):
            self._settler.reject(index, delivery)  # Its last rejection was lost with its channel.
            return
        result = self._handler.handle(delivery, timed_out=timed_out)
        if self.fails_first and result is Result.DONE and not self._handler.is_last_try(delivery):
            result = Result.TRANSIENT
        self._reader.note(Kind.HANDLED, index, delivery, extra=result)
        self.served.handled += result in {Result.DONE, Result.TIMED_OUT}
        if result is Result.DONE and self._tools.effects is not None:
            self._tools.effects.take(delivery)
        if result is Result.DONE:
            self._store(delivery)
        if self.on_handled is not None:
            self.on_handled(delivery, result)
        if self._contract.manual_ack:
            self._settler.settle(index, delivery, result)
