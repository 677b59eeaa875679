"""Wedged workers: a queue that stands still while its worker holds messages names that worker.

From the ledgers alone: a queue had something to do, for so long nobody handled any of it, and a
process had a consumer there and held deliveries all the while. What the journal then says of
wedged and of slow workers judges the naming.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.loss import ended_ns
from gameday.history.checks.met import in_force, struck_process
from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import Fault
from gameday.history.links import NEVER
from gameday.history.outcomes import Outcome
from gameday.history.run import SECOND_NS, Run

Array = npt.NDArray[Any]

WEDGED, SLOWED = "wedge_client", "slow_client"


@dataclass(frozen=True)
class Stuck:
    """A queue that stood still, since when, until when, and who held messages of it."""

    queue: str
    since_ns: int
    until_ns: int
    processes: tuple[int, ...]


def wedged(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Wedged-Is-Named: a hung worker is named by its queue's standing still, a slow one not."""
    stuck_s = float(parameters["stuck_s"])
    queues = parameters.get("queues") or sorted(run.history.roles.consumed)
    found = [each for queue in queues for each in stuck(run, queue, stuck_s)]
    hung = {struck_process(each): each for each in _lasting(run, WEDGED, stuck_s)}
    slow = {struck_process(each): each for each in _lasting(run, SLOWED, stuck_s)}
    named = {process: each for each in found for process in each.processes}
    figures: dict[str, Any] = {
        "measured": max(((s.until_ns - s.since_ns) / SECOND_NS for s in found), default=0.0),
        "unit": "s", "n": len(hung) + len(slow), "threshold": stuck_s,
        "details": {"stuck": [_told(run, each) for each in found]},
    }  # fmt: skip
    if wrong := sorted(named.keys() - hung.keys()):
        what = "slow" if wrong[0] in slow else "well"
        each = named[wrong[0]]
        return Finding(Status.FAIL, f"broke Wedged-Is-Named: the worker of process {wrong[0]} was "
                       f"named for {each.queue} at {run.seconds(each.since_ns):.1f} s, and was "
                       f"{what}", **figures)  # fmt: skip
    if missed := sorted(hung.keys() - named.keys()):
        return Finding(Status.FAIL, f"broke Wedged-Is-Named: {hung[missed[0]].target} hung, and "
                       "nothing named it", **figures)  # fmt: skip
    if not hung or not slow:
        what = "hung" if not hung else "was slow"
        return unknown(f"vacuous: no worker {what} for {stuck_s:g} s", **figures)
    who = ", ".join(fault.target for fault in hung.values())
    return Finding(Status.PASS, f"{who} named by its queue's standing still; {len(slow)} slow "
                   "workers were not", **figures)  # fmt: skip


def _lasting(run: Run, kind: str, stuck_s: float) -> list[Fault]:
    """Return the faults of a kind that were in force for long enough to show."""
    return [
        fault for fault in run.own_faults
        if fault.kind == kind
        and (in_force(run, fault)[1] - in_force(run, fault)[0]) / SECOND_NS >= stuck_s
    ]  # fmt: skip


def stuck(run: Run, queue: str, stuck_s: float) -> list[Stuck]:
    """Return where a queue with messages stood still for so long, no other fault excusing it."""
    history = run.history
    copies, deliveries, attempts = history.copies, history.deliveries, history.attempts
    number = history.queue_number(queue)
    handled = np.sort(deliveries.handled_ns[(deliveries.queue == number)
                                            & (deliveries.handled_ns >= 0)])  # fmt: skip
    mine = (copies.queue == number) & (copies.status == Outcome.OK)
    confirmed = attempts.outcome_ns[copies.attempt[mine]]
    settled = np.where(copies.settled_ns[mine] >= 0, copies.settled_ns[mine], NEVER)
    edges = np.concatenate([handled, [_last(run)]])
    begins = np.concatenate([[run.zero_ns], handled])
    found = []
    for at in np.flatnonzero(edges - begins >= stuck_s * SECOND_NS).tolist():
        end = int(edges[at])
        waiting = confirmed[(settled >= end) & (confirmed < end)]
        if not len(waiting):
            continue
        since, end = _unexcused(run, max(int(begins[at]), int(waiting.min())), end)
        if end - since >= stuck_s * SECOND_NS:
            found.append(Stuck(queue, since, end, _holders(run, number, since, end)))
    return found


def _last(run: Run) -> int:
    """Return until when workers could handle anything."""
    handled = run.history.deliveries.handled_ns
    return max(run.stopped_ns, int(handled.max(initial=0)))


def _unexcused(run: Run, since: int, end: int) -> tuple[int, int]:
    """Return the longest part of a stretch in which no other fault was there to blame."""
    longest = since, since
    others = [each for each in run.own_faults if each.kind not in {WEDGED, SLOWED}]
    for fault in sorted(others, key=lambda fault: fault.started_ns):
        begin, over = fault.started_ns, fault.restored_ns or run.stopped_ns
        if begin < end and over > since:
            longest = max(longest, (since, begin), key=_length)
            since = min(over, end)
    return max(longest, (since, end), key=_length)


def _length(part: tuple[int, int]) -> int:
    return part[1] - part[0]


def _holders(run: Run, queue: int, since: int, end: int) -> tuple[int, ...]:
    """Return the processes that held deliveries of a queue, on a channel that stood, all along."""
    deliveries, links = run.history.deliveries, run.history.links
    settled = np.where(deliveries.settled > 0, deliveries.settled_ns, NEVER)
    closed = np.minimum(links.channel_closed_ns[deliveries.channel],
                        ended_ns(run)[deliveries.process])  # fmt: skip
    held = (
        (deliveries.queue == queue) & ~deliveries.drained & (settled >= end) & (closed >= end)
        & (deliveries.time_ns <= since + (end - since) // 2)
    )  # fmt: skip
    return tuple(np.unique(deliveries.process[held]).tolist())


def _told(run: Run, each: Stuck) -> dict[str, Any]:
    return {
        "queue": each.queue, "since_s": run.seconds(each.since_ns),
        "until_s": run.seconds(each.until_ns), "processes": list(each.processes),
    }  # fmt: skip
