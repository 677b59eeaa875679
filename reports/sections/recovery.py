"""Recovery: after each fault, how long until it was seen, and until work flowed again.

Times to the first confirm and delivery count from when the fault was observed to be gone, and where
work had flowed before that, they say so. The longest gap without a confirm holds the blocked time,
which stands beside it: a blocked publisher is the broker doing its job.
"""

from dataclasses import dataclass

import numpy as np

from gameday.history.outcomes import Outcome
from reports.charts.figure import Values
from reports.charts.recovery import Marks, recoveries
from reports.document import Block, Cell, Chart, Section, Table, Text, code, number
from reports.faults import FaultRow, fault_rows
from reports.material import Material
from reports.words import listed, seconds

COLUMNS = (
    "Fault", "Kind", "Target", "To observe it", "To observe it gone", "To the first confirm",
    "To the first delivery", "To drain the backlog", "Longest gap without a confirm",
    "Blocked in that time",
)  # fmt: skip
BACKLOG_SPARE = 10


@dataclass(frozen=True)
class Clock:
    """The moments that recovery is read from, in seconds since the run's start, sorted."""

    confirms: Values
    deliveries: Values
    blocked: Values
    depth_at: Values
    depth: Values
    calm_depth: float


@dataclass(frozen=True)
class Recovery:
    """One fault's times in seconds; None where it never came to that."""

    fault: FaultRow
    confirm_s: float | None
    delivery_s: float | None
    drained_s: float | None
    gap_s: float | None
    blocked_s: float | None


def recovery(material: Material) -> Section:
    """Return the times of every fault that was injected."""
    faults = [fault for fault in fault_rows(material) if not fault.control]
    if not faults:
        return Section("recovery", "Recovery", "No fault was injected.", ())
    clock = _clock(material)
    rows = [_recovery(fault, clock) for fault in faults]
    limit = _limit_s(material)
    finding = _finding(rows)
    blocks: list[Block] = []
    if any(row.confirm_s is not None for row in rows):
        drawing = recoveries("recovery", finding, tuple(_marks(row) for row in rows), limit)
        blocks.append(Chart(finding, (drawing,), (_table(rows),), wide=True))
    else:
        blocks += [_table(rows), Text("No confirm is on record after any fault.", "missing")]
    return Section("recovery", "Recovery", _lead(rows, limit), tuple(blocks))


def _clock(material: Material) -> Clock:
    history, zero = material.history, material.zero_ns
    empty = np.empty(0)
    confirms = deliveries = empty
    blocked = np.empty((0, 2))
    if history is not None:
        ok = history.attempts.outcome == Outcome.OK
        confirms = np.sort((history.attempts.outcome_ns[ok] - zero) / 1e9)
        seen = ~history.deliveries.drained
        deliveries = np.sort((history.deliveries.time_ns[seen] - zero) / 1e9)
        blocked = (history.links.blocked[:, 1:].astype(np.float64) - zero) / 1e9
    at = np.array([material.at_s(row.get("time_ns")) or 0.0 for row in material.samples])
    depth = np.array([float(sum((row.get("depth") or {}).values())) for row in material.samples])
    calm = _calm(material, at, depth)
    return Clock(confirms, deliveries, blocked, at, depth, calm)


def _calm(material: Material, at: Values, depth: Values) -> float:
    """Return the depth that counts as drained: the baseline's greatest, and a little to spare."""
    begin = next(material.events("phase", name="baseline", at="begin"), None)
    end = next(material.events("phase", name="baseline", at="end"), None)
    if not begin or not end:
        return BACKLOG_SPARE
    low, high = material.at_s(begin["time_ns"]) or 0, material.at_s(end["time_ns"]) or 0
    inside = depth[(at >= low) & (at <= high)]
    return float(inside.max(initial=0)) + BACKLOG_SPARE


def _recovery(fault: FaultRow, clock: Clock) -> Recovery:
    gone = fault.restored_s
    begin, end = fault.requested_s, fault.recovered_s or fault.restored_s
    if gone is None or begin is None or end is None:
        return Recovery(fault, None, None, None, None, None)
    calm = clock.depth_at[(clock.depth_at >= gone) & (clock.depth <= clock.calm_depth)]
    inside = clock.confirms[(clock.confirms > begin) & (clock.confirms < end)]
    gap = float(np.diff(np.concatenate([[begin], inside, [end]])).max())
    return Recovery(
        fault, _after(clock.confirms, gone), _after(clock.deliveries, gone),
        float(calm[0]) - gone if calm.size else None,
        gap if clock.confirms.size else None, _overlap(clock.blocked, begin, end),
    )  # fmt: skip


def _after(moments: Values, start: float) -> float | None:
    place = int(np.searchsorted(moments, start))
    return float(moments[place]) - start if place < moments.size else None


def _overlap(spans: Values, begin: float, end: float) -> float:
    """Return how long any publisher was blocked between two moments, overlaps counted once."""
    total, reached = 0.0, begin
    for low, high in sorted(spans.tolist()):
        since, until = max(low, reached), min(high, end)
        if until > since:
            total, reached = total + until - since, until
    return total


def _limit_s(material: Material) -> float | None:
    for row in material.contract.get("requirements") or ():
        for criterion in row.get("criteria") or ():
            if criterion.get("check") == "recovery":
                found = (criterion.get("parameters") or {}).get("limit_s")
                return None if found is None else float(found)
    return None


def _marks(row: Recovery) -> Marks:
    return Marks(row.fault.label, (row.confirm_s, row.delivery_s, row.drained_s))


def _finding(rows: list[Recovery]) -> str:
    slowest = max(rows, key=lambda row: row.confirm_s if row.confirm_s is not None else -1.0)
    if slowest.confirm_s is None:
        return "No confirm followed any fault"
    return (
        f"The slowest to confirm again was {slowest.fault.label}: "
        f"{seconds(slowest.confirm_s)} after the fault was seen to be gone"
    )


def _lead(rows: list[Recovery], limit: float | None) -> str:
    never = [row.fault.label for row in rows if row.confirm_s is None]
    gap = max((row.gap_s for row in rows if row.gap_s is not None), default=None)
    parts = [f"The longest time without a confirm was {seconds(gap)}."] if gap is not None else []
    if never:
        parts.append(f"No confirm is on record after {listed(never)}.")
    if limit is not None:
        parts.append(f"The contract allows {seconds(limit)} to recover.")
    return " ".join(parts) or "The history holds no confirm."


def _table(rows: list[Recovery]) -> Table:
    return Table(
        "Recovery, fault by fault", COLUMNS,
        tuple(
            (
                code(row.fault.id), Cell(row.fault.kind.replace("_", " ")), Cell(row.fault.target),
                number(_between(row.fault.requested_s, row.fault.observed_s)),
                number(_between(row.fault.reverting_s, row.fault.restored_s)),
                *(
                    number(seconds(value))
                    for value in (
                        row.confirm_s, row.delivery_s, row.drained_s, row.gap_s, row.blocked_s,
                    )
                ),
            )
            for row in rows
        ),
    )  # fmt: skip


def _between(start: float | None, stop: float | None) -> str:
    return seconds(None if start is None or stop is None else stop - start)
