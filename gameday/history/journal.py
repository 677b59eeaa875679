"""The run's journal, as the judge reads it: lines, their chain, and what the faults did.

Written elsewhere, by the runner and the watchdog; here it is only read. A torn last line was never
acknowledged and is left out; a line that was changed later breaks the chain and is a problem.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]

ON_NODES = frozenset(
    {
        "node_kill",
        "node_stop",
        "node_pause",
        "node_loss",
        "partition_reset",
        "partition_silent",
        "partition_partial",
    }
)
"""The classes of fault that strike the node that leads, while the others are to go on."""

FOLLOWER = "follower_kill"
"""The class of a fault that strikes a node which leads nothing: no failover is to be seen."""

ROLLING = "node_rolling"
"""The class of a fault that takes nodes away one after another: every queue is struck."""

LEADERS_MOVE = ON_NODES | {FOLLOWER, ROLLING, "outage"}
"""The classes of fault under which a queue may change its leader unseen."""

FIRST = "0" * 64
_SEAL = ', "hash": "'


def read_journal(path: Path) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """Return the journal's whole lines, in order, and what is wrong with its chain."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return (), (f"{path.name} cannot be read: {error.strerror}",)
    texts = data[: data.rfind(b"\n") + 1].decode(errors="replace").splitlines()
    lines: list[Line] = []
    wrong: list[str] = []
    previous = FIRST
    for number, text in enumerate(texts, start=1):
        before, _, seal = text.rpartition(_SEAL)
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict) or "event" not in line:
            wrong.append(f"{path.name}, line {number} is no line of a journal")
            continue
        digest = hashlib.sha256(f"{before}}}".encode()).hexdigest()
        if seal.removesuffix('"}') != digest:
            wrong.append(f"{path.name}, line {number} was changed after it was written")
        elif line.get("previous") != previous or line.get("n") != number:
            wrong.append(f"{path.name}: a line before line {number} is missing")
        previous = str(line.get("hash"))
        lines.append(line)
    return tuple(lines), tuple(wrong)


def events(journal: Iterable[Line], event: str, **wanted: Any) -> list[Line]:
    """Return the lines of one event whose fields are as wanted."""
    return [
        line
        for line in journal
        if line["event"] == event and all(line.get(name) == value for name, value in wanted.items())
    ]


@dataclass(frozen=True)
class Fault:
    """One fault's life by the journal; a step that never came has no time."""

    id: str
    episode: str
    kind: str
    fault_class: str
    target: str
    parameters: Mapping[str, Any]
    steps: Mapping[str, int]
    evidence: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, Any] | None = None
    """Which queues its victim led and followed when it was meant to begin; None: nobody noted."""

    @property
    def started_ns(self) -> int:
        """When it was meant to begin: nothing had been touched before."""
        return self.steps["intent"] if "intent" in self.steps else min(self.steps.values())

    @property
    def observed_ns(self) -> int | None:
        """When its effect was seen from outside, if it was."""
        return self.steps.get("observed")

    @property
    def restored_ns(self) -> int | None:
        """When its healing was seen from outside, if it was."""
        return self.steps.get("restored")


def faults(journal: Iterable[Line]) -> tuple[Fault, ...]:
    """Return the faults in the order of their beginning."""
    lives: dict[str, list[Line]] = {}
    for line in events(journal, "fault"):
        lives.setdefault(line["fault"], []).append(line)
    return tuple(_fault(lines) for lines in lives.values())


def _fault(lines: list[Line]) -> Fault:
    first = lines[0]
    steps: dict[str, int] = {}
    evidence: dict[str, Any] = {}
    for line in lines:
        steps.setdefault(line["step"], line["time_ns"])
        if line.get("evidence"):
            evidence[line["step"]] = line["evidence"]
    return Fault(
        first["fault"], first["episode"], first["kind"], first["fault_class"],
        str(first["target"]), first.get("parameters", {}), steps, evidence,
        first.get("roles"),
    )  # fmt: skip


@dataclass(frozen=True)
class Episode:
    """One episode by the journal; `control` names the negative control that it belongs to.

    `first_ns` is the first line that names it: a backlog is made before it begins.
    """

    id: str
    name: str
    control: str | None
    first_ns: int
    begin_ns: int
    end_ns: int | None
    faults: tuple[Fault, ...]

    @property
    def fault_class(self) -> str:
        """The class of its first fault, `none` without one."""
        return self.faults[0].fault_class if self.faults else "none"

    @property
    def healed_ns(self) -> int | None:
        """When the last of its faults was seen restored, if all were."""
        times = [fault.restored_ns for fault in self.faults]
        known = [time for time in times if time is not None]
        return max(known) if known and len(known) == len(times) else None


def episodes(journal: Iterable[Line]) -> tuple[Episode, ...]:
    """Return the episodes in the order of their beginning."""
    lines = tuple(journal)
    every = faults(lines)
    found = []
    for line in events(lines, "episode", at="begin"):
        name = line["episode"]
        ends = [each["time_ns"] for each in events(lines, "episode", at="end", episode=name)]
        first = min(each["time_ns"] for each in lines if each.get("episode") == name)
        mine = tuple(fault for fault in every if fault.episode == name)
        title, control = str(line.get("name", name)), line.get("control")
        end = ends[0] if ends else None
        found.append(Episode(name, title, control, first, line["time_ns"], end, mine))
    return tuple(found)
