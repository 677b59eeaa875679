"""Schemas and graceful stops: what workers accept, refuse, and finish when they are told to go."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.join import distinct
from gameday.history.journal import Fault, events
from gameday.history.records import Disposition, Flag, Kind, Result
from gameday.history.run import SECOND_NS, Run
from gameday.history.verdicts import Verdict

STOP = "signal_client"
"""The kind of fault that signals a client; with SIGTERM it asks it to finish and go."""


def schemas(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Schemas-Enforced: what conforms is accepted, what does not is refused and dead-lettered."""
    history = run.history
    attempts, deliveries, copies = history.attempts, history.deliveries, history.copies
    wanted = parameters.get("messages") or [each.name for each in run.contract.messages]
    routes = history.names.list("route")
    types = np.array([*(route["type"] in wanted for route in routes), False])
    sent = {routes[int(number)]["type"] for number in np.flatnonzero(np.bincount(attempts.route))}
    for name in wanted:
        if name not in sent:
            return unknown(f"no {name} was sent")
    mine = (deliveries.attempt >= 0) & ~deliveries.drained
    rows = np.flatnonzero(mine & types[attempts.route[deliveries.attempt]])
    attempt, result = deliveries.attempt[rows], deliveries.result[rows]
    bad = attempts.disposition[attempt] == Disposition.REJECT
    message = attempts.message[attempt]
    figures: dict[str, Any] = {"unit": "messages", "n": len(rows), "threshold": 0}
    for text, which in (
        ("was accepted, though it breaks its schema or cannot be handled",
         bad & (result == Result.DONE)),
        ("was refused, though it conforms", ~bad & (result == Result.PERMANENT)),
        ("was spoilt on its way",
         ~bad & ((deliveries.flags[rows] & Flag.SEEN_BODY_DIFFERS) > 0)),
    ):  # fmt: skip
        if which.any():
            return Finding(
                Status.FAIL, f"broke Schemas-Enforced: message {name_of(int(message[which][0]))} "
                f"{text}", int(which.sum()), examples=examples_of(message[which]), **figures,
            )  # fmt: skip
    refused = message[bad & (result == Result.PERMANENT)]
    dead = attempts.message[copies.attempt[copies.verdict == Verdict.DEAD_LETTERED]]
    figures["details"] = {"refused": len(distinct(refused))}
    if not len(refused):
        return unknown("vacuous: nothing was refused", measured=0, **figures)
    missing = np.setdiff1d(refused, dead)
    if len(missing) and run.drain_complete:
        return Finding(
            Status.FAIL, f"broke Schemas-Enforced: message {name_of(int(missing[0]))} was refused, "
            "and is in no dead-letter queue", len(missing), examples=examples_of(missing),
            **figures,
        )  # fmt: skip
    if not run.drain_complete:
        return unknown(f"the drain did not finish: {run.drain_missing[0]}", **figures)
    return Finding(Status.PASS, f"{len(distinct(refused))} messages were refused, and lie in "
                   "their dead-letter queues", 0, **figures)  # fmt: skip


def graceful_stop(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Finishes-What-It-Holds: told to stop, a worker settles what it holds and exits in time."""
    limit_s = float(parameters["limit_s"])
    wanted = parameters.get("consumer")
    stops = [each for each in run.own_faults if _asks_to_stop(each)
             and (wanted is None or wanted in each.target)]  # fmt: skip
    figures: dict[str, Any] = {"unit": "s", "n": len(stops), "threshold": limit_s}
    if not stops:
        return unknown("no worker was told to stop", **figures)
    exits = events(run.journal, "process", state="ended")
    slowest = 0.0
    for fault in stops:
        asked = fault.steps.get("applied", fault.started_ns)
        mine = [line for line in exits if line["time_ns"] >= fault.started_ns
                and _is_of(line, fault)]  # fmt: skip
        if not mine:
            return Finding(Status.FAIL, f"broke Finishes-What-It-Holds: after {fault.id} no worker "
                           "exited", **figures)  # fmt: skip
        took = max(0.0, (mine[0]["time_ns"] - asked) / SECOND_NS)
        slowest = max(slowest, took)
        figures["measured"] = slowest
        if took > limit_s or mine[0].get("code") != 0:
            how = f"after {took:.1f} s with code {mine[0].get('code')}"
            text = f"broke Finishes-What-It-Holds: process {mine[0]['process']} exited {how}"
            return Finding(Status.FAIL, text, **figures)
        held = _unfinished(run, int(mine[0]["process"] or 0))
        if len(held):
            text = f"broke Finishes-What-It-Holds: message {name_of(int(held[0]))} was handled"
            return Finding(Status.FAIL, f"{text} and not settled, or settled twice",
                           examples=examples_of(held), **figures)  # fmt: skip
    return Finding(Status.PASS, f"all {len(stops)} settled what they held, and were gone within "
                   f"{slowest:.1f} s", **figures)  # fmt: skip


def _is_of(line: Mapping[str, Any], fault: Fault) -> bool:
    """Tell whether it is the struck client that ended: its name ends in its process's number."""
    return line["role"] == "worker" or str(line["process"]) == fault.target.rpartition("-")[2]


def _asks_to_stop(fault: Fault) -> bool:
    """Tell whether a fault is the signal that asks a client to finish and go."""
    given = {str(value) for value in fault.parameters.values()}
    return fault.kind == STOP and bool({"15", "SIGTERM", "TERM"} & given)


def _unfinished(run: Run, process: int) -> Any:
    """Return the messages that a process handled without settling, or settled twice."""
    history = run.history
    deliveries = history.deliveries
    rows = np.flatnonzero((deliveries.process == process) & ~deliveries.drained)
    open_ = rows[(deliveries.handled_ns[rows] >= 0) & (deliveries.settled[rows] == 0)
                 & ~deliveries.no_ack[rows]]  # fmt: skip
    settles = [history.gathered.of(kind) for kind in (Kind.ACKED, Kind.REQUEUED, Kind.REJECTED)]
    channel = np.concatenate([each["channel"] for each in settles]).astype(np.int64)
    tag = np.concatenate([each["tag"] for each in settles]).astype(np.int64)
    pairs = np.sort(channel << 32 | tag)
    own = deliveries.channel[rows].astype(np.int64) << 32 | deliveries.tag[rows].astype(np.int64)
    twice = rows[np.isin(own, pairs[1:][pairs[1:] == pairs[:-1]])]
    return deliveries.key[np.concatenate([open_, twice])] >> 16
