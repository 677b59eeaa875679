"""Recovery: how soon publishing and consuming work again, and the backlog is gone.

For each fault and queue: the first confirm and the first delivery of what was published after the
fault was in force (a dead node, a partition) and after it was healed, and the time until what was
confirmed before healing is settled. The longest time without a confirm stands beside it, blocked
and idle time apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.blocking import ALARMS
from gameday.history.checks.loss import ended_ns
from gameday.history.checks.select import queue_mask
from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import FOLLOWER, ON_NODES, Fault
from gameday.history.links import NEVER
from gameday.history.outcomes import Outcome
from gameday.history.run import SECOND_NS, Run
from gameday.history.verdicts import Verdict

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Recovered:
    """One fault's recovery of one queue, in seconds; None where it never came."""

    fault: str
    queue: str
    idle: bool
    first_confirm_s: float | None
    first_delivery_s: float | None
    drained_s: float | None
    on_node: bool
    in_force_confirm_s: float | None
    in_force_delivery_s: float | None


def recovery(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Back-In-Time: after a fault confirms and deliveries resume, and the backlog goes, in time."""
    limit_s = float(parameters["limit_s"])
    classes = parameters.get("fault_classes")
    faults = [each for each in run.own_faults if classes is None or each.fault_class in classes]
    queues = parameters.get("queues") or sorted(run.history.roles.consumed)
    progress = [Progress(run, queue) for queue in queues]
    every = [_of(fault, each) for fault in faults for each in progress
             if fault.restored_ns is not None]  # fmt: skip
    unhealed = [fault.id for fault in faults if fault.restored_ns is None]
    gap_s, gap_at_s = longest_gap(run)
    details = {"recoveries": [vars(each) for each in every], "longest_gap_s": gap_s,
               "longest_gap_at_s": gap_at_s}  # fmt: skip
    figures: dict[str, Any] = {"unit": "s", "n": len(every), "threshold": limit_s,
                               "details": details}  # fmt: skip
    times = [(seconds, each, name) for each in every for name, seconds in _judged(each)]
    slow = [row for row in times if row[0] is None or row[0] > limit_s]
    known = [seconds for seconds, _, _ in times if seconds is not None]
    figures["measured"] = max(known, default=None)
    if slow:
        seconds, each, name = next((row for row in slow if row[0] is None), slow[0])
        took = "never came" if seconds is None else f"took {seconds:.1f} s"
        text = f"broke Back-In-Time: {name} in {each.queue} after {each.fault} {took}"
        return Finding(Status.FAIL, f"{text} (limit {limit_s:g} s)", **figures)
    if unhealed:
        return unknown(f"{unhealed[0]} was not seen healed", **figures)
    idle = [each for each in every if each.idle]
    if idle:
        text = f"nothing was published to {idle[0].queue} after {idle[0].fault}"
        return unknown(f"vacuous: {text}", **figures)
    if not known:
        return unknown("no fault was there to recover from", **figures)
    return Finding(Status.PASS, f"all within {max(known):.1f} s of {len(faults)} faults' ends",
                   **figures)  # fmt: skip


def _judged(each: Recovered) -> list[tuple[str, float | None]]:
    """Return the times of one recovery that the limit is for."""
    after = [("the end of the backlog", each.drained_s)]
    if not each.idle:
        after = [
            ("the first confirm", each.first_confirm_s),
            ("the first delivery", each.first_delivery_s),
            *after,
        ]
    under = [
        ("the first confirm under the fault", each.in_force_confirm_s),
        ("the first delivery under the fault", each.in_force_delivery_s),
    ]
    return [*after, *under] if each.on_node else after


class Progress:
    """One queue's publishes and settlements, laid out so that each fault is a look-up."""

    def __init__(self, run: Run, queue: str) -> None:
        self.queue = queue
        self._complete = run.drain_complete
        self._last = run.stopped_ns
        copies, attempts = run.history.copies, run.history.attempts
        rows = np.flatnonzero(queue_mask(run.history, [queue])[copies.queue])
        attempt = copies.attempt[rows]
        rows = rows[np.argsort(attempts.time_ns[attempt], kind="stable")]
        attempt = copies.attempt[rows]
        ok = attempts.outcome[attempt] == Outcome.OK
        self._sent = attempts.time_ns[attempt]
        confirmed = np.where(ok, attempts.outcome_ns[attempt], NEVER)
        delivered = np.where(copies.delivered_ns[rows] >= 0, copies.delivered_ns[rows], NEVER)
        self._confirmed, self._delivered = _from_here(confirmed), _from_here(delivered)
        gone = np.isin(copies.verdict[rows], [Verdict.LOST, Verdict.LOST_AFTER_DELIVERY])
        counted = ok & ~gone & ~copies.rests[rows]  # What is lost is `loss`'s business.
        counted &= ~_waiting(run)[copies.queue[rows]]  # What climbs a ladder is no backlog.
        order = np.argsort(confirmed[counted], kind="stable")
        settled = copies.settled_ns[rows][counted][order]
        self._accepted = confirmed[counted][order]
        self._settled = np.maximum.accumulate(np.where(settled >= 0, settled, NEVER))

    def firsts(self, since_ns: int) -> tuple[float | None, float | None] | None:
        """Return after how long something published since was confirmed, and delivered.

        Idle time does not count; where nothing was published any more, nobody can tell: None.
        """
        place = int(np.searchsorted(self._sent, since_ns))
        if place == len(self._sent):
            return None
        begun = max(since_ns, int(self._sent[place]))
        return _after(self._confirmed[place], begun), _after(self._delivered[place], begun)

    def drained(self, healed_ns: int) -> float | None:
        """Return after how long all that was confirmed before the healing had been settled."""
        place = int(np.searchsorted(self._accepted, healed_ns, side="right"))
        if place == 0:
            return 0.0
        last = int(self._settled[place - 1])
        if last == NEVER and not self._complete:
            return max(0.0, float(self._last - healed_ns) / SECOND_NS)
        return None if last == NEVER else max(0.0, float(last - healed_ns) / SECOND_NS)


def _waiting(run: Run) -> Array:
    """Tell for each queue's number whether it is a wait queue."""
    history = run.history
    return np.array([*(name in history.roles.waits for name in history.queues), False])


def _from_here(times: Array) -> Array:
    """Return for each place the earliest time from there on."""
    return np.minimum.accumulate(times[::-1])[::-1]


def _after(time: int, begun_ns: int) -> float | None:
    return None if time == NEVER else float(int(time) - begun_ns) / SECOND_NS


def _of(fault: Fault, progress: Progress) -> Recovered:
    assert fault.restored_ns is not None
    healed = fault.restored_ns
    firsts = progress.firsts(healed)
    in_force = None
    if fault.fault_class in ON_NODES | {FOLLOWER} and fault.observed_ns is not None:
        in_force = progress.firsts(fault.observed_ns)
    return Recovered(
        fault.id, progress.queue, firsts is None, *(firsts or (None, None)),
        progress.drained(healed), in_force is not None, *(in_force or (None, None)),
    )  # fmt: skip


def longest_gap(run: Run) -> tuple[float, float | None]:
    """Return the longest time without a confirm, neither idle nor blocked, and when it began."""
    attempts = run.history.attempts
    judged = (attempts.outcome_ns >= 0) & ~run.blocked & (attempts.tag > 0)
    order = np.argsort(attempts.outcome_ns[judged], kind="stable")
    ended = attempts.outcome_ns[judged][order]
    confirmed = (attempts.outcome[judged] == Outcome.OK)[order]
    if confirmed.sum() < 1:
        return 0.0, None
    sent = attempts.time_ns[judged][order]
    waiting_since = np.minimum.accumulate(sent[::-1])[::-1]
    at = np.flatnonzero(confirmed)
    last = np.concatenate([[0], ended[at[:-1]]])
    first_open = np.concatenate([[0], at[:-1] + 1])
    start = np.maximum(last, waiting_since[first_open])
    gaps = (ended[at] - start - _alarmed(run, start, ended[at])) / SECOND_NS
    longest = int(gaps.argmax())
    return float(max(0.0, gaps[longest])), run.seconds(int(start[longest]))


def _alarmed(run: Run, start: Array, end: Array) -> Array:
    """Return how much of each stretch an alarm took."""
    taken = np.zeros(len(start), np.int64)
    for fault in run.own_faults:
        if fault.fault_class in ALARMS:
            last = fault.restored_ns or run.stopped_ns
            overlap = np.minimum(end, last) - np.maximum(start, fault.started_ns)
            taken += np.maximum(overlap, 0)
    return taken


def blocked(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Resumes-When-Cleared: every blocked publisher confirms again soon after the alarm clears."""
    limit_s = float(parameters["limit_s"])
    alarms = [each for each in run.own_faults if each.fault_class in ALARMS]
    resumed = [row for fault in alarms for row in _resumed(run, fault)]
    figures: dict[str, Any] = {"unit": "s", "n": len(resumed), "threshold": limit_s}
    if not alarms:
        return unknown("there was no alarm", **figures)
    if any(fault.restored_ns is None for fault in alarms):
        return unknown("an alarm was not seen to clear", **figures)
    if not resumed:
        return unknown("vacuous: no publisher was seen blocked", **figures)
    known = [seconds for seconds in resumed if seconds is not None]
    figures["measured"] = max(known, default=None)
    late = [seconds for seconds in resumed if seconds is None or seconds > limit_s]
    if late:
        took = "never" if None in late else f"{max(known):.1f} s after the alarm cleared"
        return Finding(Status.FAIL, f"broke Resumes-When-Cleared: a blocked publisher resumed "
                       f"{took} ({len(late)} of {len(resumed)})", **figures)  # fmt: skip
    return Finding(Status.PASS, f"all {len(resumed)} blocked publishers resumed within "
                   f"{max(known):.1f} s of the alarm's clearing", **figures)  # fmt: skip


def _resumed(run: Run, fault: Fault) -> list[float | None]:
    """Return for each connection that an alarm blocked after how long it was unblocked for good.

    Its next confirm counts, where it had something to send; one that closed instead is left out
    unless its whole pool stayed silent, which the SLA and the recovery see.
    """
    history = run.history
    attempts, links = history.attempts, history.links
    end = fault.restored_ns or run.stopped_ns
    begun = fault.started_ns
    connection = links.channel_connection[attempts.channel] if len(attempts) else np.empty(0, int)
    rows: list[float | None] = []
    gone = ended_ns(run)
    for each, since, until in links.blocked.tolist():
        if not begun <= since <= end or links.connection_values[each].get("role") != "publish":
            continue
        if gone[links.connection_values[each]["process"]] < max(end, since) + SECOND_NS:
            continue  # Its process was killed: it will never hear that the alarm is over.
        if links.connection_closed_ns[each] <= max(until, end) and until != end:
            closed = int(links.connection_closed_ns[each])
            if closed < end:
                continue
        mine = (connection == each) & (attempts.outcome == Outcome.OK) & (attempts.tag > 0)
        later = attempts.outcome_ns[mine & (attempts.outcome_ns >= end)]
        cleared = None if until > run.stopped_ns else max(0.0, (until - end) / SECOND_NS)
        waiting = (
            (connection == each)
            & (attempts.time_ns <= end)
            & ((attempts.outcome_ns < 0) | (attempts.outcome_ns >= end))
        )
        if cleared is not None and waiting.any():
            first = int(later.min()) if len(later) else None
            cleared = None if first is None else max(cleared, (first - end) / SECOND_NS)
        rows.append(cleared)
    return rows
