"""A run of a system that tells timeouts apart from failures, written by rule: no fault, 120 tasks.

Every fourth task hangs and is stopped, every seventh fails, and the others are done. Each ending is
told on a channel of its own, and stored once. `written` returns a `TimeoutRun`, whose state store a
mutant can damage too.
"""

import sqlite3
import zlib
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from gameday.contracts.model import Contract
from gameday.history.records import Disposition, Flag, Kind, Result, pack_attempt
from gameday.history.states import FILE
from gameday.traffic.states import TABLES
from tests.fake_folder import FakeRun, Journal
from tests.fake_tape import Tape
from tests.fake_telling import PLAN, manifest, ns, tell_drain

TASKS, END_S = 120, 40.0
CHANNELS = {"done": "task:done", "failed": "task:failed", "timed_out": "task:timeout"}
RESULTS = {"done": Result.DONE, "failed": Result.PERMANENT, "timed_out": Result.TIMED_OUT}
QUEUES = ("tasks", "tasks.dead", *CHANNELS.values())
SAFE = int(Flag.PUBLISH_MANDATORY | Flag.PUBLISH_PERSISTENT)


def contract() -> Contract:
    """Return the contract of the run."""
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "tasks.dead"}
    return Contract.model_validate({
        "system": "tasks", "title": "Tasks and how they end", "nodes": 1,
        "topology": {"queues": [
            {"name": "tasks", "type": "classic", "arguments": dead},
            *({"name": name, "type": "classic"} for name in QUEUES[1:]),
        ]},
        "messages": [{"name": name, "schema": {"type": "object"}, "correlation": "task_id"}
                     for name in ("task", *CHANNELS)],
        "producers": [{"name": "api", "message": "task", "routing_key": "tasks", "rate_per_s": 4,
                       "pool": 1, "mix": {"timed_out": 0.25, "permanent": 0.1}}],
        "consumers": [
            {"name": "worker", "queue": "tasks", "timeout_ms": 500, "tracks": True,
             "emits": [{"when": when, "message": when, "routing_key": queue}
                       for when, queue in CHANNELS.items()]},
            *({"name": f"storage-{when}", "queue": queue, "stores": when}
              for when, queue in CHANNELS.items()),
        ],
        "requirements": [
            {"id": "tasks-01", "statement": "Timeouts are told apart.", "suites": ["smoke", "full"],
             "criteria": [{"check": "timeouts_apart", "parameters": {"consumer": "worker"}},
                          {"check": "effects"}]},
        ],
    })  # fmt: skip


