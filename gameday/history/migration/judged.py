"""A criterion of the migration before it is a row: whose it is, which rule it falls under."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gameday.history.decision import HARNESS, NO_GO
from gameday.history.finding import Finding, name_of
from gameday.history.migration.folder import Migration
from gameday.history.migration.rules import WHEN_FAILED
from gameday.history.migration.tasks import MEANINGS, Fate, Tasks
from gameday.history.outcomes import ENDINGS
from gameday.history.serving import FAR

REQUIREMENTS: Mapping[str, str] = {
    "trap": "01", "order": "02", "effectiveness": "02", "starvation": "03", "loss": "04",
    "faults": "06", "dead_letters": "07", "gain": "08", "at_once": "09", "urgent": "10",
    "sweep": "11", "rehearsal": "12", "service": "12", "rollback": "13", "timeouts": "16",
}  # fmt: skip
"""The number of the requirement that each check answers."""


@dataclass(frozen=True)
class Judged:
    """One criterion: its check, what of the run it looked at, and what it found there.

    `scope` is where its examples are told.
    """

    check: str
    part: str
    statement: str
    finding: Finding
    scope: str = ""
    requirement: str = ""


def row(migration: Migration, judged: Judged) -> dict[str, Any]:
    """Return a criterion as the verdict holds it."""
    finding = judged.finding
    measured, threshold = finding.measured, finding.threshold
    known = measured is not None and threshold is not None
    requirement = judged.requirement or requirement_of(migration, judged.check)
    name = f"{requirement}/{judged.check}{f'-{judged.part}' if judged.part else ''}"
    name = name.replace(" ", "-")
    return {
        "id": name, "requirement": requirement, "statement": judged.statement,
        "when_failed": WHEN_FAILED.get(judged.check, NO_GO),
        "status": finding.status.name.lower(), "reason": finding.reason, "how": "",
        "measured": measured, "unit": finding.unit, "n": finding.n,
        "interval": list(finding.interval) if finding.interval else None,
        "threshold": threshold, "margin": threshold - measured if known else None,  # type: ignore[operator]
        "details": dict(finding.details),
        "evidence": {
            "link": name.replace("/", "-"),
            "examples": [
                {"message": name_of(key), "story": story(migration, judged.scope, key)}
                for key in finding.examples
            ],
        },
    }  # fmt: skip


def requirement_of(migration: Migration, check: str) -> str:
    """Return the requirement that a check answers, by the system's name."""
    if check not in REQUIREMENTS:
        return HARNESS
    return f"{migration.manifest.get('system', 'migration')}-{REQUIREMENTS[check]}"


def story(migration: Migration, scope: str, key: int) -> list[str]:
    """Tell what happened to a task, in the order of time, and its fate."""
    tasks = migration.tasks.get(scope)
    if tasks is None:
        return []
    place = int(tasks.key.searchsorted(key))
    told = [*_published(tasks, key), *_seen(tasks, key)]
    lines = [f"{migration.seconds(time):9.3f} s  {text}" for time, text in sorted(told)]
    fate = Fate(int(tasks.fate[place]))
    return [*lines[:40], f"fate: {fate.name.lower().replace('_', ' ')}, {MEANINGS[fate]}"]


def _published(tasks: Tasks, key: int) -> list[tuple[int, str]]:
    attempts = tasks.history.attempts
    tries = (attempts.message == key).nonzero()[0].tolist()
    told = [  # A task is due once; a later try tells the same time, a microsecond off.
        (int(attempts.due_ns[at]), f"due, with priority {attempts.priority[at]}")
        for at in tries[:1]
    ]
    for at in tries:
        told.append((int(attempts.time_ns[at]), f"published by process {attempts.process[at]}"))
        if attempts.outcome_ns[at] >= 0:
            ending = ENDINGS[int(attempts.ending[at])].name
            told.append((int(attempts.outcome_ns[at]), f"publish: {ending}"))
    return told


def _seen(tasks: Tasks, key: int) -> list[tuple[int, str]]:
    deliveries = tasks.history.deliveries
    queues = (*tasks.history.queues, "")
    told = []
    for at in ((deliveries.key >> 16) == key).nonzero()[0].tolist():
        queue = queues[int(deliveries.queue[at])]
        what = "found by the drain in" if deliveries.drained[at] else "begun, from"
        told.append((int(deliveries.time_ns[at]), f"{what} {queue or 'a queue without a name'}"))
        if 0 <= deliveries.handled_ns[at] < FAR:
            who = f"ended by process {deliveries.process[at]}"
            told.append((int(deliveries.handled_ns[at]), who))
    return told
