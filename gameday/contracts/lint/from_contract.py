"""A contract as designs: its own shape, and one for each of its alternatives.

From what the loader could read, mistakes and all. Where the topology itself could not be read as
a whole, nothing certain can be said of where messages go, so there is no design.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gameday.contracts.clients import Consumer
from gameday.contracts.document import Path
from gameday.contracts.lint.design import (
    BindingRow,
    Clients,
    Design,
    ExchangeRow,
    PolicyRow,
    QueueRow,
)
from gameday.contracts.model import Alternative, Contract
from gameday.contracts.partial import View
from gameday.contracts.parts import Policy, Queue
from gameday.contracts.promises import Requirement
from gameday.contracts.topology import with_alternative
from gameday.contracts.versions import reached
from gameday.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class _Shape:
    """Which shape of a contract a design is made of."""

    view: View
    contract: Contract
    """As it reads with the alternative."""
    index: int = 0
    alternative: Alternative | None = None

    def replaced(self, section: str, names: Sequence[str], name: str) -> Path | None:
        """Return the place in the alternative of what it gives in place of the contract's own."""
        if self.alternative is None or name not in names:
            return None
        return self.view.original(("alternatives", self.index, section, names.index(name)))


def designs_of(
    view: View, version: str, nodes: int | None, *, settings_known: bool = True
) -> Iterator[Design]:
    """Yield the contract's design, then that of each alternative."""
    if not view.routes:
        return
    shapes = [_Shape(view, view.contract)]
    for i, each in enumerate(view.contract.alternatives):
        shapes.append(_Shape(view, with_alternative(view.contract, each.name), i, each))
    for shape in shapes:
        topology = shape.contract.topology
        yield Design(
            version=version,
            nodes=nodes or view.contract.nodes,
            exchanges=tuple(_exchanges(shape)),
            queues=tuple(_queue(shape, i, each) for i, each in enumerate(topology.queues)),
            bindings=tuple(_bindings(shape)),
            policies=tuple(_policies(shape, version)),
            clients=_clients(shape, settings_known=settings_known),
        )


def _exchanges(shape: _Shape) -> Iterator[ExchangeRow]:
    for i, each in enumerate(shape.contract.topology.exchanges):
        path = shape.view.original(("topology", "exchanges", i))
        yield ExchangeRow(path, each.name, each.type, each.arguments)


def _bindings(shape: _Shape) -> Iterator[BindingRow]:
    topology, place = shape.contract.topology, shape.view.original
    for i, each in enumerate(topology.bindings):
        path = place(("topology", "bindings", i))
        yield BindingRow(path, each.exchange, each.queue, each.routing_key)
    for i, other in enumerate(topology.exchange_bindings):
        path = place(("topology", "exchange_bindings", i))
        yield BindingRow(path, other.source, other.destination, other.routing_key, to_queue=False)


def _queue(shape: _Shape, index: int, queue: Queue) -> QueueRow:
    """Return a queue; one that an alternative replaces stands there."""
    others = shape.alternative.queues if shape.alternative else ()
    there = shape.replaced("queues", [each.name for each in others], queue.name)
    return QueueRow(
        path=there or shape.view.original(("topology", "queues", index)),
        name=queue.name,
        type=queue.type,
        durable=queue.durable,
        arguments=queue.arguments,
    )


def _policies(shape: _Shape, version: str) -> Iterator[PolicyRow]:
    """Yield the policies that are declared on this version, the operator's too."""
    own, changed = shape.view.contract.topology, shape.contract.topology
    yield from _rows(shape.view, "policies", own.policies, changed.policies, version)
    yield from _rows(
        shape.view, "operator_policies", own.operator_policies, changed.operator_policies, version
    )


def _rows(
    view: View,
    section: str,
    declared: Sequence[Policy],
    kept: Sequence[Policy],
    version: str,
) -> Iterator[PolicyRow]:
    for policy in kept:
        if not _ended(policy, version):
            yield PolicyRow(
                path=view.original(("topology", section, declared.index(policy))),
                name=policy.name,
                pattern=policy.pattern,
                apply_to=policy.apply_to,
                definition=policy.definition,
                priority=policy.priority,
                operator=section == "operator_policies",
            )


def _ended(policy: Policy, version: str) -> bool:
    try:
        return reached(policy.until, version)
    except UsageError:  # The loader says that `until` is no version.
        return False


def _clients(shape: _Shape, *, settings_known: bool) -> Clients:
    return Clients(
        producers=tuple(_placed(shape.view, "producers", shape.contract.producers)),
        consumers=tuple(_consumers(shape)),
        settings=tuple(_placed(shape.view, "broker_settings", shape.contract.broker_settings))
        if settings_known
        else None,
        requirements=tuple(_requirements(shape)),
    )


def _placed(view: View, section: str, parts: Sequence[T]) -> Iterator[tuple[Path, T]]:
    for i, each in enumerate(parts):
        yield view.original((section, i)), each


def _consumers(shape: _Shape) -> Iterator[tuple[Path, Consumer]]:
    others = shape.alternative.consumers if shape.alternative else ()
    for path, each in _placed(shape.view, "consumers", shape.contract.consumers):
        yield shape.replaced("consumers", [other.name for other in others], each.name) or path, each


def _requirements(shape: _Shape) -> Iterator[tuple[Path, Requirement]]:
    others = shape.alternative.requirements if shape.alternative else ()
    for path, row in _placed(shape.view, "requirements", shape.contract.requirements):
        yield shape.replaced("requirements", [each.id for each in others], row.id) or path, row
