"""What an outage leaves to be written: a postmortem with its timeline, figures by severity."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.blocking import ALARMS
from gameday.history.bus import calls_of
from gameday.history.checks.met import in_force
from gameday.history.checks.select import queue_mask
from gameday.history.checks.sla import latencies
from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import Fault
from gameday.history.outages import Outage, outages, timeline
from gameday.history.outcomes import Outcome
from gameday.history.records import Kind
from gameday.history.run import Run

Array = npt.NDArray[Any]

SEVERITY = "severity"
MARGIN_S = 1.0
"""By how much an outage must be longer than the limit to be one for certain."""
BACKLOG = 5
"""How much must have waited in a queue when an alarm began, for its going on to show."""


def postmortem(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Outages-Written-Up: an outage over the limit is found, explained, and has its timeline."""
    limit_s = float(parameters["limit_s"])
    found = outages(run, limit_s)
    told = [_told(run, each) for each in found]
    figures: dict[str, Any] = {
        "measured": max((each.seconds for each in found), default=None), "unit": "s",
        "n": len(found), "threshold": limit_s, "details": {"outages": told},
    }  # fmt: skip
    seen = {fault.id for each in found for fault in each.causes}
    for each in found:
        if not each.causes:
            when = f"at {run.seconds(each.begin_ns):.1f} s"
            return Finding(Status.FAIL, f"broke Outages-Written-Up: {each.seconds:.1f} s without a "
                           f"confirm {when}, and nobody knows why", **figures)  # fmt: skip
    for fault in run.own_faults:
        lasted_s = _lasted_s(run, fault) if fault.fault_class == "outage" else 0.0
        if lasted_s > limit_s + MARGIN_S and fault.id not in seen:
            return Finding(Status.FAIL, f"broke Outages-Written-Up: {fault.id} lasted "
                           f"{lasted_s:.1f} s, and the clients' ledgers show no outage",
                           **figures)  # fmt: skip
    if not found:
        return unknown(f"vacuous: no outage lasted longer than {limit_s:g} s", **figures)
    return Finding(Status.PASS, f"{len(found)} outages of more than {limit_s:g} s call for a "
                   "postmortem; their timelines are in the report", **figures)  # fmt: skip


def _lasted_s(run: Run, fault: Fault) -> float:
    begin, end = in_force(run, fault)
    return (end - begin) / 1e9


def _told(run: Run, outage: Outage) -> dict[str, Any]:
    return {
        "begin_s": run.seconds(outage.begin_ns), "end_s": run.seconds(outage.end_ns),
        "seconds": outage.seconds, "dropped": outage.dropped,
        "causes": [f"{fault.kind} of {fault.target}" for fault in outage.causes],
        "timeline": [list(row) for row in timeline(run, outage)],
    }  # fmt: skip


def subsystems(run: Run, _: Mapping[str, Any]) -> Finding:
    """Severity-Beside-Figures: every work queue has its severity, shown with what became of it."""
    labels = run.contract.labels
    if not labels:
        return unknown("the contract labels no queue")
    bare = sorted(name for name in run.history.roles.consumed
                  if SEVERITY not in labels.get(name, {}))  # fmt: skip
    rows = [{"queue": name, **labels[name], **_figures_of(run, name)} for name in labels]
    figures: dict[str, Any] = {"measured": len(rows), "unit": "queues", "n": len(rows),
                               "details": {"subsystems": rows}}  # fmt: skip
    if bare:
        return Finding(Status.FAIL, f"broke Severity-Beside-Figures: nobody says how bad it is "
                       f"when {bare[0]} stands still", **figures)  # fmt: skip
    if idle := [row["queue"] for row in rows if not row["confirmed"]]:
        return unknown(f"vacuous: nothing was confirmed for {idle[0]}", **figures)
    return Finding(Status.PASS, f"{len(rows)} subsystems by severity, with their figures",
                   **figures)  # fmt: skip


def _figures_of(run: Run, queue: str) -> dict[str, Any]:
    """Return what became of a queue's messages: confirmed, dropped, handled, the longest wait."""
    history = run.history
    copies = history.copies
    message = history.attempts.message[copies.attempt]
    mine = queue_mask(history, [queue])[copies.queue]
    waits_ms = latencies(run, queue).milliseconds
    waits_ms = waits_ms[np.isfinite(waits_ms)]
    gone = calls_of(history, Kind.SHED)
    there = [queue in route.get("queues", ()) for route in history.names.list("route")]
    return {
        "confirmed": len(np.unique(message[mine & (copies.status == Outcome.OK)])),
        "handled": len(np.unique(message[mine & copies.handled])),
        "dropped": int(np.array([*there, False])[gone.route].sum()) if len(gone) else 0,
        "longest_wait_s": round(float(waits_ms.max()) / 1e3, 3) if len(waits_ms) else None,
    }


def under_alarm(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Consumers-Go-On: while an alarm blocks publishers, what waits is delivered and settled."""
    queues = parameters.get("queues") or sorted(run.history.roles.consumed)
    alarms = [fault for fault in run.own_faults if fault.fault_class in ALARMS]
    rows = [row for fault in alarms for queue in queues if (row := _drained(run, fault, queue))]
    figures: dict[str, Any] = {
        "measured": sum(row["settled"] for row in rows), "unit": "messages", "n": len(rows),
        "details": {"queues": rows},
    }  # fmt: skip
    still = [row for row in rows if not row["settled"]]
    if still:
        return Finding(Status.FAIL, f"broke Consumers-Go-On: {still[0]['waiting']} messages waited "
                       f"in {still[0]['queue']} under {still[0]['fault']}, and none was settled",
                       **figures)  # fmt: skip
    seen = {str(row["class"]) for row in rows}
    missing = sorted(set(parameters.get("fault_classes", ())) - seen)
    if missing or not rows:
        what = missing[0] if missing else "alarm"
        return unknown(f"vacuous: nothing waited under a {what}", **figures)
    return Finding(Status.PASS, f"{figures['measured']} messages that waited when an alarm began "
                   "were settled before it ended", **figures)  # fmt: skip


def _drained(run: Run, fault: Fault, queue: str) -> dict[str, Any] | None:
    """Return how much waited in a queue when an alarm began, and how much of it went meanwhile."""
    history = run.history
    copies, attempts = history.copies, history.attempts
    begin, end = in_force(run, fault)
    mine = queue_mask(history, [queue])[copies.queue] & (copies.status == Outcome.OK)
    confirmed = attempts.outcome_ns[copies.attempt]
    waiting = mine & (confirmed <= begin) & ((copies.settled_ns < 0) | (copies.settled_ns > begin))
    if waiting.sum() < BACKLOG:
        return None
    gone = waiting & (copies.settled_ns > begin) & (copies.settled_ns <= end)
    return {"fault": fault.id, "class": fault.fault_class, "queue": queue,
            "waiting": int(waiting.sum()), "settled": int(gone.sum())}  # fmt: skip
