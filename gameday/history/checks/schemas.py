"""Schemas: what conforms is handled, what does not is refused, way by way, and nobody dies of it.

The load breaks messages on purpose in each way that the contract lets them be broken
(`contracts/poison.py`), and its ledger says in which way each was. A way that never came proves
nothing, so that the whole is unknown without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.contracts.poison import Breakage, breakages
from gameday.contracts.uses import sendings_of
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.join import distinct, message_keys
from gameday.history.journal import events
from gameday.history.records import Disposition, Flag, Kind, Result
from gameday.history.run import Run
from gameday.history.verdicts import Verdict

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Seen:
    """Deliveries of the message types that are asked for, and in which way each was broken.

    `way` is the number of its way among `ways`, -1 for a message that nobody broke.
    """

    message: Array
    bad: Array
    result: Array
    spoilt: Array
    way: Array
    ways: tuple[str, ...]

    def name(self, row: int) -> str:
        """Return a delivery's message, and its way if it was broken."""
        way = int(self.way[row])
        name = name_of(int(self.message[row]))
        return name if way < 0 else f"{name} ({self.ways[way]})"


def schemas(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Schemas-Enforced: what conforms is accepted, what does not is refused and dead-lettered."""
    wanted = parameters.get("messages") or [each.name for each in run.contract.messages]
    for name in wanted:
        if name not in _sent(run):
            return unknown(f"no {name} was sent")
    seen = _seen(run, wanted)
    counts = _counts(seen)
    figures: dict[str, Any] = {
        "unit": "messages", "n": len(seen.message), "threshold": 0, "details": {"ways": counts},
    }  # fmt: skip
    for text, which in (
        ("was accepted, though it breaks its schema or cannot be handled",
         seen.bad & (seen.result == Result.DONE)),
        ("was refused, though it conforms", ~seen.bad & (seen.result == Result.PERMANENT)),
        ("was spoilt on its way", ~seen.bad & seen.spoilt),
    ):  # fmt: skip
        if which.any():
            row = int(np.flatnonzero(which)[0])
            return Finding(
                Status.FAIL, f"broke Schemas-Enforced: message {seen.name(row)} {text}",
                int(which.sum()), examples=examples_of(seen.message[which]), **figures,
            )  # fmt: skip
    return _died(run, seen, figures) or _dead(run, wanted, seen, figures)


def _sent(run: Run) -> set[str]:
    routes = run.history.names.list("route")
    used = np.flatnonzero(np.bincount(run.history.attempts.route))
    return {routes[int(number)]["type"] for number in used}


def _seen(run: Run, wanted: list[str]) -> Seen:
    """Return the consumers' deliveries of some message types."""
    history = run.history
    attempts, deliveries = history.attempts, history.deliveries
    types = np.array([*(each["type"] in wanted for each in history.names.list("route")), False])
    mine = (deliveries.attempt >= 0) & ~deliveries.drained
    rows = np.flatnonzero(mine & types[attempts.route[deliveries.attempt]])
    attempt = deliveries.attempt[rows]
    message = attempts.message[attempt]
    made = history.gathered.of(Kind.POISONED)
    broken = message_keys(made["producer"], made["sequence"])
    order = np.argsort(broken, kind="stable")
    place = np.searchsorted(broken[order], message)
    place[place == len(broken)] = 0
    known = broken[order][place] == message if len(broken) else np.zeros(len(message), bool)
    way = np.full(len(message), -1, np.int64)
    way[known] = made["detail"][order][place[known]]
    return Seen(
        message, attempts.disposition[attempt] == Disposition.REJECT, deliveries.result[rows],
        (deliveries.flags[rows] & Flag.SEEN_BODY_DIFFERS) > 0, way,
        tuple(str(each) for each in history.names.list("poison")),
    )  # fmt: skip


def _counts(seen: Seen) -> dict[str, int]:
    """Count the broken messages that consumers ended as they should, by their way."""
    right = np.where(seen.bad, seen.result == Result.PERMANENT, seen.result == Result.DONE)
    return {
        name: len(distinct(seen.message[right & (seen.way == number)]))
        for number, name in enumerate(seen.ways)
    }


def _died(run: Run, seen: Seen, figures: dict[str, Any]) -> Finding | None:
    """Return the worker that ended unasked while it had a broken message in its hands."""
    deliveries = run.history.deliveries
    names = {each.name for each in run.contract.consumers}
    broken = np.unique(seen.message[seen.way >= 0])
    for line in events(run.journal, "process", state="ended", meant=False):
        if str(line["role"]).rpartition("-")[0] not in names | {""} or not line.get("process"):
            continue
        held = (deliveries.process == line["process"]) & (deliveries.settled == 0)
        message = deliveries.key[held & ~deliveries.drained] >> 16
        poison = message[np.isin(message, broken)]
        if len(poison):
            row = int(np.flatnonzero(seen.message == poison[0])[0])
            return Finding(
                Status.FAIL, f"broke Schemas-Enforced: process {line['process']} ended by itself "
                f"(code {line.get('code')}) while it held message {seen.name(row)}",
                1, examples=examples_of(poison), **figures,
            )  # fmt: skip
    return None


def _dead(run: Run, wanted: list[str], seen: Seen, figures: dict[str, Any]) -> Finding:
    """Demand that all that was refused is in a dead-letter queue, and that each way came."""
    attempts, copies = run.history.attempts, run.history.copies
    refused = seen.message[seen.bad & (seen.result == Result.PERMANENT)]
    dead = attempts.message[copies.attempt[copies.verdict == Verdict.DEAD_LETTERED]]
    figures["details"]["refused"] = len(distinct(refused))
    if not len(refused):
        return unknown("vacuous: nothing was refused", measured=0, **figures)
    missing = np.setdiff1d(refused, dead)
    if len(missing) and run.drain_complete:
        row = int(np.flatnonzero(seen.message == missing[0])[0])
        return Finding(
            Status.FAIL, f"broke Schemas-Enforced: message {seen.name(row)} was refused, and is "
            "in no dead-letter queue", len(missing), examples=examples_of(missing), **figures,
        )  # fmt: skip
    if not run.drain_complete:
        return unknown(f"the drain did not finish: {run.drain_missing[0]}", **figures)
    for name, way in _owed(run, wanted):
        if not figures["details"]["ways"].get(way.name):
            return unknown(f"vacuous: no {name} came broken as {way.name} ({way.what})", **figures)
    ways = sum(count > 0 for count in figures["details"]["ways"].values())
    return Finding(Status.PASS, f"{len(distinct(refused))} messages were refused, and lie in "
                   f"their dead-letter queues; {ways} ways of breaking one were seen", 0,
                   **figures)  # fmt: skip


def _owed(run: Run, wanted: list[str]) -> list[tuple[str, Breakage]]:
    """Return each message type with each way in which the contract's load breaks it."""
    types = {each.name: each for each in run.contract.messages}
    return [
        (sending.message, way)
        for producer in run.contract.producers
        if producer.mix.invalid and producer.expects == "handled"
        for sending in sendings_of(producer)
        if sending.message in wanted
        for way in breakages(run.contract, sending, types[sending.message])
    ]
