"""A run of workers with health endpoints, cut off twice and then overrun until one is added.

As `fake_declaring.py`: written down by rule, once a second. The first worker's connection is closed
for a while, and later swallowed without a word; then a flood makes its queue too deep, and a second
worker comes. `written` returns a `FakeRun`, so that a mutant can damage one thing.
"""

from functools import cache
from typing import Any

from gameday.contracts.model import Contract
from gameday.history.records import Flag, Kind, Result, pack_attempt
from tests.fake_folder import FakeRun, Journal
from tests.fake_tape import Tape
from tests.fake_telling import PLAN, Trouble, manifest, ns, tell_drain, tell_troubles

END_S = 60
SAFE = int(Flag.PUBLISH_MANDATORY | Flag.PUBLISH_PERSISTENT)
REFUSED = Trouble("refused", "cut_clients", "client_link", 10, 15, "", "r1", {"how": "reset"})
SILENT = Trouble("silent", "cut_clients", "client_link", 20, 29, "", "r1", {"how": "silent"})
FLOOD = Trouble("flood", "overload", "overload", 35, 45, "", "boss", {"factor": 3.0})
TROUBLES = (REFUSED, SILENT, FLOOD)
ADDED_S = 40
CRITERIA: dict[str, dict[str, Any]] = {
    "health_endpoint": {"consumer": "hand"},
    "scaling": {"consumer": "hand", "limit_s": 10},
}


def contract() -> Contract:
    """Return the contract of the run."""
    return Contract.model_validate({
        "system": "shop", "title": "Hands that are asked how they are",
        "topology": {"queues": [{"name": "work", "type": "quorum"}]},
        "messages": [{"name": "job", "schema": {"type": "object"}}],
        "producers": [{"name": "boss", "message": "job", "routing_key": "work", "pool": 1,
                       "rate_per_s": 10}],
        "consumers": [{"name": "hand", "queue": "work", "health": True, "scale_at_depth": 40,
                       "scale_to": 2}],
        "requirements": [
            {"id": f"shop-{number:02d}", "statement": f"What `{name}` holds.",
             "criteria": [{"check": name, "parameters": parameters}], "suites": ["smoke", "full"]}
            for number, (name, parameters) in enumerate(CRITERIA.items(), start=1)
        ],
    })  # fmt: skip


