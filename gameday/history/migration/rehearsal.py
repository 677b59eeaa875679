"""The rehearsal: nothing lost while brokers change, no downtime, and a way back that was walked."""

from collections.abc import Iterator
from typing import Any

from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.migration.figures import counts
from gameday.history.migration.folder import Migration
from gameday.history.migration.judged import Judged
from gameday.history.migration.manifest import Step
from gameday.history.migration.service import without_confirm_s, without_start_s
from gameday.history.migration.tasks import Fate
from gameday.history.statistics import wilson


def rehearsal(migration: Migration) -> Iterator[Judged]:
    """Nothing-Lost-On-The-Way: each step, with its faults, loses no task and applies none twice."""
    statement = (rehearsal.__doc__ or "").strip()
    for step in migration.steps:
        yield Judged("rehearsal", step.name, statement, _kept(migration, step), step.scope)
    if missing := _missing(migration):
        yield Judged("rehearsal", "coverage", statement, unknown(missing))


def _missing(migration: Migration) -> str:
    """Return which steps were not rehearsed, without a fault or with one; empty if all were."""
    rules = migration.rules
    done = {(step.step, step.fault) for step in migration.steps}
    wanted = [(step, fault) for step in rules["steps"] for fault in (None, *rules["step_faults"])]
    left = [f"{step} with {fault}" if fault else str(step) for step, fault in wanted
            if (step, fault) not in done]  # fmt: skip
    return f"not rehearsed: {', '.join(left)}" if left else ""


def _kept(migration: Migration, step: Step) -> Finding:
    tasks = migration.tasks[step.scope]
    found, gone, confirmed = counts(tasks), tasks.gone, int(tasks.ok.sum())
    doubled = tasks.applied > 1
    strange = tasks.fate == Fate.PHANTOM
    figures: dict[str, Any] = {
        "measured": float((gone | doubled | strange).sum()), "unit": "tasks", "n": confirmed,
        "threshold": 0.0, "interval": wilson(int(gone.sum()), confirmed),
        "details": {name: found[name] for name in ("lost", "left", "repeated", "effects_doubled")},
    }  # fmt: skip
    for mask, text in ((gone, "was confirmed and is lost, or still lies there"),
                       (doubled, "took effect more than once"),
                       (strange, "was seen, though it never left its publisher")):  # fmt: skip
        if mask.any():
            reason = (f"broke Nothing-Lost-On-The-Way: task {name_of(int(tasks.key[mask][0]))} "
                      f"{text} in {step.name} ({int(mask.sum())} such)")  # fmt: skip
            return Finding(Status.FAIL, reason, examples=examples_of(tasks.key[mask]), **figures)
    if missing := _open(migration, step):
        return unknown(missing, **figures)
    return Finding(
        Status.PASS,
        f"none of {confirmed} confirmed tasks was lost in {step.name}; "
        f"{found['repeated']} ran more than once, none took effect twice",
        **figures,
    )


def _open(migration: Migration, step: Step) -> str:
    """Return why a step proves nothing; empty where it does."""
    tasks = migration.tasks[step.scope]
    if not step.completed:
        return f"{step.name} was not completed: {step.why_not or 'nobody says why'}"
    if not tasks.ok.any():
        return f"{step.name} saw no confirmed task"
    if step.fault and not step.evidence.get("observed"):
        return f"vacuous: nobody saw {step.fault} take effect in {step.name}"
    if migration.drained[step.scope]:
        return f"losses in {step.name} are unknown: {migration.drained[step.scope]}"
    return ""


def service(migration: Migration) -> Iterator[Judged]:
    """No-Downtime: in no step do tasks wait longer than the limit without any service."""
    statement, rules = (service.__doc__ or "").strip(), migration.rules
    for step in migration.steps:
        limit_s = float(rules["without_service_fault_s" if step.fault else "without_service_s"])
        tasks = migration.tasks[step.scope]
        starts, confirms = (without_start_s(tasks, step.end_ns),
                            without_confirm_s(tasks, step.end_ns))  # fmt: skip
        worst = max(starts, confirms)
        figures: dict[str, Any] = {
            "measured": worst, "unit": "s", "n": len(tasks), "threshold": limit_s,
            "details": {"without_start_s": starts, "without_confirm_s": confirms},
        }  # fmt: skip
        text = (f"{step.name}: at most {starts:.2f} s without a start while tasks waited, "
                f"{confirms:.2f} s without a confirm while publishers did")  # fmt: skip
        if worst > limit_s:
            finding = Finding(Status.FAIL, f"broke No-Downtime: {text}", **figures)
        elif not tasks.ok.any() or not step.completed:
            finding = unknown(_open(migration, step) or "nothing was published", **figures)
        else:
            finding = Finding(Status.PASS, text, **figures)
        yield Judged("service", step.name, statement, finding, step.scope)


def rollback(migration: Migration) -> Iterator[Judged]:
    """Way-Back-Walked: the rollback was rehearsed under load, in the middle and after it."""
    statement = (rollback.__doc__ or "").strip()
    for name in migration.rules["rollbacks"]:
        steps = [step for step in migration.steps if step.step == name]
        done = [step for step in steps if step.completed and migration.tasks[step.scope].ok.any()]
        if done:
            longest = max((step.end_ns - step.begin_ns) / 1e9 for step in done)
            text = f"{name} was rehearsed {len(done)} times, the longest took {longest:.1f} s"
            finding = Finding(Status.PASS, text, longest, "s", len(done))
        else:
            why = next((step.why_not for step in steps if step.why_not), "nobody tried")
            finding = unknown(f"{name} was not rehearsed: {why}")
        yield Judged("rollback", name, statement, finding)
