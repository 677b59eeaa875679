"""Figures with their uncertainty: exact percentiles, intervals, and what zero losses mean.

Percentiles are order statistics of the sample, never interpolated and never from buckets. Intervals
are at 95 %. Nothing here knows what is measured.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

Z = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """A sample's size, p50, p95, p99 and maximum."""

    n: int
    p50: float
    p95: float
    p99: float
    maximum: float


def percentile(ordered: Array, share: float) -> float:
    """Return the smallest value that at least this share of an ordered sample does not exceed."""
    assert len(ordered), "an empty sample has no percentiles"
    rank = max(1, math.ceil(share * len(ordered) - 1e-9))
    return float(ordered[rank - 1])


def summary(values: Array) -> Summary | None:
    """Return a sample's figures, none of an empty one."""
    if not len(values):
        return None
    ordered = np.sort(values)
    p50, p95, p99 = (percentile(ordered, share) for share in (0.50, 0.95, 0.99))
    return Summary(len(ordered), p50, p95, p99, float(ordered[-1]))


def percentile_interval(values: Array, share: float) -> tuple[float, float] | None:
    """Return the order statistics between which the true percentile lies, at 95 %.

    By the normal approximation of the binomial; beyond the sample's ends it is cut off there.
    """
    if not len(values):
        return None
    ordered = np.sort(values)
    count = len(ordered)
    middle, spread = share * count, Z * math.sqrt(count * share * (1 - share))
    low = min(max(math.floor(middle - spread), 0), count - 1)
    high = min(max(math.ceil(middle + spread), 0), count - 1)
    return float(ordered[low]), float(ordered[high])


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return Wilson's interval of a share; of nothing tried it is all that can be."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    centre = share + Z * Z / (2 * n)
    spread = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def lossy_episode_at_most(episodes: int) -> float:
    """Return what no lossy episode in so many bounds the chance of one at, at 95 %."""
    return 1.0 if episodes == 0 else 1 - (1 - CONFIDENCE) ** (1 / episodes)
