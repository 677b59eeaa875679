"""Retries: producers try so often and back off; consumers give up after their last try only."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gameday.contracts.model import Consumer, Producer
from gameday.history.blocking import blocked_processes
from gameday.history.checks.clients import attempts_of
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.history import History
from gameday.history.journal import events
from gameday.history.outcomes import NUMBER, Outcome
from gameday.history.records import Kind, Result
from gameday.history.run import Run

Array = npt.NDArray[Any]

TOLERANCE = 0.9
"""A backoff may be this much shorter than promised: clocks tick in steps."""


def attempts(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Tries-Counted: no message is tried more often than promised, and none given up before."""
    producers, consumers = parameters.get("producers"), parameters.get("consumers")
    both = producers is None and consumers is None
    findings: list[Finding] = []
    if both or producers is not None:
        findings += [_producer(run, *each) for each in attempts_of(run, producers)]
    if both or consumers is not None:
        findings += [_consumer(run, each) for each in _named(run, consumers)]
    if not findings:
        return unknown("nobody's tries are promised")
    worst = max(findings, key=lambda finding: finding.status)
    if worst.status is not Status.PASS:
        return worst
    most = max(int(finding.measured or 0) for finding in findings)
    return Finding(Status.PASS, f"no message was tried more than {most} times", most, "tries",
                   sum(finding.n for finding in findings), threshold=worst.threshold)  # fmt: skip


def _named(run: Run, consumers: Iterable[str] | None) -> list[Consumer]:
    wanted = None if consumers is None else set(consumers)
    return [each for each in run.contract.consumers if wanted is None or each.name in wanted]


def _producer(run: Run, producer: Producer, rows: Array) -> Finding:
    """Judge a producer: its tries of one message, the pauses between, and that it did try again."""
    history = run.history
    made = history.attempts
    if not len(rows):
        return unknown(f"{producer.name} published nothing")
    rows = rows[np.lexsort((made.count[rows], made.message[rows]))]
    message, tries = made.message[rows], made.count[rows].astype(np.int64) + 1
    figures: dict[str, Any] = {"measured": int(tries.max()), "unit": "tries", "n": len(rows),
                               "threshold": producer.attempts}  # fmt: skip
    over = message[tries > producer.attempts]
    if len(over):
        text = f"broke Tries-Counted: {producer.name} tried {name_of(int(over[0]))}"
        return Finding(Status.FAIL, f"{text} {int(tries.max())} times, not {producer.attempts}",
                       examples=examples_of(over), **figures)  # fmt: skip
    soon = message[1:][hasty(history, producer, rows)]
    if len(soon):
        text = f"broke Backs-Off: {producer.name} tried {name_of(int(soon[0]))} again too soon"
        return Finding(Status.FAIL, text, examples=examples_of(soon), **figures)
    early = given_up_early(run, producer, rows)
    if len(early):
        text = f"broke Tries-Counted: {producer.name} gave {name_of(int(early[0]))} up"
        return Finding(Status.FAIL, f"{text} before its try number {producer.attempts}",
                       examples=examples_of(early), **figures)  # fmt: skip
    return Finding(Status.PASS, "", **figures)


def hasty(history: History, producer: Producer, rows: Array) -> Array:
    """Tell which tries followed the one before sooner than the backoff allows.

    A try that timed out may still be answered, before the next is made or after it: its end was
    the time-out.
    """
    made = history.attempts
    again = made.message[rows][1:] == made.message[rows][:-1]
    timed_out_ns = made.time_ns[rows][:-1] + int(producer.confirm_timeout_ms * 1e6)
    pause_ns = made.time_ns[rows][1:] - np.minimum(made.outcome_ns[rows][:-1], timed_out_ns)
    count = made.count[rows][1:].astype(np.float64)
    least = producer.backoff_ms * producer.backoff_factor ** np.maximum(count - 1, 0) * 1e6
    judged = (made.outcome_ns[rows][:-1] >= 0) & (made.outcome[rows][:-1] != Outcome.OK)
    found: Array = again & judged & (pause_ns < TOLERANCE * least)
    return found


def given_up_early(run: Run, producer: Producer, rows: Array) -> Array:
    """Return the messages that were given up before their last try.

    Those are left out that were refused for good (returned, or for want of any connection after a
    whole row of tries to get one), or whose answer came when the run was ending, or whose process
    did, or whose process the broker blocked and never let go on: they were held for their next try.
    """
    made = run.history.attempts
    last = np.append(made.message[rows][1:] != made.message[rows][:-1], True)
    tries = made.count[rows].astype(np.int64) + 1
    missed = np.isin(made.outcome[rows], [Outcome.INFO, Outcome.NACK, Outcome.FAIL])
    missed &= made.ending[rows] != NUMBER["gave up reconnecting"]
    waited = producer.backoff_ms * producer.backoff_factor**producer.attempts / 1e3
    margin_ns = int((waited + producer.confirm_timeout_ms / 1e3) * 1e9)
    answered = made.outcome_ns[rows]
    early = last & missed & (tries < producer.attempts) & (answered >= 0)
    end_ns = np.full(len(rows), run.stopped_ns)
    blocked = blocked_processes(run.history, run.stopped_ns)
    early &= ~blocked.overlap(made.process[rows], end_ns - 1, end_ns)
    return made.message[rows][early & (answered < run.stopped_ns - margin_ns)]


