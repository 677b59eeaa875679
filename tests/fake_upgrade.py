"""A run that moves from a blue cluster to a green one, with the way back rehearsed first.

As `fake_workers.py`: written down by rule. A message falls due every fifth of a second, first on
blue; in the rehearsal some go to green and are handled on blue when they were shovelled back. Then
a burst waits on blue, the producers move, blue is read empty, and the consumers move.
"""

from functools import cache
from typing import Any

from gameday.contracts.model import Contract
from gameday.history.records import Flag, Kind, Result, pack_attempt
from gameday.history.sides import BLUE, GREEN, UPGRADE, node_of
from tests.fake_folder import FakeRun, Journal
from tests.fake_tape import Tape
from tests.fake_telling import PLAN, manifest, ns, tell_drain

END_S = 34.0
SAFE = int(Flag.PUBLISH_MANDATORY | Flag.PUBLISH_PERSISTENT)
LEAST = 5
CRITERIA: dict[str, dict[str, Any]] = {
    "cut_over": {"limit_s": 10, "least": LEAST},
    "translated": {},
    "way_back": {"least": LEAST},
    "retired": {"least": LEAST},
    "without_service": {"limit_s": 3},
    "overtaken": {},
    "handled_twice": {},
}
STEPS: dict[str, tuple[float, float]] = {
    "start_green": (8, 10),
    "declare_green": (10, 11),
    "rehearse_way_back": (12, 15),
    "make_backlog": (18, 19),
    "move_publishers": (20, 20.5),
    "drain_blue": (20.6, 23),
    "move_consumers": (23.1, 24),
    "retire_blue": (24.1, 25),
}
DECLARED = {
    "refused": ["Validation failed: ha-mode all are not recognised policy settings"],
    "changes": ["policy mirror is left out: it only mirrors"],
    "difference": [],
    "parts": 1,
}
RETIRED = {"messages": {"work": 0}, "connections": []}
SENT, BLUE_HAND, GREEN_HAND = {BLUE: 1, GREEN: 2}, 3, 4


def contract() -> Contract:
    """Return the contract of the run."""
    return Contract.model_validate({
        "system": "shop", "title": "A shop that moves",
        "topology": {"queues": [{"name": "work", "type": "classic"}]},
        "messages": [{"name": "job", "schema": {"type": "object"}}],
        "producers": [{"name": "boss", "message": "job", "routing_key": "work", "pool": 1,
                       "rate_per_s": 5, "surge": 10}],
        "consumers": [{"name": "hand", "queue": "work"}],
        "requirements": [
            {"id": f"upgrade-{name}", "statement": f"What `{name}` holds.",
             "criteria": [{"check": name, "parameters": parameters}]}
            for name, parameters in CRITERIA.items()
        ],
    })  # fmt: skip


