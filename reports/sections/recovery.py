"""Recovery: after each fault, how long until it was seen, and until work flowed again.

The times are the recovery check's own, so that the page cannot disagree with the verdict: under a
fault they count from when it was observed, afterwards from when it was observed to be gone. The
longest time without a confirm leaves idle and blocked time out.
"""

from typing import Any

from gameday.history.checks import look
from gameday.history.checks.recovery import recovery as recovery_check
from reports.charts.recovery import Marks, recoveries
from reports.document import Block, Cell, Chart, Section, Table, Text, code, number
from reports.faults import FaultRow, fault_rows
from reports.material import Json, Material
from reports.words import at, seconds

UNDER = ("in_force_confirm_s", "in_force_delivery_s")
AFTER = ("first_confirm_s", "first_delivery_s", "drained_s")
COLUMNS = (
    "Fault", "Queue", "To observe it", "First confirm under it", "First delivery under it",
    "To observe it gone", "First confirm after it", "First delivery after it", "Backlog drained",
)  # fmt: skip
NO_LIMIT_S = 1e9


def recovery(material: Material) -> Section:
    """Return the times of every fault that was injected, queue by queue."""
    faults = {fault.id: fault for fault in fault_rows(material) if not fault.control}
    if not faults:
        return Section("recovery", "Recovery", "No fault was injected.", ())
    limit = _limit_s(material)
    found = _found(material)
    rows: list[Json] = [row for row in found.get("recoveries") or () if row["fault"] in faults]
    blocks: list[Block] = []
    if rows:
        finding = _finding(faults, rows)
        marks = tuple(_marks(fault, rows) for fault in faults.values())
        drawing = recoveries("recovery", finding, marks, limit)
        blocks.append(Chart(finding, (drawing,), (_table(faults, rows),), wide=True))
    else:
        blocks.append(Text("No fault was seen healed, or the history is gone.", "missing"))
    return Section("recovery", "Recovery", _lead(found, limit), tuple(blocks))


def _found(material: Material) -> Json:
    """Return what the check found, whether or not the contract asks for it."""
    if material.run is None:
        return {}
    limit = _limit_s(material) or NO_LIMIT_S
    return dict(look(recovery_check, "recovery", material.run, {"limit_s": limit}).details)


def _limit_s(material: Material) -> float | None:
    for row in material.contract.get("requirements") or ():
        for criterion in row.get("criteria") or ():
            if criterion.get("check") == "recovery":
                found = (criterion.get("parameters") or {}).get("limit_s")
                return None if found is None else float(found)
    return None


def _marks(fault: FaultRow, rows: list[Json]) -> Marks:
    """Return a fault's slowest queue for each moment; None where one never came."""
    own = [row for row in rows if row["fault"] == fault.id]
    return Marks(fault.label, tuple(_slowest(own, name) for name in (UNDER[0], *AFTER)))


def _slowest(rows: list[Json], name: str) -> float | None:
    values: list[Any] = [row.get(name) for row in rows]
    return None if not values or None in values else max(values)


def _finding(faults: dict[str, FaultRow], rows: list[Json]) -> str:
    """Say which fault kept a queue waiting for a confirm the longest."""
    never = [row for row in rows if row.get("first_confirm_s") is None]
    if never:
        label = faults[never[0]["fault"]].label
        return f"{never[0]['queue']} never confirmed again after {label}"
    timed = [
        (row[name], row, word)
        for row in rows
        for name, word in ((UNDER[0], "under"), (AFTER[0], "after"))
        if row.get(name) is not None
    ]
    longest, row, word = max(timed, key=lambda one: one[0])
    where = f"{row['queue']}, {word} {faults[row['fault']].label}"
    return f"The longest wait for a first confirm was {seconds(longest)}: {where}"


def _lead(found: Json, limit: float | None) -> str:
    parts = []
    gap, moment = found.get("longest_gap_s"), found.get("longest_gap_at_s")
    if gap is not None and moment is not None:
        where = f"from {at(moment)} on"
        parts.append(
            f"The longest time without a confirm, neither idle nor blocked, was {seconds(gap)}, "
            f"{where}."
        )
    if limit is not None:
        parts.append(f"The contract allows {seconds(limit)} to recover.")
    return " ".join(parts) or "How the clients recovered is not on record."


def _table(faults: dict[str, FaultRow], rows: list[Json]) -> Table:
    return Table(
        "Recovery, fault by fault and queue by queue", COLUMNS,
        tuple(_row(faults[row["fault"]], row) for row in rows),
    )  # fmt: skip


def _row(fault: FaultRow, row: Json) -> tuple[Cell, ...]:
    return (
        code(fault.id),
        Cell(str(row["queue"])),
        number(_between(fault.requested_s, fault.observed_s)),
        *(number(seconds(row.get(name)) if row.get("on_node") else "") for name in UNDER),
        number(_between(fault.reverting_s, fault.restored_s)),
        *(number(seconds(row.get(name))) for name in AFTER),
    )


def _between(start: float | None, stop: float | None) -> str:
    return seconds(None if start is None or stop is None else stop - start)
