"""Inversions: no message is served while a more urgent one waits, as far as the version promises.

Only what is certain counts: the urgent one was in the queue before the slot of the other was free,
and still there when it was delivered, and the leader did not change between. Without a backlog
beyond the prefetch nothing can be told, and the check is vacuous.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.effective import effective, expected
from gameday.history.checks.order import order
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown, worst
from gameday.history.links import NEVER
from gameday.history.run import Run
from gameday.history.statistics import wilson
from gameday.history.waiting import Leaders, Present, Waits, leaders, passed_over, waits

Array = npt.NDArray[Any]

EPSILON_MS = 50.0
LEAST = 50
"""How many choices between priorities must have been made for the check to mean anything."""
SHARE_HIGH, TOLERANCE = 2 / 3, 0.15
"""Two classes are served two to one while both wait, within a tolerance."""


def inversions(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Urgent-First: no message is served while a more urgent one waits in its queue."""
    rules = expected(run)
    queues = parameters.get("queues") or [n for n, rule in rules.items() if rule != "fifo"]
    epsilon_ns = int(float(parameters.get("epsilon_ms", EPSILON_MS)) * 1e6)
    found = [_judge(run, queue, rules.get(queue, "fifo"), epsilon_ns) for queue in queues]
    if not found:
        return unknown("no queue of the contract has priorities")
    status = worst(each.status for each in found)
    return next(each for each in found if each.status is status)


def _judge(run: Run, queue: str, rule: str, epsilon_ns: int) -> Finding:
    number = run.history.queue_number(queue)
    if number < 0:
        return unknown(f"nothing was seen in {queue}")
    if rule == "fifo":
        return _fifo(run, queue)
    seen = waits(run.history, number)
    rank = effective(run, np.full(len(seen.attempt), number),
                     run.history.attempts.priority[seen.attempt])  # fmt: skip
    epochs = leaders(run.journal, queue)
    if rule == "two_classes":
        return _two_classes(queue, seen, rank, epochs, epsilon_ns)
    return _strict(queue, seen, rank, epochs, epsilon_ns)


def _fifo(run: Run, queue: str) -> Finding:
    """On this version the queue ignores priorities: what may be expected is first in, first out."""
    finding = order(run, {"queues": [queue]})
    if finding.status is not Status.PASS:
        return finding
    text = f"{queue} ignores priorities on {run.version}: judged first in, first out; "
    return Finding(Status.PASS, text + finding.reason, finding.measured, finding.unit, finding.n,
                   threshold=0)  # fmt: skip


@dataclass(frozen=True)
class Choices:
    """Deliveries that can be judged, and messages that waited for certain, as rows of `Waits`."""

    served: Array
    sure: Array
    served_epoch: Array
    sure_epoch: Array


def choices(seen: Waits, epochs: Leaders, epsilon_ns: int) -> Choices:
    """Return what can be told for certain; who never waited cannot have been overtaken."""
    epoch = epochs.epoch(seen.at_ns)
    served = np.flatnonzero((seen.at_ns < NEVER) & (seen.free_ns > 0) & epochs.sure[epoch])
    begun = epochs.epoch(seen.since_ns)
    known = (seen.since_ns < NEVER) & epochs.sure[begun]
    waited = seen.since_ns < np.where(seen.drained, NEVER, seen.at_ns) - epsilon_ns
    sure = np.flatnonzero(known & waited)
    return Choices(served, sure, epoch[served], begun[sure])


def overtaken(seen: Waits, rank: Array, among: Choices, epsilon_ns: int) -> Array:
    """Return for each delivery the row of one of higher rank that it overtook, or -1."""
    served, sure = among.served, among.sure
    width = int(seen.channel.max(initial=0)) + 1
    last = np.where(seen.drained, NEVER, seen.tag)
    lane = among.sure_epoch * width + seen.channel[sure]
    same_channel = passed_over(
        Present(lane, seen.since_ns[sure] + epsilon_ns, last[sure], rank[sure]),
        among.served_epoch * width + seen.channel[served],
        seen.free_ns[served],
        seen.tag[served],
        rank[served],
    )
    elsewhere = overtaken_elsewhere(seen, rank, among, epsilon_ns)
    same_channel = np.where(same_channel >= 0, np.append(sure, -1)[same_channel], -1)
    return np.where(elsewhere >= 0, elsewhere, same_channel)


