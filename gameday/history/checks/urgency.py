"""What priorities are worth, and what they cost.

How much sooner urgent ones are begun than first come, first served would have it, and how long the
others wait. Both count until a handler begins, not until a message is prefetched: one that lies in
the hands of a consumer that is busy with others still waits.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.blocking import ALARMS
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.journal import ON_NODES
from gameday.history.run import Run
from gameday.history.serving import FAR, Served, first_come, served
from gameday.history.statistics import summary
from gameday.history.windows import BASELINE, FAULT, RECOVERY, WARM_UP

Array = npt.NDArray[Any]

LEAST = 50
"""How many must have waited for a check to mean anything."""
WAITED_S = 0.1
"""What counts as having met a backlog: as it was, or first come, first served."""
SATURATED = 0.1
"""The share of the limit that somebody waits in a saturated queue."""
STRETCH_NS = 2_000_000_000
LEAST_STRETCHES = 2
DRAWS = 2000
SEED = 20_260_101


def effectiveness(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Priorities-Pay: urgent ones wait less than half, or so, of first come, first served."""
    least = float(parameters.get("reduction", 0.5))
    urgent_from = int(parameters["priority_from"])
    every = served(run, str(parameters["queue"]))
    begun = every.started_ns < FAR
    arrived, started = every.arrived_ns[begun], every.started_ns[begun]
    priority = every.priority[begun]
    fair = first_come(arrived, started)
    judged = _undisturbed(run)[run.windows.of(arrived)]
    real_s, fair_s = (started - arrived) / 1e9, (fair - arrived) / 1e9
    mine = judged & (priority >= urgent_from) & (np.maximum(real_s, fair_s) > WAITED_S)
    stretch = np.unique((arrived[mine] - run.zero_ns) // STRETCH_NS, return_inverse=True)[1]
    stretches = int(stretch.max(initial=-1)) + 1
    details = {"stretches": stretches, "priorities": _by_priority(priority, judged, real_s, fair_s)}
    figures: dict[str, Any] = {"unit": "share of the wait saved", "n": int(mine.sum()),
                               "threshold": least, "details": details}  # fmt: skip
    if mine.sum() < LEAST or stretches < LEAST_STRETCHES:
        return unknown(f"vacuous: {int(mine.sum())} urgent ones met a backlog in {stretches} "
                       f"stretches, not {LEAST} in {LEAST_STRETCHES}", **figures)  # fmt: skip
    saved = 1 - float(real_s[mine].sum() / fair_s[mine].sum())
    low, high = saved_interval(stretch, real_s[mine], fair_s[mine])
    figures |= {"measured": saved, "interval": (low, high)}
    text = (f"urgent ones waited {real_s[mine].mean():.2f} s on average, "
            f"{fair_s[mine].mean():.2f} s first come, first served: {saved:.0%} less")  # fmt: skip
    if high < least:
        return Finding(Status.FAIL, f"broke Priorities-Pay: {text}, not {least:.0%}", **figures)
    if low < least:
        return unknown(f"{text}, but from {low:.0%} to {high:.0%}: {least:.0%} cannot be told",
                       **figures)  # fmt: skip
    return Finding(Status.PASS, text, **figures)


def _undisturbed(run: Run) -> Array:
    """Tell which windows are judged: those in which no node is struck, and no alarm blocks."""
    return np.array([
        window.phase != WARM_UP
        and not (window.phase == FAULT and window.fault_class in ON_NODES | ALARMS)
        for window in run.windows.windows
    ])  # fmt: skip


def saved_interval(stretch: Array, real_s: Array, fair_s: Array) -> tuple[float, float]:
    """Return the saved share's 95 % interval by a bootstrap over stretches of time.

    Waits of one backlog hang together, so stretches are drawn, not messages.
    """
    real, fair = np.bincount(stretch, real_s), np.bincount(stretch, fair_s)
    drawn = np.random.default_rng(SEED).integers(0, len(real), (DRAWS, len(real)))
    total = np.maximum(fair[drawn].sum(axis=1), 1e-9)
    low, high = np.quantile(1 - real[drawn].sum(axis=1) / total, [0.025, 0.975])
    return float(low), float(high)


def _by_priority(
    priority: Array, judged: Array, real_s: Array, fair_s: Array
) -> list[dict[str, Any]]:
    """Return the waits of each priority, as they were and first come, first served."""
    rows = []
    for level in np.unique(priority[judged]).tolist():
        mine = judged & (priority == level)
        real, fair = summary(real_s[mine]), summary(fair_s[mine])
        assert real is not None
        assert fair is not None
        rows.append({
            "priority": level, "n": real.n, "p50_s": real.p50, "p95_s": real.p95,
            "max_s": real.maximum, "fifo_p50_s": fair.p50, "fifo_p95_s": fair.p95,
            "fifo_max_s": fair.maximum,
        })  # fmt: skip
    return rows


def starvation(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Nobody-Starves: in a saturated queue, too, everything is begun within the limit."""
    limit_s = float(parameters["limit_s"])
    every = served(run, str(parameters["queue"]))
    wanted = run.windows.chosen((BASELINE, FAULT, RECOVERY), parameters.get("fault_classes"))
    missing = sorted(set(parameters.get("fault_classes") or ())
                     - {window.fault_class for window in run.windows.windows})  # fmt: skip
    judged = wanted[run.windows.of(every.arrived_ns)] & _can_tell(run, every, limit_s)
    wait_s, priority = every.wait_s, every.priority
    saturated_s = SATURATED * limit_s
    waited = int((wait_s[judged] > saturated_s).sum())
    longest = float(wait_s[judged].max(initial=0.0))
    longest_s = _longest(priority[judged], wait_s[judged])
    figures: dict[str, Any] = {
        "measured": longest, "unit": "s", "n": int(judged.sum()), "threshold": limit_s,
        "details": {"saturated": waited, "longest_s": longest_s},
    }  # fmt: skip
    late = judged & (wait_s > limit_s)
    if late.any():
        worst = int(np.argmax(np.where(late, wait_s, -1)))
        took = "never begun" if np.isinf(wait_s[worst]) else f"begun after {wait_s[worst]:.1f} s"
        text = (f"broke Nobody-Starves: message {name_of(int(every.message[worst]))} of priority "
                f"{priority[worst]} was {took} ({int(late.sum())} waited over "
                f"{limit_s:g} s)")  # fmt: skip
        return Finding(Status.FAIL, text, examples=examples_of(every.message[late]), **figures)
    if missing:
        return unknown(f"there was no {missing[0]}", **figures)
    if waited < LEAST:
        return unknown(f"vacuous: {waited} waited for more than {saturated_s:g} s, not {LEAST}: "
                       "the queue was never saturated", **figures)  # fmt: skip
    return Finding(Status.PASS, f"the longest wait was {longest:.1f} s, with {waited} that waited "
                   f"for more than {saturated_s:g} s", **figures)  # fmt: skip


def _can_tell(run: Run, every: Served, limit_s: float) -> Array:
    """Leave out what had not begun when the run ended, too soon to have waited for the limit."""
    settled = run.drain_complete | (every.arrived_ns + int(limit_s * 1e9) < run.stopped_ns)
    found: Array = (every.started_ns < FAR) | settled
    return found


def _longest(priority: Array, wait_s: Array) -> dict[str, float]:
    return {
        str(level): float(wait_s[priority == level].max()) for level in np.unique(priority).tolist()
    }
