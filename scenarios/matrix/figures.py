"""What is compared between brokers: a run's decision, losses, recoveries and latencies.

Pure: from verdicts and histories to plain figures, which the table shows and `matrix.json` keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gameday.contracts.lint.linting import Linted
from gameday.history.checks.sla import latencies
from gameday.history.run import Run
from gameday.history.statistics import summary
from scenarios.several import LOSSES, requirement_counts

WORST_FIRST = {"fail": 0, "unknown": 1, "not_tested": 2, "pass": 3}


@dataclass(frozen=True)
class Latency:
    """How long the messages of one priority waited, from due to served, in milliseconds."""

    n: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    never: int
    """How many were confirmed and never served; they count in none of the others."""


@dataclass(frozen=True)
class Column:
    """One broker's figures."""

    broker: str
    decision: str
    took_s: float
    folder: str | None = None
    failure: str = ""
    design: str | None = None
    """The contract's alternative that was played; none is its own design."""
    counts: Mapping[str, int] = field(default_factory=dict)
    lost: int | None = None
    recovery_s: float | None = None
    """The slowest recovery that was measured; none where a criterion of it was unknown."""
    statuses: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Of each requirement that did not pass, what its worst criterion says."""
    latency: Mapping[int, Latency] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    """What the broker said to the design as it is written, where it did not take it."""
    standing: tuple[str, ...] = ()
    """What a refused policy does there that stands already."""

    @property
    def name(self) -> str:
        """What it is called in a table."""
        return self.broker if self.design is None else f"{self.broker} {self.design}"


def column(
    broker: str,
    verdict: Mapping[str, Any],
    took_s: float,
    folder: str,
    latency: Mapping[int, Latency],
    design: str | None = None,
) -> Column:
    """Return the figures of a run that was judged."""
    statuses = dict(verdict["requirements"])
    overall = verdict["ledger"]["overall"]
    return Column(
        broker=broker, decision=verdict["decision"], took_s=took_s, folder=folder, design=design,
        counts=requirement_counts(dict(verdict)),
        lost=sum(int(overall.get(name, 0)) for name in LOSSES),
        recovery_s=_slowest(verdict["criteria"]),
        statuses=statuses, reasons=_reasons(verdict["criteria"]), latency=latency,
    )  # fmt: skip


def _slowest(criteria: Sequence[Mapping[str, Any]]) -> float | None:
    rows = [row for row in criteria if row["id"].split("/")[-1].startswith("recovery")]
    measured = [row["measured"] for row in rows]
    if not rows or None in measured or any(row["status"] == "unknown" for row in rows):
        return None
    return float(max(measured))


def _reasons(criteria: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in sorted(criteria, key=lambda each: WORST_FIRST.get(each["status"], 9)):
        if row["status"] in {"fail", "unknown"} and row["requirement"]:
            found.setdefault(row["requirement"], row["reason"])
    return found


def latency_by_priority(run: Run, queue: str) -> dict[int, Latency]:
    """Return how long the messages of each priority waited in a queue, blocked ones left out."""
    found = latencies(run, queue)
    by_priority = {}
    for priority in np.unique(found.priority).tolist():
        mine = found.milliseconds[(found.priority == priority) & ~found.blocked]
        served = mine[np.isfinite(mine)]
        figures = summary(served)
        if figures is not None:
            by_priority[int(priority)] = Latency(
                figures.n, figures.p50, figures.p99, figures.maximum, int(len(mine) - len(served))
            )
    return by_priority


def differing(columns: Sequence[Column]) -> list[str]:
    """Return the requirements that do not have one status on every broker that was judged."""
    judged = [each for each in columns if each.statuses]
    names = dict.fromkeys(name for each in judged for name in each.statuses)
    return [
        name
        for name in names
        if len({each.statuses.get(name, "not_tested") for each in judged}) > 1
    ]


@dataclass(frozen=True)
class Meets:
    """What a design meets on some of the brokers and not on the others."""

    rule: str
    found: str
    consequence: str
    remedy: str
    brokers: tuple[str, ...]


def met_on_some(linted: Mapping[str, Linted]) -> list[Meets]:
    """Return what the linter finds for some versions only: why the same design ends otherwise.

    The contract's own design alone: what it finds in an alternative says so by its place.
    """
    on: dict[tuple[str, str, str, str], list[str]] = {}
    for broker, each in linted.items():
        for finding in each.findings:
            if finding.place.field.startswith("alternatives["):
                continue
            key = (finding.id, finding.found, finding.consequence, finding.remedy)
            on.setdefault(key, []).append(broker)
    return [
        Meets(*key, tuple(brokers)) for key, brokers in on.items() if len(brokers) < len(linted)
    ]
