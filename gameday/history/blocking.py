"""Blocked time: when the broker, for an alarm, did not read what its publishers sent.

That is the broker doing its job. It is told by connection from `connection.blocked` to `unblocked`
(or the connection's end); a connection that never heard of an alarm was blocked as long as the
journal saw the alarm, but only for what was not answered before the alarm was over.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.history import History
from gameday.history.journal import Fault
from gameday.history.links import NEVER
from gameday.history.records import Flag

Array = npt.NDArray[Any]

ALARMS = frozenset({"disk_alarm", "memory_alarm"})


@dataclass(frozen=True)
class Spans:
    """Spans of time by owner (a connection or a process), disjoint and in order for each."""

    owner: Array
    start: Array
    end: Array

    def overlap(self, owner: Array, start: Array, end: Array) -> Array:
        """Tell which of the given stretches overlap a span of the same owner."""
        if not len(self.owner):
            return np.zeros(len(owner), bool)
        base, reach = int(self.start.min()), int(self.end.max())
        width = reach - base + 2
        keys = self.owner.astype(np.int64) * width + (self.end - base)
        since = np.clip(start - base, 0, width - 1)
        place = np.searchsorted(keys, owner.astype(np.int64) * width + since, side="right")
        inside = place < len(keys)
        safe = np.where(inside, place, 0)
        found: Array = inside & (self.owner[safe] == owner) & (self.start[safe] < end)
        return found


def spans(rows: list[tuple[int, int, int]]) -> Spans:
    """Join overlapping (owner, start, end) rows into spans."""
    joined: list[list[int]] = []
    for owner, start, end in sorted(rows):
        if joined and joined[-1][0] == owner and start <= joined[-1][2]:
            joined[-1][2] = max(joined[-1][2], end)
        else:
            joined.append([owner, start, end])
    columns = np.array(joined, np.int64).reshape(-1, 3)
    return Spans(columns[:, 0], columns[:, 1], columns[:, 2])


def alarms(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Return the alarms that the journal saw in force."""
    return tuple(
        fault for fault in faults if fault.fault_class in ALARMS and fault.observed_ns is not None
    )


def blocked_connections(history: History, stopped_ns: int) -> Spans:
    """Return when each connection was blocked, by its own record."""
    rows = history.links.blocked.tolist()
    return spans([(each, since, _end(since, until, stopped_ns)) for each, since, until in rows])


def blocked_processes(history: History, stopped_ns: int) -> Spans:
    """Return when some connection of each process was blocked."""
    values = history.links.connection_values
    rows = history.links.blocked.tolist()
    return spans(
        [
            (values[each]["process"], since, _end(since, until, stopped_ns))
            for each, since, until in rows
        ]
    )


def _end(since: int, until: int, stopped_ns: int) -> int:
    """Return when a span ended; one that never did lasts until the publishers were stopped."""
    return max(since, until if until != NEVER else stopped_ns)


def blocked_attempts(history: History, faults: Iterable[Fault], stopped_ns: int) -> Array:
    """Tell which publishes were due, or waited for their answer, while blocked."""
    attempts, links = history.attempts, history.links
    if not len(attempts):
        return np.zeros(0, bool)
    last = max(stopped_ns, int(attempts.time_ns.max()))
    until = np.where(attempts.outcome_ns >= 0, attempts.outcome_ns, last)
    known = attempts.tag > 0
    connection = np.where(known, links.channel_connection[attempts.channel], -1)
    own = blocked_connections(history, stopped_ns).overlap(connection, attempts.due_ns, until)
    held = (attempts.flags & Flag.PUBLISH_HELD_BLOCKED) > 0
    found = own & known
    if held.any():
        process = blocked_processes(history, stopped_ns)
        found |= held & process.overlap(attempts.process, attempts.due_ns, until)
    for fault in alarms(faults):
        found |= _unheard(history, fault, connection, until, stopped_ns)
    return found


def _unheard(
    history: History, fault: Fault, connection: Array, until: Array, stopped_ns: int
) -> Array:
    """Tell which publishes waited through an alarm that their connection never heard of."""
    end = fault.restored_ns if fault.restored_ns is not None else stopped_ns
    heard = [
        each
        for each, since, _ in history.links.blocked.tolist()
        if fault.started_ns <= since <= end
    ]
    deaf = (connection >= 0) & ~np.isin(connection, heard)
    return deaf & (history.attempts.due_ns < end) & (until >= end)
