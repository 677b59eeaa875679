"""What of a topology one client uses: what it would declare itself before it sends or consumes.

A client that declares on every connection declares its own part and no more: the queues that it
reaches, where their dead letters go, the exchanges on the way, and the bindings between them. It
also answers which message types can come to a queue, by the same ways.
"""

from collections.abc import Iterable, Iterator

from gameday.contracts.model import Consumer, Contract, Producer, Sending
from gameday.contracts.parts import Queue, Topology
from gameday.contracts.topology import dead_letter_targets, route, setting_of


def used_by_producer(topology: Topology, producer: Producer) -> Topology:
    """Return what a producing service declares: its exchanges, what they reach, and the DLQs."""
    sent = sendings_of(producer)
    queues = {queue for each in sent for queue in route(topology, each.exchange, each.routing_key)}
    return _part(topology, queues, {each.exchange for each in sent})


def used_by_consumer(topology: Topology, consumer: Consumer) -> Topology:
    """Return what a consuming service declares: its queue, what leads there, and its DLQ."""
    return _part(topology, {consumer.queue}, ())


def sendings_of(producer: Producer) -> list[Sending]:
    """Return all that a producer sends: its own message type first, then what `also` adds."""
    own = Sending(
        message=producer.message, exchange=producer.exchange, routing_key=producer.routing_key,
        weight=producer.weight,
    )  # fmt: skip
    return [own, *producer.also]


def types_into(contract: Contract, queue: str) -> frozenset[str]:
    """Return the message types that the contract's own clients send to a queue, dead or alive."""
    sources = {queue}
    while more := {q.name for q in contract.topology.queues
                   if sources & set(_dead(contract.topology, q.name))} - sources:  # fmt: skip
        sources |= more
    return frozenset(
        message
        for message, exchange, key in _sendings(contract)
        if sources & set(route(contract.topology, exchange, key))
    )


def _sendings(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """Return every message type with the exchange and the key that it is published to."""
    for producer in contract.producers:
        yield from ((s.message, s.exchange, s.routing_key) for s in sendings_of(producer))
    for consumer in contract.consumers:
        yield from ((e.message, e.exchange, e.routing_key) for e in consumer.emits)


def _dead(topology: Topology, queue: str) -> tuple[str, ...]:
    return dead_letter_targets(topology, queue, queue)


def _part(topology: Topology, queues: Iterable[str], exchanges: Iterable[str]) -> Topology:
    """Return the part that some queues and exchanges need, dead letters and bindings included."""
    reached = set(queues)
    while more := {each for queue in reached for each in _dead(topology, queue)} - reached:
        reached |= more
    kept = tuple(queue for queue in topology.queues if queue.name in reached)
    bindings = tuple(each for each in topology.bindings if each.queue in reached)
    named = {*exchanges, *(each.exchange for each in bindings), *_exchanges_of(topology, kept)}
    return Topology(
        exchanges=tuple(each for each in topology.exchanges if each.name in named),
        queues=kept,
        bindings=bindings,
    )


def _exchanges_of(topology: Topology, queues: tuple[Queue, ...]) -> set[str]:
    found = {setting_of(topology, queue, "dead-letter-exchange") for queue in queues}
    return {name for name in found if name}
