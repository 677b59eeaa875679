"""Behind a balancer: all clients come through it, and one node down keeps the others serving.

How they came is by the journal's `balanced` lines, in which the balancer's own count of what it
carries stands beside the broker's of who is connected; whether they were served is by the ledger.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import Fault, events
from gameday.history.outcomes import Outcome
from gameday.history.run import SECOND_NS, Run

TIMES = ("before", "after")
LEAST = 20
"""So many messages must be wanted under a fault, or nobody would miss their confirms."""


def balanced(run: Run, _: Mapping[str, Any]) -> Finding:
    """Through-It-Alone: what the broker has of the load, the balancer carries, to every node."""
    lines = events(run.journal, "balanced")
    carried = sum(sum(line["carried"].values()) for line in lines)
    figures: dict[str, Any] = {"measured": carried, "unit": "connections", "n": carried,
                               "details": {"looks": lines}}  # fmt: skip
    for line in lines:
        for node, count in line["connected"].items():
            if count != line["carried"].get(node, 0):
                return Finding(
                    Status.FAIL, f"broke Through-It-Alone: {line['at']} the faults {node} had "
                    f"{count} connections of the load, and the balancer carried "
                    f"{line['carried'].get(node, 0)} there", **figures)  # fmt: skip
    missing = [at for at in TIMES if not any(line["at"] == at for line in lines)]
    if missing:
        return unknown(f"vacuous: nobody looked {missing[0]} the faults", **figures)
    empty = sorted(node for node, count in lines[0]["carried"].items() if not count)
    if empty:
        return unknown(f"vacuous: {empty[0]} was given no client before the faults", **figures)
    return Finding(Status.PASS, f"all {carried} connections came through the balancer, to "
                   f"{len(lines[0]['carried'])} nodes", **figures)  # fmt: skip


def keeps_serving(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Serves-On: under such faults no longer than the limit passes without a confirm."""
    limit_s = float(parameters["limit_s"])
    classes = parameters["fault_classes"]
    struck = [fault for fault in run.own_faults if fault.fault_class in classes]
    gaps = [_longest_gap_s(run, fault) for fault in struck]
    figures: dict[str, Any] = {
        "measured": round(max(gaps), 3) if gaps else None, "unit": "s", "threshold": limit_s,
        "n": len(gaps),
    }  # fmt: skip
    absent = sorted(set(classes) - {fault.fault_class for fault in struck})
    for fault, gap_s in zip(struck, gaps, strict=True):
        if gap_s > limit_s:
            return Finding(Status.FAIL, f"broke Serves-On: under {fault.id} ({fault.kind}) nothing "
                           f"was confirmed for {gap_s:.1f} s", **figures)  # fmt: skip
    if absent:
        return unknown(f"vacuous: there was no {absent[0]}", **figures)
    for fault in struck:
        if (wanted := _wanted(run, fault)) < LEAST:
            return unknown(f"vacuous: {wanted} messages were wanted under {fault.id}, not {LEAST}",
                           **figures)  # fmt: skip
    return Finding(Status.PASS, f"under {len(gaps)} faults something was confirmed every "
                   f"{max(gaps):.1f} s at the latest", **figures)  # fmt: skip


def _span(run: Run, fault: Fault) -> tuple[int, int]:
    """Return when a fault struck and when it was seen healed."""
    return fault.started_ns, fault.restored_ns or run.stopped_ns


def _longest_gap_s(run: Run, fault: Fault) -> float:
    begin, end = _span(run, fault)
    attempts = run.history.attempts
    times = attempts.outcome_ns[attempts.outcome == Outcome.OK]
    inside = np.sort(times[(times >= begin) & (times <= end)])
    return float(np.diff(np.concatenate([[begin], inside, [end]])).max() / SECOND_NS)


def _wanted(run: Run, fault: Fault) -> int:
    begin, end = _span(run, fault)
    times = run.history.attempts.time_ns
    return int(((times >= begin) & (times <= end)).sum())
