"""A migration in memory: two brokers, workers and a rehearsal, as tapes that a mutant can damage.

`good()` is a run that ends GO: Redis serves first come, first served, RabbitMQ the urgent first.
Everything is written by the real `LedgerWriter`, so that what is judged went through files.
"""

import heapq
import json
import random
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from gameday.history.records import Disposition, Kind, Result, pack_attempt
from tests.fake_folder import Journal
from tests.fake_tape import Tape

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
ZERO_NS = 1_000 * SECOND
PUBLISHER, WORKER, DRAIN = 1, 2, 3
SLOTS = 20
RUN = "20300101T000000-migrate-evaluations-1"
RULES = {
    "at_once": 15, "at_once_s": 2, "step_faults": ["worker_kill"], "order_margin_ms": 100,
}  # fmt: skip
LOADS: dict[str, list[tuple[float, float, int]]] = {
    "light": [(0, 3, 40)],
    "saturation": [(0, 5, 150)],
    "burst": [(0, 0.2, 500), (2, 2.2, 500), (4, 4.2, 500)],
    "fault": [(0, 3, 120)],
    "sweep": [(0, 1, 150)],
    "trap": [(0, 0.5, 400)],
    "rehearsal": [(0, 3, 60)],
}
"""From, to and tasks a second, in seconds since the leg's beginning."""
ORDERS = {
    "strict": lambda priority: -priority,
    "steps": lambda priority: -(priority // 3),
    "reversed": lambda priority: priority,
    "fifo": lambda _: 0,
}
"""Whom a broker serves first, by the priority that was meant; of equals, whoever came first."""


@dataclass(frozen=True)
class Task:
    """One task of the schedule: when it is due, how urgent, how long it works, how it ends."""

    sequence: int
    due_s: float
    priority: int
    service_s: float
    result: Result = Result.DONE

    @property
    def disposition(self) -> Disposition:
        """What must become of it."""
        return Disposition.REJECT if self.result is Result.PERMANENT else Disposition.ACK


def schedule(kind: str, seed: int = 1) -> list[Task]:
    """Return the tasks of a load: the same for every row."""
    dice = random.Random(f"{kind} {seed}")
    due = [start + number / rate for start, end, rate in LOADS[kind]
           for number in range(round((end - start) * rate))]  # fmt: skip
    results = {7: Result.TIMED_OUT, 11: Result.PERMANENT}
    return [
        Task(number, at, dice.randrange(11), dice.uniform(0.1, 0.22),
             results.get(number % 40, Result.DONE) if kind == "light" else Result.DONE)
        for number, at in enumerate(due, start=1)
    ]  # fmt: skip


@dataclass
class FakeMigration:
    """A whole migration, in memory."""

    manifest: dict[str, Any]
    tapes: list[Tape] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    costs: list[dict[str, Any]] = field(default_factory=list)

    def tape(self, scope: str, process: int) -> Tape:
        """Return the tape of one process of a scope."""
        return next(one for one in self.tapes if (one.scope, one.process) == (scope, process))

    def leg(self, identity: str) -> dict[str, Any]:
        """Return a leg of the manifest."""
        return next(leg for leg in self.manifest["legs"] if leg["id"] == identity)

    def step(self, scope: str) -> dict[str, Any]:
        """Return a step of the rehearsal."""
        return next(step for step in self.manifest["rehearsal"] if step["scope"] == scope)

    def write(self, folder: Path) -> Path:
        """Write the run's folder."""
        (folder / "metrics").mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps(self.manifest), encoding="utf-8")
        for tape in self.tapes:
            tape.write(folder / "history" / tape.scope, RUN)
        self.journal.write(folder / "journal.jsonl")
        lines = "".join(json.dumps(each) + "\n" for each in self.costs)
        (folder / "metrics" / "costs.jsonl").write_text(lines, encoding="utf-8")
        return folder


def play(
    run: FakeMigration, scope: str, tasks: list[Task], begin_ns: int, *, order: str = "strict",
    struck_ns: int | None = None, keeps: bool = True, broker: str = "rabbitmq", slots: int = SLOTS,
) -> int:  # fmt: skip
    """Play a load on one broker, and return when its last task ended.

    When it is struck, the tasks in work begin and never end; a broker that keeps them hands them
    out again, another leaves them among the unacknowledged.
    """
    published, worked, found = (Tape(number, role, scope) for number, role in (
        (PUBLISHER, "publisher"), (WORKER, "worker"), (DRAIN, "drain")))  # fmt: skip
    run.tapes += [published, worked, found]
    ready = [_publish(published, task, begin_ns) for task in tasks]
    ends = _work(worked, found, tasks, ready, order, struck_ns, keeps, broker, slots)
    last = max(ends, default=begin_ns) + SECOND
    run.journal.add(last, "drain", gate=scope, ok=True, detail="0 left")
    for kind, cpu_s in (("broker", 1.5), ("worker", 12.0), ("publisher", 2.0)):
        run.costs.append({"leg": scope, "process": kind, "cpu_s": cpu_s, "rss_bytes": 150_000_000})
    return last


