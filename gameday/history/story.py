"""The whole story of one message: every record that names it, as sentences in the order of time."""

from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.finding import name_of
from gameday.history.history import History
from gameday.history.outcomes import ENDINGS
from gameday.history.records import NO_PRIORITY, Death, Disposition, Flag, Kind, Result
from gameday.history.run import Run
from gameday.history.verdicts import Verdict

Array = npt.NDArray[Any]

Told = list[tuple[int, str]]
LINES = 40
"""A story that is longer is cut: something republished it for ever."""


def story(run: Run, message: int, history: History | None = None) -> list[str]:
    """Tell what happened to a message, from its being due to its last sight and its verdict."""
    history = history or run.history
    attempts = np.flatnonzero(history.attempts.message == message)
    sights = np.flatnonzero(np.isin(history.deliveries.attempt, attempts))
    told: Told = []
    for row in attempts.tolist():
        told += _attempt(history, row)
    for row in sights.tolist():
        told += _sight(history, row)
    told += _of_bus(history, message)
    lines = [f"{run.seconds(time):9.3f} s  {text}" for time, text in sorted(told)]
    if len(lines) > LINES:
        lines = [*lines[:LINES], f"           and {len(lines) - LINES} lines more"]
    verdicts = np.flatnonzero(np.isin(history.copies.attempt, attempts))
    return [
        f"message {name_of(message)}",
        *lines,
        *(_verdict(history, int(row)) for row in verdicts),
    ]


def _of_bus(history: History, message: int) -> Told:
    """Tell how an event bus took a message, and whether it gave it up."""
    told: Told = []
    for kind in (Kind.CALLED, Kind.SHED):
        rows = history.gathered.of(kind)
        mine = (rows["producer"].astype(np.int64) << 32 | rows["sequence"]) == message
        for at in np.flatnonzero(mine).tolist():
            took_ms = int(rows["detail"][at]) / 1000
            text = f"the event bus gave it up, {took_ms:.0f} ms after it had been called"
            if kind is Kind.CALLED:
                how = "dropped it at once" if rows["extra"][at] else "took it over"
                text = f"the event bus {how}; its caller waited {took_ms:.1f} ms"
            told.append((int(rows["time"][at]), text))
    return told


def _who(history: History, row: int) -> str:
    attempts = history.attempts
    return f"attempt {int(attempts.process[row])}.{int(attempts.count[row])}"


def _attempt(history: History, row: int) -> Told:
    attempts = history.attempts
    route = history.names.list("route")[int(attempts.route[row])]
    priority = int(attempts.priority[row])
    given = "no priority" if priority == NO_PRIORITY else f"priority {priority}"
    fate = Disposition(int(attempts.disposition[row])).name.lower()
    place = route["exchange"] or "the default exchange"
    who = _who(history, row)
    lag_ms = (int(attempts.time_ns[row]) - int(attempts.due_ns[row])) / 1e6
    text = (
        f"{who} published to {place} with key {route['routing_key']}, {given}, expected to end "
        f"by {fate}, {lag_ms:.0f} ms after it was due"
    )
    told = [(int(attempts.time_ns[row]), text)]
    ending = ENDINGS[int(attempts.ending[row])]
    if attempts.outcome_ns[row] >= 0:
        text = f"{who} {ending.name}: {ending.outcome.name.lower()}"
        told.append((int(attempts.outcome_ns[row]), text))
    return told


def _sight(history: History, row: int) -> Told:
    deliveries = history.deliveries
    queue = history.queues[int(deliveries.queue[row])]
    who = _who(history, int(deliveries.attempt[row]))
    flagged = ", redelivered" if deliveries.redelivered[row] else ""
    verb = "drained" if deliveries.drained[row] else "delivered"
    deaths = int(deliveries.deaths[row])
    died = f", after {deaths} deaths, first {_death(history, row)}" if deaths else ""
    bad = Flag.SEEN_BODY_DIFFERS | Flag.SEEN_PROPERTY_DIFFERS
    spoilt = ", not as it was sent" if deliveries.flags[row] & bad else ""
    process = int(deliveries.process[row])
    told = [(
        int(deliveries.time_ns[row]),
        f"{who} {verb} from {queue} to process {process}{flagged}{died}{spoilt}",
    )]  # fmt: skip
    if deliveries.handled_ns[row] >= 0:
        result = Result(int(deliveries.result[row])).name.lower()
        told.append((int(deliveries.handled_ns[row]), f"{who} handled: {result}"))
    if deliveries.settled[row]:
        how = Kind(int(deliveries.settled[row])).name.lower()
        told.append((int(deliveries.settled_ns[row]), f"{who} {how} by process {process}"))
    return told


def _death(history: History, row: int) -> str:
    deliveries = history.deliveries
    queue = int(deliveries.first_death_queue[row])
    reason = Death(int(deliveries.death[row])).name.lower()
    return f"{reason} in {history.queues[queue] if queue >= 0 else 'an unknown queue'}"


def _verdict(history: History, row: int) -> str:
    copies = history.copies
    verdict = Verdict(int(copies.verdict[row])).name.lower()
    who = _who(history, int(copies.attempt[row]))
    return f"verdict on {who} in {history.queues[int(copies.queue[row])]}: {verdict}"
