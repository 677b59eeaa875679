"""Names in a contract that must be there, and must be there once.

A producer's message and exchange, a consumer's queue, a binding's ends, a criterion's parameters:
each as a sentence that names what is known. What the broker demands of values is in `rules.py`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gameday.contracts.document import Mistake, Path
from gameday.contracts.isolation_rules import isolation_mistakes
from gameday.contracts.model import Contract, Emission, Producer, Sending
from gameday.contracts.parameters import parameter_mistakes
from gameday.contracts.partial import View, requirement_rows
from gameday.contracts.sentences import any_of, remedy, shown
from gameday.contracts.topology import BUILT_IN, route


def reference_mistakes(view: View) -> Iterator[Mistake]:
    """Return what is named twice, and what is named and not there."""
    finders = (
        _twice, _bindings, _exchanges, _queues, _producers, _consumers, _labels, _criteria,
        _alternatives, isolation_mistakes,
    )  # fmt: skip
    for find in finders:
        for mistake in find(view):
            yield Mistake(view.original(mistake.path), mistake.text)


def _twice(view: View) -> Iterator[Mistake]:
    contract, topology = view.contract, view.contract.topology
    yield from _repeated(("topology", "exchanges"), topology.exchanges)
    yield from _repeated(("topology", "queues"), topology.queues)
    yield from _repeated(("topology", "policies"), topology.policies)
    yield from _repeated(("topology", "operator_policies"), topology.operator_policies)
    yield from _repeated(("messages",), contract.messages)
    yield from _repeated(("producers",), contract.producers)
    yield from _repeated(("consumers",), contract.consumers)
    yield from _repeated(("alternatives",), contract.alternatives)
    yield from _repeated(("requirements",), contract.requirements, "id")
    yield from _bound_twice(("topology", "bindings"), topology.bindings)
    yield from _bound_twice(("topology", "exchange_bindings"), topology.exchange_bindings)


def _bound_twice(section: Path, bindings: Sequence[Any]) -> Iterator[Mistake]:
    for i, binding in enumerate(bindings):
        if binding in bindings[:i]:
            text = "expected each binding once, found it again; remove one of them"
            yield Mistake((*section, i), text)


def _repeated(section: Path, parts: Iterable[Any], field: str = "name") -> Iterator[Mistake]:
    seen: Counter[str] = Counter()
    for i, part in enumerate(parts):
        name = getattr(part, field)
        seen[name] += 1
        if seen[name] == 2:
            text = f"expected each {field} once, found {shown(name)} again; rename one of them"
            yield Mistake((*section, i, field), text)


def _bindings(view: View) -> Iterator[Mistake]:
    topology = view.contract.topology
    path: Path
    for i, binding in enumerate(topology.bindings):
        path = ("topology", "bindings", i)
        yield from _exchange(view, (*path, "exchange"), binding.exchange, allow_default=False)
        yield from _queue(view, (*path, "queue"), binding.queue)
    for i, link in enumerate(topology.exchange_bindings):
        path = ("topology", "exchange_bindings", i)
        for end in ("source", "destination"):
            yield from _exchange(view, (*path, end), getattr(link, end), allow_default=False)


def _exchanges(view: View) -> Iterator[Mistake]:
    for i, exchange in enumerate(view.contract.topology.exchanges):
        name = exchange.arguments.get("alternate-exchange")
        if name is not None:
            path = ("topology", "exchanges", i, "arguments", "alternate-exchange")
            yield from _exchange(view, path, name)


def _queues(view: View) -> Iterator[Mistake]:
    rows: list[tuple[Path, Any]] = [(("topology",), view.contract.topology)]
    rows += [(("alternatives", i), a) for i, a in enumerate(view.contract.alternatives)]
    for start, holder in rows:
        for i, queue in enumerate(holder.queues):
            name = queue.arguments.get("x-dead-letter-exchange")
            if name is not None:
                path = (*start, "queues", i, "arguments", "x-dead-letter-exchange")
                yield from _exchange(view, path, name)


def _producers(view: View) -> Iterator[Mistake]:
    for i, producer in enumerate(view.contract.producers):
        yield from _sent(view, ("producers", i), producer)
        for j, sending in enumerate(producer.also):
            yield from _sent(view, ("producers", i, "also", j), sending)


def _sent(view: View, path: Path, sending: Producer | Sending | Emission) -> Iterator[Mistake]:
    """Find what is wrong with where a message goes, whoever sends it."""
    contract = view.contract
    messages = [message.name for message in contract.messages]
    if not view.knows("messages", messages, sending.message):
        yield _unknown((*path, "message"), "message", sending.message, messages)
    missing = list(_exchange(view, (*path, "exchange"), sending.exchange))
    yield from missing
    if missing or not view.routes:
        return
    if not route(contract.topology, sending.exchange, sending.routing_key):
        yield _unroutable((*path, "routing_key"), contract, sending.exchange)


def _unroutable(path: Path, contract: Contract, exchange: str) -> Mistake:
    names = [queue.name for queue in contract.topology.queues]
    bound = [b.routing_key for b in contract.topology.bindings if b.exchange == exchange]
    keys = any_of(names if exchange == "" else bound)
    said = f'the exchange "{exchange}"' if exchange else "the default exchange"
    text = f"expected a key that reaches a queue, found none; on {said} use {keys}"
    return Mistake(path, text)


def _consumers(view: View) -> Iterator[Mistake]:
    messages = [message.name for message in view.contract.messages]
    for i, consumer in enumerate(view.contract.consumers):
        path: Path = ("consumers", i)
        yield from _queue(view, (*path, "queue"), consumer.queue)
        for j, step in enumerate(consumer.ladder):
            yield from _queue(view, (*path, "ladder", j, "queue"), step.queue)
        for j, emission in enumerate(consumer.emits):
            yield from _sent(view, (*path, "emits", j), emission)
            if emission.of is not None and not view.knows("messages", messages, emission.of):
                yield _unknown((*path, "emits", j, "of"), "message", emission.of, messages)


def _labels(view: View) -> Iterator[Mistake]:
    for name in view.contract.labels:
        yield from _queue(view, ("labels", name), name)


def _criteria(view: View) -> Iterator[Mistake]:
    for path, row in requirement_rows(view.contract):
        for i, criterion in enumerate(row.criteria):
            where = (*path, "criteria", i, "parameters")
            yield from parameter_mistakes(view, where, criterion)


def _alternatives(view: View) -> Iterator[Mistake]:
    ids = [row.id for row in view.contract.requirements]
    services = [each.name for each in view.contract.consumers]
    for i, alternative in enumerate(view.contract.alternatives):
        for j, queue in enumerate(alternative.queues):
            yield from _queue(view, ("alternatives", i, "queues", j, "name"), queue.name)
        for j, service in enumerate(alternative.consumers):
            place: Path = ("alternatives", i, "consumers", j)
            yield from _queue(view, (*place, "queue"), service.queue)
            if not view.knows("consumers", services, service.name):
                yield _unknown((*place, "name"), "consumer", service.name, services)
        for j, row in enumerate(alternative.requirements):
            if not view.knows("requirements", ids, row.id):
                path = ("alternatives", i, "requirements", j, "id")
                yield _unknown(path, "requirement", row.id, ids)


def _queue(view: View, path: Path, name: str) -> Iterator[Mistake]:
    names = [queue.name for queue in view.contract.topology.queues]
    if not view.knows("topology", names, name):
        yield _unknown(path, "queue", name, names)


def _exchange(
    view: View, path: Path, name: str, *, allow_default: bool = True
) -> Iterator[Mistake]:
    names = [exchange.name for exchange in view.contract.topology.exchanges]
    if name == "" and not allow_default:
        text = "expected an exchange, found the default one, which binds every queue; remove it"
        yield Mistake(path, text)
    elif name not in {"", *BUILT_IN} and not view.knows("topology", names, name):
        yield _unknown(path, "exchange", name, names)


def _unknown(path: Path, kind: str, name: str, known: Sequence[str]) -> Mistake:
    expected = (
        f"the {kind} {known[0]}" if len(known) == 1 else f"one of the {kind}s {any_of(known)}"
    )
    return Mistake(path, f"expected {expected}, found {shown(name)}; {remedy(name, known)}")
