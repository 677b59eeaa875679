"""A run of clients that declare what they use, and lose a binding and a node meanwhile.

As `fake_chain.py`: each message's story follows from when it falls due. `written` returns a
`FakeRun`, so that a mutant can damage one thing.
"""

from functools import cache
from typing import Any

from gameday.contracts.model import Contract
from gameday.history.records import Flag, Kind, Result, pack_attempt
from tests.fake_folder import FakeRun, Journal
from tests.fake_tape import Tape
from tests.fake_telling import PLAN, Trouble, manifest, ns, tell_drain, tell_troubles

END_S = 40.0
SAFE = int(Flag.PUBLISH_MANDATORY | Flag.PUBLISH_PERSISTENT)
WHERE = {"exchange": "jobs", "routing_key": "job.v1"}
UNBOUND = Trouble("unbound", "remove_binding", "operator", 10, 14, "", "work", WHERE)
KILLED = Trouble("killed", "kill_node", "node_kill", 20, 25, "", "r1")
TROUBLES = (UNBOUND, KILLED)
CRITERIA: dict[str, dict[str, Any]] = {"declarations": {}, "unroutable": {"least": 20}}


def contract() -> Contract:
    """Return the contract of the run."""
    return Contract.model_validate({
        "system": "forge", "title": "Jobs of a forge",
        "topology": {
            "exchanges": [{"name": "jobs", "type": "direct"}],
            "queues": [{"name": "work", "type": "quorum"}],
            "bindings": [{"queue": "work", **WHERE}],
        },
        "messages": [{"name": "job", "schema": {"type": "object"}}],
        "producers": [{"name": "forge", "message": "job", **WHERE, "pool": 1, "rate_per_s": 10,
                       "declares": True}],
        "consumers": [{"name": "orchestrator", "queue": "work", "declares": True}],
        "requirements": [
            {"id": f"forge-{number:02d}", "statement": f"What `{name}` holds.",
             "criteria": [{"check": name, "parameters": parameters}], "suites": ["smoke", "full"]}
            for number, (name, parameters) in enumerate(CRITERIA.items(), start=1)
        ],
    })  # fmt: skip


class Forge:
    """Writes the run down."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.tapes = {
            number: Tape(number, role)
            for number, role in enumerate(("locust", "orchestrator", "drain"), start=1)
        }
        self.channels = {1: 0, 2: 0}
        self.tags: dict[tuple[int, int], int] = {}

    def write(self) -> FakeRun:
        """Write everything, and return the run."""
        for number, tape in self.tapes.items():
            self.journal.add(ns(0), "process", process=number, role=tape.role, pid=100 + number,
                             state="started", meant=True, code=None)  # fmt: skip
        for epoch, at_s in enumerate((0.0, KILLED.begin_s + 1, KILLED.end_s + 1), start=1):
            self._open(1, "publish", at_s, epoch, client="forge", link=0)
            self._open(2, "consume", at_s, epoch, client="orchestrator-2.0", queue="work",
                       prefetch=10)  # fmt: skip
            self._send(at_s + 0.5, (KILLED.begin_s, KILLED.end_s, END_S)[epoch - 1] - 0.5)
        return self._run()

    def _open(self, process: int, role: str, at_s: float, epoch: int, **value: Any) -> None:
        """Open a connection, after the loss of the one before, and declare what it uses."""
        tape = self.tapes[process]
        who = {"role": role, "node": "r1", "heartbeat_s": 60, **value, "epoch": epoch}
        connection = tape.name("connection", who)
        channel = tape.name("channel", {**who, "connection": connection, "number": 1})
        if epoch > 1:
            tape.add(Kind.CONNECTION_CLOSED, ns(at_s - 0.1), channel=connection - 1, detail=320)
        tape.add(Kind.CONNECTION_OPENED, ns(at_s), channel=connection)
        tape.add(Kind.CHANNEL_OPENED, ns(at_s), channel=channel)
        tape.add(Kind.DECLARED, ns(at_s + 0.01), channel=channel, detail=200, tag=9000)
        self.channels[process] = channel

    def _send(self, from_s: float, to_s: float) -> None:
        """Publish ten a second: handled, or returned while the binding is gone."""
        for number in range(int((to_s - from_s) * 10)):
            self._message(from_s + number / 10)

    def _message(self, at_s: float) -> None:
        tape, channel = self.tapes[1], self.channels[1]
        tag = self.tags[1, channel] = self.tags.get((1, channel), 0) + 1
        sequence = len(tape.of(Kind.INVOKE))
        who = {"sequence": sequence, "producer": 1, "attempt": pack_attempt(1, 0)}
        route = {**WHERE, "type": "job", "queues": ["work"], "producer": "forge"}
        tape.add(Kind.INVOKE, ns(at_s), **who, tag=tag, channel=channel, priority=255, flags=SAFE,
                 queue=tape.name("route", route))  # fmt: skip
        gone = UNBOUND.begin_s <= at_s < UNBOUND.end_s
        if gone:
            tape.add(Kind.RETURNED, ns(at_s + 0.002), **who, detail=312)
        tape.add(Kind.CONFIRMED, ns(at_s + 0.003), tag=tag, channel=channel)
        if not gone:
            self._handle(at_s + 0.004, who)

    def _handle(self, at_s: float, who: dict[str, int]) -> None:
        tape, channel = self.tapes[2], self.channels[2]
        tag = self.tags[2, channel] = self.tags.get((2, channel), 0) + 1
        where = {"tag": tag, "channel": channel}
        queue = tape.name("queue", "work")
        tape.add(Kind.DELIVERED, ns(at_s), **who, **where, queue=queue, priority=255)
        tape.add(Kind.HANDLED, ns(at_s + 0.01), **who, **where, queue=queue, extra=Result.DONE)
        tape.add(Kind.ACKED, ns(at_s + 0.011), **where)

    def _run(self) -> FakeRun:
        tell_troubles(self.journal, TROUBLES)
        tell_drain(self.journal, self.tapes[3], ("work",), END_S)
        tapes = list(self.tapes.values())
        return FakeRun(manifest(contract(), ("work",)), {**PLAN}, self.journal, tapes, [], [])


@cache
def written() -> FakeRun:
    """Return the good run, to be copied before it is damaged."""
    return Forge().write()
