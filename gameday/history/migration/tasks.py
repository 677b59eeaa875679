"""Tasks: what became of each message of a scope, as an application sees it.

A Celery worker settles for its tasks, and nobody outside sees the ack. So the fate of a task is
told from what its workers wrote: begun, ended, and what the drain found in the end. The outcome of
each publish is the one table's (`outcomes.py`), the sights are joined by `history.py`: nothing of
that is decided here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.history import History, build_history
from gameday.history.ledger import Ledger
from gameday.history.migration.sights import counted, deferred, least, most, sights
from gameday.history.outcomes import Outcome
from gameday.history.records import NO_PRIORITY, Disposition
from gameday.history.serving import FAR

Array = npt.NDArray[Any]


class Fate(IntEnum):
    """What became of a task."""

    DONE = 0
    DEAD_LETTERED = 1
    REFUSED = 2
    ABSENT = 3
    UNKNOWN = 4
    LEFT = 5
    LOST = 6
    LOST_IN_HAND = 7
    DEAD_MISSING = 8
    DEAD_WRONG = 9
    PHANTOM = 10
    REVOKED = 11


MEANINGS = {
    Fate.DONE: "a worker ended it",
    Fate.DEAD_LETTERED: "failed for good, as it should, and lies in a dead-letter queue",
    Fate.REFUSED: "never left its publisher, and was never seen",
    Fate.ABSENT: "never confirmed and never ended: it may never have arrived",
    Fate.UNKNOWN: "confirmed and not ended, and the drain did not finish",
    Fate.LEFT: "confirmed, and still in the broker when its workers had had their time",
    Fate.LOST: "confirmed and never begun, and in no queue",
    Fate.LOST_IN_HAND: "confirmed and begun, never ended, and in no queue",
    Fate.DEAD_MISSING: "failed for good, and in no dead-letter queue",
    Fate.DEAD_WRONG: "in a dead-letter queue, though it should have been done",
    Fate.PHANTOM: "seen, though its publisher says that it never left",
    Fate.REVOKED: "refused by its worker before it began, as its publisher wished",
}

GONE = (Fate.LOST, Fate.LOST_IN_HAND, Fate.LEFT)
"""Confirmed, and never done: what a user calls lost."""


@dataclass(frozen=True)
class Tasks:
    """One row a task, in order of key. Times are -1 (FAR for starts) where nothing happened.

    `served_ns` is the beginning of the first try that ended, `begun_ns` of the first try at all;
    `answered_ns` is when the last of its publishes was known to have succeeded or not.
    """

    scope: str
    history: History
    key: Array
    due_ns: Array
    sent_ns: Array
    priority: Array
    disposition: Array
    ok: Array
    refused: Array
    ok_ns: Array
    answered_ns: Array
    begun_ns: Array
    served_ns: Array
    ended_ns: Array
    begun: Array
    ended: Array
    timed_out: Array
    failed: Array
    revoked: Array
    deferred: Array
    in_work: Array
    in_dead: Array
    applied: Array
    told: Mapping[str, Array]
    spans: Array
    fate: Array

    def __len__(self) -> int:
        return len(self.key)

    @cached_property
    def gone(self) -> Array:
        """Which tasks were confirmed and are lost, or still lie there."""
        return np.isin(self.fate, GONE)

    @cached_property
    def judged(self) -> Array:
        """Which tasks' latency and order mean something: not those that wait on purpose."""
        found: Array = ~self.deferred & (self.fate != Fate.REVOKED)
        return found

    @cached_property
    def latency_ms(self) -> Array:
        """Due to start of the try that ended; infinite for what was never served."""
        served = self.served_ns < FAR
        return np.where(served, (self.served_ns - self.due_ns) / 1e6, np.inf)

    @cached_property
    def foreign(self) -> int:
        """How many sights there were of tasks that no publisher of this scope wrote down."""
        return len(self.history.foreign)


def build_tasks(scope: str, ledgers: Sequence[Ledger], *, drain_complete: bool) -> Tasks:
    """Follow every task of one scope."""
    history = build_history(scope, ledgers, None, drain_complete=drain_complete)
    attempts = history.attempts
    key, place = history.messages
    count = len(key)
    ok = attempts.outcome == Outcome.OK
    gone = (attempts.outcome == Outcome.FAIL) | (attempts.outcome == Outcome.RETURNED)
    never = np.full(count, FAR, np.int64)
    priority = np.zeros(count, np.uint8)
    plain = np.where(attempts.priority == NO_PRIORITY, 0, attempts.priority)
    np.maximum.at(priority, place, plain)
    disposition = np.zeros(count, np.uint8)
    np.maximum.at(disposition, place, attempts.disposition)
    seen = sights(history, key, ledgers)
    late = np.zeros(count, bool)
    np.logical_or.at(late, place, deferred(history))
    tasks = Tasks(
        scope, history, key, least(never, place, attempts.due_ns),
        least(never, place, attempts.time_ns), priority, disposition,
        counted(count, place[ok]) > 0, counted(count, place[~gone]) == 0,
        least(never, place[ok], attempts.outcome_ns[ok]),
        most(count, place, attempts.outcome_ns), **seen, deferred=late,
        fate=np.zeros(count, np.uint8),
    )  # fmt: skip
    return replace(tasks, fate=fates(tasks, drain_complete=drain_complete))


def fates(tasks: Tasks, *, drain_complete: bool) -> Array:
    """Return the fate of each task. The first rule that fits decides."""
    seen = (tasks.begun > 0) | tasks.in_work | tasks.in_dead
    fails = tasks.disposition == Disposition.REJECT
    ended = (tasks.ended > 0) & ~(fails & tasks.failed)
    begun = tasks.begun > 0
    rules: list[tuple[Array, Fate]] = [
        (tasks.refused & seen, Fate.PHANTOM),
        (tasks.refused, Fate.REFUSED),
        (tasks.in_dead & fails, Fate.DEAD_LETTERED),
        (tasks.in_dead, Fate.DEAD_WRONG),
        (ended, Fate.DONE),
        (tasks.revoked, Fate.REVOKED),
        (tasks.in_work & tasks.ok, Fate.LEFT if drain_complete else Fate.UNKNOWN),
        (tasks.failed, Fate.DEAD_MISSING if drain_complete else Fate.UNKNOWN),
        (~tasks.ok, Fate.ABSENT),
    ]
    if drain_complete:
        rules += [(begun, Fate.LOST_IN_HAND), (~begun, Fate.LOST)]
    decided = np.full(len(tasks), Fate.UNKNOWN, np.uint8)
    open_ = np.ones(len(tasks), bool)
    for fits, fate in rules:
        decided[open_ & fits] = fate
        open_ &= ~fits
    return decided
