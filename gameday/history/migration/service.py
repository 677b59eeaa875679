"""How a scope was served: how many at once, how fast, how long nobody, and in which order.

Pure functions over the tasks of one scope. Nothing here knows brokers, or what is promised.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.concurrency import sustained
from gameday.history.gaps import SECOND_NS, longest_gap
from gameday.history.migration.tasks import Fate, Tasks
from gameday.history.serving import FAR, first_come
from gameday.history.waiting import Present, passed_over

Array = npt.NDArray[Any]

WAITED_NS = SECOND_NS // 10
"""What counts as having met a backlog, as it was or first come, first served."""


def at_once(tasks: Tasks, for_s: float) -> int:
    """Return how many tasks were in progress at the same time, and no fewer for so long."""
    if not len(tasks.spans):
        return 0
    times = tasks.spans.T.reshape(-1)
    steps = np.repeat(np.array([1, -1]), len(tasks.spans))
    order = np.argsort(times, kind="stable")
    level = np.cumsum(steps[order])
    level[-1] = -1  # The end of all: nothing holds beyond it.
    return sustained(times[order], level, int(for_s * SECOND_NS))


def throughput(tasks: Tasks) -> float | None:
    """Return the tasks that ended in a second, from the first due to the last end."""
    done = tasks.ended > 0
    if not done.any():
        return None
    took_ns = int(tasks.ended_ns[done].max()) - int(tasks.due_ns.min())
    return float(done.sum()) / (took_ns / SECOND_NS) if took_ns > 0 else None


def without_start_s(tasks: Tasks, end_ns: int) -> float:
    """Return the longest time in which tasks waited, and no worker began or ended one.

    What was lost waits for nobody: its loss is judged elsewhere.
    """
    waits = tasks.judged & ((tasks.begun_ns < FAR) | (tasks.fate == Fate.LEFT))
    until = np.minimum(tasks.begun_ns[waits], end_ns)
    return longest_gap(tasks.due_ns[waits], until, tasks.spans.reshape(-1))


def without_confirm_s(tasks: Tasks, end_ns: int) -> float:
    """Return the longest time in which publishers waited for an answer, and none had a yes."""
    answered = np.where(tasks.ok_ns < FAR, tasks.ok_ns, tasks.answered_ns)
    until = np.where(answered >= 0, answered, end_ns)
    return longest_gap(tasks.sent_ns, until, tasks.ok_ns[tasks.ok_ns < FAR])


@dataclass(frozen=True)
class Order:
    """Inversions among the choices between priorities, with the places of those begun too soon."""

    choices: int
    inverted: Array
    instead_of: Array

    @property
    def share(self) -> float | None:
        """The share of choices that went to the less urgent; None where there was none."""
        return len(self.inverted) / self.choices if self.choices else None


def order(tasks: Tasks, margin_ms: float) -> Order:
    """Judge by the meant priority who was begun while a more urgent task surely waited.

    Surely: confirmed a margin before, and begun a margin after. The margin covers what lies
    between the broker's choice and the worker's beginning. A choice is a beginning while somebody
    of another priority surely waited.
    """
    margin = int(margin_ms * 1e6)
    served = np.flatnonzero((tasks.begun_ns < FAR) & tasks.ok & tasks.judged)
    sure = np.flatnonzero(
        tasks.ok & tasks.judged & ((tasks.begun_ns < FAR) | (tasks.fate == Fate.LEFT))
    )
    rank = tasks.priority.astype(np.int64)
    by = _over(tasks, served, sure, rank, margin)
    under = _over(tasks, served, sure, -rank, margin)
    hit = by >= 0
    return Order(int((hit | (under >= 0)).sum()), served[hit], by[hit])


def _over(tasks: Tasks, served: Array, sure: Array, rank: Array, margin: int) -> Array:
    """Return for each served task one of a higher rank that surely waited, or -1."""
    at = tasks.begun_ns[served]
    none = np.zeros(len(served), np.int64)
    present = Present(np.zeros(len(sure), np.int64), tasks.ok_ns[sure] + margin,
                      tasks.begun_ns[sure], rank[sure])  # fmt: skip
    found = passed_over(present, none, at, at + margin, rank[served])
    return np.where(found >= 0, np.append(sure, -1)[found], -1)


@dataclass(frozen=True)
class Saved:
    """Waits of urgent tasks as they were, and had whoever came first been begun first."""

    real_s: Array
    fair_s: Array
    due_ns: Array

    @property
    def share(self) -> float:
        """The share of the wait that priorities saved."""
        return 1 - float(self.real_s.sum() / self.fair_s.sum())


def saved(tasks: Tasks, urgent_from: int) -> Saved:
    """Return what priorities saved the urgent tasks that met a backlog."""
    begun = np.flatnonzero((tasks.begun_ns < FAR) & tasks.judged)
    came, began = tasks.due_ns[begun], tasks.begun_ns[begun]
    fair = first_come(came, began)
    met = np.maximum(began - came, fair - came) > WAITED_NS
    mine = (tasks.priority[begun] >= urgent_from) & met
    return Saved((began - came)[mine] / 1e9, (fair - came)[mine] / 1e9, came[mine])
