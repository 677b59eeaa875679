"""Where messages go in a design, by bindings, alternate exchanges and dead-lettering.

It answers for what is certain: a key of none is one that nobody knows, and an exchange that looks
at headers, or of a plugin's type, may take anything. So what is said to reach no queue does not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gameday.contracts.document import Path
from gameday.contracts.lint.design import BindingRow, Design, QueueRow
from gameday.contracts.routing import BUILT_IN, topic_matches

Key = str | None
"""A routing key; none stands for keys that are not known."""


@dataclass(frozen=True)
class Publication:
    """One way in which a client publishes, and where a contract says so."""

    path: Path
    who: str
    exchange: str
    routing_key: str
    mandatory: bool = True
    confirms: bool = True
    priorities: tuple[int, ...] = ()


def publications(design: Design) -> Iterator[Publication]:
    """Yield every way in which a contract's clients publish; nothing for an export."""
    if design.clients is None:
        return
    for path, producer in design.clients.producers:
        rows = [(path, producer.exchange, producer.routing_key)]
        for i, each in enumerate(producer.also):
            rows.append(((*path, "also", i), each.exchange, each.routing_key))
        for where, exchange, key in rows:
            yield Publication(
                where,
                f"producer {producer.name}",
                exchange,
                key,
                producer.mandatory,
                producer.confirms,
                tuple(producer.priorities),
            )
    for path, consumer in design.clients.consumers:
        for i, emission in enumerate(consumer.emits):
            where, who = (*path, "emits", i), f"consumer {consumer.name}"
            yield Publication(where, who, emission.exchange, emission.routing_key)


def reached(design: Design, exchange: str, key: Key) -> frozenset[str]:
    """Return every queue that a message may reach."""
    question = ("reached", exchange, key)
    if question not in design.remembered:
        design.remembered[question] = frozenset(_reached(design, exchange, key, set()))
    answer: frozenset[str] = design.remembered[question]
    return answer


def _reached(design: Design, exchange: str, key: Key, seen: set[str]) -> Iterator[str]:
    if exchange == "":
        if key is None:
            yield from (queue.name for queue in design.queues)
        elif design.queue(key) is not None:
            yield key
        return
    if exchange in seen:
        return
    seen.add(exchange)
    taking = [each for each in design.bindings_from(exchange) if takes(design, each, key)]
    for binding in taking:
        if not binding.to_queue:
            yield from _reached(design, binding.destination, key, seen)
        elif design.queue(binding.destination) is not None:
            yield binding.destination
    declared = design.exchange(exchange)
    alternate = design.alternate(declared) if declared is not None else None
    if alternate is not None and (not taking or key is None):
        yield from _reached(design, str(alternate.value), key, seen)


def takes(design: Design, binding: BindingRow, key: Key) -> bool:
    """Whether a binding may take a message of this key."""
    kind = exchange_type(design, binding.source)
    if key is None or kind not in {"direct", "topic"}:
        return True
    if kind == "topic":
        return topic_matches(binding.routing_key, key)
    return binding.routing_key == key


def exchange_type(design: Design, name: str) -> str | None:
    """Return the type of an exchange, declared or the broker's own."""
    declared = design.exchange(name)
    return BUILT_IN.get(name) if declared is None else declared.type


def arriving_keys(design: Design) -> dict[str, frozenset[Key]]:
    """Return, by queue, the routing keys of the messages that arrive in it."""
    if "arriving" not in design.remembered:
        found: dict[str, set[Key]] = {queue.name: set() for queue in design.queues}
        if design.clients is None:
            _from_bindings(design, found)
        else:
            _from_clients(design, found)
        _from_dead_letters(design, found)
        design.remembered["arriving"] = {name: frozenset(keys) for name, keys in found.items()}
    answer: dict[str, frozenset[Key]] = design.remembered["arriving"]
    return answer


def _from_clients(design: Design, found: dict[str, set[Key]]) -> None:
    """Add what producers and consumers publish; who republishes does so by the queue's name."""
    assert design.clients is not None
    for each in publications(design):
        for name in reached(design, each.exchange, each.routing_key):
            found[name].add(each.routing_key)
    for _, consumer in design.clients.consumers:
        again = [consumer.queue] if consumer.retry == "republish" else []
        again += [step.queue for step in consumer.ladder]
        for name in again:
            if name in found:
                found[name].add(name)


def _from_bindings(design: Design, found: dict[str, set[Key]]) -> None:
    """Add what an export tells of keys: those of direct bindings, else the queue's name."""
    bound = [each for each in design.bindings if each.to_queue and each.destination in found]
    for each in bound:
        literal = exchange_type(design, each.source) == "direct"
        found[each.destination].add(each.routing_key if literal else None)
    for name in found.keys() - {each.destination for each in bound}:
        found[name].add(name)


def _from_dead_letters(design: Design, found: dict[str, set[Key]]) -> None:
    """Add what comes by dead-lettering, until nothing new does."""
    grew = True
    while grew:
        grew = False
        for queue in design.queues:
            for key in dead_letter_keys(design, queue, found[queue.name]):
                for name in dead_letters_reach(design, queue, key):
                    grew = grew or key not in found[name]
                    found[name].add(key)


def dead_letter_keys(design: Design, queue: QueueRow, arriving: set[Key]) -> tuple[Key, ...]:
    """Return the keys with which a queue's dead letters are published, sorted."""
    replacement = design.setting(queue, "dead-letter-routing-key")
    if replacement is not None:
        return (str(replacement.value),)
    return tuple(sorted(arriving, key=lambda key: (key is None, key or "")))


def dead_letters_reach(design: Design, queue: QueueRow, key: Key) -> frozenset[str]:
    """Return the queues that a queue's dead letters reach with this key; none without a DLX."""
    exchange = design.setting(queue, "dead-letter-exchange")
    return frozenset() if exchange is None else reached(design, str(exchange.value), key)