class Shop:
    """Writes the run down."""

    def __init__(self) -> None:
        self.journal = Journal()
        roles = ("locust", "locust", "hand", "hand", "drain")
        self.tapes = {number: Tape(number, role) for number, role in enumerate(roles, start=1)}
        self.tags = dict.fromkeys(self.tapes, 0)
        self.sequences = {1: 0, 2: 0}

    def write(self) -> FakeRun:
        """Write everything, and return the run."""
        for number, tape in self.tapes.items():
            self.journal.add(ns(0), "process", process=number, role=tape.role, pid=100 + number,
                             state="started", meant=True, code=None)  # fmt: skip
        for process, role, side in ((1, "publish", BLUE), (2, "publish", GREEN),
                                    (3, "consume", BLUE), (4, "consume", GREEN)):  # fmt: skip
            self._open(process, role, side)
        self._load()
        self.journal.add(ns(1), "phase", name="baseline", at="begin")
        for step, (begin_s, end_s) in STEPS.items():
            found = {"declare_green": DECLARED, "retire_blue": RETIRED}.get(step, {})
            self.journal.add(ns(begin_s), UPGRADE, step=step, at="begin")
            self.journal.add(ns(end_s), UPGRADE, step=step, at="end", **found)
        self._drain()
        return self._run()

    def _load(self) -> None:
        """Publish: on blue, on green for the rehearsal, on blue with a burst, and on green."""
        for tenth in range(10, int(END_S * 10) - 10, 2):
            at_s = tenth / 10
            if 12.4 <= at_s < 13.4:
                self._message(GREEN, at_s, BLUE_HAND, at_s + 1.8)
            elif at_s < 20.1:
                self._message(BLUE, at_s, BLUE_HAND, at_s + 0.02)
            elif at_s > 20.5:
                self._message(GREEN, at_s, GREEN_HAND, max(at_s, 23.2 + at_s / 100) + 0.02)
        for number in range(10):
            self._message(BLUE, 18.51 + number / 100, BLUE_HAND, 20.71 + number / 5)

    def _open(self, process: int, role: str, side: str) -> None:
        tape = self.tapes[process]
        more = {} if role == "publish" else {"consumer": f"hand-{process}.0", "queue": "work",
                                             "prefetch": 10}  # fmt: skip
        who = {"role": role, "node": node_of(side, "r1"), "heartbeat_s": 60, "epoch": 1,
               "client": "boss" if role == "publish" else f"hand-{process}.0", **more}  # fmt: skip
        connection = tape.name("connection", who)
        tape.name("channel", {**who, "connection": connection, "number": 1})
        tape.add(Kind.CONNECTION_OPENED, ns(0.5), channel=connection)
        tape.add(Kind.CHANNEL_OPENED, ns(0.5), channel=0)

    def _message(self, side: str, at_s: float, hand: int, taken_s: float) -> None:
        process = SENT[side]
        self.sequences[process] += 1
        tape, sequence = self.tapes[process], self.sequences[process]
        who = {"sequence": sequence, "producer": process, "attempt": pack_attempt(process, 0)}
        route = {"exchange": "", "routing_key": "work", "type": "job", "queues": ["work"],
                 "producer": "boss"}  # fmt: skip
        tape.add(Kind.INVOKE, ns(at_s), **who, tag=sequence, priority=255, flags=SAFE,
                 queue=tape.name("route", route))  # fmt: skip
        tape.add(Kind.CONFIRMED, ns(at_s + 0.003), tag=sequence)
        self.tags[hand] += 1
        worker, where = self.tapes[hand], {"tag": self.tags[hand], "channel": 0}
        queue = worker.name("queue", "work")
        worker.add(Kind.DELIVERED, ns(taken_s), **who, **where, queue=queue, priority=255)
        worker.add(Kind.HANDLED, ns(taken_s + 0.005), **who, **where, queue=queue,
                   extra=Result.DONE)  # fmt: skip
        worker.add(Kind.ACKED, ns(taken_s + 0.006), **where)

    def _drain(self) -> None:
        tape, at = self.tapes[5], ns(END_S + 1)
        self.journal.add(at - 1, "health", at="drain", healthy=True, views={"r1": ["r1"]},
                         partitions=[], alarms=[], detail="")  # fmt: skip
        connection = tape.name("connection", {"node": "green-r1", "role": "drain",
                                              "client": "drain"})  # fmt: skip
        tape.name("channel", {"connection": connection, "number": 1, "role": "drain"})
        tape.add(Kind.CONNECTION_OPENED, at, channel=connection)
        tape.add(Kind.CHANNEL_OPENED, at, channel=0)
        tell_drain(self.journal, tape, ("work",), END_S)

    def _run(self) -> FakeRun:
        about = {"how": "drain", "from": "3.10.8", "to": "4.3.6", "alternative": None,
                 "steps": list(STEPS)}  # fmt: skip
        written_down = {**manifest(contract(), ("work",)), "suite": UPGRADE, UPGRADE: about}
        tapes = list(self.tapes.values())
        return FakeRun(written_down, {**PLAN}, self.journal, tapes, [], [])


@cache
def written() -> FakeRun:
    """Return the good run, to be copied before it is damaged."""
    return Shop().write()
