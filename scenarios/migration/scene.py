"""One scope while it is played: its workers on each side, its publisher, and how it ends.

    workers ready, publisher ready -> go -> the load -> every queue empty -> workers stopped
        -> what is left is read out

A worker that ends by itself is started again, as a supervisor would: Celery gives up on some errors
of a broker. How often that was is part of the leg's evidence.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError
from gameday.traffic.celery.job import Load
from gameday.traffic.celery.ledger import TaskLedger
from gameday.traffic.celery.wiring import Wiring
from scenarios.migration.costs import Meter
from scenarios.migration.crew import Publisher, Worker
from scenarios.migration.sides import Depth, Side
from scenarios.migration.stand import Stand

PUBLISHER_READY_S = 30.0
LATE_S = 45.0
QUIET_S = 0.6
SETTLES_WITHIN_S = 100.0
RECONNECTS_S = 30.0
"""What lies ready is taken, unless no worker has come back for so long.

Celery's workers try again after 2, 4, 6 s and so on: they may be away longer than their broker.
"""
LOOK_EVERY_S = 4.0
RESTARTS_MOST = 30


@dataclass
class Scene:
    """What plays one scope."""

    stand: Stand
    scope: str
    workers: dict[str, list[Worker]] = field(default_factory=dict)
    publisher: Publisher | None = None
    offered: int = 0
    restarted: int = 0

    def __post_init__(self) -> None:
        self.meter = Meter(self.stand.folder)
        self._looked = 0.0

    def hire(self, side: Side, number: int, concurrency: int, wiring: Wiring) -> list[Worker]:
        """Start workers on a side; `ready` waits for them."""
        job = self.stand.job(self.scope, {side.row.id: wiring}, concurrency=concurrency)
        role = f"worker-{side.row.id}"
        hired = [self.stand.crew.start_worker(job, role) for _ in range(number)]
        self.workers.setdefault(side.row.id, []).extend(hired)
        return hired

    def publish(self, load: Load, wirings: Mapping[str, Wiring], route: str = "") -> Publisher:
        """Start the publisher; its load begins with `go`."""
        job = self.stand.job(self.scope, wirings, load, route)
        self.publisher = self.stand.crew.start_publisher(job)
        return self.publisher

    def ready(self) -> None:
        """Wait until every worker consumes and the publisher is connected."""
        for workers in self.workers.values():
            self.stand.crew.wait_ready(workers)
        if self.publisher is not None:
            self.publisher.heard("ready", PUBLISHER_READY_S)

    def go(self) -> int:
        """Let the load begin; return when that was."""
        assert self.publisher is not None
        self.meter.begin(self.groups())
        self.publisher.order("go")
        return int(self.publisher.heard("begun", 10)["ns"])

    def wait(self, for_s: float, what: str) -> None:
        """Let the load go on for a while."""
        until = time.monotonic() + for_s

        def passed() -> bool:
            self.look()
            return time.monotonic() >= until or self.stand.over.is_set()

        wait_until(passed, for_s + 60, what, poll_ms=50)

    def published(self, load: Load) -> None:
        """Wait until the publisher has handed everything over."""
        assert self.publisher is not None
        said = self.publisher.heard("done", load.for_s + LATE_S, between=self.look)
        self.offered = int(said["offered"])

    def look(self) -> None:
        """Start workers again that have ended by themselves, and note what all have cost."""
        for workers in self.workers.values():
            for place, worker in enumerate(workers):
                if worker.process.poll() is not None and not self.stand.over.is_set():
                    self.restarted += 1
                    if self.restarted > RESTARTS_MOST:
                        raise HarnessError(f"workers end again and again: {worker.last_words()}")
                    workers[place] = self.stand.crew.start_again(worker)
        if time.monotonic() - self._looked > LOOK_EVERY_S:
            self.meter.look(self.groups())
            self._looked = time.monotonic()

    def groups(self) -> dict[str, list[int]]:
        """Return the process ids of each kind."""
        everybody = [each for workers in self.workers.values() for each in workers]
        return {
            "broker": [pid for row in self.workers for pid in self.stand.sides[row].process_ids()],
            "worker": [each.pid for worker in everybody for each in worker.tree()],
            "publisher": [self.publisher.process.pid] if self.publisher is not None else [],
        }

    def settle(self, side: Side, within_s: float = SETTLES_WITHIN_S) -> str:
        """Wait until a side has nothing left to do; return what it keeps, empty if nothing.

        It keeps what nobody has taken or given back for as long as its row says that takes.
        """
        quiet = Quiet(side.row.comes_back_s)

        def settled() -> Depth | NotYet:
            self.look()
            if self.stand.over.is_set():
                raise HarnessError("the run is ending")
            return quiet.seen(side.depth(), time.monotonic())

        left = wait_until(
            settled, within_s, f"{side.row.label} settled", errors=(HarnessError,), poll_ms=100
        )
        return "" if left.is_empty else f"{left.ready} ready, {left.unacked} unacknowledged"

    def stop(self, row: str) -> list[str]:
        """Stop the workers of one side in good order; return those that had to be killed."""
        self.meter.look(self.groups())
        return self.stand.crew.stop(self.workers.pop(row, []))

    def close(self) -> None:
        """End what still runs of this scene, and write down what it cost."""
        self.meter.look(self.groups())
        everybody = [each for workers in self.workers.values() for each in workers]
        self.workers.clear()
        self.stand.crew.stop(everybody)
        if self.publisher is not None:
            self.publisher.end()
        self.meter.write(self.scope)

    def read_out(self, *sides: Side) -> dict[str, Any]:
        """Read what is left on the sides into a ledger, and journal that as the scope's drain."""
        ledger = TaskLedger(self.stand.folder, self.stand.run, self.scope, "drain")
        found: dict[str, Any] = {}
        trouble = []
        for side in sides:
            try:
                left = side.drain(ledger)
            except HarnessError as error:
                trouble.append(f"{side.row.label}: {error}")
                continue
            found[side.row.id] = left.as_json()
            trouble += [f"{side.row.label}: {left.trouble}"] if left.trouble else []
        ledger.close()
        detail = "; ".join(trouble) or f"read out: {found}"
        self.stand.journal.append("drain", gate=self.scope, ok=not trouble, detail=detail)
        return found


@dataclass
class Quiet:
    """Tells when nothing more will happen on a side."""

    comes_back_s: float
    last: Depth | None = None
    since: float = 0.0

    def seen(self, depth: Depth, now: float) -> Depth | NotYet:
        """Note a look; return it if it has not changed for long enough."""
        if depth != self.last:
            self.last, self.since = depth, now
        if now - self.since < self._needed_s(depth):
            return NotYet(f"{depth.ready} ready, {depth.unacked} unacknowledged")
        return depth

    def _needed_s(self, depth: Depth) -> float:
        if depth.is_empty:
            return QUIET_S
        return RECONNECTS_S if depth.ready else self.comes_back_s + 2
