"""Who waited when somebody else was served: slots, leaders and certain presence in a queue.

For the k-th delivery on a channel with prefetch P, its slot was *free* when the (k-P)-th settlement
was sent. A message was in its queue *for certain* from its confirm (and a little more, for clock
and network) until the slot that it went to was freed. Nothing here knows what priorities mean.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.blocking import spans
from gameday.history.history import History
from gameday.history.journal import LEADERS_MOVE, Line, events, faults
from gameday.history.links import NEVER
from gameday.history.outcomes import Outcome

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Waits:
    """First, unflagged deliveries of one queue, and what was drained from it undelivered.

    `since_ns` is the confirm (NEVER without one), `free_ns` when the slot was freed, `at_ns` the
    delivery; of drained ones the last two are NEVER.
    """

    message: Array
    attempt: Array
    channel: Array
    tag: Array
    since_ns: Array
    free_ns: Array
    at_ns: Array
    drained: Array


def waits(history: History, queue: int) -> Waits:
    """Return who waited in a queue."""
    deliveries, attempts = history.deliveries, history.attempts
    here = (deliveries.queue == queue) & (deliveries.attempt >= 0) & (deliveries.deaths == 0)
    free = slot_free(history, np.flatnonzero(here & ~deliveries.drained))
    rows = np.flatnonzero(here & ~deliveries.redelivered & ~deliveries.no_ack)
    attempt = deliveries.attempt[rows]
    drained = deliveries.drained[rows]
    ok = attempts.outcome[attempt] == Outcome.OK
    return Waits(
        attempts.message[attempt], attempt, deliveries.channel[rows].astype(np.int64),
        deliveries.tag[rows].astype(np.int64),
        np.where(ok, attempts.outcome_ns[attempt], NEVER),
        np.where(drained, NEVER, free[rows]),
        np.where(drained, NEVER, deliveries.time_ns[rows]), drained,
    )  # fmt: skip


def slot_free(history: History, rows: Array) -> Array:
    """Return for each delivery when its slot was freed; 0 where nobody can say."""
    deliveries, links = history.deliveries, history.links
    free = np.zeros(len(deliveries), np.int64)
    prefetch = np.array([int(each.get("prefetch") or 0) for each in links.channel_values] or [0])
    rows = rows[np.lexsort((deliveries.tag[rows], deliveries.channel[rows]))]
    channel = deliveries.channel[rows].astype(np.int64)
    rank = _rank(channel)
    settled = rows[deliveries.settled[rows] > 0]
    settled = settled[np.lexsort((deliveries.settled_ns[settled], deliveries.channel[settled]))]
    counts = np.bincount(deliveries.channel[settled], minlength=len(prefetch) + 1)
    starts = np.concatenate([[0], np.cumsum(counts)])
    wanted = rank - prefetch[channel]
    known = (wanted >= 0) & (wanted < counts[channel]) & (prefetch[channel] > 0)
    place = np.where(known, starts[channel] + wanted, 0)
    times = deliveries.settled_ns[settled]
    free[rows] = np.where(known, times[place] if len(times) else 0, 0)
    return free


def _rank(groups: Array) -> Array:
    """Return the place of each row in its group; groups stand together."""
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    first = np.zeros(len(groups), np.int64)
    first[starts] = starts
    return np.arange(len(groups)) - np.maximum.accumulate(first)


@dataclass(frozen=True)
class Leaders:
    """Stretches in which a queue's leader is known not to have changed."""

    edges: Array
    sure: Array

    def epoch(self, time_ns: Array) -> Array:
        """Return the number of the stretch that each time lies in."""
        return np.searchsorted(self.edges, time_ns, side="right")


def leaders(journal: tuple[Line, ...], queue: str) -> Leaders:
    """Cut time where the journal saw a queue's leader change.

    Between two readings that differ nobody knows when it changed, so that stretch is unsure; so is
    a fault of a node during which nobody looked.
    """
    readings = [
        (line["time_ns"], line["leaders"].get(queue))
        for line in events(journal, "leaders")
        if queue in line["leaders"]
    ]
    stretches = [
        (before_ns, after_ns)
        for (before_ns, before), (after_ns, after) in pairwise(readings)
        if before != after
    ]
    times = [time_ns for time_ns, _ in readings]
    stretches += [
        (fault.started_ns, fault.restored_ns or NEVER - 1)
        for fault in faults(journal)
        if fault.fault_class in LEADERS_MOVE
        and not any(fault.started_ns < time < (fault.restored_ns or NEVER) for time in times)
    ]
    joined = spans([(0, start, end) for start, end in stretches])
    edges = np.stack([joined.start, joined.end], axis=1).reshape(-1)
    return Leaders(edges, np.arange(len(edges) + 1) % 2 == 0)


@dataclass(frozen=True)
class Present:
    """Messages that were in a queue for certain: by segment, since when, and until which mark."""

    segment: Array
    since: Array
    until: Array
    rank: Array


def passed_over(present: Present, segment: Array, free: Array, mark: Array, rank: Array) -> Array:
    """Return for each served message one of a higher rank that waited in its segment, or -1.

    It must have been there before the slot was free, and still there at the mark.
    """
    found = np.full(len(segment), -1, np.int64)
    if not len(present.segment) or not len(segment):
        return found
    since = _packed(present.segment, present.since, segment, free)
    until = _packed(present.segment, present.until, segment, mark)
    order = np.argsort(since[0], kind="stable")
    for level in np.unique(rank):
        mine = np.flatnonzero(rank == level)
        higher = order[present.rank[order] > level]
        if not len(higher):
            continue
        keys, stays = since[0][higher], np.maximum.accumulate(until[0][higher])
        newest = np.where(until[0][higher] == stays, np.arange(len(higher)), 0)
        best = np.maximum.accumulate(newest)
        place = np.searchsorted(keys, since[1][mine], side="left") - 1
        hit = (place >= 0) & (stays[place] > until[1][mine])
        found[mine[hit]] = higher[best[place[hit]]]
    return found


def _packed(
    segment: Array, value: Array, other_segment: Array, other: Array
) -> tuple[Array, Array]:
    """Pack (segment, value) into one rising key, the same way for both sides."""
    finite = np.concatenate([value[value < NEVER], other[other < NEVER], [0]])
    least = int(finite[finite > 0].min()) if (finite > 0).any() else 0
    width = int(finite.max()) - least + 3

    def pack(segments: Array, values: Array) -> Array:
        inside = np.where(values == NEVER, width - 1, np.clip(values - least + 1, 0, width - 2))
        return segments.astype(np.int64) * width + inside

    return pack(segment, value), pack(other_segment, other)
