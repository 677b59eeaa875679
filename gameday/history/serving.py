"""When a message was served: from when its handler began, not from when it was prefetched.

A consumer that handles several messages at once writes down when each begins. One that handles
them one after another need not: a handler begins when its delivery is there and the one before has
ended. Waits are counted per copy, from the publish of its attempt to its first beginning; what a
blocked publisher had already written came when it was confirmed, since nobody read it before.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.history import History
from gameday.history.outcomes import Outcome
from gameday.history.records import NO_PRIORITY
from gameday.history.run import Run

Array = npt.NDArray[Any]

FAR = np.iinfo(np.int64).max
"""The beginning of what never began."""


def starts(history: History) -> Array:
    """Return for each delivery when its handler began, -1 where it did not, or nobody can say."""
    deliveries = history.deliveries
    channel = deliveries.channel.astype(np.int64)
    written = np.zeros(int(channel.max(initial=0)) + 1, bool)
    written[channel[deliveries.started_ns >= 0]] = True
    alone = np.flatnonzero(~written[channel] & (deliveries.handled_ns >= 0) & ~deliveries.drained)
    alone = alone[np.lexsort((deliveries.handled_ns[alone], channel[alone]))]
    before = np.zeros(len(alone), np.int64)
    same = channel[alone][1:] == channel[alone][:-1]
    before[1:] = np.where(same, deliveries.handled_ns[alone][:-1], 0)
    found = deliveries.started_ns.copy()
    found[alone] = np.maximum(deliveries.time_ns[alone], before)
    return found


@dataclass(frozen=True)
class Served:
    """The copies of one queue that were confirmed or begun: since when each waited, till when.

    `started_ns` is FAR for what was confirmed and never begun.
    """

    message: Array
    priority: Array
    arrived_ns: Array
    started_ns: Array

    @property
    def wait_s(self) -> Array:
        """How long each waited; infinite for what never began."""
        waited = (self.started_ns - self.arrived_ns) / 1e9
        return np.where(self.started_ns < FAR, waited, np.inf)


def served(run: Run, queue: str) -> Served:
    """Return who was served in a queue, and when each handler began for the first time."""
    history = run.history
    copies, attempts = history.copies, history.attempts
    first = np.full(len(copies) + 1, FAR, np.int64)
    begun = starts(history)
    known = (begun >= 0) & (history.index.of_delivery >= 0)
    np.minimum.at(first, history.index.of_delivery[known], begun[known])
    first = first[:-1]
    mine = copies.queue == history.queue_number(queue)
    rows = np.flatnonzero(mine & ((copies.status == Outcome.OK) | (first < FAR)))
    attempt = copies.attempt[rows]
    priority = attempts.priority[attempt]
    arrived = attempts.time_ns[attempt].copy()
    unread = run.blocked[attempt] & (copies.status[rows] == Outcome.OK)
    arrived[unread] = np.minimum(attempts.outcome_ns[attempt], first[rows])[unread]
    return Served(
        attempts.message[attempt], np.where(priority == NO_PRIORITY, 0, priority), arrived,
        first[rows],
    )  # fmt: skip


def first_come(arrived_ns: Array, started_ns: Array) -> Array:
    """Return when each would have begun, had the same beginnings gone to whoever came first.

    The k-th beginning goes to the k-th that arrived. So whatever slowed the real ones down, and
    however many worked, slows these down too, and only the order is another.
    """
    order = np.argsort(arrived_ns, kind="stable")
    found = np.empty(len(arrived_ns), np.int64)
    found[order] = np.sort(started_ns)
    return found