def _publish(tape: Tape, task: Task, begin_ns: int) -> int:
    """Write one publish and its confirm down, and return when the broker had it."""
    due = begin_ns + int(task.due_s * 1e9)
    route = tape.name("route", {"exchange": "", "routing_key": "evaluations", "type": "direct",
                                "queues": ["evaluations"]})  # fmt: skip
    channel = tape.name("channel", {"number": 1, "role": "publish"})
    tape.add(
        Kind.INVOKE, due + MILLISECOND, sequence=task.sequence, tag=task.sequence, detail=1000,
        producer=PUBLISHER, channel=channel, queue=route, attempt=pack_attempt(PUBLISHER, 0),
        priority=task.priority, extra=task.disposition,
    )  # fmt: skip
    tape.add(Kind.CONFIRMED, due + 3 * MILLISECOND, tag=task.sequence, channel=channel)
    return due + 2 * MILLISECOND


def _work(
    tape: Tape, drain: Tape, tasks: list[Task], ready: list[int], order: str,
    struck_ns: int | None, keeps: bool, broker: str, slots: int,
) -> list[int]:  # fmt: skip
    """Let workers take what is ready, the most urgent first; return when each task ended."""
    rank, tags = ORDERS[order], count(1)
    coming = sorted(zip(ready, tasks, strict=True), key=lambda pair: pair[0], reverse=True)
    waiting: list[tuple[int, int, int, Task]] = []
    free, ends = [(0, slot) for slot in range(slots)], []
    while coming or waiting:
        at, slot = heapq.heappop(free)
        while coming and (coming[-1][0] <= at or not waiting):
            when, task = coming.pop()
            at = max(at, when) if not waiting else at
            heapq.heappush(waiting, (rank(task.priority), when, task.sequence, task))
        _, when, _, task = heapq.heappop(waiting)
        begun = max(at, when) + 2 * MILLISECOND
        end = begun + int(task.service_s * 1e9)
        tag = next(tags)
        _begin(tape, task, (slot, tag), begun)
        if struck_ns is not None and begun <= struck_ns < end:
            end = struck_ns + SECOND // 5
            if keeps:
                coming.append((end, task))
                coming.sort(key=lambda pair: pair[0], reverse=True)
            else:
                find(drain, task, f"{broker} unacked")
        else:
            _end(tape, drain, task, (slot, tag), end, broker)
        heapq.heappush(free, (end, slot))
        ends.append(end)
    return ends


def _begin(tape: Tape, task: Task, where: tuple[int, int], at: int) -> None:
    slot, tag = where
    channel = tape.name("channel", {"number": slot, "role": "consume", "queue": "evaluations"})
    tape.add(
        Kind.DELIVERED, at, sequence=task.sequence, tag=tag, producer=PUBLISHER, channel=channel,
        queue=tape.name("queue", "evaluations"), attempt=pack_attempt(PUBLISHER, 0),
        priority=task.priority,
    )  # fmt: skip
    tape.add(Kind.STARTED, at, tag=tag, channel=channel)


def _end(
    tape: Tape, drain: Tape, task: Task, where: tuple[int, int], at: int, broker: str
) -> None:  # fmt: skip
    """End a task: its effect once, its ending on its channel, and a failure to the dead letters."""
    names = {Result.DONE: "completed", Result.PERMANENT: "failed", Result.TIMED_OUT: "timeout"}
    who = {"sequence": task.sequence, "producer": PUBLISHER}
    effects = ["applied"] if task.result is Result.DONE else []
    for effect in (*effects, f"evaluation:{names[task.result]}"):
        tape.add(Kind.EFFECT, at - MILLISECOND, detail=tape.name("effect", effect), **who)
    slot, tag = where
    channel = tape.name("channel", {"number": slot, "role": "consume", "queue": "evaluations"})
    tape.add(Kind.HANDLED, at, tag=tag, channel=channel, extra=task.result)
    if task.result is Result.PERMANENT and broker == "rabbitmq":
        find(drain, task, "evaluations.dlq")


def find(drain: Tape, task: Task, queue: str) -> None:
    """Let the drain find a task in a queue, long after all was over."""
    channel = drain.name("channel", {"number": 1, "role": "drain"})
    drain.add(
        Kind.DRAINED, ZERO_NS + 900 * SECOND, sequence=task.sequence, tag=len(drain.rows) + 1,
        producer=PUBLISHER, channel=channel, queue=drain.name("queue", queue),
        attempt=pack_attempt(PUBLISHER, 0), priority=task.priority,
    )  # fmt: skip
