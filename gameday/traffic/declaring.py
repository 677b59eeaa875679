"""A connection that declares what it uses before it works: idempotent, by both ends of a queue.

All declarations leave at once and only the last one is answered: the broker takes a channel's
methods in order, so its answer is the answer to all. A refusal closes the channel.

    channel open -> declare all -> DECLARED 200 -> publish or consume
                              +-> the broker closes the channel -> DECLARED 406, and opened afresh
"""

from collections.abc import Callable, Iterator
from time import monotonic_ns
from typing import Any

from gameday.contracts.parts import Topology
from gameday.history.ledger import LedgerWriter
from gameday.history.records import DETAIL_MAX, Kind

OK = 200


class Declaring:
    """The declarations of one opening of one channel."""

    def __init__(self, ledger: LedgerWriter, topology: Topology, channel_index: int) -> None:
        self._ledger = ledger
        self._topology = topology
        self._index = channel_index
        self._begun_ns = monotonic_ns()
        self._is_open = True

    def begin(self, channel: Any, done: Callable[[], None]) -> None:
        """Send all declarations; `done` is called when the last one is answered."""
        *first, last = steps(self._topology)
        for name, arguments in first:
            getattr(channel, name)(**arguments)

        def answered(_: Any) -> None:
            if self._is_open:
                self._note(OK)
                done()

        name, arguments = last
        getattr(channel, name)(**arguments, callback=answered)

    def refused(self, code: int) -> None:
        """Note that the channel was closed before the answer came; 0 is a lost connection."""
        if self._is_open:
            self._note(code)

    def _note(self, code: int) -> None:
        self._is_open = False
        now = monotonic_ns()
        took_us = min((now - self._begun_ns) // 1000, DETAIL_MAX)
        self._ledger.append(Kind.DECLARED, now, tag=took_us, channel=self._index, detail=code)


def steps(topology: Topology) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return each declaration as pika's method and its arguments, in an order that works."""
    for exchange in topology.exchanges:
        yield (
            "exchange_declare",
            {
                "exchange": exchange.name,
                "exchange_type": exchange.type,
                "durable": exchange.durable,
                "auto_delete": exchange.auto_delete,
                "arguments": exchange.arguments,
            },
        )
    for queue in topology.queues:
        yield (
            "queue_declare",
            {
                "queue": queue.name,
                "durable": queue.durable,
                "arguments": {"x-queue-type": queue.type, **queue.arguments},
            },
        )
    for binding in topology.bindings:
        yield (
            "queue_bind",
            {
                "queue": binding.queue,
                "exchange": binding.exchange,
                "routing_key": binding.routing_key,
                "arguments": binding.arguments,
            },
        )
    for link in topology.exchange_bindings:
        yield (
            "exchange_bind",
            {
                "destination": link.destination,
                "source": link.source,
                "routing_key": link.routing_key,
                "arguments": link.arguments,
            },
        )
