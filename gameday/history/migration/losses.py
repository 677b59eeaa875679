"""What the candidate loses that Redis does not, and what becomes of failures and timeouts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.migration.folder import Migration
from gameday.history.migration.judged import Judged
from gameday.history.migration.manifest import FAULT, Leg
from gameday.history.migration.tasks import Fate, Tasks
from gameday.history.records import Disposition
from gameday.history.statistics import wilson

TIMEOUT, FAILED, COMPLETED = "evaluation:timeout", "evaluation:failed", "evaluation:completed"
OTHERS = (FAILED, COMPLETED)

Beside = dict[str, tuple[int, float | None]]
"""What each Redis row lost: how many tasks, and the share, None where nobody can tell."""


def losses(migration: Migration) -> Iterator[Judged]:
    """No-New-Loss: RabbitMQ loses no confirmed task under a load that Redis survives."""
    statement = (losses.__doc__ or "").strip()
    for leg in migration.of(migration.candidate):
        check = "faults" if leg.kind == FAULT else "loss"
        yield Judged(check, leg.load, statement, _loss(migration, leg), leg.id)
    if not migration.of(migration.candidate):
        yield Judged("loss", "", statement, unknown("RabbitMQ was put under no load"))


def _loss(migration: Migration, leg: Leg) -> Finding:
    tasks = migration.tasks[leg.id]
    confirmed, gone = int(tasks.ok.sum()), int(tasks.gone.sum())
    beside = {each.row: (int(migration.tasks[each.id].gone.sum()), _share(migration, each))
              for each in migration.legs if each.load == leg.load and _is_redis(migration, each)
              and each.mapped == leg.mapped}  # fmt: skip
    figures: dict[str, Any] = {
        "measured": float(gone), "unit": "tasks", "n": confirmed, "threshold": 0.0,
        "interval": wilson(gone, confirmed),
        "details": {
            "lost": int(np.isin(tasks.fate, (Fate.LOST, Fate.LOST_IN_HAND)).sum()),
            "left": int((tasks.fate == Fate.LEFT).sum()),
            "redis": {row: number for row, (number, _) in beside.items()},
        },
    }  # fmt: skip
    if not confirmed:
        return unknown(f"{leg.id} saw no confirmed task", **figures)
    if phantoms := (tasks.fate == Fate.PHANTOM).sum():
        first = name_of(int(tasks.key[tasks.fate == Fate.PHANTOM][0]))
        text = f"broke Nothing-From-Nowhere: task {first} was seen, though it never left its"
        return Finding(Status.FAIL, f"{text} publisher ({phantoms} such)", **figures)
    if gone:
        shares = [-1.0 if share is None else share for _, share in beside.values()]
        return _lost(migration, leg, gone / confirmed > min(shares, default=-1.0), beside, figures)
    if missing := migration.drained[leg.id] or exposure(migration, leg):
        return unknown(f"losses in {leg.id} are unknown: {missing}", **figures)
    return Finding(Status.PASS, f"none of {confirmed} confirmed tasks was lost in {leg.id}; "
                   f"{_beside(beside)}", **figures)  # fmt: skip


def _lost(
    migration: Migration, leg: Leg, is_new: bool, beside: Beside, figures: dict[str, Any]
) -> Finding:  # fmt: skip
    """Tell of a loss, and whether Redis lost as much under the same load."""
    tasks = migration.tasks[leg.id]
    figures["examples"] = examples_of(tasks.key[tasks.gone])
    first = name_of(int(tasks.key[tasks.gone][0]))
    text = (f"{int(tasks.gone.sum())} of {figures['n']} confirmed tasks were lost or left in "
            f"{leg.id}, {first} first; {_beside(beside)}")  # fmt: skip
    if is_new:
        return Finding(Status.FAIL, f"broke No-New-Loss: {text}", **figures)
    return Finding(Status.PASS, f"no new loss, and yet a loss: {text}", **figures)


def _is_redis(migration: Migration, leg: Leg) -> bool:
    return any(row.id == leg.row for row in migration.redis)


def _share(migration: Migration, leg: Leg) -> float | None:
    """Return the share that a Redis leg lost for certain; None where nobody can tell."""
    tasks = migration.tasks[leg.id]
    confirmed, gone = int(tasks.ok.sum()), int(tasks.gone.sum())
    if not confirmed or (migration.drained[leg.id] and not gone):
        return None
    return None if exposure(migration, leg) else gone / confirmed


def _beside(beside: Beside) -> str:
    """Say what each Redis row lost under the same load."""
    said = [f"{row} {number}" if share is not None else f"{row} an unknown number"
            for row, (number, share) in beside.items()]  # fmt: skip
    return f"Redis lost: {', '.join(said)}" if said else "Redis was not put under it"


def exposure(migration: Migration, leg: Leg) -> str:
    """Return why a fault proves nothing about its leg; empty where it does, or there is none."""
    if leg.kind != FAULT:
        return ""
    if not leg.observed or leg.fault_ns is None:
        return f"nobody saw {leg.fault} take effect in {leg.id}"
    tasks, at = migration.tasks[leg.id], leg.fault_ns[0]
    flying = (tasks.ok_ns < at) & ~((tasks.ended > 0) & (tasks.ended_ns < at))
    least, there = int(migration.rules["in_flight_least"]), int(flying.sum())
    if there < least:
        return f"{there} tasks were confirmed and not done when {leg.fault} struck, not {least}"
    return ""


def dead_letters(migration: Migration) -> Iterator[Judged]:
    """Dead-Letters-Arrive: every task that fails for good is in a dead-letter queue, no other."""
    legs = [leg for leg in migration.of(migration.candidate)
            if (migration.tasks[leg.id].disposition == Disposition.REJECT).any()]  # fmt: skip
    statement = (dead_letters.__doc__ or "").strip()
    if not legs:
        return
    for leg in legs:
        yield Judged("dead_letters", leg.load, statement, _dead(migration, leg), leg.id)


def _dead(migration: Migration, leg: Leg) -> Finding:
    tasks = migration.tasks[leg.id]
    owed = (tasks.disposition == Disposition.REJECT) & tasks.ok
    missing, wrong = tasks.fate == Fate.DEAD_MISSING, tasks.fate == Fate.DEAD_WRONG
    there = int((tasks.fate == Fate.DEAD_LETTERED).sum())
    figures: dict[str, Any] = {
        "measured": float((missing | wrong).sum()), "unit": "tasks", "n": int(owed.sum()),
        "threshold": 0.0, "details": {"arrived": there, "missing": int(missing.sum()),
                                      "unexpected": int(wrong.sum())},
    }  # fmt: skip
    for mask, text in ((missing, "failed for good and is in no dead-letter queue"),
                       (wrong, "is in a dead-letter queue and should have been done")):  # fmt: skip
        if mask.any():
            first = name_of(int(tasks.key[mask][0]))
            reason = f"broke Dead-Letters-Arrive: task {first} {text} ({int(mask.sum())} such)"
            return Finding(Status.FAIL, reason, examples=examples_of(tasks.key[mask]), **figures)
    if migration.drained[leg.id]:
        return unknown(f"dead letters are unknown: {migration.drained[leg.id]}", **figures)
    if not there:
        return unknown("vacuous: no task that fails for good was seen", **figures)
    return Finding(Status.PASS, f"all {there} that failed for good are dead letters", **figures)


def timeouts(migration: Migration) -> Iterator[Judged]:
    """Timeouts-Told-Apart: a timed-out task is told so, once, and never as failed or done."""
    statement = (timeouts.__doc__ or "").strip()
    legs = migration.of(migration.candidate)
    judged = [leg for leg in legs if migration.tasks[leg.id].timed_out.any()
              or _told(migration.tasks[leg.id], TIMEOUT).any()]  # fmt: skip
    for leg in judged:
        yield Judged("timeouts", leg.load, statement, _timeouts(migration, leg), leg.id)
    if not judged and any(migration.tasks[leg.id].told for leg in legs):
        yield Judged("timeouts", "", statement, unknown("vacuous: no task timed out"))


def _timeouts(migration: Migration, leg: Leg) -> Finding:
    tasks = migration.tasks[leg.id]
    late, right = tasks.timed_out, _told(tasks, TIMEOUT)
    wrong = {
        "timed out and was told otherwise": late & (sum(_told(tasks, each) for each in OTHERS) > 0),
        "never timed out and was told so": ~late & (tasks.ended > 0) & (right > 0),
        "timed out and was told so too often": late & (right > tasks.begun),
        "timed out and was never told so": late & (right == 0) & (not migration.drained[leg.id]),
    }
    figures: dict[str, Any] = {"measured": float(sum(int(each.sum()) for each in wrong.values())),
               "unit": "tasks", "n": int(late.sum()), "threshold": 0.0,
               "details": {text: int(each.sum()) for text, each in wrong.items()}}  # fmt: skip
    for text, mask in wrong.items():
        if mask.any():
            first = name_of(int(tasks.key[mask][0]))
            reason = f"broke Timeouts-Told-Apart: task {first} {text} ({int(mask.sum())} such)"
            return Finding(Status.FAIL, reason, examples=examples_of(tasks.key[mask]), **figures)
    if migration.drained[leg.id]:
        return unknown(f"who was told is unknown: {migration.drained[leg.id]}", **figures)
    return Finding(Status.PASS, f"all {int(late.sum())} that timed out were told so, and apart "
                   "from failures", **figures)  # fmt: skip


def _told(tasks: Tasks, channel: str) -> npt.NDArray[Any]:
    return tasks.told.get(channel, np.zeros(len(tasks), np.int64))
