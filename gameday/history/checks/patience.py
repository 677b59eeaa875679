"""How long clients and brokers wait: for a confirm, for a connection, for an acknowledgement."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.contracts.model import Producer
from gameday.history.checks.clients import attempts_of
from gameday.history.checks.loss import ended_ns
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.join import attempt_keys
from gameday.history.links import NEVER
from gameday.history.outcomes import NUMBER, Outcome
from gameday.history.records import Kind
from gameday.history.run import SECOND_NS, Run

Array = npt.NDArray[Any]

MILLISECOND_NS = 1_000_000
NO_CONFIRM = "no confirm in time"
PRECONDITION_FAILED = 406
TOLD_WITHIN_S = 1.0
"""How soon after its pool's last try a caller hears of it."""


def publish_timeout(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Told-In-Time: a publish without an answer is reported at its limit, as an unknown one."""
    attempts, limit_ms = run.history.attempts, float(parameters["limit_ms"])
    tolerance_ms = float(parameters.get("tolerance_ms", 500))
    chosen = np.zeros(len(attempts), bool)
    for _, rows in attempts_of(run, parameters.get("producers")):
        chosen[rows] = True
    reported = np.full(len(attempts), NEVER, np.int64)
    told = _told(run)
    np.minimum.at(reported, told[0], told[1])
    mine = np.flatnonzero(chosen & (reported < NEVER))
    took_ms = (reported[mine] - attempts.time_ns[mine]) / MILLISECOND_NS
    figures: dict[str, Any] = {
        "measured": float(took_ms.max()) if len(mine) else None, "unit": "ms", "n": len(mine),
        "threshold": limit_ms + tolerance_ms,
    }  # fmt: skip
    open_until = np.minimum(run.stopped_ns, ended_ns(run)[attempts.process])
    until = np.where(attempts.outcome_ns >= 0, attempts.outcome_ns, open_until)
    silent = until - attempts.time_ns
    late = silent > (limit_ms + tolerance_ms) * MILLISECOND_NS
    late &= chosen & (reported == NEVER) & (attempts.tag > 0) & ~run.blocked
    slow = (took_ms > limit_ms + tolerance_ms) & ~run.blocked[mine]
    # The last may be the harness's own lateness, so it must not hide the others.
    for which, rows, what, timed in (
        (took_ms < limit_ms, mine, "was given up too soon", False),
        (attempts.outcome[mine] == Outcome.FAIL, mine,
         "was called failed, and may have arrived", False),
        (late, np.arange(len(attempts)), "waited longer, and nobody was told", False),
        (slow, mine, "was given up too late", True),
    ):  # fmt: skip
        if which.any():
            message = attempts.message[rows[which]]
            text = f"broke Told-In-Time: message {name_of(int(message[0]))} {what}"
            return Finding(Status.FAIL, f"{text} (limit {limit_ms:g} ms)",
                           examples=examples_of(message), timed=timed, **figures)  # fmt: skip
    if not len(mine):
        return unknown("vacuous: every publish was answered in time", **figures)
    return Finding(Status.PASS, f"all {len(mine)} unanswered publishes were reported within "
                   f"{took_ms.max():.0f} ms", **figures)  # fmt: skip


def _told(run: Run) -> tuple[Array, Array]:
    """Return which attempts were given up for want of a confirm, and when."""
    history = run.history
    rows = history.gathered.of(Kind.UNKNOWN)
    reasons = [reason == NO_CONFIRM for reason in history.names.list("reason")]
    right = np.array([*reasons, False])[rows["detail"]]
    at = history.attempts.finder.find(
        attempt_keys(rows["producer"], rows["sequence"], rows["attempt"])
    )
    known = right & (at >= 0)
    return at[known], rows["time"][known]


def reconnects(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Tries-In-Rows: a lost connection is tried again at its pace, so often, then callers hear."""
    wanted = parameters.get("producers")
    tolerance_s = float(parameters.get("tolerance_ms", 1000)) / 1000
    found = [_reconnects(run, producer, rows, tolerance_s)
             for producer, rows in attempts_of(run, wanted) if producer.reconnect]  # fmt: skip
    if not found:
        return unknown("nobody promises how it reconnects")
    worst = max(found, key=lambda finding: finding.status)
    if worst.status is not Status.PASS:
        return worst
    tries, told = sum(each.n for each in found), sum(each.details["told"] for each in found)
    return Finding(Status.PASS, f"{tries} failed tries came at their pace, and {told} callers were "
                   "told after the last", max(each.measured or 0 for each in found), "tries",
                   tries, threshold=worst.threshold)  # fmt: skip


def _reconnects(run: Run, producer: Producer, own: Array, tolerance_s: float) -> Finding:
    assert producer.reconnect is not None
    promised, attempts = producer.reconnect, run.history.attempts
    rows = _failed_tries(run, producer.name)
    told = own[attempts.ending[own] == NUMBER["gave up reconnecting"]]
    hasty = own[attempts.ending[own] == NUMBER["no connection"]]
    figures: dict[str, Any] = {
        "measured": max((number for _, number, _, _ in rows), default=0), "unit": "tries",
        "n": len(rows), "threshold": promised.attempts, "details": {"told": len(told)},
    }  # fmt: skip
    wrong = _out_of_step(run, rows, promised.every_ms / 1000, promised.timeout_ms / 1000,
                         promised.attempts, tolerance_s)  # fmt: skip
    if wrong:
        return Finding(Status.FAIL, f"broke Tries-In-Rows: {producer.name} {wrong}", **figures)
    ends = np.array(sorted(time for time, _, last, _ in rows if last), np.int64)
    place = np.searchsorted(ends, attempts.time_ns[told], side="right") - 1
    since = attempts.time_ns[told] - (ends[place] if len(ends) else 0)
    early = (place < 0) | (since > TOLD_WITHIN_S * SECOND_NS)
    for which, rows_of, what in (
        (np.ones(len(hasty), bool), hasty, "was told before the pool had made its tries"),
        (early, told, "was told, but not after a last try"),
    ):
        if which.any():
            message = attempts.message[rows_of[which]]
            text = f"broke Tries-In-Rows: the caller of {name_of(int(message[0]))} {what}"
            return Finding(Status.FAIL, text, examples=examples_of(message), **figures)
    if not len(ends) or not len(told):
        text = f"vacuous: {producer.name} never had to give up, so that nobody was told"
        return unknown(text, **figures)
    return Finding(Status.PASS, "", **figures)


def _failed_tries(run: Run, client: str) -> list[tuple[int, int, bool, str]]:
    """Return (time, which of its row, whether the last, link) of a client's failed tries."""
    gathered = run.history.gathered
    rows, links = gathered.of(Kind.CONNECT_FAILED), run.history.names.list("link")
    found = []
    for time, number, link, last, process in zip(
        *(rows[name].tolist() for name in ("time", "tag", "detail", "extra", "process")),
        strict=True,
    ):
        value = links[link]
        if value["client"] == client:
            found.append((time, number, bool(last), f"{process}.{value.get('link')}"))
    return sorted(found, key=lambda row: (row[3], row[0]))


def _out_of_step(
    run: Run,
    rows: list[tuple[int, int, bool, str]],
    every_s: float,
    timeout_s: float,
    most: int,
    tolerance_s: float,
) -> str:
    """Return what is wrong with a client's tries, if anything is."""
    for time, number, last, _ in rows:
        if number > most or last != (number == most):
            return f"made try number {number} at {run.seconds(time):.1f} s, and may make {most}"
    for before, after in pairwise(rows):
        if before[3] != after[3] or after[1] != before[1] + 1:
            continue
        pause_s = (after[0] - before[0]) / SECOND_NS
        if not every_s - tolerance_s <= pause_s <= every_s + timeout_s + 1 + tolerance_s:
            return f"paused {pause_s:.1f} s at {run.seconds(before[0]):.1f} s, not {every_s:g} s"
    return ""


def consumer_timeout(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Taken-Away: what a consumer holds too long is taken from it in time, and given to another."""
    history, deliveries = run.history, run.history.deliveries
    limit_ns = int(float(parameters["limit_s"]) * SECOND_NS)
    tolerance_ns = int(float(parameters.get("tolerance_s", 5)) * SECOND_NS)
    contract = next(e for e in run.contract.consumers if e.name == parameters["consumer"])
    rows = np.flatnonzero((deliveries.queue == history.queue_number(contract.queue))
                          & ~deliveries.drained & (deliveries.settled == 0))  # fmt: skip
    channel = deliveries.channel[rows].astype(np.int64)
    taken, code = _taken(run)
    gone = np.minimum(run.stopped_ns, ended_ns(run)[deliveries.process[rows]])
    held_ns = np.minimum(taken[channel], gone) - deliveries.time_ns[rows]
    by_broker = (code[channel] == PRECONDITION_FAILED) & (taken[channel] < NEVER)
    oldest = {each: int(held_ns[channel == each].max()) for each in np.unique(channel[by_broker])}
    figures: dict[str, Any] = {
        "measured": max(oldest.values(), default=0) / SECOND_NS, "unit": "s", "n": len(oldest),
        "threshold": (limit_ns + tolerance_ns) / SECOND_NS,
    }  # fmt: skip
    again = np.append(history.copies.delivered, 0)
    copy = history.index.of_delivery[rows]
    message = deliveries.key[rows] >> 16
    for which, what in (
        (held_ns > limit_ns + tolerance_ns, "was held longer"),
        (np.isin(channel, [c for c, ns in oldest.items() if ns < limit_ns]),
         "was taken away too soon"),
        (by_broker & (copy >= 0) & (again[copy] < 2), "was taken away, and given to nobody"),
    ):  # fmt: skip
        if which.any():
            text = f"broke Taken-Away: message {name_of(int(message[which][0]))} {what}"
            return Finding(Status.FAIL, f"{text} (limit {limit_ns / SECOND_NS:g} s)",
                           examples=examples_of(message[which]), **figures)  # fmt: skip
    if not oldest:
        return unknown(f"vacuous: nothing was taken from {contract.name}", **figures)
    return Finding(Status.PASS, f"{int(by_broker.sum())} messages were taken from a consumer that "
                   f"held them, after {figures['measured']:.1f} s, and delivered again",
                   **figures)  # fmt: skip


def _taken(run: Run) -> tuple[Array, Array]:
    """Return for each channel when its deliveries were no longer its own, and the reply code.

    A broker that cancels the consumer (from 4.3) says no code: it counts as the same.
    """
    links = run.history.links
    taken = np.append(links.channel_closed_ns, NEVER)
    code = np.append(links.channel_closed_code, 0)
    cancelled = run.history.gathered.of(Kind.CANCELLED)
    for channel, time in zip(cancelled["channel"].tolist(), cancelled["time"].tolist(),
                             strict=True):  # fmt: skip
        if time < taken[channel]:
            taken[channel], code[channel] = time, PRECONDITION_FAILED
    return taken, code