def overtaken_elsewhere(seen: Waits, rank: Array, among: Choices, epsilon_ns: int) -> Array:
    """Return the same, but only of those that were certainly not on their way to a consumer yet."""
    served, sure = among.served, among.sure
    since = seen.since_ns[sure] + epsilon_ns
    found = passed_over(
        Present(among.sure_epoch, since, seen.free_ns[sure], rank[sure]),
        among.served_epoch,
        seen.free_ns[served],
        seen.at_ns[served],
        rank[served],
    )
    return np.where(found >= 0, np.append(sure, -1)[found], -1)


def _strict(queue: str, seen: Waits, rank: Array, epochs: Leaders, epsilon_ns: int) -> Finding:
    among = choices(seen, epochs, epsilon_ns)
    served = among.served
    by = overtaken(seen, rank, among, epsilon_ns)
    inverted = np.flatnonzero(by >= 0)
    made = int(((by >= 0) | (overtaken_elsewhere(seen, -rank, among, epsilon_ns) >= 0)).sum())
    figures: dict[str, Any] = {
        "measured": len(inverted), "unit": "inversions", "n": made, "threshold": 0,
        "interval": wilson(len(inverted), made) if made else None,
        "details": {"deliveries": len(seen.message), "checked": len(served)},
    }  # fmt: skip
    if len(inverted):
        x, y = int(served[inverted[0]]), int(by[inverted[0]])
        reason = (
            f"broke Urgent-First: message {name_of(int(seen.message[x]))} of priority {rank[x]} "
            f"was served from {queue} while {name_of(int(seen.message[y]))} of priority {rank[y]} "
            f"waited ({len(inverted)} of {made} choices)"
        )
        shown = examples_of(seen.message[served[inverted]])
        return Finding(Status.FAIL, reason, examples=shown, **figures)
    if made < LEAST:
        return unknown(f"vacuous: in {queue} priorities met in a backlog only {made} times, "
                       f"not {LEAST}", **figures)  # fmt: skip
    return Finding(Status.PASS, f"the more urgent was served first at all {made} choices "
                   f"in {queue}", **figures)  # fmt: skip


def _two_classes(queue: str, seen: Waits, rank: Array, epochs: Leaders, epsilon_ns: int) -> Finding:
    """Judge the ratio while both classes wait: two of the higher to one of the lower."""
    among = choices(seen, epochs, epsilon_ns)
    high = _some_waiting(seen, np.where(rank > 0, 0, -2), among, epsilon_ns)
    low = _some_waiting(seen, np.where(rank > 0, -2, 0), among, epsilon_ns)
    both = among.served[high & low]
    share = float((rank[both] > 0).mean()) if len(both) else None
    interval = wilson(int((rank[both] > 0).sum()), len(both))
    figures: dict[str, Any] = {
        "measured": share, "unit": "share of the higher class", "n": len(both),
        "interval": interval, "threshold": SHARE_HIGH,
    }  # fmt: skip
    if len(both) < LEAST:
        return unknown(f"vacuous: in {queue} both classes waited at {len(both)} deliveries, "
                       f"not {LEAST}", **figures)  # fmt: skip
    off = interval[1] < SHARE_HIGH - TOLERANCE or interval[0] > SHARE_HIGH + TOLERANCE
    text = f"{share:.0%} of {len(both)} deliveries from {queue} were of the higher class"
    if off:
        return Finding(Status.FAIL, f"broke Two-To-One: {text}, not two thirds", **figures)
    return Finding(Status.PASS, f"{text} while both waited", **figures)


def _some_waiting(seen: Waits, rank: Array, among: Choices, epsilon_ns: int) -> Array:
    """Tell for each delivery whether a message of rank 0 waited meanwhile."""
    served, sure = among.served, among.sure
    since = seen.since_ns[sure] + epsilon_ns
    present = Present(among.sure_epoch, since, seen.free_ns[sure], rank[sure])
    by = passed_over(present, among.served_epoch, seen.free_ns[served], seen.at_ns[served],
                     np.full(len(served), -1))  # fmt: skip
    return by >= 0
