"""A run of a system with event buses, a tick job and idempotent workers, written down by rule.

Not an event loop: each message's story follows from what the broker is like when it falls due. One
node; a broker that is killed, raises an alarm and swallows; a host with a wrong name and with old
credentials; a worker that hangs and one that is slow; a replay. `outage_run` returns a `FakeRun`,
so that a mutant can damage one thing and everything goes through files.
"""

from functools import cache
from typing import Any

from gameday.contracts.model import Contract
from gameday.history.checks.secured import PEER, SERVER
from gameday.history.records import Flag, Kind, Result, pack_attempt
from tests.fake_broker import MILLISECOND
from tests.fake_folder import FakeRun, Journal
from tests.fake_tape import Tape
from tests.fake_telling import PLAN, Trouble, manifest, ns, tell_drain, tell_troubles

AFTER_S, CONFIRM_S, TICK_S, STUCK_S, END_S = 2.0, 0.5, 4, 3.0, 76.0
SAFE = int(Flag.PUBLISH_MANDATORY | Flag.PUBLISH_PERSISTENT)
LEVELS = {"api-bus": "warn", "law-bus": "error"}
QUEUES = {"api-bus": "jobs", "law-bus": "claims", "digest-job": "digests"}
WORKERS = {"jobs": 2, "claims": 3, "digests": 4}
"""The process numbers of the workers; the publishers are process 1."""


TROUBLES = (
    Trouble("outage", "kill_all_nodes", "outage", 16, 23, "down", "all nodes"),
    Trouble("silent", "cut_clients", "client", 28, 32, "no_route", parameters={"how": "silent"}),
    Trouble("disk-alarm", "disk_alarm", "disk_alarm", 38, 39.5, "blocked"),
    Trouble("memory-alarm", "memory_alarm", "memory_alarm", 42, 43.5, "blocked"),
    Trouble("wrong-name", "wrong_name", "host", 45, 45.5, "wrong_name"),
    Trouble("credentials", "rotate_credentials", "host", 46, 46.5, "credentials"),
    Trouble("replay", "replay", "client", 48, 49, "up", "jobs"),
    Trouble("wedged", "wedge_client", "client", 51, 56, "up", "worker-jobs-2"),
    Trouble("slow", "slow_client", "client", 64, 69, "up", "worker-claims-3"),
)
DOWN, SILENT = TROUBLES[0], TROUBLES[1]
ALARMS = TROUBLES[2:4]
HUNG, SLOW = TROUBLES[7], TROUBLES[8]
BACK_S = 0.2
"""How soon after the broker's return a probe of a bus is answered."""

CRITERIA: dict[str, dict[str, Any]] = {
    "calls": {"limit_ms": 250},
    "drops": {"levels": ["warn", "error"]},
    "degraded": {"limit_s": 5.0},
    "ticks": {},
    "wedged": {"stuck_s": STUCK_S, "queues": ["jobs", "claims"]},
    "under_alarm": {"queues": ["jobs"], "fault_classes": ["disk_alarm", "memory_alarm"]},
    "diagnosis": {},
    "first_moves": {},
    "secured": {},
    "balanced": {},
    "keeps_serving": {"limit_s": 7.5, "fault_classes": ["outage"]},
    "postmortem": {"limit_s": 5.0},
    "subsystems": {},
    "effects": {"repeats": 5},
}


