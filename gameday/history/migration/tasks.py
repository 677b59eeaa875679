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
from gameday.history.outcomes import Outcome
from gameday.history.records import NO_PRIORITY, Disposition, Kind, Result
from gameday.history.serving import FAR, starts

Array = npt.NDArray[Any]

DEAD_SUFFIX = ".dlq"
"""How a queue of dead letters is named, whose copies carry no `x-death`."""
ENDINGS = (Result.DONE, Result.PERMANENT, Result.TIMED_OUT)
"""Results after which a task has ended; a transient one is tried again."""
APPLIED = "applied"
"""The effect of a task itself; any other names the channel that its ending was told on."""


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
    seen = _sights(history, key, ledgers)
    tasks = Tasks(
        scope, history, key, _least(never, place, attempts.due_ns),
        _least(never, place, attempts.time_ns), priority, disposition,
        _counted(count, place[ok]) > 0, _counted(count, place[~gone]) == 0,
        _least(never, place[ok], attempts.outcome_ns[ok]),
        _most(count, place, attempts.outcome_ns), **seen, fate=np.zeros(count, np.uint8),
    )  # fmt: skip
    return replace(tasks, fate=fates(tasks, drain_complete=drain_complete))


def _sights(history: History, key: Array, ledgers: Sequence[Ledger]) -> dict[str, Any]:
    """Return what was seen of each task: by workers, by the drain, and as an effect."""
    deliveries, count = history.deliveries, len(key)
    known = np.flatnonzero(deliveries.attempt >= 0)
    task = np.searchsorted(key, deliveries.key[known] >> 16)
    drained = deliveries.drained[known]
    begin = starts(history)[known]
    begin = np.where(begin < 0, deliveries.time_ns[known], begin)
    result = deliveries.result[known]
    tried, over = ~drained, np.isin(result, ENDINGS) & ~drained
    dead = drained & _dead(history)[known]
    never = np.full(count, FAR, np.int64)
    end = deliveries.handled_ns[known]
    settled = tried & (end >= 0)
    ended = _counted(count, task[over])
    late = _counted(count, task[over & (result == Result.TIMED_OUT)])
    applied, told = _effects(history, key)
    last = _last(ledgers)[deliveries.process[known][tried]]
    last = np.minimum(last, _following(deliveries.channel[known][tried], begin[tried]))
    stop = np.where(end[tried] >= 0, end[tried], np.maximum(last, begin[tried]))
    return {
        "begun_ns": _least(never, task[tried], begin[tried]),
        "served_ns": _least(never, task[settled], begin[settled]),
        "ended_ns": _least(never, task[over], end[over]),
        "begun": _counted(count, task[tried]),
        "ended": ended,
        "timed_out": (late > 0) & (late == ended),
        "in_work": _counted(count, task[drained & ~dead]) > 0,
        "in_dead": _counted(count, task[dead]) > 0,
        "applied": applied,
        "told": told,
        "spans": np.stack([begin[tried], stop], axis=1).reshape(-1, 2),
    }


def _dead(history: History) -> Array:
    """Tell which sights are of dead letters: by their deaths, or by the queue's name."""
    names = np.array([*(each.endswith(DEAD_SUFFIX) for each in history.queues), False], bool)
    found: Array = names[history.deliveries.queue] | (history.deliveries.deaths > 0)
    return found


def _effects(history: History, key: Array) -> tuple[Array, dict[str, Array]]:
    """Return how often each task took effect, and how often its ending was told on a channel."""
    rows = history.gathered.of(Kind.EFFECT)
    message = rows["producer"].astype(np.int64) << 32 | rows["sequence"].astype(np.int64)
    place = np.searchsorted(key, message)
    known = place < len(key)
    known[known] = key[place[known]] == message[known]
    names = [str(each) for each in history.names.list("effect")]
    counts = {
        name: _counted(len(key), place[known & (rows["detail"] == number)])
        for number, name in enumerate(names)
    }
    return counts.pop(APPLIED, np.zeros(len(key), np.int64)), counts


def _last(ledgers: Sequence[Ledger]) -> Array:
    """Return for each process number the time of its last record."""
    last = np.zeros(np.iinfo(np.uint16).max + 1, np.int64)
    for ledger in ledgers:
        if len(ledger.records):
            last[ledger.header.process] = int(ledger.records["time"].max())
    return last


def _following(channel: Array, begin: Array) -> Array:
    """Return when the same channel begins its next task: whoever works there has ended this one."""
    found = np.full(len(begin), FAR, np.int64)
    order = np.lexsort((begin, channel))
    same = channel[order][1:] == channel[order][:-1]
    found[order[:-1][same]] = begin[order[1:][same]]
    return found


def _counted(count: int, place: Array) -> Array:
    return np.bincount(place, minlength=count)


def _least(start: Array, place: Array, values: Array) -> Array:
    found = start.copy()
    np.minimum.at(found, place, values)
    return found


def _most(count: int, place: Array, values: Array) -> Array:
    found = np.full(count, -1, np.int64)
    np.maximum.at(found, place, values)
    return found


def fates(tasks: Tasks, *, drain_complete: bool) -> Array:
    """Return the fate of each task. The first rule that fits decides."""
    seen = (tasks.begun > 0) | tasks.in_work | tasks.in_dead
    fails = tasks.disposition == Disposition.REJECT
    ended = tasks.ended > 0
    begun = tasks.begun > 0
    rules: list[tuple[Array, Fate]] = [
        (tasks.refused & seen, Fate.PHANTOM),
        (tasks.refused, Fate.REFUSED),
        (tasks.in_dead & fails, Fate.DEAD_LETTERED),
        (tasks.in_dead, Fate.DEAD_WRONG),
        (ended & ~fails, Fate.DONE),
        (tasks.in_work & tasks.ok, Fate.LEFT if drain_complete else Fate.UNKNOWN),
        (ended & fails, Fate.DEAD_MISSING if drain_complete else Fate.UNKNOWN),
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
