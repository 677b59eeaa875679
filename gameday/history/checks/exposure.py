"""Exposure: each fault took effect, was healed, and struck where something was to be lost.

A kill of a node that leads nothing, an alarm that blocked nobody, a fault that nobody saw: such a
run proves nothing, whatever it found. It is *vacuous*, with what was missing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gameday.history.blocking import ALARMS
from gameday.history.checks.risk import met_nobody, rule_for
from gameday.history.checks.select import queue_mask
from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import FOLLOWER, ON_NODES, ROLLING, Fault, events
from gameday.history.outcomes import Outcome
from gameday.history.run import Run

LEAST = 50
"""How many confirmed and unsettled copies must lie in a victim's queues when it is struck."""

OUTAGE = "outage"
"""The class of a fault that takes the majority away, or all: every queue is struck."""

AT_RISK = ON_NODES | {FOLLOWER, ROLLING, OUTAGE}
"""The classes of fault that must find something to lose."""

COPIES = f"{LEAST} confirmed and unsettled copies"
IN_WORDS: dict[str, str] = {
    **dict.fromkeys(ON_NODES, f"{COPIES} in the queues that it leads; connections and consumers "
                    "on it"),
    FOLLOWER: f"{COPIES} in queues of which it holds a copy and leads none",
    **dict.fromkeys((ROLLING, OUTAGE), f"{COPIES} in the queues in use"),
    **dict.fromkeys(ALARMS, "a publisher was told that it is blocked"),
}  # fmt: skip
"""What a class of fault must have met."""

TAKES_TIME = frozenset({ROLLING, OUTAGE, "node_stop", "node_loss"})
"""Classes of fault that strike at once and are applied seconds later: all nodes, or a good end."""


def exposure_rule(kind: str, fault_class: str) -> str | None:
    """Return what a fault must have met to prove anything; None: nothing (`risk.NO_RULE`)."""
    rule = rule_for(kind, fault_class)
    return rule.needs if rule is not None else IN_WORDS.get(fault_class)


