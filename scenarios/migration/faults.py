"""What goes wrong in a leg: each fault strikes, is seen from outside, and is taken back.

A fault's times and what was seen go into the leg; intent, application and revert are in the
journal. It is entered as a context: leaving it puts right, whatever happened inside.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any

from gameday.clusters.processes import reference
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError
from scenarios.migration.crew import Crew, Worker
from scenarios.migration.sides import Depth, Side
from scenarios.migration.stand import Stand

LONG_LEAST = 10


@dataclass
class Stage:
    """What a fault may strike: a side and the workers on it, of which one is the victim."""

    side: Side
    crew: Crew
    workers: list[Worker]


@dataclass
class Struck:
    """What a fault did: when it was in force, and what was seen of it."""

    times_ns: list[int] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def fault_ns(self) -> list[int] | None:
        """When it was applied and reverted."""
        return self.times_ns if len(self.times_ns) == 2 else None


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: how it is applied and taken back, and for how long it lasts."""

    name: str
    apply: Callable[[Stage], dict[str, Any]]
    revert: Callable[[Stage], None]
    lasts_s: float


def _kill_worker(stage: Stage) -> dict[str, Any]:
    victim = stage.workers[0]
    before = stage.side.depth()
    struck = victim.kill()

    def gone() -> bool | NotYet:
        alive = [pid for pid in struck if reference(pid) is not None]
        return NotYet(f"{alive} live") if alive else True

    wait_until(gone, 5, f"{victim.name} killed", poll_ms=10)
    return {
        "observed": f"{victim.name}: {len(struck)} processes killed, none is there any more",
        "killed": victim.name, "pids": struck, "unacked_before": before.unacked,
        "ready_before": before.ready,
    }  # fmt: skip


def _replace_worker(stage: Stage) -> None:
    """Start another in its place, unless that was done already, as for any that has ended."""
    for place, worker in enumerate(stage.workers):
        if worker.process.poll() is not None:
            stage.workers[place] = stage.crew.start_again(worker)
    stage.crew.wait_ready(stage.workers)


def _kill_broker(stage: Stage) -> dict[str, Any]:
    seen = stage.side.kill()
    gone = reference(seen["pid"]) is None
    if not gone:
        raise HarnessError(f"{seen['killed']} lives after SIGKILL")
    return {"observed": f"{seen['killed']}: process {seen['pid']} is gone", **seen}


def _cut(how: Any) -> Callable[[Stage], dict[str, Any]]:
    def apply(stage: Stage) -> dict[str, Any]:
        before = stage.side.depth()
        seen = stage.side.cut(how)
        if not seen["cut"]:
            raise HarnessError("Toxiproxy reports no cut")
        return {"observed": f"Toxiproxy reports every client link {_words(how)}",
                "ready_before": before.ready, "unacked_before": before.unacked, **seen}  # fmt: skip

    return apply


def _silence_workers(stage: Stage) -> dict[str, Any]:
    before = stage.side.depth()
    seen = stage.side.silence_workers()
    if not seen["cut"]:
        raise HarnessError("Toxiproxy reports no cut, or not of the workers alone")
    return {"observed": "Toxiproxy reports the workers' links open and silent, and no others",
            "ready_before": before.ready, "unacked_before": before.unacked, **seen}  # fmt: skip


def _words(how: str) -> str:
    return "closed" if how == "reset" else "open and silent"


def _fill(stage: Stage) -> dict[str, Any]:
    before = stage.side.depth()
    seen = stage.side.fill()
    said = ", ".join(f"{name} {value}" for name, value in seen.items())
    return {"observed": f"memory full: {said}", "ready_before": before.ready,
            "unacked_before": before.unacked, **seen}  # fmt: skip


def _fill_disk(stage: Stage) -> dict[str, Any]:
    before = stage.side.depth()
    seen = stage.side.fill_disk()
    said = ", ".join(f"{name} {value}" for name, value in seen.items())
    return {"observed": f"disk full: {said}", "ready_before": before.ready,
            "unacked_before": before.unacked, **seen}  # fmt: skip


def _long(stage: Stage) -> dict[str, Any]:
    """See that tasks are held which take longer than Redis' hardened visibility timeout."""

    def held() -> Depth | NotYet:
        depth = stage.side.depth()
        return depth if depth.unacked >= LONG_LEAST else NotYet(f"{depth.unacked} held")

    depth = wait_until(held, 5, "long tasks are held", poll_ms=50)
    timeout = stage.side.row.options.get("visibility_timeout", "no")
    return {"observed": f"{depth.unacked} tasks of 7 s and more are held without an ack; "
            f"visibility_timeout: {timeout}", "unacked_before": depth.unacked}  # fmt: skip


FAULTS = {
    each.name: each
    for each in (
        Fault("worker_kill", _kill_worker, _replace_worker, 1.0),
        Fault("broker_kill", _kill_broker, lambda stage: stage.side.start(), 1.0),
        Fault("cut_link", _cut("reset"), lambda stage: stage.side.mend(), 2.0),
        Fault("silent_link", _cut("silent"), lambda stage: stage.side.mend(), 4.0),
        Fault("silent_workers", _silence_workers, lambda stage: stage.side.mend(), 4.0),
        Fault("memory_full", _fill, lambda stage: stage.side.make_room(), 3.0),
        Fault("disk_full", _fill_disk, lambda stage: stage.side.free_disk(), 3.0),
        Fault("long_tasks", _long, lambda _: None, 7.0),
    )
}
"""Every fault of a leg, by its name."""


@contextmanager
def struck(fault: Fault, stage: Stage, scope: str, stand: Stand) -> Iterator[Struck]:
    """Let a fault be in force for the time of a block."""
    done, journal = Struck(), stand.journal
    journal.append("strike", scope=scope, kind=fault.name, step="intent")
    try:
        done.evidence = fault.apply(stage)
        done.times_ns.append(monotonic_ns())
        journal.append("strike", scope=scope, kind=fault.name, step="applied", seen=done.evidence)
        yield done
    finally:
        if not stand.over.is_set():  # Else it ends with its broker.
            fault.revert(stage)
        done.times_ns.append(monotonic_ns())
        journal.append("strike", scope=scope, kind=fault.name, step="reverted")
