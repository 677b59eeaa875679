"""What moving promises: urgent tasks sooner and in time, in order, many at once, nobody starved."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gameday.history.checks.urgency import saved_interval
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.migration.figures import counted, urgent
from gameday.history.migration.folder import Migration
from gameday.history.migration.gain import (
    LEAST_STRETCHES,
    STRETCH_NS,
    Gain,
    differs,
    gain,
    sample,
)
from gameday.history.migration.judged import Judged
from gameday.history.migration.manifest import FAULT, SWEEP, TRAP, Leg
from gameday.history.migration.service import Order, Saved, at_once, order, saved
from gameday.history.migration.tasks import Fate, Tasks
from gameday.history.statistics import percentile_interval, wilson

SATURATION = "saturation"


def gains(migration: Migration) -> Iterator[Judged]:
    """Half-The-Latency: urgent tasks start sooner than on Redis, by the promised share."""
    statement = (gains.__doc__ or "").strip()
    for kind in migration.rules["gain_kinds"]:
        mine = migration.of(migration.candidate, kind)
        for row in migration.redis if mine else ():
            for leg in migration.of(row.id, kind)[:1]:
                finding = _gain(migration, leg, mine[0])
                yield Judged("gain", f"{kind}-{row.id}", statement, finding, mine[0].id)
            if not migration.of(row.id, kind):
                yield Judged("gain", f"{kind}-{row.id}", statement,
                             unknown(f"{row.id} was not put under {kind}"))  # fmt: skip


def _gain(migration: Migration, redis: Leg, rabbitmq: Leg) -> Finding:
    rules = migration.rules
    least, statistic = float(rules["gain_least"]), str(rules["gain_statistic"])
    figures: dict[str, Any] = {"unit": "share", "threshold": least}
    if other := differs(migration, redis, rabbitmq):
        return unknown(f"not the same work on both: {other}", **figures)
    if (migration.tasks[rabbitmq.id].fate == Fate.UNKNOWN).any():
        return unknown(f"who was never served is unknown: {migration.drained[rabbitmq.id]}",
                       **figures)  # fmt: skip
    samples = sample(migration, redis), sample(migration, rabbitmq)
    found = gain(*samples, statistic)
    fewest = min(len(each.milliseconds) for each in samples)
    if found is None or fewest < int(rules["gain_tasks"]) or found.stretches < LEAST_STRETCHES:
        return unknown(f"vacuous: {fewest} urgent tasks started, not {rules['gain_tasks']} in "
                       f"{LEAST_STRETCHES} stretches", n=fewest, **figures)  # fmt: skip
    figures |= {"measured": found.share, "interval": found.interval, "n": found.n,
                "details": {"statistic": statistic, "redis_ms": found.redis_ms,
                            "rabbitmq_ms": found.rabbitmq_ms}}  # fmt: skip
    return _promised(found, least, f"{statistic} of {redis.row} under {redis.kind}", figures)


def _promised(found: Gain, least: float, of: str, figures: dict[str, Any]) -> Finding:
    """Hold a gain against the promise: the whole interval must lie above it."""
    low, high = found.interval
    text = (f"urgent tasks: {found.redis_ms:.0f} ms is the {of}, {found.rabbitmq_ms:.0f} ms that "
            f"of RabbitMQ: {found.share:.0%} less (95 %: {low:.0%} to {high:.0%})")  # fmt: skip
    if low >= least:
        return Finding(Status.PASS, text, **figures)
    if high < least:
        return Finding(Status.FAIL, f"broke Half-The-Latency: {text}, not {least:.0%}", **figures)
    return unknown(f"{text}: whether it is {least:.0%} cannot be told", **figures)


def in_time(migration: Migration) -> Iterator[Judged]:
    """Urgent-In-Time: every urgent task starts within the limit of its being due."""
    statement = (in_time.__doc__ or "").strip()
    for leg in migration.of(migration.candidate):
        if leg.kind not in (SWEEP, TRAP):
            yield Judged("urgent", leg.load, statement, _in_time(migration, leg), leg.id)


def _in_time(migration: Migration, leg: Leg) -> Finding:
    tasks = migration.tasks[leg.id]
    limit_ms = float(migration.rules["urgent_limit_ms"])
    chosen = np.flatnonzero(counted(migration, leg) & urgent(tasks, migration.rules))
    waited = tasks.latency_ms[chosen]
    late = chosen[waited > limit_ms]
    figures: dict[str, Any] = {
        "measured": float(waited.max()) if len(waited) else None, "unit": "ms", "n": len(chosen),
        "threshold": limit_ms, "interval": percentile_interval(waited, 0.99),
        "details": {"misses": len(late)},
    }  # fmt: skip
    if len(late):
        worst = int(chosen[np.argmax(waited)])
        took = tasks.latency_ms[worst]
        when = "never started" if np.isinf(took) else f"started {took:.0f} ms after it was due"
        reason = (f"broke Urgent-In-Time: task {name_of(int(tasks.key[worst]))} {when} in {leg.id} "
                  f"({len(late)} of {len(chosen)} missed {limit_ms:g} ms)")  # fmt: skip
        return Finding(Status.FAIL, reason, examples=examples_of(tasks.key[late]), **figures)
    if not len(chosen):
        return unknown(f"no urgent task was seen in {leg.id}", **figures)
    if leg.kind == FAULT and not leg.observed:
        return unknown(f"vacuous: nobody saw {leg.fault} take effect", **figures)
    return Finding(Status.PASS, f"all {len(chosen)} started within {limit_ms:g} ms of being due, "
                   f"the slowest after {waited.max():.0f} ms", **figures)  # fmt: skip


def ordered(migration: Migration) -> Iterator[Judged]:
    """Urgent-First: nobody starts while a more urgent task surely waits, by the meant priority."""
    statement = (ordered.__doc__ or "").strip()
    for leg in migration.of(migration.candidate, SATURATION):
        tasks = migration.tasks[leg.id]
        yield Judged("order", leg.load, statement, in_order(migration, tasks, leg.id), leg.id)


def in_order(migration: Migration, tasks: Tasks, where: str) -> Finding:
    """Judge the order of one scope."""
    rules = migration.rules
    found = order(tasks, float(rules["order_margin_ms"]))
    most, inverted = float(rules["inversions_most"]), len(found.inverted)
    interval = wilson(inverted, found.choices) if found.choices else None
    figures: dict[str, Any] = {"measured": found.share, "unit": "share of choices",
                               "n": found.choices, "threshold": most, "interval": interval,
                               "details": {"inversions": inverted}}  # fmt: skip
    if found.choices < int(rules["order_choices"]):
        return unknown(f"vacuous: priorities met in a backlog only {found.choices} times in "
                       f"{where}, not {rules['order_choices']}", **figures)  # fmt: skip
    if found.share is not None and found.share > most:
        figures["examples"] = examples_of(tasks.key[found.inverted])
        return Finding(Status.FAIL, f"broke Urgent-First: {_first(tasks, found)} in {where} "
                       f"({inverted} of {found.choices} choices)", **figures)  # fmt: skip
    return Finding(Status.PASS, f"{inverted} of {found.choices} choices in {where} went to the "
                   "less urgent", **figures)  # fmt: skip


def _first(tasks: Tasks, found: Order) -> str:
    x, y = int(found.inverted[0]), int(found.instead_of[0])
    return (f"task {name_of(int(tasks.key[x]))} of priority {tasks.priority[x]} started while "
            f"{name_of(int(tasks.key[y]))} of priority {tasks.priority[y]} waited")  # fmt: skip


def trap(migration: Migration) -> Iterator[Judged]:
    """Inversion-Trap: mapped priorities keep their order, and unmapped ones are caught."""
    statement = (trap.__doc__ or "").strip()
    for leg in migration.of(migration.candidate, TRAP):
        tasks, part = migration.tasks[leg.id], "mapped" if leg.mapped else "unmapped"
        finding = in_order(migration, tasks, leg.id)
        finding = finding if leg.mapped else caught(finding)
        yield Judged("trap", part, statement, finding, leg.id)
    there = {leg.mapped for leg in migration.of(migration.candidate, TRAP)}
    for mapped in {True, False} - there if there else ():
        part = "mapped" if mapped else "unmapped"
        yield Judged("trap", part, statement, unknown(f"{part} priorities were not tried"))


def caught(finding: Finding) -> Finding:
    """Turn the judgement of unmapped priorities round: only one that fails shows that we see."""
    figures = {name: getattr(finding, name) for name in ("measured", "unit", "n", "interval")}
    if finding.status is Status.FAIL:
        return Finding(Status.PASS, f"unmapped priorities are caught: {finding.reason}", **figures)
    return unknown(f"unmapped priorities were not caught: {finding.reason}", **figures)


def many_at_once(migration: Migration) -> Iterator[Judged]:
    """Many-At-Once: at least so many tasks are in progress at the same time, for so long."""
    rules, statement = migration.rules, (many_at_once.__doc__ or "").strip()
    least, for_s = int(rules["at_once"]), float(rules["at_once_s"])
    able = [leg for leg in migration.of(migration.candidate)
            if leg.workers * leg.concurrency >= least]  # fmt: skip
    if not able:
        return
    best = max(able, key=lambda leg: at_once(migration.tasks[leg.id], for_s))
    most = at_once(migration.tasks[best.id], for_s)
    figures: dict[str, Any] = {
        "measured": float(most), "unit": "tasks at once", "n": len(migration.tasks[best.id]),
        "threshold": float(least),
    }  # fmt: skip
    text = f"{most} were in progress for {for_s:g} s and more in {best.id}"
    if not len(migration.tasks[best.id]):
        finding = unknown("nothing was begun", **figures)
    elif most < least:
        finding = Finding(Status.FAIL, f"broke Many-At-Once: only {text}", **figures)
    else:
        finding = Finding(Status.PASS, text, **figures)
    yield Judged("at_once", "", statement, finding, best.id)


def starvation(migration: Migration) -> Iterator[Judged]:
    """Nobody-Starves: in saturation, too, every task starts within the limit."""
    statement, limit_s = (
        (starvation.__doc__ or "").strip(),
        float(migration.rules["longest_wait_s"]),
    )
    for leg in migration.of(migration.candidate, SATURATION):
        tasks = migration.tasks[leg.id]
        chosen = np.flatnonzero(counted(migration, leg))
        waited = tasks.latency_ms[chosen] / 1000
        late = chosen[waited > limit_s]
        figures: dict[str, Any] = {"measured": float(waited.max(initial=0.0)), "unit": "s",
                                   "n": len(chosen), "threshold": limit_s}  # fmt: skip
        text = f"the longest wait was {waited.max(initial=0.0):.1f} s in {leg.id}"
        if len(late):
            figures["examples"] = examples_of(tasks.key[late])
            finding = Finding(Status.FAIL, f"broke Nobody-Starves: {text} ({len(late)} waited over "
                              f"{limit_s:g} s)", **figures)  # fmt: skip
        elif order(tasks, float(migration.rules["order_margin_ms"])).choices < int(
            migration.rules["order_choices"]
        ):
            finding = unknown(f"vacuous: {text}, and the queue was never saturated", **figures)
        else:
            finding = Finding(Status.PASS, text, **figures)
        yield Judged("starvation", leg.load, statement, finding, leg.id)


def effectiveness(migration: Migration) -> Iterator[Judged]:
    """Priorities-Pay: urgent tasks wait less than first come, first served would have it."""
    statement = (effectiveness.__doc__ or "").strip()
    for leg in migration.of(migration.candidate, SATURATION):
        found = saved(migration.tasks[leg.id], int(migration.rules["urgent_from"]))
        yield Judged("effectiveness", leg.load, statement, _paid(migration, leg, found), leg.id)


def _paid(migration: Migration, leg: Leg, found: Saved) -> Finding:
    """Hold what priorities saved against the promise, with its interval."""
    least, n = float(migration.rules["effectiveness_least"]), len(found.real_s)
    figures: dict[str, Any] = {"unit": "share of the wait saved", "n": n, "threshold": least}
    stretch = np.unique(found.due_ns // STRETCH_NS, return_inverse=True)[1]
    if n < int(migration.rules["gain_tasks"]) or stretch.max(initial=0) < 1:
        return unknown(f"vacuous: {n} urgent tasks met a backlog in {leg.id}", **figures)
    low, high = saved_interval(stretch, found.real_s, found.fair_s)
    figures |= {"measured": found.share, "interval": (low, high)}
    text = (f"urgent tasks waited {found.real_s.mean():.2f} s on average, "
            f"{found.fair_s.mean():.2f} s first come, first served")  # fmt: skip
    if high < least:
        return Finding(Status.FAIL, f"broke Priorities-Pay: {text}", **figures)
    if low < least:
        return unknown(f"{text}: whether that is {least:.0%} less cannot be told", **figures)
    return Finding(Status.PASS, text, **figures)