def exposure(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Faults-Bite: every fault was observed, healed, and put something at risk."""
    least = int(parameters.get("least", LEAST))
    classes = parameters.get("fault_classes")
    faults = [each for each in run.faults if classes is None or each.fault_class in classes]
    missing = [*_absent(run, classes), *(text for each in faults for text in _lacks(run, each))]
    struck = [each for each in faults if each.fault_class in AT_RISK]
    backlogs = [backlog(run, each) for each in struck]
    figures: dict[str, Any] = {
        "measured": min(backlogs, default=None), "unit": "copies at risk", "threshold": least,
        "n": len(faults), "details": {"faults": len(faults), "vacuous": missing},
    }  # fmt: skip
    for fault, count in zip(struck, backlogs, strict=True):
        if count < least:
            missing.append(
                f"{fault.id} ({fault.kind}) struck when {count} copies were at risk, not {least}"
            )
    if missing:
        return unknown("vacuous: " + "; ".join(missing), **figures)
    if not faults and classes is not None:
        return unknown("vacuous: it asks for no class of fault", **figures)
    if not faults:
        return Finding(Status.PASS, "no fault was planned, so none had to bite", n=1)
    return Finding(Status.PASS, f"all {len(faults)} faults took effect and healed", **figures)


def _absent(run: Run, classes: list[str] | None) -> Iterator[str]:
    """Return what was planned, or asked for, and never happened."""
    injected = Counter(fault.episode for fault in run.faults)
    for episode in run.plan.get("episodes", ()):
        kinds = [fault["kind"] for fault in episode["faults"] if fault["kind"] != "nothing"]
        for kind in kinds[injected[episode["id"]] :]:  # They are injected in this order.
            yield f"{episode['id']} ({kind}) was planned and never injected"
    for line in events(run.journal, "cut_short"):
        yield f"from {line['episode']} on nothing was played: {line['reason']}"
    for name in sorted(set(classes or ()) - {fault.fault_class for fault in run.faults}):
        yield f"there was no {name}"


def _lacks(run: Run, fault: Fault) -> Iterator[str]:
    name = f"{fault.id} ({fault.kind})"
    if fault.observed_ns is None:
        yield f"{name} was not seen to take effect"
    if fault.restored_ns is None:
        yield f"{name} was not seen healed"
    if fault.fault_class in ON_NODES:
        yield from _victim_lacks(run, fault, name)
    if fault.fault_class == FOLLOWER:
        yield from _follower_lacks(run, fault, name)
    if fault.fault_class in ALARMS and not _blocked_anybody(run, fault):
        yield f"{name} blocked no publisher"
    yield from met_nobody(run, fault)


def _victim_lacks(run: Run, fault: Fault, name: str) -> Iterator[str]:
    lines = events(run.journal, "exposure", episode=fault.episode)
    if not lines:
        yield f"{name}: nobody looked what it would strike"
        return
    if not led_by_victim(run, fault):
        yield f"{name}: its victim led no queue in use"
    if not all(line["connections_on_victim"] for line in lines):
        yield f"{name}: no connection was on its victim"
    if not all(line["consumers_on_victim"] for line in lines):
        yield f"{name}: no consumer was on its victim"


def _follower_lacks(run: Run, fault: Fault, name: str) -> Iterator[str]:
    """Say why the kill of a follower was none: it led, or it held no copy."""
    used = run.history.roles.consumed
    if fault.roles is None:
        yield f"{name}: nobody looked what its victim was to the queues"
        return
    led = sorted(used & set(fault.roles["leads"]))
    if led:
        yield f"{name}: its victim led {', '.join(led)}, so it was no follower"
    if not followed_by_victim(run, fault):
        yield f"{name}: its victim held no copy of a queue in use"


def followed_by_victim(run: Run, fault: Fault) -> frozenset[str]:
    """Return the queues with consumers of which a fault's victim held a copy and led none."""
    return frozenset((fault.roles or {}).get("follows", ())) & run.history.roles.consumed


def led_by_victim(run: Run, fault: Fault) -> frozenset[str]:
    """Return the queues with consumers that a fault's victim led when it was struck.

    The fault's own record counts where there is one: a fault that struck a follower struck none
    of the queues that the node led which the run had made the leader.
    """
    led = {
        queue
        for line in events(run.journal, "exposure", episode=fault.episode)
        for queue, about in line["queues"].items()
        if about["leader"] == line["victim"]
    }
    if fault.roles is not None:
        led &= set(fault.roles["leads"])
    return frozenset(led & run.history.roles.consumed) - _led_elsewhere(run, fault)


def _led_elsewhere(run: Run, fault: Fault) -> frozenset[str]:
    """Return the queues that the last reading of leaders before the strike saw led by another."""
    victims = {line["victim"] for line in events(run.journal, "exposure", episode=fault.episode)}
    readings = [
        line for line in events(run.journal, "leaders") if line["time_ns"] <= fault.started_ns
    ]
    if not readings:
        return frozenset()
    return frozenset(
        queue for queue, leader in readings[-1]["leaders"].items() if leader not in victims
    )


def backlog(run: Run, fault: Fault) -> int:
    """Count the copies that were confirmed and unsettled in the victim's queues at the strike.

    Somebody's command may have struck at any moment between its beginning and its end: the fewest
    that waited in that time are counted.
    """
    copies, attempts = run.history.copies, run.history.attempts
    since_ns, until_ns = _struck_within(fault)
    confirmed_ns, settled_ns = attempts.outcome_ns[copies.attempt], copies.settled_ns
    may_wait = (
        queue_mask(run.history, _struck_queues(run, fault))[copies.queue]
        & (copies.status == Outcome.OK)
        & (confirmed_ns <= until_ns)
        & ((settled_ns < 0) | ((settled_ns > since_ns) & (settled_ns > confirmed_ns)))
    )
    begins, ends = np.sort(confirmed_ns[may_wait]), np.sort(settled_ns[may_wait])
    ends = ends[ends >= 0]
    moments = np.concatenate(([since_ns, until_ns], ends[ends <= until_ns]))
    begun = np.searchsorted(begins, moments, side="right")
    return int((begun - np.searchsorted(ends, moments, side="right")).min())


def _struck_within(fault: Fault) -> tuple[int, int]:
    """Return when a fault struck at the earliest, and at the latest.

    One that takes its time strikes at once, and is applied only when all is over.
    """
    applied_ns = fault.steps.get("applied", fault.started_ns)
    return fault.started_ns, fault.started_ns if fault.fault_class in TAKES_TIME else applied_ns


def _struck_queues(run: Run, fault: Fault) -> frozenset[str]:
    """Return the queues that a fault put at risk: those led, those followed, or all in use."""
    if fault.fault_class in {ROLLING, OUTAGE}:
        return frozenset(run.history.roles.consumed)
    if fault.fault_class == FOLLOWER:
        return followed_by_victim(run, fault)
    return led_by_victim(run, fault)


def _blocked_anybody(run: Run, fault: Fault) -> bool:
    """Tell whether a publisher of the system's own was told that it is blocked."""
    end = fault.restored_ns or run.stopped_ns
    values = run.history.links.connection_values
    return any(
        fault.started_ns <= since <= end and values[each].get("role") == "publish"
        for each, since, _ in run.history.links.blocked.tolist()
    )
