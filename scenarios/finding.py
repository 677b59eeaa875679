"""One thing that `gameday doctor` has looked at, as a value."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How a finding bears on a game day."""

    READY = "ready"
    LIMITED = "limited"
    """A game day runs, and may end INCONCLUSIVE."""
    OPTIONAL = "optional"
    """Absent, and a game day does not need it."""
    MISSING = "missing"
    """No game day can run."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do about it."""

    name: str
    level: Level
    found: str
    remedy: str = ""


def ready(name: str, found: str) -> Finding:
    """Return a finding about something that works."""
    return Finding(name, Level.READY, found)


def limited(name: str, found: str, remedy: str) -> Finding:
    """Return a finding about something that works badly."""
    return Finding(name, Level.LIMITED, found, remedy)


def optional(name: str, found: str, remedy: str) -> Finding:
    """Return a finding about something absent that only some commands need."""
    return Finding(name, Level.OPTIONAL, found, remedy)


def missing(name: str, found: str, remedy: str) -> Finding:
    """Return a finding about something without which nothing runs."""
    return Finding(name, Level.MISSING, found, remedy)
