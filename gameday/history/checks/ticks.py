"""Tick jobs: what failed at a tick is tried at the next one, and takes effect once."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.contracts.model import Producer
from gameday.history.bus import logged
from gameday.history.checks.clients import attempts_of
from gameday.history.finding import Finding, Status, name_of, unknown
from gameday.history.outcomes import Outcome
from gameday.history.records import Kind, Result
from gameday.history.run import SECOND_NS, Run

Array = npt.NDArray[Any]

WITHIN_S = 1.5
"""How long after its tick a try may be made."""


def ticks(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Once-A-Tick: what failed at a tick is published at the next one, and takes effect once."""
    wanted = parameters.get("producers")
    producers = [each for each in run.contract.producers if each.tick is not None
                 and (wanted is None or each.name in wanted)]  # fmt: skip
    failed = total = 0
    for producer in producers:
        tries = _tries(run, producer)
        total += len(tries)
        failed += sum(not confirmed for every, _ in tries.values() for _, _, confirmed in every[:1])
        for text, message in _broken(run, producer, tries):
            return Finding(Status.FAIL, f"broke Once-A-Tick: {text}", failed, "failed ticks", total,
                           examples=(message,))  # fmt: skip
    figures: dict[str, Any] = {"measured": failed, "unit": "failed ticks", "n": total}
    if not run.drain_complete:
        return unknown(f"the drain did not finish: {run.drain_missing[0]}", **figures)
    if not failed:
        return unknown("vacuous: no tick failed, so none had to be made good", **figures)
    return Finding(Status.PASS, f"each of {total} ticks took effect once, {failed} of them after "
                   "they had failed", **figures)  # fmt: skip


Tries = dict[int, tuple[list[tuple[int, int, bool]], bool]]
"""By message: its tries as (made, ended, confirmed), in order, and whether one was confirmed.

What is published again once a confirm is known is a replay, and no try.
"""


def _tries(run: Run, producer: Producer) -> Tries:
    attempts = run.history.attempts
    rows = np.concatenate([each for _, each in attempts_of(run, [producer.name])])
    rows = rows[np.lexsort((attempts.time_ns[rows], attempts.message[rows]))]
    found: Tries = {}
    columns = (attempts.message, attempts.time_ns, attempts.outcome_ns, attempts.outcome)
    for message, made, ended, outcome in zip(
        *(column[rows].tolist() for column in columns), strict=True
    ):
        every, ok = found.setdefault(message, ([], False))
        known = [end for _, end, confirmed in every if confirmed]
        if not known or made < min(known):
            every.append((made, ended, outcome == Outcome.OK))
        found[message] = every, ok or outcome == Outcome.OK
    return found


def _broken(run: Run, producer: Producer, tries: Tries) -> Iterator[tuple[str, int]]:
    """Yield what a job did against its promise, with the message."""
    times = _effects(run, producer)
    told = logged(run, "publish_failed", producer.name)
    due = _due(run, list(tries))
    for message, (every, ok) in tries.items():
        name = name_of(message)
        effects = times.get(message, 0)
        if effects > 1:
            yield f"the tick {name} of {producer.name} took effect {effects} times", message
        if ok and not effects and run.drain_complete:
            yield f"the tick {name} of {producer.name} took no effect", message
        for made, _, _ in every[1:]:
            late = made - due[np.searchsorted(due, made, side="right") - 1]
            if late > WITHIN_S * SECOND_NS:
                yield f"{producer.name} tried {name} again between two ticks", message
        failures = sum(not confirmed for _, _, confirmed in every)
        if told[name] < failures - (every[-1][1] < 0):
            yield f"no line says that publishing {name} failed", message


def _due(run: Run, messages: list[int]) -> Array:
    """Return when the ticks were: when their own messages were due."""
    attempts = run.history.attempts
    rows = np.isin(attempts.message, messages) & (attempts.count == 0)
    return np.sort(attempts.due_ns[rows])


def _effects(run: Run, producer: Producer) -> dict[int, int]:
    """Return how often each message of a job took effect: by its store, else by being handled."""
    history = run.history
    reached = {
        queue
        for route in history.names.list("route") if route.get("producer") == producer.name
        for queue in route["queues"]
    }  # fmt: skip
    stored = any(each.idempotent for each in run.contract.consumers if each.queue in reached)
    if stored:
        rows = history.gathered.of(Kind.EFFECT)
        message = rows["producer"].astype(np.int64) << 32 | rows["sequence"]
    else:
        deliveries = history.deliveries
        done = (deliveries.result == Result.DONE) & (deliveries.attempt >= 0)
        message = history.attempts.message[deliveries.attempt[done]]
    keys, counts = np.unique(message, return_counts=True)
    return dict(zip(keys.tolist(), counts.tolist(), strict=True))
