"""Whether the harness may be trusted: its records, its schedule, and what it was asked to offer."""

from collections.abc import Iterator

import numpy as np

from gameday.history.finding import Finding, Status, unknown
from gameday.history.migration.folder import Migration
from gameday.history.migration.judged import Judged
from gameday.history.migration.manifest import FAULT, SWEEP, TRAP, Leg
from gameday.history.statistics import percentile


def trust(migration: Migration) -> Iterator[Judged]:
    """Judge the harness; each of its checks says what it guarantees."""
    for check in (records, foreign, offered, schedule, compared):
        statement = (check.__doc__ or "").strip()
        yield Judged(check.__name__, "", statement, check(migration))


def records(migration: Migration) -> Finding:
    """Records-Whole: ledgers and journal fit together, and every leg and step has some."""
    if migration.problems:
        return unknown(migration.problems[0], n=len(migration.problems))
    silent = [scope for scope, tasks in migration.tasks.items() if not len(tasks)]
    if silent:
        return unknown(f"nothing was published in {', '.join(silent)}")
    if not migration.tasks:
        return unknown("no leg was played")
    return Finding(Status.PASS, f"{len(migration.tasks)} scopes are whole", n=len(migration.tasks))


def foreign(migration: Migration) -> Finding:
    """Nobody-Else's: no worker saw a task that no publisher of its scope wrote down."""
    strange = {scope: tasks.foreign for scope, tasks in migration.tasks.items() if tasks.foreign}
    if strange:
        scope, number = next(iter(strange.items()))
        return unknown(f"{number} tasks in {scope} are nobody's: a queue was used before")
    seen = sum(len(tasks.history.deliveries) for tasks in migration.tasks.values())
    return Finding(Status.PASS if seen else Status.UNKNOWN, f"{seen} sights, none foreign", n=seen)


def offered(migration: Migration) -> Finding:
    """Offered-As-Planned: every task that a leg was to offer was written down."""
    short = [(leg, len(migration.tasks[leg.id]), leg.offered) for leg in migration.legs
             if len(migration.tasks[leg.id]) < leg.offered]  # fmt: skip
    if short:
        leg, had, wanted = short[0]
        return unknown(f"{leg.id} published {had} tasks, not {wanted}")
    total = sum(len(tasks) for tasks in migration.tasks.values())
    return Finding(Status.PASS, f"all {total} tasks were published", n=total)


def schedule(migration: Migration) -> Finding:
    """On-Schedule: publishers hand tasks over when they are due, where no fault holds them up."""
    limit_ms = float(migration.rules["lag_ms"])
    lags = {leg.id: _lag_ms(migration, leg) for leg in migration.legs
            if leg.kind not in (FAULT, SWEEP, TRAP) and len(migration.tasks[leg.id])}  # fmt: skip
    if not lags:
        return unknown("no leg without a fault was played")
    worst = max(lags, key=lambda leg: lags[leg])
    text = f"99 % of tasks were handed over within {lags[worst]:.0f} ms of being due in {worst}"
    if lags[worst] > limit_ms:
        return unknown(f"the generator was behind its schedule: {text}, not {limit_ms:g} ms")
    return Finding(Status.PASS, f"{text}, the slowest leg", lags[worst], "ms", len(lags),
                   threshold=limit_ms)  # fmt: skip


def _lag_ms(migration: Migration, leg: Leg) -> float:
    tasks = migration.tasks[leg.id]
    return percentile(np.sort((tasks.sent_ns - tasks.due_ns) / 1e6), 0.99)


def compared(migration: Migration) -> Finding:
    """Side-By-Side: there is a RabbitMQ row to decide on, and a Redis row to compare it with."""
    if not migration.candidate:
        return unknown("there is no RabbitMQ row to decide on")
    if not migration.redis:
        return unknown("there is no Redis row to compare with")
    return Finding(Status.PASS, f"{migration.label(migration.candidate)} against "
                   f"{len(migration.redis)} Redis rows", n=len(migration.redis))  # fmt: skip
