"""The loss ledger: how many of everything, overall and by queue, fault and priority.

Counts of attempts by outcome, of copies by verdict and of sights, with up to ten example messages
for each verdict that is not plain success. Ids decide; counts only show.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.finding import examples_of, name_of
from gameday.history.join import distinct
from gameday.history.outcomes import Outcome
from gameday.history.records import NO_PRIORITY, Death
from gameday.history.run import Run
from gameday.history.verdicts import MEANINGS, Verdict

Array = npt.NDArray[Any]

PLAIN = frozenset({Verdict.DELIVERED, Verdict.DEAD_LETTERED, Verdict.RETRIED})
"""What needs no example."""


def ledger_counts(run: Run) -> dict[str, Any]:
    """Count what became of every copy."""
    history = run.history
    copies, attempts = history.copies, history.attempts
    window = run.windows.of(attempts.due_ns)[copies.attempt] if len(attempts) else np.empty(0, int)
    priority = attempts.priority[copies.attempt]
    labels = [_label(each.phase, each.fault_class) for each in run.windows.windows]
    places = sorted(set(labels))
    fault = np.array([places.index(label) for label in labels], np.int64)[window]
    return {
        "overall": {**_overall(run), **_verdicts(copies.verdict)},
        "by_queue": _grouped(copies.verdict, copies.queue, list(history.queues)),
        "by_fault": _grouped(copies.verdict, fault, places),
        "by_priority": _grouped(copies.verdict, priority, _priorities()),
        "dead_letters": _dead_letters(run),
        "meanings": {verdict.name.lower(): text for verdict, text in MEANINGS.items()},
        "examples": _examples(run),
    }


def _label(phase: str, fault_class: str) -> str:
    return phase if fault_class == "none" else f"{fault_class} ({phase})"


def _priorities() -> list[str]:
    return [*map(str, range(NO_PRIORITY)), "none"]


def _overall(run: Run) -> dict[str, int]:
    history = run.history
    attempts, deliveries = history.attempts, history.deliveries
    by_outcome = np.bincount(attempts.outcome, minlength=len(Outcome))
    unflagged = ~deliveries.redelivered & ~deliveries.drained
    return {
        "messages": len(history.messages[0]),
        "attempted": len(attempts),
        "copies": len(history.copies),
        **{f"attempts_{each.name.lower()}": int(by_outcome[each]) for each in Outcome},
        "deliveries": int((~deliveries.drained).sum()),
        "redelivered": int((deliveries.redelivered & ~deliveries.drained).sum()),
        "drained": int(deliveries.drained.sum()),
        "duplicates": _duplicates(run, unflagged),
        "foreign": len(history.foreign),
        "dropped": history.dropped,
        "blocked": int(run.blocked.sum()),
    }


def _duplicates(run: Run, unflagged: Array) -> int:
    """Count publisher duplicates: messages' first deliveries beyond one a queue, by other tries.

    A consumer's republish is a new attempt on purpose, and no duplicate.
    """
    history = run.history
    attempts = history.attempts
    rows = np.flatnonzero(unflagged & (history.deliveries.attempt >= 0))
    attempt = history.deliveries.attempt[rows]
    own = attempts.process[attempt] == attempts.producer[attempt]
    rows, attempt = rows[own], attempt[own]
    key = attempts.message[attempt] * (len(history.queues) + 1) + history.deliveries.queue[rows]
    return len(key) - len(distinct(key))


def _verdicts(verdict: Array) -> dict[str, int]:
    counts = np.bincount(verdict, minlength=len(Verdict))
    return {each.name.lower(): int(counts[each]) for each in Verdict}


def _grouped(verdict: Array, group: Array, names: list[str]) -> dict[str, dict[str, int]]:
    """Count verdicts by group; groups and verdicts that do not occur are left out."""
    width = len(Verdict)
    counts = np.bincount(group.astype(np.int64) * width + verdict, minlength=len(names) * width)
    table = counts.reshape(-1, width)
    return {
        name: {each.name.lower(): int(row[each]) for each in Verdict if row[each]}
        for name, row in zip(names, table, strict=False)
        if row.any()
    }


def _dead_letters(run: Run) -> dict[str, int]:
    """Count what lies in dead-letter queues, by the reason of the newest death."""
    copies = run.history.copies
    reasons, counts = np.unique(copies.newest_reason[copies.dead_lettered], return_counts=True)
    return {
        Death(int(reason)).name.lower() if reason >= 0 else "unknown": int(count)
        for reason, count in zip(reasons, counts, strict=True)
    }


def _examples(run: Run) -> dict[str, list[str]]:
    copies, attempts = run.history.copies, run.history.attempts
    shown = {}
    for verdict in Verdict:
        rows = np.flatnonzero(copies.verdict == verdict)
        if len(rows) and verdict not in PLAIN:
            messages = examples_of(attempts.message[copies.attempt[rows]])
            shown[verdict.name.lower()] = [name_of(message) for message in messages]
    return shown
