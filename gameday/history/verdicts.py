"""The verdict on each copy: `judge` and `judge_dead_letter`, over whole columns.

The rules stand in docs/semantics.md, and once more, for one copy at a time, in the tests, which
hold both to be equal. Which verdicts fail a criterion is the checks' business; `FAILING` names
those that no contract can want.
"""

from dataclasses import replace
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.copies import Copies
from gameday.history.outcomes import Outcome
from gameday.history.records import Disposition

Array = npt.NDArray[Any]


class Verdict(IntEnum):
    """What became of a copy. Lower-case names are what reports show."""

    DELIVERED = 0
    RECOVERED = 1
    RETRIED = 2
    REFUSED = 3
    DEAD_LETTERED = 4
    DECLARED_DISCARD = 5
    KEPT = 6
    ABSENT_INDETERMINATE = 7
    UNSETTLED_INDETERMINATE = 8
    UNKNOWN = 9
    LOST = 10
    LOST_AFTER_DELIVERY = 11
    PHANTOM = 12
    LEFT_OVER = 13
    DLQ_MISSING = 14
    DLQ_WRONG = 15
    DLQ_UNEXPECTED = 16


MEANINGS = {
    Verdict.DELIVERED: "confirmed, delivered and acknowledged",
    Verdict.RECOVERED: "never confirmed, and yet delivered and acknowledged",
    Verdict.RETRIED: "replaced by a later attempt of its consumer, which is judged instead",
    Verdict.REFUSED: "returned or never sent, and never seen",
    Verdict.DEAD_LETTERED: "expected in a dead-letter queue, and found there",
    Verdict.DECLARED_DISCARD: "dropped, as the contract lets its queue do",
    Verdict.KEPT: "lies in a queue that the contract gives no consumer",
    Verdict.ABSENT_INDETERMINATE: "never confirmed and never seen: it may never have arrived",
    Verdict.UNSETTLED_INDETERMINATE: "never confirmed, delivered, never settled, and gone",
    Verdict.UNKNOWN: "cannot be told, for the drain did not finish",
    Verdict.LOST: "confirmed and never seen",
    Verdict.LOST_AFTER_DELIVERY: "confirmed and delivered, never settled, and gone",
    Verdict.PHANTOM: "seen, though it was returned, never sent or never routed there",
    Verdict.LEFT_OVER: "still in its work queue when its consumers had finished",
    Verdict.DLQ_MISSING: "expected in a dead-letter queue, and not there",
    Verdict.DLQ_WRONG: "dead-lettered to the wrong queue, from the wrong one or for another reason",
    Verdict.DLQ_UNEXPECTED: "dead-lettered, though it should have been handled",
}

FAILING = frozenset(
    {
        Verdict.LOST,
        Verdict.LOST_AFTER_DELIVERY,
        Verdict.PHANTOM,
        Verdict.LEFT_OVER,
        Verdict.DLQ_MISSING,
        Verdict.DLQ_WRONG,
        Verdict.DLQ_UNEXPECTED,
    }
)


def judged(copies: Copies, *, drain_complete: bool) -> Copies:
    """Return the copies with their verdicts."""
    return replace(copies, verdict=judge(copies, drain_complete=drain_complete))


def judge(copies: Copies, *, drain_complete: bool) -> Array:
    """Return the verdict of each copy. The first rule that fits decides."""
    ok = copies.status == Outcome.OK
    refused = (copies.status == Outcome.RETURNED) | (copies.status == Outcome.FAIL)
    dead = (copies.disposition != Disposition.ACK) | copies.rejected | copies.dead_lettered
    gone = Verdict.LOST if drain_complete else Verdict.UNKNOWN
    rules: list[tuple[Array, Any]] = [
        ((refused & copies.seen) | ~copies.routed, Verdict.PHANTOM),
        (refused, Verdict.REFUSED),
        (copies.superseded, Verdict.RETRIED),
        (dead, judge_dead_letter(copies, drain_complete=drain_complete)),
        (~copies.seen & ~ok, Verdict.ABSENT_INDETERMINATE),
        (~copies.seen & copies.may_be_discarded, Verdict.DECLARED_DISCARD),
        (~copies.seen, gone),
        (copies.acked & ok, Verdict.DELIVERED),
        (copies.acked, Verdict.RECOVERED),
        (copies.drained & copies.rests, Verdict.KEPT),
        (copies.drained, Verdict.LEFT_OVER),
    ]
    if drain_complete:
        rules.append((ok, Verdict.LOST_AFTER_DELIVERY))
        return _first(rules, Verdict.UNSETTLED_INDETERMINATE, len(copies))
    return _first(rules, Verdict.UNKNOWN, len(copies))


def judge_dead_letter(copies: Copies, *, drain_complete: bool) -> Array:
    """Return the verdict of each copy as one that died, or should have."""
    expected = (copies.disposition != Disposition.ACK) | copies.rejected
    owed = (copies.status == Outcome.OK) | copies.rejected
    rules: list[tuple[Array, Any]] = [
        (copies.dead_lettered & ~expected, Verdict.DLQ_UNEXPECTED),
        (copies.dead_lettered & copies.death_as_expected, Verdict.DEAD_LETTERED),
        (copies.dead_lettered, Verdict.DLQ_WRONG),
    ]
    if drain_complete:
        rules.append((owed, Verdict.DLQ_MISSING))
        return _first(rules, Verdict.ABSENT_INDETERMINATE, len(copies))
    return _first(rules, Verdict.UNKNOWN, len(copies))


def _first(rules: list[tuple[Array, Any]], otherwise: Verdict, count: int) -> Array:
    """Decide each copy by the first rule that fits it."""
    decided = np.full(count, otherwise, np.uint8)
    for which, verdict in reversed(rules):
        np.copyto(decided, np.asarray(verdict, np.uint8), where=which)
    return decided
