"""Dead letters: what must die lies in its dead-letter queue, for its reason; nothing else does."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.select import copies_in
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.records import DEATH_REASONS, Death, Disposition
from gameday.history.run import Run
from gameday.history.verdicts import Verdict
from gameday.history.windows import FAULT, Window

Array = npt.NDArray[Any]

OPERATOR = "operator"
"""The class of faults in which somebody takes something away that the topology needs."""

BROKEN = {
    "dlq_missing": (
        Verdict.DLQ_MISSING,
        "Dead-Letters-Arrive: message {message} should lie in a dead-letter queue, and does not",
    ),
    "dlq_wrong": (
        Verdict.DLQ_WRONG,
        "Dead-Letters-Tell-Why: message {message} died in the wrong place, or for another reason",
    ),
    "dlq_unexpected": (
        Verdict.DLQ_UNEXPECTED,
        "Only-The-Dead-Die: message {message} was dead-lettered, and should have been handled",
    ),
}


def dead_letters(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Dead-Letters-Exact: what must die is found dead, where and as it should; nothing else is."""
    history = run.history
    copies = history.copies
    chosen = copies_in(history, parameters.get("queues"))
    message = history.attempts.message[copies.attempt]
    found = {name: chosen & (copies.verdict == verdict) for name, (verdict, _) in BROKEN.items()}
    found["dlq_unexpected"] |= chosen & _rejected_although_good(copies)
    arrived = chosen & (copies.verdict == Verdict.DEAD_LETTERED)
    reasons = _by_reason(copies.newest_reason[chosen & copies.dead_lettered])
    broken = {name: rows for name, rows in found.items() if rows.any()}
    figures: dict[str, Any] = {
        "measured": sum(int(rows.sum()) for rows in broken.values()), "unit": "messages",
        "n": int(arrived.sum()), "threshold": 0,
        "details": {**{name: int(rows.sum()) for name, rows in broken.items()},
                    "by_reason": reasons},
    }  # fmt: skip
    if broken:
        name = next(iter(broken))
        text = "broke " + BROKEN[name][1].format(message=name_of(int(message[broken[name]][0])))
        rows = np.any(list(broken.values()), axis=0)
        return Finding(Status.FAIL, text + _cause(run, name, broken[name]),
                       examples=examples_of(message[rows]), **figures)  # fmt: skip
    if not run.drain_complete:
        return unknown(f"the drain did not finish: {run.drain_missing[0]}", **figures)
    least = _least(parameters)
    short = [name for name, count in least.items() if reasons.get(name, 0) < count]
    if short:
        text = f"vacuous: only {reasons.get(short[0], 0)} messages died with reason {short[0]}"
        return unknown(f"{text}, not {least[short[0]]}", **figures)
    return Finding(Status.PASS, f"all {figures['n']} dead letters are where they belong", **figures)


def _rejected_although_good(copies: Any) -> Array:
    """Tell which good messages a consumer threw away: the broker did its part, the system not."""
    died: Array = copies.rejected & (copies.verdict == Verdict.DEAD_LETTERED)
    died &= copies.disposition == Disposition.ACK
    return died


def _least(parameters: Mapping[str, Any]) -> dict[str, int]:
    least = parameters.get("least", {})
    return {"rejected": int(least)} if not isinstance(least, Mapping) else dict(least)


def _by_reason(newest: Array) -> dict[str, int]:
    names = {int(death): name for name, death in DEATH_REASONS.items()}
    reasons, counts = np.unique(newest, return_counts=True)
    return {
        names.get(int(reason), "unknown"): int(count)
        for reason, count in zip(reasons, counts, strict=True)
    }


def _cause(run: Run, name: str, rows: Array) -> str:
    """Name the likely cause, and the setting that mends it."""
    history, copies = run.history, run.history.copies
    if name == "dlq_unexpected" and (copies.newest_reason[rows] == Death.DELIVERY_LIMIT).any():
        return " (the delivery limit: its consumers crashed or gave it back too often)"
    if name != "dlq_missing":
        return ""
    first = int(np.flatnonzero(rows)[0])
    queue = history.queues[int(copies.queue[first])]
    acked = bool(copies.acked[first]) and not copies.rejected[first]
    if acked:
        return f" (its consumer acknowledged it in {queue}: poison swallowed)"
    settled = max(int(copies.settled_ns[first]), 0)
    window = run.windows.windows[int(run.windows.of(np.array([settled]))[0])]
    if taken := _taken_by_an_operator(run, window):
        return f" (rejected in {queue} {taken})"
    if window.phase != FAULT or history.roles.at_least_once(queue):
        return ""
    return (
        f" (rejected in {queue} during {window.fault_class}: dead-lettering there is at-most-once; "
        "a quorum queue with dead-letter-strategy at-least-once and reject-publish keeps it)"
    )


def _taken_by_an_operator(run: Run, window: Window) -> str:
    """Say which operator's fault was in force then, if one was; no queue's setting makes up."""
    for fault in run.faults:
        if window.phase == FAULT and (fault.episode, fault.fault_class) == (
            window.episode,
            OPERATOR,
        ):
            return (
                f"while {fault.id} ({fault.kind} of {fault.target}) was in force: what an operator "
                "takes from the way to its DLQ, no setting of the queue replaces"
            )
    return ""