def contract() -> Contract:
    """Return the contract of the run."""
    bus = {"pool": 1, "backoff_ms": 100, "backoff_factor": 2, "backoff_most_ms": 2000,
           "confirm_timeout_ms": 500}  # fmt: skip
    return Contract.model_validate({
        "system": "radio", "title": "A radio's events", "nodes": 1,
        "topology": {"queues": [{"name": name, "type": "classic"} for name in WORKERS]},
        "messages": [{"name": "event", "schema": {"type": "object"}}],
        "producers": [
            *({**bus, "name": name, "message": "event", "routing_key": QUEUES[name],
               "rate_per_s": 10, "degraded": {"after_ms": AFTER_S * 1000, "log_level": level}}
              for name, level in LEVELS.items()),
            {"name": "digest-job", "message": "event", "routing_key": "digests", "pool": 1,
             "rate_per_s": 1 / TICK_S, "tick": {"every_s": TICK_S}},
        ],
        "consumers": [{"name": f"worker-{queue}", "queue": queue, "idempotent": True}
                      for queue in WORKERS],
        "labels": {queue: {"severity": "low"} for queue in WORKERS},
        "requirements": [
            {"id": f"radio-{number:02d}", "statement": f"What `{name}` holds.",
             "criteria": [{"check": name, "parameters": parameters}], "suites": ["smoke", "full"]}
            for number, (name, parameters) in enumerate(CRITERIA.items(), start=1)
        ],
    })  # fmt: skip


def met_doors() -> dict[str, dict[str, str]]:
    """Return what each way to come to the node meets where all is well."""
    server = dict(SERVER)
    peer = {f"{way} from r2": outcome for way, outcome in PEER.items()}
    return {"clients": server, "management": {**server}, "links": peer}


def in_trouble(second: float, *troubles: Trouble) -> Trouble | None:
    """Return which of some troubles is in force."""
    return next((each for each in troubles if each.begin_s <= second < each.end_s), None)


