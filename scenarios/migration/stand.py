"""What all legs and steps of one migration hold in common, and how several are played at once.

Legs are played in threads, so that the main thread shows how far they are and hears Ctrl-C. Once a
run is ending, `is_over` keeps faults from being put right that end with their broker.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from chaos.journal import Journal
from gameday.traffic.celery.job import Job, Load
from gameday.traffic.celery.wiring import Wiring
from scenarios.migration.crew import Crew
from scenarios.migration.own import Own
from scenarios.migration.sides import Side
from scenarios.screen import Screen

T = TypeVar("T")

LONGEST_S = 900.0


@dataclass
class Stand:
    """Where a migration is played."""

    folder: Path
    sides: Mapping[str, Side]
    crew: Crew
    journal: Journal
    screen: Screen
    guard: Callable[[], None] = lambda: None
    over: threading.Event = field(default_factory=threading.Event)
    own: Own | None = None

    @property
    def run(self) -> str:
        """The run's name, which its ledgers carry."""
        return self.folder.name

    def job(
        self, scope: str, wirings: Mapping[str, Wiring], load: Load | None = None, route: str = "",
        concurrency: int = 1,
    ) -> Job:  # fmt: skip
        """Return what a process of a scope is told."""
        app, tasks = ("", ()) if self.own is None else (self.own.app, self.own.tasks)
        return Job(scope, self.run, wirings, app, tasks, load, route, concurrency)

    def together(self, what: str, parts: Sequence[Callable[[], T]]) -> list[T]:
        """Play parts at the same time, and return what they returned."""
        pool, played = ThreadPoolExecutor(max_workers=len(parts)), False
        try:
            futures: list[Future[T]] = [pool.submit(part) for part in parts]
            self.screen.until(lambda: self._done(futures), LONGEST_S, what)
            found = [each.result() for each in futures]
            played = True
            return found
        finally:
            if not played:
                self.end()  # Whoever waits for its processes has lost them, and ends.
            pool.shutdown(wait=True, cancel_futures=True)

    def end(self) -> None:
        """Let nothing go on: every process of Celery's is ended at once."""
        self.over.set()
        self.crew.close()

    def _done(self, futures: Sequence["Future[T]"]) -> bool:
        self.guard()
        return all(each.done() for each in futures)
