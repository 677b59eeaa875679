"""Moving between clusters: time without service, order across the move, and what came twice."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.select import copies_in
from gameday.history.checks.upgrades import MOVE, NO_UPGRADE
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.gaps import SECOND_NS, longest_gap
from gameday.history.outcomes import Outcome
from gameday.history.records import Result
from gameday.history.run import Run
from gameday.history.sides import BLUE, GREEN, Sides, steps_of

Array = npt.NDArray[Any]

LIMIT_S = 5.0


def without_service(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Service-Goes-On: at no time of a move does nobody confirm, or nobody take what waits."""
    limit_s = float(parameters.get("limit_s", LIMIT_S))
    if steps_of(run) is None:
        return unknown(NO_UPGRADE)
    begin = next((w.start_ns for w in run.windows.windows if w.phase == "baseline"), None)
    if begin is None:
        return unknown("there was no baseline, so nobody knows what service was")
    confirms, at_ns = _without_confirm(run, begin)
    deliveries = _without_delivery(run, begin)
    worst = max(confirms, deliveries)
    figures: dict[str, Any] = {
        "measured": worst, "unit": "s", "n": len(run.history.attempts), "threshold": limit_s,
        "details": {"without_confirm_s": confirms, "without_confirm_at_s": run.seconds(at_ns),
                    "without_delivery_s": deliveries,
                    "new_messages_waited_s": _new_waited(run)},
    }  # fmt: skip
    text = (f"at most {confirms:.2f} s without a confirm, from {run.seconds(at_ns):.1f} s on, and "
            f"{deliveries:.2f} s without a delivery while messages waited")  # fmt: skip
    if worst > limit_s:
        return Finding(Status.FAIL, f"broke Service-Goes-On: {text}", **figures)
    return Finding(Status.PASS, text, **figures)


def _without_confirm(run: Run, begin_ns: int) -> tuple[float, int]:
    """Return the longest time without any confirm, and since when; the load never pauses."""
    attempts = run.history.attempts
    times = attempts.outcome_ns[attempts.outcome == Outcome.OK]
    inside = np.sort(times[(times > begin_ns) & (times < run.stopped_ns)])
    points = np.concatenate([[begin_ns], inside, [run.stopped_ns]]).astype(np.int64)
    gaps = np.diff(points)
    place = int(gaps.argmax())
    return float(gaps[place]) / SECOND_NS, int(points[place])


def _without_delivery(run: Run, begin_ns: int) -> float:
    """Return the longest time in which confirmed messages waited and no consumer took any."""
    copies, attempts, deliveries = run.history.copies, run.history.attempts, run.history.deliveries
    consumed = run.history.roles.consumed
    work = np.array([*(name in consumed for name in run.history.queues), False])[copies.queue]
    taken = (copies.status == Outcome.OK) & (copies.delivered_ns >= 0) & work
    since = np.maximum(attempts.outcome_ns[copies.attempt][taken], begin_ns)
    events = deliveries.time_ns[~deliveries.drained]
    return longest_gap(since, copies.delivered_ns[taken], events)


def _new_waited(run: Run) -> float | None:
    """Return how long green's first message after the move waited for its consumers."""
    steps, sides = steps_of(run), Sides(run.history)
    move = steps.ns(MOVE, "begin") if steps is not None else None
    attempts, deliveries = run.history.attempts, run.history.deliveries
    new = sides.attempts(GREEN) & (attempts.outcome == Outcome.OK)
    new &= attempts.time_ns >= (move if move is not None else run.stopped_ns)
    taken = deliveries.time_ns[sides.deliveries(GREEN)]
    if not new.any() or not len(taken):
        return None
    return float(taken.min() - attempts.outcome_ns[new].min()) / SECOND_NS


def overtaken(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Old-Before-New: no message of the new cluster is taken before the last of the old one."""
    steps = steps_of(run)
    move = steps.ns(MOVE, "begin") if steps is not None else None
    if steps is None or move is None:
        return unknown(NO_UPGRADE if steps is None else "the publishers never moved")
    messages, old, new = overtaking(run, move, parameters.get("queues"))
    figures: dict[str, Any] = {
        "measured": len(messages), "unit": "messages", "n": new, "threshold": 0,
        "details": {"old": old, "new": new},
    }  # fmt: skip
    if len(messages):
        text = (f"broke Old-Before-New: message {name_of(int(messages[0]))}, published to green, "
                f"was taken before the last of blue's ({len(messages)} of {new})")  # fmt: skip
        return Finding(Status.FAIL, text, examples=examples_of(messages), **figures)
    if not old or not new:
        return unknown(f"vacuous: {old} messages of blue and {new} of green were taken", **figures)
    return Finding(Status.PASS, f"all {old} messages of blue came before the {new} of green",
                   **figures)  # fmt: skip


def overtaking(run: Run, move_ns: int, queues: list[str] | None) -> tuple[Array, int, int]:
    """Return the new messages that were taken before an older one; how many were old, and new."""
    history, sides = run.history, Sides(run.history)
    copies, attempts = history.copies, history.attempts
    own = sides.produced[copies.attempt] & (copies.status == Outcome.OK)
    own &= (copies.delivered_ns >= 0) & copies_in(history, queues)
    old = own & sides.attempts(BLUE)[copies.attempt]
    new = own & sides.attempts(GREEN)[copies.attempt]
    new &= attempts.time_ns[copies.attempt] >= move_ns
    last = np.full(len(history.queues) + 1, -1, np.int64)
    np.maximum.at(last, copies.queue[old], copies.delivered_ns[old])
    hasty = new & (copies.delivered_ns < last[copies.queue])
    found = np.unique(attempts.message[copies.attempt[hasty]])
    return found, int(old.sum()), int(new.sum())


def handled_twice(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Once-Is-Enough: no published copy is handled to its end more than once, but for so many.

    What its publisher sent again, because the confirm was late, is another copy: that is counted
    beside it, and is no doing of the move's.
    """
    most = int(parameters.get("most", 0))
    history = run.history
    deliveries, attempts = history.deliveries, history.attempts
    done = (deliveries.attempt >= 0) & (deliveries.result == Result.DONE) & ~deliveries.drained
    attempt, place = deliveries.attempt[done], history.finals[deliveries.queue[done]]
    width = len(history.queues) + 1
    keys, counts = np.unique(attempt.astype(np.int64) * width + place, return_counts=True)
    doubled = attempts.message[keys[counts > 1] // width]
    messages = np.unique(attempts.message[attempt] * width + place)
    sent_again = len(keys) - len(messages)
    figures: dict[str, Any] = {
        "measured": len(doubled), "unit": "messages", "n": len(keys), "threshold": most,
        "details": {"handled_again_since_sent_again": sent_again},
    }  # fmt: skip
    if not len(keys):
        return unknown("nothing was handled")
    if len(doubled) > most:
        text = (f"broke Once-Is-Enough: message {name_of(int(doubled[0]))} was handled more than "
                f"once ({len(doubled)} such)")  # fmt: skip
        return Finding(Status.FAIL, text, examples=examples_of(doubled), **figures)
    return Finding(
        Status.PASS,
        f"{len(doubled)} of {len(keys)} copies were handled more than once; publishers had sent "
        f"{sent_again} again themselves",
        **figures,
    )
