"""The gain: how much sooner urgent tasks are begun on RabbitMQ than on Redis, with its interval.

Both had the same schedule, so the same stretch of it is the same work on both. Waits of one backlog
hang together: stretches of time are drawn for the interval, not tasks, and the same on both sides.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.migration.figures import urgent
from gameday.history.migration.folder import Migration
from gameday.history.migration.manifest import Leg
from gameday.history.migration.tasks import Fate
from gameday.history.statistics import percentile

Array = npt.NDArray[Any]

STRETCH_NS = 2_000_000_000
LEAST_STRETCHES = 3
DRAWS = 1000
SEED = 20_261_124
SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
SAME_DUE_NS = 5_000_000
"""How far apart the same task may be due in its leg on two rows."""


@dataclass(frozen=True)
class Sample:
    """Latencies of urgent tasks, in order, and the stretch of the schedule that each is of."""

    milliseconds: Array
    stretch: Array


@dataclass(frozen=True)
class Gain:
    """The share by which a figure of latency fell; negative where it rose."""

    redis_ms: float
    rabbitmq_ms: float
    share: float
    interval: tuple[float, float]
    n: int
    stretches: int


def sample(migration: Migration, leg: Leg) -> Sample:
    """Return the urgent tasks' latencies of a leg; whoever was refused or lost waits for ever."""
    tasks = migration.tasks[leg.id]
    rows = np.flatnonzero(
        tasks.judged & (tasks.fate != Fate.UNKNOWN) & urgent(tasks, migration.rules)
    )
    rows = rows[np.argsort(tasks.latency_ms[rows], kind="stable")]
    first = int(tasks.due_ns.min()) if len(tasks) else 0
    return Sample(tasks.latency_ms[rows], (tasks.due_ns[rows] - first) // STRETCH_NS)


def gain(redis: Sample, rabbitmq: Sample, statistic: str) -> Gain | None:
    """Compare two samples; None where one is empty."""
    if not len(redis.milliseconds) or not len(rabbitmq.milliseconds):
        return None
    share = SHARES[statistic]
    before, after = (percentile(each.milliseconds, share) for each in (redis, rabbitmq))
    both = np.union1d(redis.stretch, rabbitmq.stretch)
    drawn = np.random.default_rng(SEED).integers(0, len(both), (DRAWS, len(both)))
    times = np.array([np.bincount(row, minlength=len(both)) for row in drawn])
    pairs = zip(
        _drawn(redis, both, times, share), _drawn(rabbitmq, both, times, share), strict=True
    )
    drawn_shares = np.array([less(one, other) for one, other in pairs])
    shares = np.sort(drawn_shares[~np.isnan(drawn_shares)])
    low, high = percentile(shares, 0.025), percentile(shares, 0.975)
    n = min(len(redis.milliseconds), len(rabbitmq.milliseconds))
    return Gain(before, after, less(before, after), (low, high), n, len(both))


def less(before: float, after: float) -> float:
    """Return by which share a latency fell; of two that never end, by none."""
    if np.isnan(before) or np.isnan(after):
        return float("nan")  # A draw without an urgent task on one side says nothing.
    if np.isinf(before):
        return 0.0 if np.isinf(after) else 1.0
    return 1 - after / before if before > 0 else (0.0 if after <= 0 else -np.inf)


def _drawn(sample_: Sample, both: Array, times: Array, share: float) -> Array:
    """Return the percentile of each draw, in which each stretch counts as often as it was drawn."""
    place = np.searchsorted(both, sample_.stretch)
    return np.array([_weighted(sample_.milliseconds, row[place], share) for row in times])


def _weighted(ordered: Array, times: Array, share: float) -> float:
    """Return the percentile of an ordered sample in which each value counts so many times."""
    weights = np.cumsum(times)
    if not weights[-1]:
        return float("nan")
    wanted = max(1, int(np.ceil(share * weights[-1] - 1e-9)))
    return float(ordered[np.searchsorted(weights, wanted)])


def differs(migration: Migration, one: Leg, other: Leg) -> str:
    """Return how the work of two legs differs; empty where it is the same."""
    mine, theirs = migration.tasks[one.id], migration.tasks[other.id]
    if len(mine) != len(theirs):
        return f"{one.id} had {len(mine)} tasks, {other.id} {len(theirs)}"
    if not len(mine):
        return ""
    first, second = mine.key & 0xFFFFFFFF, theirs.key & 0xFFFFFFFF
    if not np.array_equal(first, second) or not np.array_equal(mine.priority, theirs.priority):
        return f"{one.id} and {other.id} had other tasks or priorities"
    apart = (mine.due_ns - mine.due_ns.min()) - (theirs.due_ns - theirs.due_ns.min())
    if int(np.abs(apart).max()) > SAME_DUE_NS:
        return f"{one.id} and {other.id} had another schedule"
    return ""
