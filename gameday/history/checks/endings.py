"""How work ended, and who was told: what timed out is kept apart from what failed.

A worker that was stopped at its timeout says so on a channel of its own; whoever listens there
writes the outcome down, once for each piece of work, and the note that it runs is removed.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.endings import still_running
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.gather import Rows
from gameday.history.history import History
from gameday.history.join import Finder, Tags, distinct, message_keys
from gameday.history.records import Kind, Result
from gameday.history.run import Run

Array = npt.NDArray[Any]

LEAST = 10
"""How many must have timed out for the check to mean anything, unless the contract says."""


def endings(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Endings-Apart: what timed out has that outcome, once, nothing else has, none is left."""
    history, wanted = run.history, str(parameters["timed_out"])
    queue = next(each.queue for each in run.contract.consumers
                 if each.name == parameters["consumer"])  # fmt: skip
    late = _timed_out(history, queue)
    rows = history.gathered.of(Kind.OUTCOME)
    parent = _caused_by(history, rows)
    names = np.array([*(name == wanted for name in history.names.list("outcome")), False])
    as_late, is_late = names[rows["detail"].astype(np.int64)], np.isin(parent, late)
    twice = _repeated(parent[is_late & as_late])
    missing = np.setdiff1d(late, parent[as_late]) if run.drain_complete else late[:0]
    figures: dict[str, Any] = {
        "unit": "messages", "n": len(late), "threshold": 0,
        "details": {"timed_out": len(late), "outcomes": _counts(history, rows)},
    }  # fmt: skip
    for which, what in (
        (parent[is_late & ~as_late], "timed out, and was written down as something else"),
        (parent[(parent >= 0) & ~is_late & as_late], "was written down as timed out, and had not"),
        (twice, "was written down as timed out more than once"),
        (missing, "timed out, and nobody wrote that down"),
    ):
        if len(which):
            text = f"broke Endings-Apart: message {name_of(int(which[0]))} {what} ({len(which)})"
            return Finding(Status.FAIL, text, len(which), examples=examples_of(which), **figures)
    least = int(parameters.get("least", LEAST))
    if len(late) < least:
        return unknown(f"vacuous: {len(late)} timed out, not {least}", measured=0, **figures)
    return _left(run, figures)


def _left(run: Run, figures: dict[str, Any]) -> Finding:
    """Judge the notes of running work: when everything is over, none is left."""
    left = still_running(run.folder)
    if left is None:
        return unknown("nobody noted which work runs", measured=0, **figures)
    if not run.drain_complete:
        return unknown(f"the drain did not finish: {run.drain_missing[0]}", measured=0, **figures)
    if left:
        text = f"broke Endings-Apart: {len(left)} pieces of work are noted as running for ever"
        return Finding(Status.FAIL, f"{text}, such as {left[0]}", len(left), **figures)
    return Finding(Status.PASS, f"all {figures['n']} that timed out were written down so, once, "
                   "and no work is left as running", 0, **figures)  # fmt: skip


def _timed_out(history: History, queue: str) -> Array:
    """Return the messages whose handler was stopped at its timeout."""
    deliveries = history.deliveries
    mine = deliveries.queue == history.queue_number(queue)
    return distinct(np.sort(deliveries.key[mine & (deliveries.result == Result.TIMED_OUT)] >> 16))


def _caused_by(history: History, rows: Rows) -> Array:
    """Return for each outcome the message whose handling it tells of, -1 where nobody can say."""
    caused = history.gathered.of(Kind.CAUSED)
    children = np.flatnonzero(caused["tag"] > 0)
    seen = np.flatnonzero(~history.deliveries.drained)
    tags = Tags(history.deliveries.channel[seen], history.deliveries.tag[seen])
    row = tags.find(caused["channel"][children], caused["tag"][children])
    parent = np.where(row >= 0, history.deliveries.key[seen][row] >> 16, -1)
    began = Finder(message_keys(caused["producer"][children], caused["sequence"][children]))
    at = began.find(message_keys(rows["producer"], rows["sequence"]))
    return np.where(at >= 0, parent[at], -1) if len(children) else np.full(len(at), -1)


def _repeated(messages: Array) -> Array:
    values, counts = np.unique(messages, return_counts=True)
    return values[counts > 1]


def _counts(history: History, rows: Rows) -> dict[str, int]:
    numbers, counts = np.unique(rows["detail"], return_counts=True)
    known = history.names.list("outcome")
    return {
        str(known[int(number)]): int(count) for number, count in zip(numbers, counts, strict=True)
    }
