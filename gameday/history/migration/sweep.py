"""The sweep over worker settings: which one served the most, and the urgent in time."""

from collections.abc import Iterator, Mapping
from typing import Any

from gameday.history.finding import Finding, Status, unknown
from gameday.history.migration.figures import leg_figures
from gameday.history.migration.folder import Migration
from gameday.history.migration.judged import Judged
from gameday.history.migration.manifest import SWEEP

LEAST_SETTINGS = 2


def settings(migration: Migration) -> list[Mapping[str, Any]]:
    """Return the figures of each setting that was tried on the candidate, the best first.

    Best is the most tasks a second; of two within a hundredth, the one with fewer processes.
    """
    found = [leg_figures(migration, leg) for leg in migration.of(migration.candidate, SWEEP)]
    measured = [each for each in found if each["tasks_per_s"] and not each["lost"]]
    top = max((each["tasks_per_s"] for each in measured), default=0.0)
    return sorted(measured, key=lambda each: (
        each["tasks_per_s"] < 0.99 * top,
        each["workers"] * each["concurrency"] if each["tasks_per_s"] >= 0.99 * top
        else -each["tasks_per_s"],
    ))  # fmt: skip


def sweep(migration: Migration) -> Iterator[Judged]:
    """Best-Setting-Named: workers and concurrency were varied, and the best is known."""
    statement = (sweep.__doc__ or "").strip()
    if not migration.of(migration.candidate, SWEEP):
        return
    found = settings(migration)
    if len(found) < LEAST_SETTINGS:
        yield Judged(
            "sweep",
            "",
            statement,
            unknown(f"{len(found)} settings were measured, not {LEAST_SETTINGS}"),
        )
        return
    best = found[0]
    text = f"best of {len(found)}: {named(best)}, {best['tasks_per_s']:.1f} tasks a second"
    yield Judged(
        "sweep",
        "",
        statement,
        Finding(Status.PASS, text, best["tasks_per_s"], "tasks a second", len(found)),
    )


def named(setting: Mapping[str, Any]) -> str:
    """Say what a setting is."""
    workers = f"{setting['workers']} worker{'s' if setting['workers'] != 1 else ''}"
    return (f"{workers} with concurrency {setting['concurrency']}, "
            f"prefetch {setting['prefetch']}")  # fmt: skip