@dataclass
class TimeoutRun(FakeRun):
    """A run with a state store."""

    working: set[str] = field(default_factory=set)
    stored: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write the run folder with its state store, and return it."""
        super().write(folder)
        (folder / FILE).parent.mkdir()
        with closing(sqlite3.connect(folder / FILE)) as store:
            for table in TABLES:
                store.execute(table)
            store.executemany("INSERT INTO working VALUES (?)", [(each,) for each in self.working])
            store.executemany("INSERT INTO stored VALUES (?, ?)", self.stored.items())
            store.commit()
        return folder


def name_of_chain(sequence: int) -> str:
    """Return the id of the chain that a task of process 1 begins, as `Source` writes it."""
    return f"{1:08x}-0000-4000-9000-{sequence:012x}"


def ending(sequence: int) -> str:
    """Return how a task ends."""
    return "timed_out" if sequence % 4 == 0 else "failed" if sequence % 7 == 0 else "done"


class Tasks:
    """Writes the run down: publisher 1, worker 2, three storage workers, the drain."""

    def __init__(self) -> None:
        self.journal = Journal()
        roles = ("locust", "worker", *(f"storage-{when}" for when in CHANNELS), "drain")
        self.tapes = {number: Tape(number, role) for number, role in enumerate(roles, start=1)}
        self.storage = dict(zip(CHANNELS, (3, 4, 5), strict=True))
        self.tags: dict[tuple[int, int], int] = {}
        self.stored: dict[str, str] = {}

    def write(self) -> TimeoutRun:
        """Write everything, and return the run."""
        for number, tape in self.tapes.items():
            self.journal.add(ns(0), "process", process=number, role=tape.role, pid=100 + number,
                             state="started", meant=True, code=None)  # fmt: skip
            queue = {2: "tasks", 3: "task:done", 4: "task:failed", 5: "task:timeout"}.get(number)
            for place, role in enumerate(("consume", "publish")):
                who = {"role": role, "node": "r1", "client": tape.role, "queue": queue,
                       "prefetch": 10, "connection": place}  # fmt: skip
                tape.name("connection", who)
                tape.name("channel", who)
                tape.add(Kind.CONNECTION_OPENED, ns(0), channel=place)
                tape.add(Kind.CHANNEL_OPENED, ns(0), channel=place)
        self.journal.add(ns(1), "phase", name="baseline", at="begin")
        for sequence in range(1, TASKS + 1):
            self._task(sequence, 1 + sequence / 4)
        self._drain()
        return self._run()

    def _tag(self, process: int, channel: int) -> dict[str, int]:
        self.tags[process, channel] = self.tags.get((process, channel), 0) + 1
        return {"channel": channel, "tag": self.tags[process, channel]}

    def _publish(
        self, process: int, at_s: float, who: dict[str, int], kind: str, queue: str, extra: int = 0
    ) -> None:
        tape, where = self.tapes[process], self._tag(process, 1)
        by = {"producer": "api"} if process == 1 else {"emitted_by": "worker"}
        route = {"exchange": "", "routing_key": queue, "type": kind, "queues": [queue], **by}
        tape.add(Kind.INVOKE, ns(at_s), **who, **where, queue=tape.name("route", route),
                 priority=255, flags=SAFE, extra=extra)  # fmt: skip
        tape.add(Kind.CONFIRMED, ns(at_s + 0.002), **where)

    def _deliver(
        self, process: int, at_s: float, who: dict[str, int], queue: str, result: Result
    ) -> dict[str, int]:
        tape, where = self.tapes[process], self._tag(process, 0)
        index = tape.name("queue", queue)
        tape.add(Kind.DELIVERED, ns(at_s), **who, **where, queue=index, priority=255)
        tape.add(Kind.HANDLED, ns(at_s + 0.01), **who, **where, queue=index, extra=result)
        dead = result is Result.PERMANENT
        tape.add(Kind.REJECTED if dead else Kind.ACKED, ns(at_s + 0.03), **where)
        return where

    def _task(self, sequence: int, due_s: float) -> None:
        """Let a task fall due, be handled, end, be told and be stored."""
        how, chain = ending(sequence), zlib.crc32(name_of_chain(sequence).encode())
        who = {"sequence": sequence, "producer": 1, "attempt": pack_attempt(1, 0)}
        self.tapes[1].add(Kind.CAUSED, ns(due_s), sequence=sequence, producer=1, detail=chain)
        fate = Disposition.REJECT if how == "failed" else Disposition.ACK
        self._publish(1, due_s, who, "task", "tasks", int(fate))
        parent = self._deliver(2, due_s + 0.003, who, "tasks", RESULTS[how])
        event = {"sequence": sequence, "producer": 2, "attempt": pack_attempt(2, 0)}
        self.tapes[2].add(Kind.CAUSED, ns(due_s + 0.014), **event, **parent, detail=chain)
        self._publish(2, due_s + 0.015, event, how, CHANNELS[how])
        process = self.storage[how]
        self._deliver(process, due_s + 0.018, event, CHANNELS[how], Result.DONE)
        tape = self.tapes[process]
        tape.add(Kind.EFFECT, ns(due_s + 0.029), **event,
                 detail=tape.name("effect", name_of_chain(sequence)))  # fmt: skip
        self.stored[name_of_chain(sequence)] = how

    def _drain(self) -> None:
        tape = self.tapes[6]
        for sequence in range(1, TASKS + 1):
            if ending(sequence) == "failed":
                deaths = [{"queue": "tasks", "reason": "rejected", "count": 1}]
                tape.add(Kind.DRAINED, ns(END_S + 4.8), sequence=sequence, producer=1, priority=255,
                         attempt=pack_attempt(1, 0), queue=tape.name("queue", "tasks.dead"),
                         detail=tape.name("deaths", deaths) + 1, **self._tag(6, 0),
                         extra=1)  # fmt: skip
        tell_drain(self.journal, tape, QUEUES, END_S)

    def _run(self) -> TimeoutRun:
        tapes = list(self.tapes.values())
        return TimeoutRun(manifest(contract(), QUEUES), {**PLAN}, self.journal, tapes, [], [],
                          working=set(), stored=self.stored)  # fmt: skip


@cache
def written() -> TimeoutRun:
    """Return the good run, to be copied before it is damaged."""
    return Tasks().write()
