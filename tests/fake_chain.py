"""A run of a system whose consumers emit, climb a ladder and are taken to task, written by rule.

As in `fake_outage.py`, each message's story follows from when it falls due. Clients are silenced,
then refused for longer than a row of tries lasts; a worker hangs, and the broker takes from it what
it holds. `written` returns a `FakeRun`, so that a mutant can damage one thing.
"""

import zlib
from functools import cache
from typing import Any

from gameday.contracts.model import Contract
from gameday.history.records import Death, Disposition, Flag, Kind, Result, pack_attempt
from tests.fake_folder import FakeRun, Journal
from tests.fake_tape import Tape
from tests.fake_telling import PLAN, Trouble, manifest, ns, tell_drain, tell_troubles

END_S, EVERY_S, TRIES, TIMEOUT_S, HELD_S = 75.0, 5.0, 3, 5.0, 8.0
STEPS = {"work.retry.1": 1000, "work.retry.2": 2000}
QUEUES = ("work", "told", "work.dead", *STEPS)
SAFE = int(Flag.PUBLISH_MANDATORY | Flag.PUBLISH_PERSISTENT)
SILENT = Trouble("silent", "cut_clients", "client_link", 20, 24, "", parameters={"how": "silent"})
REFUSED = Trouble("refused", "cut_clients", "client_link", 34, 50, "")
WEDGED = Trouble("wedged", "wedge_client", "client", 58, 67, "", "worker of work")
TROUBLES = (SILENT, REFUSED, WEDGED)
TOLD_S = REFUSED.begin_s + EVERY_S * (TRIES - 1)
BACK_S = TOLD_S + 0.1 + EVERY_S * 2
"""When the second row of tries, which a call began, has found the broker again."""

CRITERIA: dict[str, dict[str, Any]] = {
    "routed": {"least": 20},
    "correlation": {"least": 100},
    "ladder": {"tolerance_ms": 500},
    "publish_timeout": {"limit_ms": TIMEOUT_S * 1000, "tolerance_ms": 200},
    "reconnects": {},
    "performance": {"least_per_s": 10, "p99_ms": 100, "memory_share": 0.5},
    "consumer_timeout": {"consumer": "worker", "limit_s": HELD_S, "tolerance_s": 2},
}


def contract() -> Contract:
    """Return the contract of the run."""
    back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work"}
    asked = {"exchange": "asks", "routing_key": "asked"}
    return Contract.model_validate({
        "system": "chain", "title": "Requests and what they cause", "nodes": 1,
        "topology": {
            "exchanges": [{"name": "asks", "type": "direct"}, {"name": "tells", "type": "fanout"},
                          {"name": "dlx", "type": "direct"}],
            "queues": [
                {"name": "work", "type": "quorum",
                 "arguments": {"x-dead-letter-exchange": "dlx",
                               "x-dead-letter-routing-key": "work"}},
                {"name": "told", "type": "quorum"}, {"name": "work.dead", "type": "quorum"},
                *({"name": name, "type": "quorum", "arguments": {"x-message-ttl": ttl, **back}}
                  for name, ttl in STEPS.items()),
            ],
            "bindings": [{"queue": "work", **asked}, {"exchange": "tells", "queue": "told"},
                         {"exchange": "dlx", "queue": "work.dead", "routing_key": "work"}],
        },
        "messages": [{"name": name, "schema": {"type": "object"}, "correlation": "chain"}
                     for name in ("Asked", "Done")],
        "producers": [{"name": "api", "message": "Asked", **asked, "pool": 1, "rate_per_s": 10,
                       "reconnect": {"every_ms": EVERY_S * 1000, "attempts": TRIES}}],
        "consumers": [
            {"name": "worker", "queue": "work", "workers": 2, "attempts": 3, "retry": "ladder",
             "ladder": [{"queue": name, "delay_ms": ttl} for name, ttl in STEPS.items()],
             "emits": [{"when": "done", "message": "Done", "exchange": "tells"}]},
            {"name": "teller", "queue": "told"},
        ],
        "requirements": [
            {"id": f"chain-{number:02d}", "statement": f"What `{name}` holds.",
             "criteria": [{"check": name, "parameters": parameters}], "suites": ["smoke", "full"]}
            for number, (name, parameters) in enumerate(CRITERIA.items(), start=1)
        ],
    })  # fmt: skip


