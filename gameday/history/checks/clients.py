"""What clients promise: properties, prefetch and manual acks, flags, idempotent effects."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.contracts.model import Producer
from gameday.history.checks.select import deliveries_in
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.history import History
from gameday.history.join import distinct
from gameday.history.outcomes import Outcome
from gameday.history.records import NO_PRIORITY, Flag, Kind, Result
from gameday.history.run import Run

Array = npt.NDArray[Any]


def attempts_of(run: Run, producers: Iterable[str] | None) -> list[tuple[Producer, Array]]:
    """Return the rows of each producer's own publishes, of all its message types, by its routes."""
    history = run.history
    attempts = history.attempts
    wanted = None if producers is None else set(producers)
    own = attempts.process == attempts.producer
    found = []
    for producer in run.contract.producers:
        if wanted is not None and producer.name not in wanted:
            continue
        routes = [
            number
            for number, route in enumerate(history.names.list("route"))
            if route.get("producer") == producer.name
        ]
        found.append((producer, np.flatnonzero(own & np.isin(attempts.route, routes))))
    return found


def properties(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Sent-As-Promised: persistent, mandatory, confirmed, of promised priorities, and seen so."""
    attempts = run.history.attempts
    total = 0
    for producer, rows in attempts_of(run, parameters.get("producers")):
        total += len(rows)
        if not len(rows):
            return unknown(f"{producer.name} published nothing")
        wrong = _wrong(run.history, producer, rows)
        for what, which in wrong.items():
            if which.any():
                messages = attempts.message[rows[which]]
                return Finding(
                    Status.FAIL, f"broke Sent-As-Promised: message {name_of(int(messages[0]))} of "
                    f"{producer.name} {what} ({int(which.sum())} of {len(rows)})",
                    int(which.sum()), "messages", len(rows), threshold=0,
                    examples=examples_of(messages),
                )  # fmt: skip
        given = set(np.flatnonzero(np.bincount(attempts.priority[rows])).tolist())
        if missing := sorted(set(producer.priorities) - given):
            return unknown(f"{producer.name} never sent priority {missing[0]}", n=len(rows))
        if producer.confirms and not (attempts.outcome[rows] == Outcome.OK).any():
            return unknown(f"nothing that {producer.name} sent was confirmed", n=len(rows))
    return Finding(Status.PASS, f"all {total} publishes were as promised, and seen so", 0,
                   "messages", total, threshold=0)  # fmt: skip


def _wrong(history: History, producer: Producer, rows: Array) -> dict[str, Array]:
    """Return what is wrong with some publishes of a producer, and with which."""
    attempts, deliveries = history.attempts, history.deliveries
    flags, priority = attempts.flags[rows], attempts.priority[rows]
    allowed = list(producer.priorities) or [NO_PRIORITY]
    spoilt = np.zeros(len(attempts) + 1, bool)
    differs = (deliveries.flags & Flag.SEEN_PROPERTY_DIFFERS) > 0
    sent = np.append(attempts.priority, NO_PRIORITY)[deliveries.attempt]
    known = deliveries.attempt >= 0
    spoilt[deliveries.attempt[known & (differs | (deliveries.priority != sent))]] = True
    return {
        "was not persistent": (flags & Flag.PUBLISH_PERSISTENT == 0) & producer.persistent,
        "was not mandatory": (flags & Flag.PUBLISH_MANDATORY == 0) & producer.mandatory,
        "was sent without confirms": (flags & Flag.PUBLISH_UNSAFE > 0) & producer.confirms,
        "had a priority that it never sends": ~np.isin(priority, allowed),
        "arrived with other properties": spoilt[rows],
    }


def prefetch(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Held-In-Bounds: acknowledged by hand, and no consumer ever holds more than its prefetch."""
    history, limit = run.history, int(parameters["limit"])
    deliveries = history.deliveries
    queues = [each.queue for each in run.contract.consumers
              if each.name == parameters.get("consumer", each.name)]  # fmt: skip
    numbers = [history.queue_number(queue) for queue in queues]
    mine = np.isin(deliveries.queue, numbers) & ~deliveries.drained
    rows = np.flatnonzero(mine)
    if not len(rows):
        return unknown(f"nothing was delivered from {', '.join(queues)}")
    kept = rows[~taken_back(history, rows)]
    held = unsettled(history, kept)
    most = int(held.max())
    message = history.deliveries.key[rows] >> 16
    figures: dict[str, Any] = {"measured": most, "unit": "messages", "n": len(rows),
                               "threshold": limit}  # fmt: skip
    automatic = deliveries.no_ack[rows]
    if automatic.any():
        text = (
            f"broke Held-In-Bounds: {name_of(int(message[automatic][0]))} was taken unacknowledged"
        )
        return Finding(Status.FAIL, text, examples=examples_of(message[automatic]), **figures)
    if most > limit:
        process = int(deliveries.process[kept[int(held.argmax())]])
        text = f"broke Held-In-Bounds: a consumer of process {process} held {most} messages"
        return Finding(Status.FAIL, f"{text}, not {limit}",
                       examples=examples_of(history.deliveries.key[kept][held > limit] >> 16),
                       **figures)  # fmt: skip
    return Finding(Status.PASS, f"no consumer held more than {most} messages", **figures)


def taken_back(history: History, rows: Array) -> Array:
    """Tell which deliveries the broker took back: it delivered the same copy again.

    When a mirrored queue fails over, what its consumers hold is requeued without a word, and the
    same channel is filled anew (seen on 3.10.8). What was on its way over a link that fell silent
    arrives when it heals, long after another consumer had it as redelivered (seen on 4.3.6): so a
    copy's first delivery is the one without the flag, whenever it arrives.
    """
    copy = history.index.of_delivery[rows]
    deliveries = history.deliveries
    order = np.lexsort((deliveries.time_ns[rows], deliveries.redelivered[rows], copy))
    again = np.zeros(len(rows), bool)
    again[order[:-1]] = (copy[order[1:]] == copy[order[:-1]]) & (copy[order[:-1]] >= 0)
    return again


def unsettled(history: History, rows: Array) -> Array:
    """Return how many messages each delivery's channel held when it came, itself included."""
    deliveries = history.deliveries
    channel, time = deliveries.channel[rows].astype(np.int64), deliveries.time_ns[rows]
    settled = rows[deliveries.settled[rows] > 0]
    ends = deliveries.settled_ns[settled]
    base = int(time.min())
    width = int(max(time.max(), ends.max(initial=base))) - base + 2
    arrivals = np.sort(channel * width + (time - base))
    leaves = np.sort(deliveries.channel[settled].astype(np.int64) * width + (ends - base))
    key = channel * width + (time - base)
    came = np.searchsorted(arrivals, key, "right") - np.searchsorted(arrivals, channel * width)
    left = np.searchsorted(leaves, key, "left") - np.searchsorted(leaves, channel * width)
    found: Array = came - left
    return found


def duplicates_flag(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Repeats-Are-Flagged: a copy comes unflagged once for each sum of its deaths, not more."""
    history = run.history
    deliveries, index = history.deliveries, history.index
    chosen = deliveries_in(history, parameters.get("queues")) & (index.of_delivery >= 0)
    fed = {target for name in history.roles.queues if history.roles.at_least_once(name)
           for target in history.roles.targets(name)}  # fmt: skip
    exempt = np.array([*(name in fed for name in history.queues), False])[deliveries.queue]
    rows = np.flatnonzero(chosen & ~exempt & ~deliveries.redelivered)
    key = index.of_delivery[rows] << 16 | np.minimum(deliveries.deaths[rows], 0xFFFF)
    ordered = np.sort(key, kind="stable")
    again = distinct(ordered[1:][ordered[1:] == ordered[:-1]] >> 16)
    unique = distinct(key)
    message = history.attempts.message[history.copies.attempt[again]]
    figures: dict[str, Any] = {"measured": len(again), "unit": "copies", "n": len(unique),
                               "threshold": 0}  # fmt: skip
    if len(again):
        text = f"broke Repeats-Are-Flagged: message {name_of(int(message[0]))} came unflagged again"
        return Finding(Status.FAIL, f"{text} ({len(again)} copies)",
                       examples=examples_of(message), **figures)  # fmt: skip
    return Finding(Status.PASS, f"none of {len(unique)} copies came unflagged twice", **figures)


def effects(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Once-Only: one effect for each key, whatever is redelivered, republished or replayed."""
    history = run.history
    rows = history.gathered.of(Kind.EFFECT)
    message = rows["producer"].astype(np.int64) << 32 | rows["sequence"]
    if parameters.get("queues") is not None:
        chosen = np.isin(message, _messages_in(history, parameters["queues"]))
        rows, message = {name: column[chosen] for name, column in rows.items()}, message[chosen]
    keys, counts = np.unique(rows["detail"], return_counts=True)
    again = _handled_again(history, message)
    figures: dict[str, Any] = {"measured": int((counts > 1).sum()), "unit": "keys",
                               "n": len(keys), "threshold": 0,
                               "details": {"handled_again": again}}  # fmt: skip
    if not len(keys):
        return unknown("no effect was recorded")
    twice = keys[counts > 1]
    if len(twice):
        name = history.names.list("effect")[int(twice[0])]
        at = np.isin(rows["detail"], twice)
        times = int(counts.max())
        return Finding(Status.FAIL, f"broke Once-Only: {name} took effect {times} times",
                       examples=examples_of(message[at]), **figures)  # fmt: skip
    least = int(parameters.get("repeats", 0))
    if again < least:
        return unknown(f"vacuous: only {again} messages were handled again, not {least}", **figures)
    return Finding(Status.PASS, f"each of {len(keys)} keys took effect once, though {again} of "
                   "them were handled again", **figures)  # fmt: skip


def _messages_in(history: History, queues: list[str]) -> Array:
    """Return the messages that were seen in some queues."""
    deliveries = history.deliveries
    seen = deliveries_in(history, queues) & (deliveries.attempt >= 0)
    found: Array = history.attempts.message[deliveries.attempt[seen]]
    return found


def _handled_again(history: History, message: Array) -> int:
    """Count the messages, of those that took effect, that were handled to the end twice or more."""
    deliveries = history.deliveries
    done = (deliveries.result == Result.DONE) & (deliveries.attempt >= 0)
    keys, counts = np.unique(history.attempts.message[deliveries.attempt[done]], return_counts=True)
    return int(np.isin(keys[counts > 1], message).sum())
