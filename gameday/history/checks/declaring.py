"""Topology by its clients: both sides declare what they use, and hear what no queue takes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.loss import ended_ns
from gameday.history.checks.select import routes_of
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.history import History
from gameday.history.journal import ON_NODES, Fault
from gameday.history.outcomes import Outcome
from gameday.history.records import Kind
from gameday.history.run import SECOND_NS, Run

Array = npt.NDArray[Any]

OK = 200
LOST = 0
"""The code of a declaration whose connection was lost before the broker answered."""
LEAST = 20
AT_ONCE_NS = SECOND_NS
"""How soon after it opened a channel its client may be killed before it could declare."""
EDGE_NS = SECOND_NS // 4
"""What is published so shortly before a binding comes back may be routed by it again."""


def declarations(run: Run, _: Mapping[str, Any]) -> Finding:
    """Declared-Alike: publishers and consumers declare on every opening, and none is refused."""
    wanted = _who_declares(run)
    history = run.history
    rows = history.gathered.of(Kind.DECLARED)
    values = history.links.channel_values
    who = np.array([_client(run, value) for value in values] or [""])[rows["channel"]]
    code = rows["detail"].astype(np.int64)
    figures: dict[str, Any] = {
        "unit": "declarations", "n": int(code.size), "threshold": 0,
        "details": {name: int((who == name).sum()) for name in sorted(wanted)},
    }  # fmt: skip
    refused = (code != OK) & (code != LOST)
    if refused.any():
        first = int(np.flatnonzero(refused)[0])
        text = f"broke Declared-Alike: {who[first]} was refused with {code[first]}"
        return Finding(Status.FAIL, text, int(refused.sum()), **figures)
    silent = _openings(history, run, wanted) - set(rows["channel"].tolist())
    if silent:
        text = f"broke Declared-Alike: {_client(run, values[min(silent)])} opened a channel"
        return Finding(Status.FAIL, f"{text} and declared nothing", len(silent), **figures)
    missing = sorted(wanted - set(who[code == OK].tolist()))
    if missing or not wanted:
        return unknown(f"{missing[0] if missing else 'nobody'} declared nothing", **figures)
    if not _while_a_node_was_away(run, rows["time"][code == OK]):
        return unknown("vacuous: nobody declared while a node was away or coming back", **figures)
    return Finding(Status.PASS, f"all {figures['n']} declarations by {len(wanted)} clients were "
                   "taken, those while a node was away or coming back too", 0,
                   **figures)  # fmt: skip


def _who_declares(run: Run) -> set[str]:
    producers = {each.name for each in run.contract.producers if each.declares}
    return producers | {each.name for each in run.contract.consumers if each.declares}


def _client(run: Run, value: Mapping[str, Any]) -> str:
    """Return the service that a channel is of; a consumer's channels carry its number."""
    client = str(value.get("client", ""))
    names = [each.name for each in run.contract.producers]
    names += [each.name for each in run.contract.consumers]
    own = [name for name in names if client == name or client.startswith(f"{name}-")]
    return max(own, key=len, default=client)


def _openings(history: History, run: Run, wanted: set[str]) -> set[int]:
    """Return the channels that clients opened which declare, but of those killed meanwhile."""
    rows, values = history.gathered.of(Kind.CHANNEL_OPENED), history.links.channel_values
    had_time = ended_ns(run)[rows["process"]] - rows["time"] > AT_ONCE_NS
    opened = set(rows["channel"][had_time].tolist())
    return {number for number in opened if _client(run, values[number]) in wanted}


def _while_a_node_was_away(run: Run, times: Array) -> bool:
    """Whether something was declared between a node's being struck and a while after its return."""
    return any(
        ((times >= fault.started_ns) & (times <= _end(run, fault) + 10 * SECOND_NS)).any()
        for fault in run.own_faults
        if fault.fault_class in ON_NODES
    )


def _end(run: Run, fault: Fault) -> int:
    return fault.restored_ns or run.stopped_ns


def unroutable(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Returned-Is-Told: what no queue takes comes back to its publisher, and is not called sent."""
    least = int(parameters.get("least", LEAST))
    unbound = [each for each in run.own_faults
               if each.kind == "remove_binding" and each.observed_ns is not None]  # fmt: skip
    if not unbound:
        return unknown("vacuous: no binding was removed")
    attempts = run.history.attempts
    lost = np.any([_unrouted(run, each) for each in unbound], axis=0)
    returned = lost & (attempts.outcome == Outcome.RETURNED)
    figures: dict[str, Any] = {"unit": "messages", "n": int(returned.sum()), "threshold": 0}
    for which, what in (
        (lost & (attempts.outcome == Outcome.OK), "reached no queue, and counts as sent"),
        (lost & ~returned, "reached no queue, and never came back to its publisher"),
    ):
        if which.any():
            messages = attempts.message[which]
            text = f"broke Returned-Is-Told: message {name_of(int(messages[0]))} {what}"
            return Finding(Status.FAIL, f"{text} ({int(which.sum())})", int(which.sum()),
                           examples=examples_of(messages), **figures)  # fmt: skip
    if returned.sum() < least:
        text = f"vacuous: {int(returned.sum())} were published while unbound, not {least}"
        return unknown(text, measured=0, **figures)
    return Finding(Status.PASS, f"all {int(returned.sum())} that no queue took came back", 0,
                   **figures)  # fmt: skip


def _unrouted(run: Run, fault: Fault) -> Array:
    """Tell which publishes fell into the time without a binding that alone would have routed them.

    Those on a lost connection are left out: nothing could come back on it.
    """
    attempts, history = run.history.attempts, run.history
    routes = routes_of(history, str(fault.parameters["exchange"]),
                       str(fault.parameters["routing_key"]), fault.target)  # fmt: skip
    begun = fault.observed_ns or 0
    ended = fault.steps.get("reverting", run.stopped_ns) - EDGE_NS
    during = (attempts.time_ns >= begun) & (attempts.time_ns < ended)
    closed = np.append(history.links.channel_closed_ns, -1)[
        np.where(attempts.tag > 0, attempts.channel, -1)
    ]
    found: Array = during & np.isin(attempts.route, routes) & (closed > ended)
    return found
