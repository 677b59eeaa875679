"""Scaling on a queue's depth: a worker is added when it crosses what the contract says.

It stands for whatever would do so in the system's place (an autoscaler, a supervisor): it sees the
depth that a monitor sees, once a second, adds one worker at a time, and journals why. Workers are
not taken away again: no plan says when.
"""

import threading
from collections.abc import Mapping

from chaos.journal import Journal
from gameday.contracts.model import Consumer, Contract
from gameday.errors import HarnessError
from scenarios.crew import Crew
from scenarios.switchboard import Switchboard


class Scaler:
    """Adds workers of the consuming services that have a threshold, while it is on."""

    def __init__(
        self, contract: Contract, crew: Crew, board: Switchboard, journal: Journal
    ) -> None:
        self._consumers = [each for each in contract.consumers if each.scale_at_depth]
        self._crew, self._board, self._journal = crew, board, journal
        self._wanted: dict[str, int] = {}
        self._is_on = threading.Event()

    def on(self) -> None:
        """Begin to look at depths."""
        self._wanted = {each.name: each.workers for each in self._consumers}
        self._is_on.set()

    def off(self) -> None:
        """Add nobody any more."""
        self._is_on.clear()

    def look(self, depths: Mapping[str, int]) -> None:
        """Add a worker of each service whose queue is too deep, unless the last one is on its way.

        A worker that was struck is its supervisor's business: it is wanted, and not added again.
        """
        if not self._is_on.is_set():
            return
        for consumer in self._consumers:
            depth, wanted = depths.get(consumer.queue, 0), self._wanted[consumer.name]
            if depth >= (consumer.scale_at_depth or 0) and self._may_grow(consumer, wanted):
                self._wanted[consumer.name] = wanted + 1
                self._journal.append(
                    "scaled", consumer=consumer.name, queue=consumer.queue, depth=depth,
                    before=wanted, after=wanted + 1,
                )  # fmt: skip
                self._add(consumer.name)

    def _add(self, name: str) -> None:
        """Start one; that it cannot be started must not end the thread that looks at depths."""
        try:
            self._crew.add_workers(name, 1)
        except HarnessError as error:
            self._journal.append("harness_failed", reason=str(error))

    def _may_grow(self, consumer: Consumer, wanted: int) -> bool:
        here = sum(each.name == consumer.name for each in self._board.callers("worker"))
        return wanted < (consumer.scale_to or wanted) and here >= wanted