class Chain:
    """Writes the run down."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.tapes = {number: Tape(number, role) for number, role in enumerate(
            ("locust", "worker", "worker", "teller", "drain"), start=1)}  # fmt: skip
        self.channels: dict[tuple[int, str], int] = {}
        self.tags: dict[tuple[int, int], int] = {}
        self.sequences = dict.fromkeys(self.tapes, 0)

    def write(self) -> FakeRun:
        """Write everything, and return the run."""
        for number, tape in self.tapes.items():
            self.journal.add(ns(0), "process", process=number, role=tape.role, pid=100 + number,
                             state="started", meant=True, code=None)  # fmt: skip
        self._link(1, "publish", 0, client="api", link=0)
        for number in (2, 3):
            self._link(number, "consume", 0, client="worker", queue="work", prefetch=10)
            self._link(number, "publish", 0, client=f"republish-{number}", link=0)
        self._link(4, "consume", 0, client="teller", queue="told", prefetch=10)
        for number in range(int((END_S - 5) * 10)):
            self._ask(number, round(1 + number / 10, 6))
        self._tries()
        return self._run()

    def _link(self, process: int, role: str, at_s: float, **value: Any) -> None:
        tape = self.tapes[process]
        who = {"role": role, "node": "r1", "heartbeat_s": 60, **value, "epoch": at_s}
        connection = tape.name("connection", who)
        channel = tape.name("channel", {**who, "connection": connection, "number": 1})
        tape.add(Kind.CONNECTION_OPENED, ns(at_s), channel=connection)
        tape.add(Kind.CHANNEL_OPENED, ns(at_s), channel=channel)
        self.channels[process, role] = channel

    def _tag(self, process: int, role: str) -> dict[str, int]:
        channel = self.channels[process, role]
        self.tags[process, channel] = self.tags.get((process, channel), 0) + 1
        return {"channel": channel, "tag": self.tags[process, channel]}

    def _number(self, process: int) -> int:
        self.sequences[process] += 1
        return self.sequences[process]

    def _publish(
        self, process: int, at_s: float, who: dict[str, int], route: dict[str, Any], **more: int
    ) -> dict[str, int]:
        """Publish and confirm, but for what falls silent."""
        tape, where = self.tapes[process], self._tag(process, "publish")
        index = tape.name("route", route)
        tape.add(Kind.INVOKE, ns(at_s), **who, **where, queue=index, priority=255,
                 **{"flags": SAFE, **more})  # fmt: skip
        if process == 1 and SILENT.begin_s <= at_s < SILENT.end_s:
            tape.add(Kind.UNKNOWN, ns(at_s + TIMEOUT_S + 0.02), **who, **where, queue=index,
                     detail=tape.name("reason", "no confirm in time"))  # fmt: skip
        else:
            tape.add(Kind.CONFIRMED, ns(at_s + 0.002), **where)
        return where

    def _ask(self, number: int, due_s: float) -> None:
        """Let a request fall due: sent, sent again, told, or held until the broker is back."""
        sequence = self._number(1)
        chain = zlib.crc32(f"chain-{sequence}".encode())
        who = {"sequence": sequence, "producer": 1, "attempt": pack_attempt(1, 0)}
        tape = self.tapes[1]
        tape.add(Kind.CAUSED, ns(due_s), sequence=sequence, producer=1, detail=chain)
        fails = {3: 1, 7: 9}.get(number % 20, 0)
        extra = int(Disposition.REJECT) if fails == 9 else 0
        route = {"exchange": "asks", "routing_key": "asked", "type": "Asked", "queues": ["work"],
                 "producer": "api"}  # fmt: skip
        if REFUSED.begin_s <= due_s < TOLD_S:
            at, index = ns(TOLD_S + 0.05), tape.name("route", route)
            reason = tape.name("reason", "gave up reconnecting")
            tape.add(Kind.INVOKE, at, **who, queue=index, priority=255, extra=extra,
                     flags=SAFE | int(Flag.PUBLISH_HELD_DISCONNECTED))  # fmt: skip
            tape.add(Kind.FAILED, at, **who, queue=index, detail=reason)
            return
        sent_s = BACK_S + 0.01 if TOLD_S <= due_s < BACK_S else due_s
        if SILENT.begin_s <= sent_s < SILENT.end_s:
            self._publish(1, sent_s, who, route, extra=extra)
            who, sent_s = {**who, "attempt": pack_attempt(1, 1)}, sent_s + TIMEOUT_S + 0.12
        self._publish(1, sent_s, who, route, extra=extra)
        self._work(sent_s + 0.003, who, chain, fails)

    def _work(self, at_s: float, who: dict[str, int], chain: int, fails: int) -> None:
        """Let a worker take a request: it answers, or the request climbs, or it dies."""
        died: str | None = None
        for tries in range(1, len(STEPS) + 2):
            process, where, at_s = self._take(at_s, who, chain, died)
            result = Result.TRANSIENT if tries <= fails else Result.DONE
            tape = self.tapes[process]
            tape.add(Kind.HANDLED, ns(at_s + 0.01), **who, **where, extra=result,
                     queue=tape.name("queue", "work"))  # fmt: skip
            if result is Result.DONE:
                self._emit(process, at_s + 0.011, where, chain)
                tape.add(Kind.ACKED, ns(at_s + 0.02), **where)
                return
            if tries > len(STEPS):
                tape.add(Kind.REJECTED, ns(at_s + 0.011), **where)
                self._bury(who, died)
                return
            died = list(STEPS)[tries - 1]
            who = {**who, "attempt": pack_attempt(process, tries - 1)}
            route = {"exchange": "", "routing_key": died, "type": "Asked", "queues": [died]}
            extra = int(Disposition.REJECT) if fails == 9 else 0
            self._publish(process, at_s + 0.012, who, route, extra=extra)
            tape.add(Kind.SUPERSEDED, ns(at_s + 0.015), **who, **where,
                     queue=tape.name("queue", "work"))  # fmt: skip
            tape.add(Kind.ACKED, ns(at_s + 0.016), **where)
            at_s += 0.012 + STEPS[died] / 1000 + 0.004

    def _take(
        self, at_s: float, who: dict[str, int], chain: int, died: str | None
    ) -> tuple[int, dict[str, int], float]:
        """Deliver a request; the first one of the hung worker is delivered to the other later."""
        fresh = died is None and (2, "hung") not in self.channels
        hung = fresh and at_s >= WEDGED.begin_s
        process = 2 if at_s < WEDGED.begin_s else 3
        if hung:
            self._deliver(2, at_s, who, chain, died)
            self.channels[2, "hung"] = 1
            tape, gone_s = self.tapes[2], at_s + HELD_S + 0.5
            tape.add(Kind.CHANNEL_CLOSED, ns(gone_s), channel=self.channels[2, "consume"],
                     detail=406)  # fmt: skip
            at_s = gone_s + 0.01
        where = self._deliver(process, at_s, who, chain, died, redelivered=hung)
        return process, where, at_s

    def _deliver(
        self, process: int, at_s: float, who: dict[str, int], chain: int, died: str | None,
        *, redelivered: bool = False,
    ) -> dict[str, int]:  # fmt: skip
        tape, where = self.tapes[process], self._tag(process, "consume")
        queue = "told" if process == 4 else "work"
        first = (tape.name("queue", died) + 1) << 16 | 1 if died else 0
        tape.add(Kind.DELIVERED, ns(at_s), **who, **where, queue=tape.name("queue", queue),
                 priority=255, detail=first, extra=int(Death.EXPIRED) if died else 0,
                 flags=int(Flag.SEEN_REDELIVERED) if redelivered else 0)  # fmt: skip
        tape.add(Kind.CORRELATED, ns(at_s), **who, **where, detail=chain)
        return where

    def _emit(self, process: int, at_s: float, parent: dict[str, int], chain: int) -> None:
        """Publish the answer, and let the teller have it."""
        who = {"sequence": self._number(process), "producer": process,
               "attempt": pack_attempt(process, 0)}  # fmt: skip
        self.tapes[process].add(Kind.CAUSED, ns(at_s), **who, **parent, detail=chain)
        route = {"exchange": "tells", "routing_key": "", "type": "Done", "queues": ["told"],
                 "emitted_by": "worker"}  # fmt: skip
        self._publish(process, at_s, who, route)
        where = self._deliver(4, at_s + 0.003, who, chain, None)
        tape = self.tapes[4]
        tape.add(Kind.HANDLED, ns(at_s + 0.004), **who, **where, extra=Result.DONE,
                 queue=tape.name("queue", "told"))  # fmt: skip
        tape.add(Kind.ACKED, ns(at_s + 0.005), **where)

    def _bury(self, who: dict[str, int], died: str | None) -> None:
        """Find a dead request in the DLQ, at the end."""
        tape = self.tapes[5]
        if (5, "drain") not in self.channels:
            self._link(5, "drain", END_S + 4.5, client="drain")
        deaths = [{"queue": "work", "reason": "rejected", "count": 1},
                  {"queue": died, "reason": "expired", "count": 1}]  # fmt: skip
        where = self._tag(5, "drain")
        tape.add(Kind.DRAINED, ns(END_S + 4.8), **who, **where, priority=255,
                 queue=tape.name("queue", "work.dead"), extra=int(Death.EXPIRED),
                 detail=tape.name("deaths", deaths) + 1)  # fmt: skip

    def _tries(self) -> None:
        """Let the pool lose its connection, and try: a whole row, and most of another."""
        tape = self.tapes[1]
        tape.add(Kind.CONNECTION_CLOSED, ns(REFUSED.begin_s), channel=0)
        link = tape.name("link", {"client": "api", "role": "publish", "node": "r1", "link": 0})
        for start_s, tries in ((REFUSED.begin_s, TRIES), (TOLD_S + 0.1, TRIES - 1)):
            for number in range(1, tries + 1):
                tape.add(Kind.CONNECT_FAILED, ns(start_s + EVERY_S * (number - 1)), tag=number,
                         detail=link, extra=int(number == TRIES))  # fmt: skip

    def _run(self) -> FakeRun:
        tell_troubles(self.journal, TROUBLES)
        tell_drain(self.journal, self.tapes[5], QUEUES, END_S)
        samples = [{"time_ns": ns(at), "memory": {"r1": [100, 400]}} for at in range(2, 70, 5)]
        tapes = list(self.tapes.values())
        return FakeRun(manifest(contract(), QUEUES), {**PLAN}, self.journal, tapes, samples, [])


@cache
def written() -> FakeRun:
    """Return the good run, to be copied before it is damaged."""
    return Chain().write()
