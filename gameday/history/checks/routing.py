"""Routing and chains: each type reaches its queues, and each chain keeps its correlation id.

A chain begins with a message that nothing caused; what a consumer sends because of it is caused by
it, and carries the same correlation id under a message id of its own.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.contracts.topology import route
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.gather import Rows
from gameday.history.history import History
from gameday.history.join import Finder, Tags, distinct, message_keys
from gameday.history.outcomes import Outcome
from gameday.history.records import Kind
from gameday.history.run import Run

Array = npt.NDArray[Any]

DISTINCT_LEAST = 0.99
"""What share of chains must have an id that no other has; checksums of 32 bits may meet."""


def routed(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Routed-By-Type: each message type reaches every queue that its key is bound to, no other."""
    history, least = run.history, int(parameters.get("least", 1))
    copies, attempts = history.copies, history.attempts
    values = history.names.list("route")
    types = parameters.get("messages") or [each.name for each in run.contract.messages]
    counts: dict[str, dict[str, int]] = {}
    for kind in types:
        routes = [number for number, each in enumerate(values) if each["type"] == kind]
        mine = np.isin(attempts.route[copies.attempt], routes)
        stray = mine & ~copies.routed
        if stray.any():
            return _astray(history, kind, stray)
        counts[kind] = {}
        for number in routes:
            own = values[number]
            if "producer" not in own and "emitted_by" not in own:
                continue
            wanted = route(run.contract.topology, own["exchange"], own["routing_key"])
            here = mine & (attempts.route[copies.attempt] == number)
            here &= (copies.status == Outcome.OK) & copies.seen
            for queue in wanted:
                seen = int((here & (copies.queue == history.queue_number(queue))).sum())
                counts[kind][queue] = counts[kind].get(queue, 0) + seen
    total = sum(sum(each.values()) for each in counts.values())
    figures: dict[str, Any] = {"measured": 0, "unit": "messages astray", "n": total,
                               "threshold": 0, "details": {"seen": counts}}  # fmt: skip
    for kind, by_queue in counts.items():
        short = [queue for queue, count in by_queue.items() if count < least]
        if not by_queue or short:
            where = f" in {short[0]}" if short else ""
            few = by_queue[short[0]] if short else 0
            return unknown(f"vacuous: {few} of {kind} were seen{where}, not {least}", **figures)
    return Finding(Status.PASS, f"all {len(counts)} types reached their queues, and no other",
                   **figures)  # fmt: skip


def _astray(history: History, kind: str, stray: Array) -> Finding:
    copies = history.copies
    message = history.attempts.message[copies.attempt[stray]]
    queue = history.queues[int(copies.queue[stray][0])]
    text = f"broke Routed-By-Type: message {name_of(int(message[0]))} ({kind}) was seen in {queue}"
    return Finding(Status.FAIL, text, int(stray.sum()), "messages astray", int(stray.sum()),
                   threshold=0, examples=examples_of(message))  # fmt: skip


def correlation(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Chains-Hold: a correlation id arrives as it was sent, and goes on with what it causes."""
    gathered = run.history.gathered
    caused, seen = gathered.of(Kind.CAUSED), gathered.of(Kind.CORRELATED)
    if not len(caused["time"]) or not len(seen["time"]):
        return unknown("no message with a correlation id was seen")
    began = Finder(_keys(caused))
    at = began.find(_keys(seen))
    changed = (at >= 0) & (caused["detail"][at] != seen["detail"])
    children, parents = _children(run.history, caused, began)
    known = parents >= 0
    broken = known & (caused["detail"][children] != caused["detail"][parents])
    arrived = np.isin(_keys(caused)[children], _keys(seen))
    figures: dict[str, Any] = {
        "measured": int(changed.sum() + broken.sum()), "unit": "messages",
        "n": int((arrived & known).sum()), "threshold": 0,
        "details": {"seen": len(seen["time"]), "caused": len(children)},
    }  # fmt: skip
    for which, rows, what in (
        (changed, _keys(seen), "arrived with another correlation id"),
        (broken, _keys(caused)[children], "left the chain of the message that caused it"),
    ):
        if which.any():
            text = f"broke Chains-Hold: message {name_of(int(rows[which][0]))} {what}"
            return Finding(Status.FAIL, text, examples=examples_of(rows[which]), **figures)
    ids = caused["detail"][caused["tag"] == 0]
    share = len(distinct(ids)) / max(1, len(ids))
    if share < DISTINCT_LEAST:
        text = f"broke Chains-Hold: only {share:.0%} of {len(ids)} chains have an id of their own"
        return Finding(Status.FAIL, text, **figures)
    least = int(parameters.get("least", 1))
    if figures["n"] < least:
        text = f"vacuous: {figures['n']} caused messages were seen, not {least}"
        return unknown(text, **figures)
    return Finding(Status.PASS, f"all {len(seen['time'])} arrived in their chains, "
                   f"{figures['n']} of them caused by others", **figures)  # fmt: skip


def _keys(rows: Rows) -> Array:
    return message_keys(rows["producer"], rows["sequence"])


def _children(history: History, caused: Rows, began: Finder) -> tuple[Array, Array]:
    """Return the rows of what was caused, and for each the row of the message that caused it."""
    children = np.flatnonzero(caused["tag"] > 0)
    deliveries = history.deliveries
    seen = np.flatnonzero(~deliveries.drained)
    tags = Tags(deliveries.channel[seen], deliveries.tag[seen])
    row = tags.find(caused["channel"][children], caused["tag"][children])
    key = np.where(row >= 0, deliveries.key[seen][row] >> 16, -1)
    return children, began.find(key)
