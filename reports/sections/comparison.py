"""Comparison: the same seed and schedule on two sides. There only where the verdict holds one."""

from reports.document import Cell, Section, Table, number
from reports.material import Json, Material
from reports.words import DASH, quantity


def comparison(material: Material) -> Section | None:
    """Return the differences with their intervals, or nothing where nothing was compared."""
    found: Json = material.verdict.get("comparison") or {}
    rows = [row for row in found.get("rows") or () if isinstance(row, dict)]
    if not rows:
        return None
    left, right = str(found.get("left") or "first"), str(found.get("right") or "second")
    columns = ("Measure", left, right, "Difference", "Interval", "Least that matters", "Why")
    table = Table(f"{left} against {right}", columns, tuple(_row(row) for row in rows))
    lead = f"{left} and {right} carried the same schedule, from the same seed."
    return Section("comparison", "Comparison", lead, (table,))


def _row(row: Json) -> tuple[Cell, ...]:
    unit = str(row.get("unit") or "")
    interval = row.get("interval")
    between = " to ".join(quantity(each, unit) for each in interval) if interval else DASH
    return (
        Cell(str(row.get("measure"))),
        number(quantity(row.get("left"), unit)),
        number(quantity(row.get("right"), unit)),
        number(quantity(row.get("difference"), unit)),
        number(between),
        number(quantity(row.get("least_effect"), unit)),
        Cell(str(row.get("reason") or "")),
    )
