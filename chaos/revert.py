"""How a fault is undone, as data, and what was seen, as data.

A `Revert` is written into the journal before the fault is applied; `reverts.py` knows each kind's
`Recipe` and can carry it out in another process that has nothing but the journal and the cluster.
"""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gameday.clusters.cluster import ControlledCluster, LinkControl, NodeControl
from gameday.errors import HarnessError, PrepareError

Values = Mapping[str, Any]

TROUBLE = (HarnessError, OSError, subprocess.SubprocessError)
"""What can go wrong while somebody undoes something, or looks at it."""


class Owned(Protocol):
    """What must be in a process's environment so that whoever cleans up finds it."""

    @property
    def owner_environment(self) -> dict[str, str]:
        """Return the cluster's own mark."""

    @property
    def data_folder(self) -> Path:
        """Where the nodes keep their data."""


class Target(ControlledCluster, NodeControl, LinkControl, Owned, Protocol):
    """A cluster that can be broken: its nodes, its links and its control path."""


@dataclass(frozen=True)
class Revert:
    """One recipe: its kind, and the values captured before anything was changed."""

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What a look from outside showed: whether it is as expected, and the evidence.

    `hopeless` says that it will not come to be so by itself, so that no more looks are of use.
    """

    yes: bool
    evidence: Mapping[str, Any] = field(default_factory=dict)
    hopeless: bool = False

    def __bool__(self) -> bool:
        return self.yes


class NotRestoredError(PrepareError):
    """Something that we changed is not as it was; the text says what and what to do."""


@dataclass(frozen=True)
class Recipe:
    """How to undo, how to see that it is healed and within which time, and another way to undo.

    `alone` is the part that needs no cluster, for when the cluster is gone.
    """

    revert: Callable[[Target, Values], None]
    healed: Callable[[Target, Values], Seen]
    within_s: float
    fallback: Callable[[Target, Values], None] | None = None
    alone: Callable[[Values], None] | None = None


def leave(_cluster: Target, _values: Values) -> None:
    """There is nothing to undo: what is gone is gone, and its absence disturbs nobody."""


def nothing_left(_cluster: Target, _values: Values) -> Seen:
    """There is nothing to heal."""
    return Seen(yes=True)