def failures(run: Run, rows: Array, message: Array) -> Array:
    """Return how often each message was tried by a client that did not get done with it.

    A quorum queue counts in `x-delivery-count` what it sent, also what a dying node or link took
    back before anybody began with it: that is no try, unless the worker itself died with it. And
    what comes again because its ack was lost was no failure.
    """
    deliveries = run.history.deliveries
    died = [line["process"] for line in events(run.journal, "process", state="ended")
            if line["code"] and line["process"] is not None]  # fmt: skip
    tried = (deliveries.handled_ns[rows] >= 0) | np.isin(deliveries.process[rows], died)
    undone = rows[tried & (deliveries.result[rows] != Result.DONE)]
    failed = run.history.attempts.message[deliveries.attempt[undone]]
    found: Array = (failed[None, :] == message[:, None]).sum(axis=1)
    return found


def _consumer(run: Run, consumer: Consumer) -> Finding:
    """Judge a consumer: how deep its chains of tries go, and that none ends before the limit."""
    history = run.history
    deliveries = history.deliveries
    queue = history.queue_number(consumer.queue)
    rows = np.flatnonzero((deliveries.queue == queue) & ~deliveries.drained
                          & (deliveries.attempt >= 0))  # fmt: skip
    handled = rows[deliveries.handled_ns[rows] >= 0]
    if not len(handled):
        return unknown(f"{consumer.name} handled nothing")
    tries = tries_of(history, consumer)[handled]
    message = history.attempts.message[deliveries.attempt[handled]]
    figures: dict[str, Any] = {"measured": int(tries.max()), "unit": "tries", "n": len(handled),
                               "threshold": consumer.attempts}  # fmt: skip
    over = message[tries > consumer.attempts]
    over = over[failures(run, rows, over) >= consumer.attempts]
    if len(over):
        text = f"broke Tries-Counted: {consumer.name} tried {name_of(int(over[0]))}"
        return Finding(Status.FAIL, f"{text} {int(tries.max())} times, not {consumer.attempts}",
                       examples=examples_of(over), **figures)  # fmt: skip
    early = message[
        (deliveries.result[handled] == Result.TRANSIENT)
        & (deliveries.settled[handled] == Kind.REJECTED)
        & (tries < consumer.attempts)
    ]
    dropped = message[
        (deliveries.result[handled] == Result.TRANSIENT)
        & (deliveries.settled[handled] == Kind.ACKED)
        & (deliveries.replacement[handled] < 0)
    ]
    given_up = np.concatenate([early, dropped])
    if len(given_up):
        text = f"broke Tries-Counted: {consumer.name} gave {name_of(int(given_up[0]))} up"
        return Finding(Status.FAIL, f"{text} before its try number {consumer.attempts}",
                       examples=examples_of(given_up), **figures)  # fmt: skip
    return Finding(Status.PASS, "", **figures)


def tries_of(history: History, consumer: Consumer) -> Array:
    """Return for each delivery which try of its message it is, the first being 1.

    By republishing, a chain of attempts each of which superseded the one before; by requeueing, the
    broker's delivery count.
    """
    deliveries = history.deliveries
    if consumer.retry == "requeue":
        return deliveries.delivery_count.astype(np.int64) + 1
    depth = np.ones(len(history.attempts) + 1, np.int64)
    older, newer = _chain(history)
    for _ in range(consumer.attempts + 3):  # A chain that is longer still is over the limit anyway.
        np.maximum.at(depth, newer, depth[older] + 1)
    return depth[deliveries.attempt]


def _chain(history: History) -> tuple[Array, Array]:
    """Return which attempt was republished as which.

    Where a consumer died between its republish and saying so, it is the last failed delivery of
    that message in its process.
    """
    deliveries, made = history.deliveries, history.attempts
    links = np.flatnonzero((deliveries.replacement >= 0) & (deliveries.attempt >= 0))
    older, newer = deliveries.attempt[links], deliveries.replacement[links]
    unlinked = made.process != made.producer
    unlinked[newer] = False
    again = np.flatnonzero(unlinked)
    failed = np.flatnonzero((deliveries.result == Result.TRANSIENT) & (deliveries.attempt >= 0))
    if not len(again) or not len(failed):
        return older, newer
    left = _by_time(made.message[again], made.process[again], made.time_ns[again], again)
    origin = deliveries.attempt[failed]
    right = _by_time(made.message[origin], deliveries.process[failed],
                     deliveries.handled_ns[failed], origin)  # fmt: skip
    found = pd.merge_asof(left, right, on="time", by=["message", "process"],
                          suffixes=("", "_origin")).dropna()  # fmt: skip
    return (
        np.concatenate([older, found["row_origin"].to_numpy(np.int64)]),
        np.concatenate([newer, found["row"].to_numpy(np.int64)]),
    )


def _by_time(message: Array, process: Array, time_ns: Array, row: Array) -> pd.DataFrame:
    table = {"message": message, "process": process.astype(np.int64), "time": time_ns, "row": row}
    return pd.DataFrame(table).sort_values("time", kind="stable")
