"""Order: what one publisher sent on one channel reaches a consumer in that order.

Within (publishing channel, queue, effective priority, consuming channel), over first deliveries,
unflagged and of first attempts: the order of publishing never falls.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.effective import effective
from gameday.history.checks.select import deliveries_in
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.join import distinct
from gameday.history.records import Flag
from gameday.history.run import Run

Array = npt.NDArray[Any]


def order(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """First-In-First-Out: no message overtakes an earlier one of its channel and priority."""
    history = run.history
    deliveries, attempts = history.deliveries, history.attempts
    chosen = deliveries_in(history, parameters.get("queues"))
    chosen &= (deliveries.attempt >= 0) & ~deliveries.drained & ~deliveries.redelivered
    chosen &= deliveries.deaths == 0
    # A digest cannot tell a publisher's second attempt from its first.
    chosen &= (deliveries.flags & Flag.SEEN_BY_DIGEST) == 0
    rows = np.flatnonzero(chosen)
    attempt = deliveries.attempt[rows]
    first = (attempts.count[attempt] == 0) & (attempts.tag[attempt] > 0)
    first &= attempts.process[attempt] == attempts.producer[attempt]
    rows, attempt = rows[first], attempt[first]
    if not len(rows):
        return unknown("no first delivery was seen")
    rank = effective(run, deliveries.queue[rows], attempts.priority[attempt])
    lane = _lanes(attempts.channel[attempt], deliveries.channel[rows], rank)
    placed = np.argsort(lane << 32 | deliveries.tag[rows].astype(np.int64), kind="stable")
    tag, lane = attempts.tag[attempt][placed], lane[placed]
    late = np.flatnonzero((lane[1:] == lane[:-1]) & (tag[1:] < tag[:-1])) + 1
    figures: dict[str, Any] = {
        "measured": len(late), "unit": "deliveries", "n": len(rows), "threshold": 0,
    }  # fmt: skip
    if not len(late):
        return Finding(Status.PASS, f"{len(rows)} first deliveries kept their order", **figures)
    message = attempts.message[attempt][placed]
    behind = int(late[0])
    return Finding(
        Status.FAIL,
        f"broke First-In-First-Out: message {name_of(int(message[behind]))} was delivered after "
        f"{name_of(int(message[behind - 1]))}, which was published later on the same channel "
        f"({len(late)} of {len(rows)})",
        examples=examples_of(message[late]), **figures,
    )  # fmt: skip


def _lanes(publishing: Array, consuming: Array, rank: Array) -> Array:
    """Return the number of each delivery's lane, in which order must hold."""
    width = int(consuming.max()) + 1
    lane = (publishing.astype(np.int64) * width + consuming) * (int(rank.max()) + 1) + rank
    return lane if int(lane.max()) < 2**31 else np.searchsorted(distinct(lane), lane)
