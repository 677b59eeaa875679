"""The manifest of a stored migration: its rows, legs and steps, and the rules that it was given.

What is there must be of the right kind, so that no check meets a text where it counts; what is
missing has its default, and more than is told here may stand beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, create_model

from gameday.errors import HarnessError
from gameday.history.migration.rules import RULES

KIND = "migration"
REDIS, RABBITMQ = "redis", "rabbitmq"
FAULT, SWEEP, TRAP, REHEARSED = "fault", "sweep", "trap", "rehearsal-step"


@dataclass(frozen=True)
class Row:
    """One broker with one setting: a line of every table."""

    id: str
    broker: str
    setting: str
    label: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Leg:
    """One load on one row, from its first due task to its drain."""

    id: str
    row: str
    kind: str
    begin_ns: int
    end_ns: int
    fault: str | None = None
    fault_ns: tuple[int, int] | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    offered: int = 0
    workers: int = 0
    concurrency: int = 0
    prefetch: int = 0
    mapped: bool = True

    @property
    def load(self) -> str:
        """What it puts on its row: the kind, or the fault. The same on every row."""
        return self.fault or self.kind

    @property
    def observed(self) -> str:
        """What was seen of its fault from outside; empty where nobody saw it."""
        return str(self.evidence.get("observed") or "") if self.fault_ns else ""


@dataclass(frozen=True)
class Step:
    """One step of the rehearsal, under load, without a fault or with one."""

    step: str
    scope: str
    begin_ns: int
    end_ns: int
    completed: bool
    fault: str | None = None
    marks: Mapping[str, int] = field(default_factory=dict)
    why_not: str = ""
    from_row: str = ""
    to_row: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How a reader knows it."""
        return f"{self.step} with {self.fault}" if self.fault else self.step


def _given(value: Any) -> Any:
    """Leave out what is null: it is as it is by default."""
    if not isinstance(value, Mapping):
        return value
    return {name: each for name, each in value.items() if each is not None}


def _kind(value: Any) -> Any:
    return list[str] if isinstance(value, list) else str if isinstance(value, str) else float


_Rules = create_model(
    "_Rules", __config__=ConfigDict(extra="forbid", strict=True),
    **{name: (_kind(value), value) for name, value in RULES.items()},
)  # type: ignore[call-overload]  # fmt: skip  # The fields' names are data.


class _Manifest(BaseModel):
    """What a manifest must look like, where something depends on it."""

    run: str
    system: str = "migration"
    suite: str = ""
    seed: int | None = None
    versions: dict[str, Any] = {}
    rows: tuple[Annotated[Row, BeforeValidator(_given)], ...] = ()
    legs: tuple[Annotated[Leg, BeforeValidator(_given)], ...] = ()
    rehearsal: tuple[Annotated[Step, BeforeValidator(_given)], ...] = ()
    rules: dict[str, Any] = {}
    candidate: str = ""
    claimed: list[str] | None = None
    untested: list[dict[str, Any]] = []
    monotonic_zero_ns: int = 0


@dataclass(frozen=True)
class Read:
    """What a manifest holds; `rules` are all of them, its own before the others."""

    rows: tuple[Row, ...]
    legs: tuple[Leg, ...]
    steps: tuple[Step, ...]
    rules: Mapping[str, Any]


def read_manifest(manifest: Mapping[str, Any]) -> Read:
    """Return what is to be judged; `HarnessError` names the first place that is not in order."""
    try:
        found = _Manifest.model_validate(_given(manifest))
        _Rules.model_validate(found.rules)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        place = f"rules.{where}" if error.title == _Rules.__name__ else where
        raise HarnessError(f"manifest.json: {place}: {first['msg']}") from error
    return Read(found.rows, found.legs, found.rehearsal, {**RULES, **found.rules})
