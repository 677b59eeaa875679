"""The plan: which faults strike when, decided beforehand, and replayable.

A plan is data: episodes with absolute offsets from the beginning of the trouble. A target may be
symbolic (`leader of builds`) until the episode begins; what it then meant is written back into
`plan.json`. A plan can be played again; what the broker makes of it cannot.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, ValidationError

from chaos import catalogue
from chaos.doors import SERVICE
from chaos.fault import Fault, Together
from chaos.traffic import Client
from gameday.errors import HarnessError, UsageError

FILE_NAME = "plan.json"


class Part(BaseModel):
    """What all parts of a plan share: they never change, and know no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(Part):
    """One fault of a plan: its kind, its target, maybe symbolic, and its parameters.

    `after_s` is how long after the episode's first fault it strikes: faults overlap, and are healed
    in reverse order.
    """

    kind: str
    target: str | None = None
    parameters: dict[str, Any] = {}
    after_s: NonNegativeFloat = 0

    def fault(self) -> Fault:
        """Return the fault itself."""
        return catalogue.make(self.kind, self.target, self.parameters)


class Episode(Part):
    """Some faults at once: when they strike, how long they last, how long to recover after."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    name: str
    claim: str = ""
    at_s: NonNegativeFloat
    for_s: NonNegativeFloat
    recover_s: NonNegativeFloat = 0
    faults: tuple[Entry, ...]
    control: Literal["control-automatic-ack", "control-transient", "control-no-confirms"] | None = (
        None
    )

    def fault(self) -> Together:
        """Return all faults of the episode as one."""
        after_s = tuple(entry.after_s for entry in self.faults)
        faults = tuple(entry.fault() for entry in self.faults)
        return Together(faults, after_s if any(after_s) else ())

    @property
    def lasts_s(self) -> float:
        """How long its first fault lasts: until the last one has struck, and `for_s` from then."""
        return self.for_s + max((entry.after_s for entry in self.faults), default=0.0)

    def fault_ids(self) -> tuple[str, ...]:
        """Return the ids that the journal will give to the faults, in order."""
        count = sum(entry.kind != "nothing" for entry in self.faults)
        return tuple(f"{self.id}.{number}" for number in range(1, count + 1))


class Plan(Part):
    """A whole plan, and the seed that decided it."""

    seed: int
    episodes: tuple[Episode, ...]

    def with_episode(self, episode: Episode) -> Self:
        """Return the plan with one episode replaced by what it turned out to be."""
        replaced = tuple(episode if each.id == episode.id else each for each in self.episodes)
        return self.model_copy(update={"episodes": replaced})

    def save(self, path: Path) -> None:
        """Write the plan, whole or not at all."""
        draft = path.with_suffix(".draft")
        draft.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draft.replace(path)


def service_alone(plan: Plan) -> str | None:
    """Return the service that comes by doors of its own: the one whose link the plan breaks."""
    return next(iter(_services(plan)), None)


def _services(plan: Plan) -> list[str]:
    """Return the services whose links a plan breaks one by one, each once, in order."""
    entries = (entry for episode in plan.episodes for entry in episode.faults)
    whom = [str(entry.parameters.get("whom", "")) for entry in entries]
    return list(dict.fromkeys(each.removeprefix(SERVICE) for each in whom
                              if each.startswith(SERVICE)))  # fmt: skip


def load_plan(path: Path) -> Plan:
    """Read a plan; a mistake is one sentence with the file and the field."""
    try:
        plan = Plan.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise UsageError(f"{path}: {where}: {first['msg']}.") from error
    _check(plan, path)
    return plan


def _check(plan: Plan, path: Path) -> None:
    """Refuse what pydantic cannot see: unknown faults, lost majorities, equal ids, overlaps."""
    for number, episode in enumerate(plan.episodes):
        for index, entry in enumerate(episode.faults):
            try:
                entry.fault()
            except UsageError as error:
                place = f"episodes.{number}.faults.{index}"
                raise UsageError(f"{path}: {place}.{error}") from error
        _refuse_disorder(episode, path, number)
        _refuse_two_on_one(episode, f"{path}: episodes.{number}.faults")
        _refuse_lost_majority(episode, f"{path}: episodes.{number}.faults")
        taken = sum(entry.kind in catalogue.TAKES_NODE_AWAY for entry in episode.faults)
        if taken > 1:
            raise UsageError(
                f"{path}: episodes.{number}.faults: they take {taken} nodes away at once, and the "
                "majority with them; one at a time, or kill_all_nodes on purpose.",
            )
    ids = [episode.id for episode in plan.episodes]
    twice = next((each for each in ids if ids.count(each) > 1), None)
    if twice is not None:
        raise UsageError(f"{path}: episodes: the id {twice} is there more than once.")
    _refuse_overlaps(plan, path)
    if len(_services(plan)) > 1:
        raise UsageError(
            f"{path}: episodes: whom names {' and '.join(_services(plan))}; a node has doors for "
            "one service alone, so one a plan."
        )


def _refuse_disorder(episode: Episode, path: Path, number: int) -> None:
    """Faults strike in the order of the file: they are healed in reverse."""
    times = [entry.after_s for entry in episode.faults]
    if times != sorted(times) or any(times[:1]):
        raise UsageError(
            f"{path}: episodes.{number}.faults: after_s is {times}; the first fault strikes at 0, "
            "and none before the one that stands above it.",
        )


def _refuse_two_on_one(episode: Episode, place: str) -> None:
    """Refuse two faults of which the second would undo the first: on one link, or at one door."""
    links = [entry.kind for entry in episode.faults if entry.kind in catalogue.ON_LINKS]
    doors = [entry.target for entry in episode.faults if entry.kind in catalogue.ON_DOORS]
    if len(links) > 1:
        raise UsageError(f"{place}: {' and '.join(links)} meet on one link; one at a time.")
    if len(doors) > len(set(doors)):
        raise UsageError(f"{place}: two faults meet at the doors of one node; one at a time.")


def _refuse_lost_majority(episode: Episode, place: str) -> None:
    """Refuse to lose a majority unless the plan says so."""
    for index, entry in enumerate(episode.faults):
        if entry.kind in catalogue.TAKES_MAJORITY and not entry.parameters.get("majority"):
            raise UsageError(
                f"{place}.{index}.parameters.majority: {entry.kind} takes the majority away; say "
                "`majority: true` if that is meant."
            )


def _refuse_overlaps(plan: Plan, path: Path) -> None:
    """Only controls may overlap: of all others one strikes at a time."""
    real = sorted((each for each in plan.episodes if not each.control), key=lambda e: e.at_s)
    for before, after in pairwise(real):
        if before.at_s + before.lasts_s > after.at_s:
            raise UsageError(
                f"{path}: episodes: {after.id} begins at {after.at_s:g} s, before {before.id} ends "
                f"at {before.at_s + before.lasts_s:g} s; only controls may overlap, and the faults "
                "of one episode (after_s).",
            )


def resolve(
    episode: Episode,
    nodes: Sequence[str],
    leaders: Mapping[str, str],
    clients: Sequence[Client] = (),
) -> Episode:
    """Return the episode with every symbolic target replaced by what it means now."""
    faults = tuple(
        entry.model_copy(update={"target": _meaning_of(entry, nodes, leaders, clients)})
        for entry in episode.faults
    )
    return episode.model_copy(update={"faults": faults})


def _meaning_of(
    entry: Entry,
    nodes: Sequence[str],
    leaders: Mapping[str, str],
    clients: Sequence[Client],
) -> str | None:
    """Return what an entry's target means; several nodes are parted by commas."""
    if entry.target is None or entry.kind not in catalogue.TAKES_MAJORITY:
        return _meaning(entry.target, nodes, leaders, clients)
    parts = [each.strip() for each in entry.target.split(",")]
    return ", ".join(str(_meaning(each, nodes, leaders, clients)) for each in parts)


