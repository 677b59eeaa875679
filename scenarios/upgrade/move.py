"""What the steps of an upgrade have in common: both sides, the line to the load, the journal."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gameday.clusters.wait import NotYet, wait_until
from gameday.contracts.model import Contract
from gameday.errors import HarnessError
from gameday.history.sides import UPGRADE
from scenarios.crew import Crew
from scenarios.game import Game
from scenarios.upgrade.options import Ready
from scenarios.upgrade.sides import Both, Side, Start

CALLS_WITHIN_S = 60.0
ANSWERED_WITHIN_S = 30.0
POLL_MS = 100


@dataclass
class Move:
    """One upgrade while it is played. `game` is the run on blue, and later on green."""

    ready: Ready
    start: Start
    game: Game
    blue: Side
    seen: Both
    green_: Side | None = None
    moved: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def green(self) -> Side:
        """The new cluster, once it is there."""
        assert self.green_ is not None, "no step needs green before it is started"
        return self.green_

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """Journal a step's beginning and, unless it fails, its end with what it found out."""
        self.game.screen.step(name.replace("_", " "))
        self.game.journal.append(UPGRADE, step=name, at="begin")
        found: dict[str, Any] = {}
        yield found
        self.game.journal.append(UPGRADE, step=name, at="end", **found)

    def wait(self, for_s: float, what: str) -> None:
        """Let time pass under load."""
        self.game.screen.wait(for_s, what, self.watch)

    def until(self, question: Any, within_s: float, what: str) -> None:
        """Wait for a condition, looking after the load processes meanwhile."""

        def looked_after() -> bool | NotYet:
            self.watch()
            found: bool | NotYet = question()
            return found

        wait_until(looked_after, within_s, what, poll_ms=POLL_MS)

    def watch(self) -> None:
        """Fail when a load process of either side has ended by itself."""
        for side in filter(None, (self.blue, self.green_)):
            for member in side.crew.unmeant(self.game.board.meant):
                self.game.lost_members.append(member.name)
                raise HarnessError(
                    f"the load process {member.name} on {side.name} ended by itself (exit code "
                    f"{member.process.returncode}): see {self.start.folder}/logs/{member.name}.log"
                )

    def hand_over(self, old: Side, new: Side) -> None:
        """Let producers leave one side when all is answered there, and go on on the other."""
        board, leaving = self.game.board, old.processes("publisher")
        board.tell_processes(leaving, "stop")
        # The report that is on its way was made before the order, and the next one surely after.
        fresh = board.reports_of(leaving) + 2

        def answered() -> bool | NotYet:
            waiting = board.total_of(leaving, "unanswered")
            return (board.reports_of(leaving) >= fresh and not waiting) or NotYet(waiting)

        self.until(answered, ANSWERED_WITHIN_S, f"every publish to {old.name} answered")
        board.tell_processes(new.processes("publisher"), "start")

    def staff_green(self) -> None:
        """Start green's producers and consumers, connected and waiting: nobody takes anything."""
        board, green = self.game.board, self.green
        green.crew.start_all()
        people = green.processes("publisher") | green.processes("worker")
        pool = sum(each.pool for each in green.contract.producers)
        wanted = consumers_of(green.contract)

        def there() -> bool | NotYet:
            connected = board.total_of(people, "connected")
            consuming = board.total_of(people, "consuming")
            return (connected == pool and consuming == wanted) or NotYet(
                f"{connected} of {pool} connections, {consuming} of {wanted} consumers"
            )

        self.until(there, CALLS_WITHIN_S, "everybody connected to green")
        for client in board.clients():
            if client.pid in green.processes("worker"):
                board.rest(client.name)
        self.until(
            lambda: board.total_of(people, "consuming") == 0
            or NotYet(board.total_of(people, "consuming")),
            ANSWERED_WITHIN_S, "green's consumers wait",
        )  # fmt: skip

    def wake_green(self) -> None:
        """Let green's consumers consume."""
        board, green = self.game.board, self.green
        workers = green.processes("worker")
        for client in board.clients():
            if client.pid in workers:
                os.kill(client.pid, signal.SIGUSR1)
        wanted = consumers_of(green.contract)
        self.until(
            lambda: board.total_of(workers, "consuming") == wanted
            or NotYet(board.total_of(workers, "consuming")),
            ANSWERED_WITHIN_S, "green's consumers consume",
        )  # fmt: skip

    def dismiss(self, side: Side, role: str) -> None:
        """End a side's processes of a role in good order."""
        if not side.crew.stop(role):
            raise HarnessError(f"a {role} on {side.name} did not end in good order")


def consumers_of(contract: Contract) -> int:
    """Return how many consumers a system has."""
    return sum(each.workers * each.concurrency for each in contract.consumers)


def with_number(crew: Crew, game: Game) -> None:
    """Let a crew know the numbers under which its processes write their ledgers."""
    crew.number_of = game.board.number_of
