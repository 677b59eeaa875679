"""The table of figures: for each leg and each step of the rehearsal, what it put in and got out.

Counts are of tasks, by id and not by subtraction. A figure that nobody could take is null.
"""

from typing import Any

import numpy as np

from gameday.history.migration.folder import Migration
from gameday.history.migration.manifest import Leg, Step
from gameday.history.migration.service import (
    at_once,
    order,
    throughput,
    without_confirm_s,
    without_start_s,
)
from gameday.history.migration.tasks import Fate, Tasks
from gameday.history.statistics import Summary, summary

Json = dict[str, Any]


def leg_figures(migration: Migration, leg: Leg) -> Json:
    """Return all figures of one leg."""
    tasks, rules = migration.tasks[leg.id], migration.rules
    ordered = order(tasks, float(rules["order_margin_ms"]))
    pressing = counted(migration, leg) & urgent(tasks, rules)
    return {
        "leg": leg.id, "row": leg.row, "kind": leg.kind, "fault": leg.fault, "load": leg.load,
        "mapped": leg.mapped, "observed": leg.observed, "offered": leg.offered,
        "workers": leg.workers, "concurrency": leg.concurrency, "prefetch": leg.prefetch,
        "drained": migration.drained[leg.id],
        **counts(tasks),
        "urgent": figures(summary(tasks.latency_ms[pressing])),
        "priorities": priorities(migration, leg),
        "at_once": at_once(tasks, float(rules["at_once_s"])),
        "tasks_per_s": throughput(tasks),
        "choices": ordered.choices, "inverted": len(ordered.inverted),
        "without_start_s": without_start_s(tasks, leg.end_ns),
        "costs": costs(migration, leg.id, tasks),
    }  # fmt: skip


def step_figures(migration: Migration, step: Step) -> Json:
    """Return all figures of one step of the rehearsal."""
    tasks = migration.tasks[step.scope]
    begins = sorted((time, name) for name, time in step.marks.items())
    return {
        "step": step.step, "fault": step.fault, "name": step.name, "scope": step.scope,
        "from_row": step.from_row, "to_row": step.to_row,
        "completed": step.completed, "why_not": step.why_not,
        "length_s": (step.end_ns - step.begin_ns) / 1e9,
        "marks": [{"name": name, "at_s": (time - step.begin_ns) / 1e9} for time, name in begins],
        "drained": migration.drained[step.scope],
        **counts(tasks),
        "without_start_s": without_start_s(tasks, step.end_ns),
        "without_confirm_s": without_confirm_s(tasks, step.end_ns),
    }  # fmt: skip


def counts(tasks: Tasks) -> Json:
    """Count the tasks of a scope by what became of them."""
    fate = np.bincount(tasks.fate, minlength=len(Fate))
    doubled = tasks.applied > 1
    return {
        "published": len(tasks), "confirmed": int(tasks.ok.sum()),
        "not_confirmed": int((~tasks.ok).sum()), "dropped": tasks.history.dropped,
        "done": int((tasks.ended > 0).sum()),
        "lost": int(fate[Fate.LOST] + fate[Fate.LOST_IN_HAND]),
        "left": int(fate[Fate.LEFT]),
        "unknown": int(fate[Fate.UNKNOWN]),
        "repeated": int((tasks.ended > 1).sum()),
        "begun_again": int((tasks.begun > 1).sum()),
        "effects_doubled": int(doubled.sum()),
        "fates": {each.name.lower(): int(fate[each]) for each in Fate if fate[each]},
        "foreign": tasks.foreign,
    }  # fmt: skip


def urgent(tasks: Tasks, rules: Any) -> Any:
    """Tell which tasks are urgent, by the priority that was meant."""
    return tasks.priority >= int(rules["urgent_from"])


def counted(migration: Migration, leg: Leg) -> Any:
    """Tell whose latency counts: who was served, and who was confirmed and surely was not.

    While the drain is open, only what fell due the limit before the end can have missed it.
    """
    tasks = migration.tasks[leg.id]
    limit_ns = int(float(migration.rules["urgent_limit_ms"]) * 1e6)
    certain = not migration.drained[leg.id] or (tasks.due_ns + limit_ns < leg.end_ns)
    return tasks.judged & (np.isfinite(tasks.latency_ms) | (tasks.ok & certain))


def priorities(migration: Migration, leg: Leg) -> list[Json]:
    """Return the latency of each meant priority, and its longest wait."""
    tasks = migration.tasks[leg.id]
    chosen = counted(migration, leg)
    return [
        {"priority": int(level), **figures(summary(tasks.latency_ms[chosen & mine]))}
        for level in np.unique(tasks.priority[chosen]).tolist()
        for mine in [tasks.priority == level]
    ]


def figures(found: Summary | None) -> Json:
    """Return a sample's figures; of an empty one, zero and nothing."""
    return {
        "n": found.n if found else 0,
        "p50_ms": found.p50 if found else None, "p95_ms": found.p95 if found else None,
        "p99_ms": found.p99 if found else None, "max_ms": found.maximum if found else None,
    }  # fmt: skip


def costs(migration: Migration, scope: str, tasks: Tasks) -> Json:
    """Return processor seconds and the greatest memory of each kind of process."""
    found: Json = {}
    for line in migration.costs:
        if line.get("leg") == scope:
            kind = found.setdefault(str(line.get("process")), {"cpu_s": 0.0, "rss_bytes": 0})
            kind["cpu_s"] += float(line.get("cpu_s") or 0)
            kind["rss_bytes"] += int(line.get("rss_bytes") or 0)
    done = int((tasks.ended > 0).sum())
    for kind in found.values():
        kind["cpu_ms_per_task"] = 1000 * kind["cpu_s"] / done if done else None
    return found
