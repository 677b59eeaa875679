"""Time without service: how long somebody waited, and nothing happened."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SECOND_NS = 1_000_000_000


def longest_gap(since: Array, until: Array, events: Array) -> float:
    """Return the longest time, in seconds, in which somebody waited and no event came."""
    begins, ends = _stretches(since, until)
    if not len(begins):
        return 0.0
    events = np.sort(events)
    points = np.concatenate([begins, events])
    place = np.searchsorted(begins, points, side="right") - 1
    inside = (place >= 0) & (points < ends[place])
    points, place = points[inside], place[inside]
    after = np.searchsorted(events, points, side="right")
    following = np.append(events, np.iinfo(np.int64).max)[after]
    return float((np.minimum(following, ends[place]) - points).max(initial=0)) / SECOND_NS


def _stretches(since: Array, until: Array) -> tuple[Array, Array]:
    """Return the stretches in which at least one waited, in order, apart from each other."""
    kept = until > since
    if not kept.any():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    order = np.argsort(since[kept], kind="stable")
    begin, end = since[kept][order], np.maximum.accumulate(until[kept][order])
    new = np.append(True, begin[1:] > end[:-1])
    last = np.append(new[1:], True)
    return begin[new], end[last]
