"""Sights: what workers and the drain saw of each task, and where its ending was told.

Everything here turns facts about deliveries and effects into facts about tasks; what they mean is
decided in `tasks.py`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.history import History
from gameday.history.ledger import Ledger
from gameday.history.records import Kind, Result
from gameday.history.serving import FAR, starts

Array = npt.NDArray[Any]

DEAD_SUFFIXES = (".dlq", ".dead")
"""How a queue of dead letters is named, whose copies carry no `x-death`."""
CHANNEL = "evaluation:"
"""How a channel of events is named. What is told there is an effect, or lies in its queue."""
DEFERRED = (".eta", ".revoked")
"""How the types of tasks end that wait on purpose: their latency means nothing."""
ENDINGS = (Result.DONE, Result.PERMANENT, Result.TIMED_OUT)
"""Results after which a task has ended; a transient one is tried again."""


def sights(history: History, key: Array, ledgers: Sequence[Ledger]) -> dict[str, Any]:
    """Return what was seen of each task: by workers, by the drain, and as an effect."""
    deliveries, count = history.deliveries, len(key)
    known = np.flatnonzero(deliveries.attempt >= 0)
    task = np.searchsorted(key, deliveries.key[known] >> 16)
    drained = deliveries.drained[known]
    begin = starts(history)[known]
    begin = np.where(begin < 0, deliveries.time_ns[known], begin)
    result = deliveries.result[known]
    tried, over = ~drained, np.isin(result, ENDINGS) & ~drained
    told_in = _in_channels(history)[known]
    dead = drained & _dead(history)[known] & (told_in < 0)
    kept = drained & ~dead & (told_in < 0)
    never = np.full(count, FAR, np.int64)
    end = deliveries.handled_ns[known]
    settled = tried & (end >= 0)
    ended = counted(count, task[over])
    late = counted(count, task[over & (result == Result.TIMED_OUT)])
    applied, told = _effects(history, key)
    for number in np.unique(told_in[drained & (told_in >= 0)]).tolist():
        found = counted(count, task[drained & (told_in == number)])
        channel = history.queues[number]
        told[channel] = told.get(channel, 0) + found
    last = _last(ledgers)[deliveries.process[known][tried]]
    last = np.minimum(last, _following(deliveries.channel[known][tried], begin[tried]))
    stop = np.where(end[tried] >= 0, end[tried], np.maximum(last, begin[tried]))
    return {
        "begun_ns": least(never, task[tried], begin[tried]),
        "served_ns": least(never, task[settled], begin[settled]),
        "ended_ns": least(never, task[over], end[over]),
        "begun": counted(count, task[tried]),
        "ended": ended,
        "timed_out": (late > 0) & (late == ended),
        "failed": counted(count, task[tried & (result == Result.PERMANENT)]) > 0,
        "revoked": counted(count, task[_revoked(history)[known]]) > 0,
        "in_work": counted(count, task[kept]) > 0,
        "in_dead": counted(count, task[dead]) > 0,
        "applied": applied,
        "told": told,
        "spans": np.stack([begin[tried], stop], axis=1).reshape(-1, 2),
    }


def _dead(history: History) -> Array:
    """Tell which sights are of dead letters: by their deaths, or by the queue's name."""
    names = np.array([*(each.endswith(DEAD_SUFFIXES) for each in history.queues), False], bool)
    found: Array = names[history.deliveries.queue] | (history.deliveries.deaths > 0)
    return found


def _in_channels(history: History) -> Array:
    """Return for each sight the number of the channel whose queue it was found in, or -1."""
    queues = history.queues
    numbers = [number if name.startswith(CHANNEL) else -1 for number, name in enumerate(queues)]
    found: Array = np.array([*numbers, -1])[history.deliveries.queue]
    return found


def _revoked(history: History) -> Array:
    """Tell which sights were refused by a worker that never began to handle them."""
    deliveries = history.deliveries
    refused = (deliveries.settled == Kind.REJECTED) & ~deliveries.drained
    found: Array = refused & (deliveries.handled_ns < 0)
    return found


def deferred(history: History) -> Array:
    """Tell which publishes are of tasks that wait on purpose, by the type of their route."""
    types = [str(route.get("type", "")) for route in history.names.list("route")]
    late = np.array([*(each.endswith(DEFERRED) for each in types), False], bool)
    found: Array = late[history.attempts.route]
    return found


def _effects(history: History, key: Array) -> tuple[Array, dict[str, Array]]:
    """Return how often each task took effect, and how often its ending was told on a channel."""
    rows = history.gathered.of(Kind.EFFECT)
    message = rows["producer"].astype(np.int64) << 32 | rows["sequence"].astype(np.int64)
    place = np.searchsorted(key, message)
    known = place < len(key)
    known[known] = key[place[known]] == message[known]
    names = [str(each) for each in history.names.list("effect")]
    is_channel = np.array([*(name.startswith(CHANNEL) for name in names), False], bool)
    applied = counted(len(key), place[known & ~is_channel[rows["detail"]]])
    told = {
        names[number]: counted(len(key), place[known & (rows["detail"] == number)])
        for number in np.flatnonzero(is_channel).tolist()
    }
    return applied, told


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


def counted(count: int, place: Array) -> Array:
    """Return for each task how many of these places are its."""
    return np.bincount(place, minlength=count)


def least(start: Array, place: Array, values: Array) -> Array:
    """Return for each task the least of its values, or what it starts with."""
    found = start.copy()
    np.minimum.at(found, place, values)
    return found


def most(count: int, place: Array, values: Array) -> Array:
    """Return for each task the greatest of its values, -1 for none."""
    found = np.full(count, -1, np.int64)
    np.maximum.at(found, place, values)
    return found
