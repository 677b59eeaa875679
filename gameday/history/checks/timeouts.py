"""Timeouts told apart: by their own channel, by status, and by what is left behind.

A message whose handler was stopped at its timeout is told on the channel that the contract's
consumer emits to after `timed_out`, and on none of its others; whoever stores that channel's
endings has given it its status once, and nothing of its working state is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.contracts.model import Consumer
from gameday.contracts.topology import route
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.history import History
from gameday.history.join import Finder, Tags, distinct, message_keys
from gameday.history.records import Kind, Result
from gameday.history.run import Run
from gameday.history.states import States, message_of, read_states

Array = npt.NDArray[Any]

LEAST = 20
"""How many must have timed out for the check to mean anything."""
ENDINGS = "timed_out", "failed", "done"


def timeouts_apart(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Timeouts-Are-No-Failures: told once on their own channel, stored as such, and cleaned up."""
    consumer = next(each for each in run.contract.consumers if each.name == parameters["consumer"])
    states = read_states(run.folder)
    timed, other = endings(run.history, consumer.queue)
    figures: dict[str, Any] = {"unit": "messages", "n": len(timed), "threshold": 0}
    if states is None:
        return unknown("no service of this run kept states", **figures)
    if len(timed) < LEAST:
        return unknown(f"vacuous: {len(timed)} timed out, not {LEAST}", **figures)
    told = {when: _told(run, consumer, when) for when in ENDINGS}
    for what, messages in _wrong(run, consumer, states, Ended(timed, other), told):
        if len(messages):
            text = f"broke Timeouts-Are-No-Failures: message {name_of(int(messages[0]))} {what}"
            return Finding(Status.FAIL, f"{text} ({len(messages)} in all)", len(messages),
                           examples=examples_of(messages), **figures)  # fmt: skip
    if not run.drain_complete:
        return unknown(f"the drain did not finish: {run.drain_missing[0]}", **figures)
    return Finding(Status.PASS, f"all {len(timed)} that timed out were told so and as nothing "
                   f"else, and {len(states.stored)} endings left nothing behind", 0,
                   **figures)  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """The messages that only ever timed out, and those that ever ended otherwise."""

    timed: Array
    other: Array


def endings(history: History, queue: str) -> tuple[Array, Array]:
    """Return the messages of a queue whose every handler timed out, and all the others."""
    deliveries = history.deliveries
    mine = (deliveries.queue == history.queue_number(queue)) & (deliveries.handled_ns >= 0)
    stopped = mine & (deliveries.result == Result.TIMED_OUT)
    message = deliveries.key >> 16
    other = distinct(message[mine & ~stopped])
    return np.setdiff1d(message[stopped], other), np.setdiff1d(other, message[stopped])


def _told(run: Run, consumer: Consumer, when: str) -> tuple[Array, Array]:
    """Return whose ending of a kind was seen on its channel, and the message that told it."""
    history = run.history
    numbers = [history.queue_number(queue) for queue in _queues(run, consumer, when)]
    seen = distinct(history.deliveries.key[np.isin(history.deliveries.queue, numbers)] >> 16)
    child, parent = causes(history)
    at = np.isin(child, seen) & (parent >= 0)
    return parent[at], child[at]


def causes(history: History) -> tuple[Array, Array]:
    """Return what was caused, and for each the message whose delivery caused it, or -1."""
    caused = history.gathered.of(Kind.CAUSED)
    rows = np.flatnonzero(caused["tag"] > 0)
    deliveries = history.deliveries
    seen = np.flatnonzero(~deliveries.drained)
    tags = Tags(deliveries.channel[seen], deliveries.tag[seen])
    found = tags.find(caused["channel"][rows], caused["tag"][rows])
    child = message_keys(caused["producer"][rows], caused["sequence"][rows])
    parent = np.append(deliveries.key[seen] >> 16, -1)[np.where(found >= 0, found, len(seen))]
    return child, parent


def _wrong(
    run: Run, consumer: Consumer, states: States, ended: Ended, told: dict[str, tuple[Array, Array]]
) -> list[tuple[str, Array]]:
    """Return what can be wrong, in words, with the messages that it is wrong with."""
    statuses = {each.stores for each in run.contract.consumers if each.stores
                and each.queue in _queues(run, consumer, "timed_out")}  # fmt: skip
    ids = {message_of(each): status for each, status in states.stored.items()}
    as_timed = np.array([key for key, status in ids.items() if status in statuses], np.int64)
    twice = _twice(run.history, *told["timed_out"])
    rows = [
        ("timed out and was told as failed", np.intersect1d(ended.timed, told["failed"][0])),
        ("timed out and was told as done", np.intersect1d(ended.timed, told["done"][0])),
        ("never timed out and was told so", np.intersect1d(ended.other, told["timed_out"][0])),
        ("never timed out and has that status", np.intersect1d(ended.other, as_timed)),
        ("timed out and took effect twice", np.intersect1d(ended.timed, twice)),
    ]
    if not run.drain_complete:
        return rows
    left = np.array([message_of(each) for each in states.working], np.int64)
    return [
        *rows,
        ("timed out and was never told so", np.setdiff1d(ended.timed, told["timed_out"][0])),
        ("timed out and has another status or none", np.setdiff1d(ended.timed, as_timed)),
        ("has ended and left its working state behind", np.setdiff1d(left, _unfinished(run))),
    ]


def _queues(run: Run, consumer: Consumer, when: str) -> set[str]:
    return {
        queue
        for each in consumer.emits
        if each.when == when
        for queue in route(run.contract.topology, each.exchange, each.routing_key)
    }


def _twice(history: History, parent: Array, child: Array) -> Array:
    """Return whose ending took effect more than once, by the ledger."""
    rows = history.gathered.of(Kind.EFFECT)
    at = Finder(child).find(message_keys(rows["producer"], rows["sequence"]))
    message, counts = np.unique(parent[at[at >= 0]], return_counts=True)
    found: Array = message[counts > 1]
    return found


def _unfinished(run: Run) -> Array:
    """Return the messages that were found by the drain only: `loss` has a word to say of those."""
    copies = run.history.copies
    open_ = copies.drained & (copies.settled_ns < 0)
    return run.history.attempts.message[copies.attempt[open_]]