class Shop:
    """Writes the run down."""

    def __init__(self) -> None:
        self.journal = Journal()
        roles = ("locust", "hand", "hand", "drain")
        self.tapes = {number: Tape(number, role) for number, role in enumerate(roles, start=1)}
        self.channels: dict[int, int] = {}
        self.tags: dict[tuple[int, int], int] = {}
        self.probes: list[dict[str, Any]] = []
        self.samples: list[dict[str, Any]] = []

    def write(self) -> FakeRun:
        """Write everything, and return the run."""
        for number, tape in self.tapes.items():
            self.journal.add(ns(ADDED_S + 0.1 if number == 3 else 0), "process", process=number,
                             role=tape.role, pid=100 + number, state="started", meant=True,
                             code=None)  # fmt: skip
        self._open(1, "publish", 0.1, 1, client="boss", link=0)
        for epoch, at_s in enumerate((0.2, REFUSED.end_s + 0.2, SILENT.end_s + 0.2), start=1):
            self._consume(2, at_s, epoch)
        self._consume(3, ADDED_S + 0.5, 1)
        for second in range(1, END_S):
            self._message(second)
            self._look(second)
        self._tell()
        return self._run()

    def _consume(self, process: int, at_s: float, epoch: int) -> None:
        self._open(process, "consume", at_s, epoch, client=f"hand-{process}.0",
                   consumer=f"hand-{process}.0", queue="work", prefetch=10)  # fmt: skip

    def _open(self, process: int, role: str, at_s: float, epoch: int, **value: Any) -> None:
        """Open a connection; the one before was lost when its trouble began, or ended."""
        tape = self.tapes[process]
        who = {"role": role, "node": "r1", "heartbeat_s": 60, **value, "epoch": epoch}
        connection = tape.name("connection", who)
        channel = tape.name("channel", {**who, "connection": connection, "number": 1})
        if epoch > 1:
            lost_s = REFUSED.begin_s if epoch == 2 else SILENT.end_s
            tape.add(Kind.CONNECTION_CLOSED, ns(lost_s), channel=connection - 1, detail=0)
        tape.add(Kind.CONNECTION_OPENED, ns(at_s), channel=connection)
        tape.add(Kind.CHANNEL_OPENED, ns(at_s), channel=channel)
        self.channels[process] = channel

    def _message(self, second: int) -> None:
        """Publish one message a second; the worker that can takes it, each in turn when two can."""
        tape = self.tapes[1]
        who = {"sequence": second, "producer": 1, "attempt": pack_attempt(1, 0)}
        route = {"exchange": "", "routing_key": "work", "type": "job", "queues": ["work"],
                 "producer": "boss"}  # fmt: skip
        tape.add(Kind.INVOKE, ns(second), **who, tag=second, channel=self.channels[1],
                 priority=255, flags=SAFE, queue=tape.name("route", route))  # fmt: skip
        tape.add(Kind.CONFIRMED, ns(second + 0.003), tag=second, channel=self.channels[1])
        process = 3 if second > ADDED_S + 2 and second % 2 else 2
        away = [each for each in (REFUSED, SILENT) if each.begin_s <= second < each.end_s + 1]
        self._handle(process, away[0].end_s + 1.5 if away else second + 0.01, who)

    def _handle(self, process: int, at_s: float, who: dict[str, int]) -> None:
        tape = self.tapes[process]
        epochs = len(tape.names["channel"])
        channel = sum(at_s > each.end_s for each in (REFUSED, SILENT)) if epochs > 1 else 0
        tag = self.tags[process, channel] = self.tags.get((process, channel), 0) + 1
        where = {"tag": tag, "channel": channel}
        queue = tape.name("queue", "work")
        tape.add(Kind.DELIVERED, ns(at_s), **who, **where, queue=queue, priority=255)
        tape.add(Kind.HANDLED, ns(at_s + 0.01), **who, **where, queue=queue, extra=Result.DONE)
        tape.add(Kind.ACKED, ns(at_s + 0.011), **where)

    def _look(self, second: int) -> None:
        """Ask the endpoints, and look at the depth: it rises under the flood, and falls after."""
        refused = REFUSED.begin_s < second <= REFUSED.end_s
        silent = SILENT.begin_s + 3 < second <= SILENT.end_s
        reason = "no connection to the broker" if refused else (
            "the broker has not answered for 3.2 s" if silent else ""
        )  # fmt: skip
        self._probe(second, 2, reason)
        if second > ADDED_S + 1:
            self._probe(second, 3, "")
        rising = 10 * (second - FLOOD.begin_s)
        falling = 10 * (FLOOD.end_s - FLOOD.begin_s) - 20 * (second - FLOOD.end_s)
        depth = max(0, int(min(rising, falling)))
        self.samples.append({"time_ns": ns(second + 0.1), "depth": {"work": depth}, "unacked": {},
                             "alarms": [], "load": 0.1})  # fmt: skip

    def _probe(self, second: int, process: int, reason: str) -> None:
        self.probes.append({"time_ns": ns(second), "process": process, "name": "hand",
                            "status": 503 if reason else 200, "reason": reason,
                            "took_ms": 1.0})  # fmt: skip

    def _tell(self) -> None:
        """Journal the episodes, the worker that was added, and the drain."""
        self.journal.add(ns(ADDED_S), "scaled", consumer="hand", queue="work", depth=50, before=1,
                         after=2)  # fmt: skip
        tell_troubles(self.journal, TROUBLES)
        self._drain()

    def _drain(self) -> None:
        tape, at = self.tapes[4], ns(END_S + 1)
        self.journal.add(at - 1, "health", at="drain", healthy=True, views={"r1": ["r1"]},
                         partitions=[], alarms=[], detail="")  # fmt: skip
        connection = tape.name("connection", {"node": "r1", "role": "drain", "client": "drain"})
        tape.name("channel", {"connection": connection, "number": 1, "role": "drain"})
        tape.add(Kind.CONNECTION_OPENED, at, channel=connection)
        tape.add(Kind.CHANNEL_OPENED, at, channel=0)
        tell_drain(self.journal, tape, ("work",), END_S)

    def _run(self) -> FakeRun:
        tapes = list(self.tapes.values())
        return FakeRun(manifest(contract(), ("work",)), {**PLAN}, self.journal, tapes,
                       self.samples, [], probes=self.probes)  # fmt: skip


@cache
def written() -> FakeRun:
    """Return the good run, to be copied before it is damaged."""
    return Shop().write()
