"""On which of two clusters something happened, in a run that moves from one to the other.

The clients know the nodes of the old cluster as `blue-…` and those of the new one as `green-…`, and
wrote that down with every connection: their own ledgers say where each message went and came from.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.history import History
from gameday.history.journal import Line, events
from gameday.history.run import Run

Array = npt.NDArray[Any]

BLUE, GREEN = "blue", "green"
UPGRADE = "upgrade"
"""The key of the manifest, the event of the journal, and the suite of such a run."""


def node_of(side: str, node: str) -> str:
    """Return how the clients of a run that moves know a node of one of its clusters."""
    return f"{side}-{node}"


@dataclass(frozen=True)
class Sides:
    """Whether each publish and each delivery of a history went through one cluster or the other."""

    history: History

    def attempts(self, side: str) -> Array:
        """Tell which publishes were written to a side, a consumer's republishes included."""
        found: Array = self._channels(side)[self.history.attempts.channel]
        return found

    def deliveries(self, side: str) -> Array:
        """Tell which deliveries to consumers came from a side; the drain's are of neither."""
        found = self._channels(side)[self.history.deliveries.channel]
        return np.asarray(found & ~self.history.deliveries.drained)

    @cached_property
    def produced(self) -> Array:
        """Which publishes are a producer's own; what a consumer emits or gives back is none."""
        attempts = self.history.attempts
        emitted = ["emitted_by" in route for route in self.history.names.list("route")]
        own: Array = ~np.array([*emitted, False])[attempts.route]
        return np.asarray(own & (attempts.process == attempts.producer))

    def _channels(self, side: str) -> Array:
        links = self.history.links
        mine = [str(value.get("node", "")).startswith(f"{side}-")
                for value in links.connection_values]  # fmt: skip
        found: Array = np.array([*mine, False])[np.append(links.channel_connection, -1)]
        return found


@dataclass(frozen=True)
class Steps:
    """The steps of an upgrade by its journal."""

    wanted: tuple[str, ...]
    lines: tuple[Line, ...]

    def line(self, step: str, at: str) -> Line | None:
        """Return the line with which a step began or ended."""
        found = events(self.lines, UPGRADE, step=step, at=at)
        return found[-1] if found else None

    def ns(self, step: str, at: str) -> int | None:
        """Return when a step began or ended."""
        line = self.line(step, at)
        return None if line is None else int(line["time_ns"])

    def open(self) -> str:
        """Return the first step that did not come to its end; empty when all did."""
        return next((each for each in self.wanted if self.ns(each, "end") is None), "")

    def lengths_s(self) -> dict[str, float]:
        """Return how long each step took that came to its end."""
        found = {}
        for step in self.wanted:
            begin, end = self.ns(step, "begin"), self.ns(step, "end")
            if begin is not None and end is not None:
                found[step] = (end - begin) / 1e9
        return found


def steps_of(run: Run) -> Steps | None:
    """Return the steps of a run that is an upgrade; none where it is not."""
    about = run.manifest.get(UPGRADE)
    if not isinstance(about, dict):
        return None
    return Steps(tuple(map(str, about.get("steps", ()))), tuple(events(run.journal, UPGRADE)))