class Outage:
    """Writes the run down."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.locust = Tape(1, "locust")
        self.workers = {queue: Tape(number, queue) for queue, number in WORKERS.items()}
        self.log: list[dict[str, Any]] = []
        self.arrived: dict[str, list[tuple[float, int, int]]] = {queue: [] for queue in WORKERS}
        self.channels: dict[str, int] = {}
        self.tag = self.sequence = 0

    def write(self) -> FakeRun:
        """Write everything, and return the run."""
        self._open()
        for name, rate in (("api-bus", 10), ("law-bus", 10)):
            for number in range(int((END_S - 1) * rate)):
                self._call(name, round(1 + number / rate, 6))
            self._note_spans(name)
        for number in range(60):  # What waits when each alarm begins.
            self._call("api-bus", (37.9 if number < 30 else 41.9) + number % 30 / 1000)
        for number in range(1, int(END_S / TICK_S)):
            self._tick(number)
        self._replay()
        for queue in WORKERS:
            self._serve(queue)
        self._tell()
        return self._run()

    def _open(self) -> None:
        for tape in (self.locust, *self.workers.values()):
            self.journal.add(ns(0), "process", process=tape.process, role=tape.role,
                             pid=100 + tape.process, state="started", meant=True,
                             code=None)  # fmt: skip
        for name in QUEUES:
            self.channels[name] = self._link(self.locust, {"client": name, "role": "publish"})
        for queue, tape in self.workers.items():
            value = {"client": f"worker-{queue}", "role": "consume", "queue": queue,
                     "prefetch": 10, "no_ack": False}  # fmt: skip
            self.channels[queue] = self._link(tape, value)

    def _link(self, tape: Tape, value: dict[str, Any]) -> int:
        connection = tape.name("connection", {**value, "node": "r1", "heartbeat_s": 60})
        channel = tape.name("channel", {**value, "connection": connection, "number": 1})
        tape.add(Kind.CONNECTION_OPENED, ns(0), channel=connection)
        tape.add(Kind.CHANNEL_OPENED, ns(0), channel=channel)
        return channel

    def _route(self, name: str) -> int:
        queue = QUEUES[name]
        value = {"exchange": "", "routing_key": queue, "type": "event", "queues": [queue],
                 "producer": name}  # fmt: skip
        return self.locust.name("route", value)

    def _number(self) -> int:
        self.sequence += 1
        return self.sequence

    def _call(self, name: str, due_s: float) -> None:
        """Let an event fall due: it is dropped at once, or tried until its time is up."""
        sequence, route = self._number(), self._route(name)
        at_once = any(
            each.begin_s + AFTER_S <= due_s < each.end_s + BACK_S for each in (DOWN, SILENT)
        )
        self.locust.add(Kind.CALLED, ns(due_s) + 100_000, sequence=sequence, producer=1,
                        queue=route, detail=100, extra=int(at_once))  # fmt: skip
        if at_once:
            self._shed(name, sequence, due_s, 0.0, "the event bus is degraded")
            return
        try_s, tries = due_s, 0
        while try_s < due_s + AFTER_S:
            alarm = in_trouble(try_s, *ALARMS)
            if alarm is not None:
                try_s = alarm.end_s + 0.01
                self._publish(name, sequence, try_s, due_s, tries, int(Flag.PUBLISH_HELD_BLOCKED))
                return
            ended_s = self._publish(name, sequence, try_s, due_s, tries)
            if ended_s is None:
                return
            try_s = ended_s + min(0.1 * 2**tries, 2.0)
            tries += 1
        self._shed(name, sequence, due_s + AFTER_S, AFTER_S, "not confirmed in time")

    def _publish(
        self, name: str, sequence: int, at_s: float, due_s: float, tries: int, held: int = 0
    ) -> float | None:
        """Try once; return when it failed, or None once it is confirmed."""
        refused, swallowed = in_trouble(at_s, DOWN), in_trouble(at_s, SILENT)
        self.tag += 1
        tag = 0 if refused else self.tag
        names = {"sequence": sequence, "producer": 1, "attempt": pack_attempt(1, tries)}
        route = self._route(name)
        self.locust.add(
            Kind.INVOKE, ns(at_s), **names, tag=tag, channel=self.channels[name], queue=route,
            detail=int((at_s - due_s) * 1e6), priority=255,
            flags=SAFE | held | (int(Flag.PUBLISH_HELD_DISCONNECTED) if refused else 0),
        )  # fmt: skip
        if refused or swallowed:
            kind = Kind.FAILED if refused else Kind.UNKNOWN
            reason = "no connection of the pool is open" if refused else "no confirm in time"
            ended_s = at_s if refused else at_s + CONFIRM_S
            self.locust.add(kind, ns(ended_s), **names, tag=tag, channel=self.channels[name],
                            queue=route, detail=self.locust.name("reason", reason))  # fmt: skip
            return ended_s
        self.locust.add(Kind.CONFIRMED, ns(at_s) + 2 * MILLISECOND, tag=tag,
                        channel=self.channels[name])  # fmt: skip
        self.arrived[QUEUES[name]].append((at_s + 0.002, sequence, names["attempt"]))
        return None

    def _shed(self, name: str, sequence: int, at_s: float, waited_s: float, reason: str) -> None:
        self.locust.add(Kind.SHED, ns(at_s) + 50_000, sequence=sequence, producer=1,
                        queue=self._route(name), detail=int(waited_s * 1e6),
                        extra=int(LEVELS[name] == "error"))  # fmt: skip
        self._log(name, at_s, LEVELS[name], "dropped", reason, sequence)

    def _log(
        self, name: str, at_s: float, level: str, event: str, reason: str, sequence: int = 0
    ) -> None:
        line: dict[str, Any] = {"time_ns": ns(at_s) + 60_000, "level": level, "event": event,
                                "reason": reason, "producer": name}  # fmt: skip
        if sequence:
            line |= {"message": f"1:{sequence}", "message_id": f"id-{sequence}", "type": "event",
                     "queues": [QUEUES[name]]}  # fmt: skip
        self.log.append(line)

    def _note_spans(self, name: str) -> None:
        for each in (DOWN, SILENT):
            begin_s = each.begin_s + AFTER_S - 0.001
            self._log(name, begin_s, LEVELS[name], "degraded", "not confirmed in time")
            self._log(name, each.end_s + BACK_S, "info", "recovered", "a probe was answered")

    def _tick(self, number: int) -> None:
        """Let a digest fall due, and try it at this tick and at each further one until it works."""
        sequence, due_s = self._number(), number * TICK_S + 0.5
        try_s, tries = due_s, 0
        while self._publish("digest-job", sequence, try_s, due_s, tries) is not None:
            self._log("digest-job", try_s + CONFIRM_S, "warn", "publish_failed", "", sequence)
            try_s, tries = try_s + TICK_S, tries + 1

    def _replay(self) -> None:
        """Publish ten confirmed messages once more."""
        for _, sequence, attempt in sorted(self.arrived["jobs"])[100:110]:
            self._publish("api-bus", sequence, 48.2, 48.2, (attempt & 63) + 1)

    def _serve(self, queue: str) -> None:
        """Let the queue's one worker take what has arrived, in order; it may hang, or be slow."""
        tape, index = self.workers[queue], self.workers[queue].name("queue", queue)
        free_s, done, ends = 0.0, set(), list[float]()
        for tag, (confirmed_s, sequence, attempt) in enumerate(sorted(self.arrived[queue]), 1):
            delivered_s = max(confirmed_s + 0.001, ends[tag - 11] if tag > 10 else 0.0)
            begun_s = max(delivered_s, free_s)
            hung = queue == "jobs" and in_trouble(begun_s, HUNG)
            slow = queue == "claims" and in_trouble(begun_s, SLOW)
            begun_s = hung.end_s if hung else begun_s
            free_s = begun_s + (0.4 if slow else 0.06)
            ends.append(free_s)
            names = {"sequence": sequence, "producer": 1, "attempt": attempt}
            where = {"channel": self.channels[queue], "tag": tag}
            tape.add(Kind.DELIVERED, ns(delivered_s), **names, **where, queue=index, priority=255)
            tape.add(Kind.HANDLED, ns(free_s), **names, **where, queue=index, extra=Result.DONE)
            if sequence not in done:
                tape.add(Kind.EFFECT, ns(free_s) + 1000, **names,
                         detail=tape.name("effect", f"id-{sequence}"))  # fmt: skip
                done.add(sequence)
            tape.add(Kind.ACKED, ns(free_s) + 2000, **where)

    def _tell(self) -> None:
        """Journal what happened, and what whoever was on call concluded."""
        tell_troubles(self.journal, TROUBLES)
        for each in TROUBLES:
            self._diagnose(each, "during", ns(each.begin_s) + 2 * MILLISECOND, each.verdict)
            self._diagnose(each, "after", ns(each.end_s) + 3 * MILLISECOND, "up")
        for at, second in (("before", 15.0), ("after", END_S)):
            self.journal.add(ns(second), "secured", at=at, node="r1", doors=met_doors(),
                             connections={"tls": 6, "plain": 0})  # fmt: skip
            self.journal.add(ns(second) + 1, "balanced", at=at, carried={"r1": 6},
                             connected={"r1": 6})  # fmt: skip
        self._drain()

    def _diagnose(self, each: Trouble, at: str, time_ns: int, verdict: str) -> None:
        probes: dict[str, Any] = {"name": "127.0.0.1", "alarms": [], "elsewhere": {}}
        moves: dict[str, Any] = {"changed": [], "disk": {"free_bytes": 10**9}}
        if verdict == "down":
            probes |= {"elsewhere": None, "handshake": "closed"}
        if verdict == "up":
            moves["greetings"] = {"own_version": "Connection.Start", "another_version": "AMQP"}
        self.journal.add(time_ns, "diagnosis", episode=each.name, at=at, verdict=verdict,
                         probes=probes, moves=moves)  # fmt: skip

    def _drain(self) -> None:
        tape = Tape(9, "drain")
        self.workers["drain"] = tape
        self.journal.add(ns(0), "process", process=9, role="drain", pid=109, state="started",
                         meant=True, code=None)  # fmt: skip
        value = {"node": "r1", "role": "drain", "client": "drain"}
        channel = self._link(tape, value)
        tell_drain(self.journal, tape, WORKERS, END_S, channel)

    def _run(self) -> FakeRun:
        tapes = [self.locust, *self.workers.values()]
        return FakeRun(manifest(contract(), WORKERS), {**PLAN}, self.journal, tapes, [], [],
                       log=self.log)  # fmt: skip


@cache
def written() -> FakeRun:
    """Return the good run, to be copied before it is damaged."""
    return Outage().write()
