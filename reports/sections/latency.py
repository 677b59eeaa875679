"""Latency by priority: its distribution in each phase, exact percentiles, and the longest waits."""

import numpy as np
import pandas as pd

from gameday.history.statistics import summary
from gameday.history.windows import WARM_UP
from reports.charts.figure import Values
from reports.charts.latency import Ridge, ridges, span
from reports.document import Block, Cell, Chart, Heading, Section, Table, Text, number
from reports.latencies import PHASES, Limit, limits
from reports.material import Json, Material
from reports.served import served
from reports.words import anchor, count, milliseconds, plural, quantity

COLUMNS = ("Priority", "Phase", "n", "p50", "p95", "p99", "max", "Misses", "Never served")
MARKS = (
    "Each row is one priority, scaled to its own peak; the axis is logarithmic. Dot p50, bar p95, "
    "diamond p99, cross the greatest; the dashed line is the contract's limit. What was due while "
    "its publisher was blocked by an alarm is left out, and counted beside."
)


def latency(material: Material) -> Section:
    """Return one drawing a queue and phase, with one table a queue."""
    frame = served(material)
    if frame.empty:
        absent = Text("No message was delivered, or the history is gone.", "missing")
        return Section("latency", "Latency", "There is no latency to show.", (absent,))
    promised = limits(material)
    named = [limit.queue for limit in promised]
    queues = sorted(frame["queue"].unique(), key=lambda name: (name not in named, name))
    blocks: list[Block] = []
    for queue in queues:
        own = frame[frame["queue"] == queue]
        limit = next((one for one in promised if one.queue == queue), None)
        blocks += [Heading(queue), *_queue(queue, own, limit)]
    blocks.append(Text(MARKS))
    blocks += _inversions(material)
    return Section("latency", "Latency", _lead(frame, promised), tuple(blocks))


def _lead(frame: pd.DataFrame, promised: tuple[Limit, ...]) -> str:
    if not promised:
        return "The contract promises no latency; this is what was measured, from due to delivered."
    parts = []
    for limit in promised:
        own = _held_to(frame[frame["queue"] == limit.queue], limit)
        late = int((own["latency_ms"] > limit.limit_ms).sum())
        parts.append(
            f"{limit.queue} of priority {limit.priority_from} and more must be delivered within "
            f"{milliseconds(limit.limit_ms)} of being due: {plural(late, 'miss', 'misses')} in "
            f"{count(len(own))}."
        )
    return " ".join(parts)


def _held_to(frame: pd.DataFrame, limit: Limit) -> pd.DataFrame:
    urgent = frame["priority"] >= limit.priority_from
    return frame[urgent & ~frame["blocked"] & frame["phase"].isin(PHASES)]


def _queue(queue: str, frame: pd.DataFrame, limit: Limit | None) -> list[Block]:
    groups = _groups(frame[~frame["blocked"]])
    priorities = sorted({priority for priority, _ in groups}, reverse=True)
    words = {priority: str(priority) for priority in priorities} if len(priorities) > 1 else {}
    phases = [phase for phase in PHASES if phase in {found for _, found in groups}]
    if not phases and groups:
        phases = [WARM_UP]  # A run of load alone: nobody journalled a baseline.
    if not phases:
        return [Text("Nothing was due in the baseline, a fault or a recovery.", "missing")]
    around = span([values for (_, phase), values in groups.items() if phase in phases])
    line = (f"limit {milliseconds(limit.limit_ms)}", limit.limit_ms) if limit else None
    drawings = tuple(
        ridges(
            f"latency-{anchor(queue)}-{phase}",
            phase.replace("_", " ").capitalize(),
            tuple(
                _ridge(words.get(priority, "all"), groups.get((priority, phase)))
                for priority in priorities
            ),
            around,
            line,
        )
        for phase in phases
    )
    rows = tuple(
        _row(words.get(priority, "all"), phase, groups[priority, phase], _for(limit, priority))
        for priority in priorities
        for phase in phases
        if (priority, phase) in groups
    )
    table = Table(f"{queue}: due to delivered, by priority and phase", COLUMNS, rows)
    held = int(frame["blocked"].sum())
    return [
        Chart(_finding(queue, priorities, phases, groups), drawings, (table,)),
        *([Text(_blocked(frame, held))] if held else []),
    ]


def _groups(frame: pd.DataFrame) -> dict[tuple[int, str], Values]:
    """Return the latencies of each priority in each phase."""
    priorities, phases = frame["priority"].to_numpy(), frame["phase"].to_numpy()
    values = frame["latency_ms"].to_numpy(dtype=np.float64)
    return {
        (priority, phase): values[(priorities == priority) & (phases == phase)]
        for priority in np.unique(priorities).tolist()
        for phase in (*PHASES, WARM_UP)
        if ((priorities == priority) & (phases == phase)).any()
    }


def _ridge(label: str, values: Values | None) -> Ridge:
    return Ridge(label, np.empty(0) if values is None else values[np.isfinite(values)])


def _finding(
    queue: str, priorities: list[int], phases: list[str], groups: dict[tuple[int, str], Values]
) -> str:
    """Say what happened to the most urgent priority from the calmest phase to the worst."""
    top = priorities[0]
    found = {}
    for phase in phases:
        values = groups.get((top, phase), np.empty(0))
        if (figures := summary(values[np.isfinite(values)])) is not None:
            found[phase] = figures.p99
    if not found:
        return f"{queue}: nothing was served"
    name = f"p99 of priority {top}" if len(priorities) > 1 else "p99"
    return f"{queue}: {name} is " + ", ".join(
        f"{milliseconds(value)} in the {phase}" for phase, value in found.items()
    )


def _for(limit: Limit | None, priority: int) -> Limit | None:
    return limit if limit is not None and priority >= limit.priority_from else None


def _row(label: str, phase: str, values: Values, limit: Limit | None) -> tuple[Cell, ...]:
    finite = values[np.isfinite(values)]
    figures = summary(finite)
    shown = (figures.p50, figures.p95, figures.p99, figures.maximum) if figures else (None,) * 4
    misses = count(int((values > limit.limit_ms).sum())) if limit else "no limit"
    return (
        Cell(label),
        Cell(phase),
        number(count(len(values))),
        *(number(milliseconds(value)) for value in shown),
        number(misses),
        number(count(len(values) - finite.size)),
    )


def _blocked(frame: pd.DataFrame, held: int) -> str:
    worst = float(frame.loc[frame["blocked"], "latency_ms"].max())
    tail = "some were never served" if np.isinf(worst) else f"the worst took {milliseconds(worst)}"
    return f"{plural(held, 'message')} overlapped blocked time and stand apart: {tail}."


def _inversions(material: Material) -> list[Block]:
    found: list[Json] = [
        one for one in material.criteria
        if "inversion" in str(one.get("check") or one.get("id"))
    ]  # fmt: skip
    rows = tuple(
        (
            Cell(str(one.get("id"))),
            Cell(str(one.get("status")), "status"),
            number(quantity(one.get("measured"), str(one.get("unit") or ""))),
            number(count(one.get("n"))),
            Cell(str(one.get("reason") or "")),
        )
        for one in found
    )
    columns = ("Criterion", "Status", "Inversions", "n", "Why")
    return [Heading("Inversions"), Table("Priority inversions", columns, rows)] if rows else []
