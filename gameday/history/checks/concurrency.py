"""How many messages are handled at the same time, for how long: from handler begun to ended."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.loss import ended_ns
from gameday.history.finding import Finding, Status, unknown
from gameday.history.links import NEVER
from gameday.history.run import SECOND_NS, Run
from gameday.history.serving import starts
from gameday.history.windows import BASELINE

Array = npt.NDArray[Any]


def in_progress(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Many-At-Once: at least so many messages are handled at the same time, for so long."""
    least, for_s = int(parameters["at_once"]), float(parameters["for_s"])
    consumer = next(each for each in run.contract.consumers if each.name == parameters["consumer"])
    times, level = levels(run, consumer.queue)
    figures: dict[str, Any] = {"unit": "messages at once", "threshold": least}
    stretches = _baselines(run)
    if not len(times) or not stretches:
        return unknown("nothing was handled" if stretches else "there was no baseline", **figures)
    most, n = 0, 0
    for start, end in stretches:
        inside = _cut(times, level, start, end)
        most = max(most, sustained(*inside, int(for_s * SECOND_NS)))
        n += len(inside[0]) - 1
    figures |= {"measured": most, "n": n}
    if max(end - start for start, end in stretches) < for_s * SECOND_NS:
        return unknown(f"the baseline was shorter than {for_s:g} s", **figures)
    if most < least:
        text = f"broke Many-At-Once: {consumer.name} never had more than {most} in progress"
        return Finding(Status.FAIL, f"{text} for {for_s:g} s, not {least}", **figures)
    return Finding(Status.PASS, f"{consumer.name} had {most} and more in progress for {for_s:g} s",
                   **figures)  # fmt: skip


def levels(run: Run, queue: str) -> tuple[Array, Array]:
    """Return the times at which a queue's number in progress changed, and the number from then."""
    history = run.history
    deliveries = history.deliveries
    begun = starts(history)
    rows = np.flatnonzero((deliveries.queue == history.queue_number(queue)) & (begun >= 0))
    over = np.where(deliveries.handled_ns[rows] >= 0, deliveries.handled_ns[rows], NEVER)
    closed = history.links.channel_closed_ns
    if len(closed):  # Whoever lost its channel forgets what it had in hand.
        over = np.minimum(over, closed[deliveries.channel[rows]])
    over = np.minimum(over, ended_ns(run)[deliveries.process[rows]])
    over = np.minimum(over, max(run.stopped_ns, int(begun[rows].max(initial=0))))
    times = np.concatenate([begun[rows], np.maximum(over, begun[rows])])
    steps = np.repeat(np.array([1, -1]), len(rows))
    order = np.argsort(times, kind="stable")
    return times[order], np.cumsum(steps[order])


def _baselines(run: Run) -> list[tuple[int, int]]:
    """Return the stretches of baseline that follow one another without a gap, joined."""
    found: list[tuple[int, int]] = []
    windows = run.windows.windows
    ends = [*(window.start_ns for window in windows[1:]), run.stopped_ns]
    for window, end in zip(windows, ends, strict=True):
        if window.phase != BASELINE:
            continue
        if found and found[-1][1] == window.start_ns:
            found[-1] = found[-1][0], end
        else:
            found.append((window.start_ns, end))
    return found


def _cut(times: Array, level: Array, start: int, end: int) -> tuple[Array, Array]:
    """Return the changes inside a stretch, with its edges; the last level is none."""
    first, last = np.searchsorted(times, [start, end])
    before = int(level[first - 1]) if first else 0
    return (
        np.concatenate([[start], times[first:last], [end]]),
        np.concatenate([[before], level[first:last], [-1]]),
    )


def sustained(times: Array, level: Array, for_ns: int) -> int:
    """Return the highest number that a stretch never falls below for so long."""
    low, high = 0, int(level.max(initial=0))
    while low < high:
        middle = (low + high + 1) // 2
        if _longest(times, level >= middle) >= for_ns:
            low = middle
        else:
            high = middle - 1
    return low


def _longest(times: Array, holds: Array) -> int:
    """Return the longest time for which a condition holds without a break."""
    edges = np.flatnonzero(np.diff(holds, prepend=False))
    begins, ends = edges[::2], edges[1::2]
    begins = begins[: len(ends)]
    return int((times[ends] - times[begins]).max(initial=0))
