"""What a rule is, and what it finds.

A rule is a pure function from a design to its hits, with the sentences that every hit shares:
what the broker will do, what to change, and where that is known from. A hit adds where, and what
stands there. `rules.py` has them all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from gameday.contracts.document import Path
from gameday.contracts.lint.design import Design

Severity = Literal["error", "warning", "note"]
"""Refused or lost as it stands; otherwise than it looks, or lost under a fault; worth knowing."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Hit:
    """One place that a rule is about, and what stands there; a severity other than the rule's."""

    path: Path
    found: str
    severity: Severity | None = None


@dataclass(frozen=True)
class Rule:
    """One thing that brokers do which a design should know."""

    id: str
    severity: Severity
    consequence: str
    remedy: str
    source: str
    find: Callable[[Design], Iterator[Hit]]

    @property
    def looks_for(self) -> str:
        """What the rule looks for, in one sentence: its function's own."""
        sentence = str(self.find.__doc__).splitlines()[0].removeprefix("Find ")
        return f"{sentence[:1].upper()}{sentence[1:]}"


@dataclass(frozen=True)
class Place:
    """Where something stands: a line and a field of a contract, or a path of a JSON file."""

    file: str
    line: int | None
    field: str

    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}"
        return f"{self.file}{line}: {self.field}"


@dataclass(frozen=True)
class Finding:
    """One thing that was found in a file."""

    id: str
    severity: Severity
    place: Place
    found: str
    consequence: str
    remedy: str
    source: str
