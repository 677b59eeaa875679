"""A scenario: a claim in one sentence, and the faults under which it is put to the test.

Scenarios are values; `scenarios/library/` has them by family, and a contract's `suites` say which
are played, in which order, and where its own times or targets differ. What is judged is what the
contract promises: a scenario only makes the trouble.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.catalogue import field_names
from chaos.plan import Entry, Episode
from gameday.contracts.model import Consumer, Contract, Play
from gameday.contracts.topology import route
from gameday.errors import UsageError


@dataclass(frozen=True)
class Cast:
    """Who takes part in a scenario: a system, the target in it, and the contract's parameters.

    `target` is a queue, or for some scenarios a service; without one in the contract it is the
    busiest queue.
    """

    contract: Contract
    target: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def entry(self, kind: str, target: str | None, **parameters: Any) -> Entry:
        """Return a fault with its parameters; those of the contract that it knows come first."""
        known = field_names(kind)
        own = {name: value for name, value in self.parameters.items() if name in known}
        return Entry(kind=kind, target=target, parameters={**parameters, **own})

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node of the system's broker."""
        return tuple(f"r{number}" for number in range(1, self.contract.nodes + 1))

    @property
    def leader(self) -> str:
        """The node that leads the target, whichever that is when the episode begins."""
        return f"leader of {self.target}"

    @property
    def busiest(self) -> str:
        """The producer of the highest rate."""
        return max(self.contract.producers, key=lambda each: each.rate_per_s).name

    @property
    def consumer(self) -> Consumer:
        """The service that consumes the target."""
        for each in self.contract.consumers:
            if self.target in {each.queue, each.name}:
                return each
        raise UsageError(
            f"{self.contract.system}: suites: nobody consumes {self.target!r}; give a scenario a "
            "target that has a consumer."
        )


@dataclass(frozen=True)
class Scenario:
    """What is claimed, how long its faults last, how long to recover, and the faults."""

    name: str
    claim: str
    for_s: float
    recover_s: float
    faults: Callable[[Cast], tuple[Entry, ...]]

    def episode(self, contract: Contract, play: Play, number: int = 1) -> Episode:
        """Return it as an episode of a contract's suite; its time in the plan is left open."""
        cast = Cast(contract, play.target or main_queue(contract), play.parameters)
        faults = self.faults(cast)
        known = {name for entry in faults for name in field_names(entry.kind)[1:]}
        for unknown in sorted(play.parameters.keys() - known):
            raise UsageError(
                f"{contract.system}: suites: {self.name} knows no parameter {unknown!r}, but "
                f"{', '.join(sorted(known)) or 'none'}."
            )
        name = self.name if number == 1 else f"{self.name}-{number}"
        return Episode(
            id=name,
            name=name,
            claim=self.claim,
            at_s=0,
            for_s=self.for_s if play.for_s is None else play.for_s,
            recover_s=self.recover_s if play.recover_s is None else play.recover_s,
            faults=faults,
        )


def main_queue(contract: Contract) -> str:
    """Return the queue that the victim leads: where the busiest producer's messages end up."""
    consumed = {consumer.queue for consumer in contract.consumers}
    for producer in sorted(contract.producers, key=lambda each: -each.rate_per_s):
        for queue in route(contract.topology, producer.exchange, producer.routing_key):
            if queue in consumed:
                return queue
    raise UsageError(f"{contract.system}: no producer sends to a queue that a consumer empties.")