def _meaning(
    target: str | None,
    nodes: Sequence[str],
    leaders: Mapping[str, str],
    clients: Sequence[Client],
) -> str | None:
    """Return what a target means; `leader`, `follower` or `worker of Q`, `publisher of P`."""
    if target is None:
        return None
    role, of, queue = target.partition(" of ")
    if not of or role not in {"leader", "follower", "worker", "publisher"}:
        return target
    if role == "worker":
        return _worker(queue, clients)
    if role == "publisher":
        return _publisher(queue, clients)
    if queue not in leaders:
        known = ", ".join(leaders) or "none"
        raise HarnessError(f"nobody leads {queue} now, so {target!r} means nothing; led: {known}.")
    if role == "leader":
        return leaders[queue]
    return next(node for node in nodes if node != leaders[queue])


def _worker(queue: str, clients: Sequence[Client]) -> str:
    """Return the first living worker of a queue."""
    for client in clients:
        if client.role == "worker" and client.queue == queue:
            return client.name
    raise HarnessError(f"no worker of {queue} is alive, so none can be struck.")


def _publisher(producer: str, clients: Sequence[Client]) -> str:
    """Return the living process that publishes for a producing service."""
    for client in clients:
        if producer in client.producers:
            return client.name
    raise HarnessError(f"nobody publishes for {producer}, so nobody can be struck.")


def to_json(plan: Plan) -> Any:
    """Return the plan as JSON values, for the manifest."""
    return json.loads(plan.model_dump_json())
