"""SLA: due-to-deliver of one queue's urgent messages, in each phase and under each class of fault.

From when a message was due, never from when it was sent, to its first delivery that was handled or
settled. Infinite for what was confirmed and never served. What was blocked is counted apart. What
was not late yet when a fault struck, and then was, is laid to that fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.blocking import ALARMS
from gameday.history.checks.select import copies_in
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.journal import events
from gameday.history.outcomes import Outcome
from gameday.history.records import NO_PRIORITY, Disposition
from gameday.history.run import Run
from gameday.history.statistics import percentile_interval, summary
from gameday.history.windows import BASELINE, FAULT, RECOVERY

Array = npt.NDArray[Any]

PHASES = (BASELINE, FAULT, RECOVERY)
MILLISECOND_NS = 1_000_000


@dataclass(frozen=True)
class Latencies:
    """Due-to-deliver by message: its key, priority, window, ms (infinite if never), blocked."""

    message: Array
    priority: Array
    window: Array
    milliseconds: Array
    blocked: Array


def sla(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Served-In-Time: every urgent message is served within the limit of its being due."""
    limit_ms = float(parameters["limit_ms"])
    phases = tuple(parameters.get("phases", PHASES))
    found = latencies(
        run, parameters.get("queue"), int(parameters.get("priority_from", 0)),
        int(limit_ms * MILLISECOND_NS),
    )  # fmt: skip
    windows = run.windows
    wanted = windows.chosen(phases, parameters.get("fault_classes"))
    judged = wanted[found.window] & ~found.blocked
    misses = judged & (found.milliseconds > limit_ms)
    values = found.milliseconds[judged]
    finding = _measured(run, found, wanted, values, limit_ms, int(misses.sum()))
    if misses.any():
        return _failed(run, finding, found, misses)
    missing = _not_covered(run, found, wanted, parameters.get("fault_classes"), phases)
    if missing or not len(values):
        return unknown(missing or "no message was seen", **_figures(finding))
    return finding


def latencies(run: Run, queue: str | None, priority_from: int = 0, limit_ns: int = 0) -> Latencies:
    """Return due-to-deliver of each message that was confirmed or served in a queue."""
    history = run.history
    copies, attempts = history.copies, history.attempts
    chosen = copies_in(history, None if queue is None else [queue])
    priority = np.where(attempts.priority == NO_PRIORITY, 0, attempts.priority)[copies.attempt]
    dropped = np.isin(copies.disposition, [Disposition.EXPIRE, Disposition.OVERFLOW])
    rows = np.flatnonzero(chosen & (priority >= priority_from) & ~dropped)
    message, place = np.unique(attempts.message[copies.attempt[rows]], return_inverse=True)
    far = np.iinfo(np.int64).max
    due, served = np.full(len(message), far), np.full(len(message), far)
    np.minimum.at(due, place, attempts.due_ns[copies.attempt[rows]])
    times = copies.served_ns[rows]
    np.minimum.at(served, place, np.where(times >= 0, times, far))
    ok, blocked = np.zeros(len(message), bool), np.zeros(len(message), bool)
    ok[place[copies.status[rows] == Outcome.OK]] = True
    blocked[place[run.blocked[copies.attempt[rows]]]] = True
    highest = np.zeros(len(message), np.uint8)
    np.maximum.at(highest, place, priority[rows])
    counted = (served < far) | (ok & (run.drain_complete | (due + limit_ns < _horizon(run))))
    milliseconds = np.where(served < far, (served - due) / MILLISECOND_NS, np.inf)
    window = run.windows.of(due)
    if limit_ns:
        missed = milliseconds > limit_ns / MILLISECOND_NS
        window = np.where(missed, run.windows.struck(due, limit_ns), window)
    return Latencies(
        message[counted], highest[counted], window[counted], milliseconds[counted],
        blocked[counted],
    )  # fmt: skip


def _horizon(run: Run) -> int:
    """Return until when consumers could serve: what fell due later proves nothing by absence."""
    closed = events(run.journal, "drain", gate="closed")
    return int(closed[0]["time_ns"]) if closed else run.stopped_ns


def _measured(
    run: Run, found: Latencies, wanted: Array, values: Array, limit_ms: float, misses: int
) -> Finding:
    figures = summary(values)
    worst = figures.maximum if figures else None
    blocked = found.blocked & wanted[found.window]
    details: dict[str, Any] = {
        "misses": misses,
        "blocked": int(blocked.sum()),
        "blocked_worst_ms": float(found.milliseconds[blocked].max()) if blocked.any() else None,
        "windows": _by_window(run, found, wanted),
    }
    return Finding(
        Status.PASS,
        f"all {len(values)} were served within {limit_ms:g} ms of being due"
        + (f", the slowest after {worst:.0f} ms" if worst is not None else ""),
        worst, "ms", len(values), percentile_interval(values, 0.99), limit_ms, (), details,
    )  # fmt: skip


def _by_window(run: Run, found: Latencies, wanted: Array) -> list[dict[str, Any]]:
    rows = []
    for number, window in enumerate(run.windows.windows):
        mine = found.window == number
        figures = summary(found.milliseconds[mine & ~found.blocked])
        if wanted[number]:
            rows.append({
                "phase": window.phase, "episode": window.episode, "class": window.fault_class,
                "n": figures.n if figures else 0, "blocked": int((mine & found.blocked).sum()),
                "p50_ms": figures.p50 if figures else None,
                "p95_ms": figures.p95 if figures else None,
                "p99_ms": figures.p99 if figures else None,
                "max_ms": figures.maximum if figures else None,
            })  # fmt: skip
    return rows


def _failed(run: Run, finding: Finding, found: Latencies, misses: Array) -> Finding:
    slowest = int(np.argmax(np.where(misses, found.milliseconds, -1)))
    window = run.windows.windows[int(found.window[slowest])]
    after = found.milliseconds[slowest]
    when = "never served" if np.isinf(after) else f"served {after:.0f} ms after it was due"
    where = f"in {window.phase}" + (f" of {window.fault_class}" if window.episode else "")
    reason = (
        f"broke Served-In-Time: message {name_of(int(found.message[slowest]))} was {when}, {where} "
        f"({int(misses.sum())} of {finding.n} missed {finding.threshold:g} ms)"
    )
    return Finding(Status.FAIL, reason, examples=examples_of(found.message[misses]),
                   **_figures(finding))  # fmt: skip


def _figures(finding: Finding) -> dict[str, Any]:
    names = ("measured", "unit", "n", "interval", "threshold", "details")
    return {name: getattr(finding, name) for name in names}


def _not_covered(
    run: Run, found: Latencies, wanted: Array, classes: list[str] | None, phases: tuple[str, ...]
) -> str:
    """Return which mandatory window saw nothing, if one did."""
    windows = run.windows.windows
    for phase in phases:
        present = {window.fault_class for window in windows if window.phase == phase}
        for missing in sorted(set(classes or ()) - present if phase != BASELINE else ()):
            return f"there was no {phase} of {missing}"
        if not present and phase == BASELINE:
            return "there was no baseline"
    for number in np.flatnonzero(wanted).tolist():
        window, mine = windows[number], found.window == number
        shielded = window.fault_class in ALARMS and window.phase == FAULT and mine.any()
        if not (mine & ~found.blocked).any() and not shielded:
            return f"no message fell due in {window.phase} of {window.episode or 'the run'}"
    return ""
