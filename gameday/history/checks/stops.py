"""Graceful stops: what workers finish when they are told to go."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.journal import Fault, events
from gameday.history.records import Kind
from gameday.history.run import SECOND_NS, Run

STOP = "signal_client"
"""The kind of fault that signals a client; with SIGTERM it asks it to finish and go."""


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
        held = _unfinished(run, int(mine[0]["process"] or 0), asked)
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


def _unfinished(run: Run, process: int, asked_ns: int) -> Any:
    """Return the messages that a process handled without settling, or settled twice.

    What it could not settle any more, since the channel was lost before it was told to stop, was
    delivered to another.
    """
    history = run.history
    deliveries = history.deliveries
    rows = np.flatnonzero((deliveries.process == process) & ~deliveries.drained)
    closed = history.links.channel_closed_ns
    open_ = rows[(deliveries.handled_ns[rows] >= 0) & (deliveries.settled[rows] == 0)
                 & ~deliveries.no_ack[rows]
                 & (closed[deliveries.channel[rows]] >= asked_ns)]  # fmt: skip
    settles = [history.gathered.of(kind) for kind in (Kind.ACKED, Kind.REQUEUED, Kind.REJECTED)]
    channel = np.concatenate([each["channel"] for each in settles]).astype(np.int64)
    tag = np.concatenate([each["tag"] for each in settles]).astype(np.int64)
    pairs = np.sort(channel << 32 | tag)
    own = deliveries.channel[rows].astype(np.int64) << 32 | deliveries.tag[rows].astype(np.int64)
    twice = rows[np.isin(own, pairs[1:][pairs[1:] == pairs[:-1]])]
    return deliveries.key[np.concatenate([open_, twice])] >> 16
