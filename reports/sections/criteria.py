"""Criteria: every one, with what was measured, what was allowed, and where its evidence is."""

from collections.abc import Collection

from reports.document import Block, Cell, Fold, Heading, Section, Table, Text, code, number, status
from reports.examples import examples
from reports.material import Json, Material
from reports.requirements import HARNESS, claimed, requirements, worst
from reports.sections.evidence import details, messages
from reports.words import DASH, anchor, decimal, listed, plural, quantity

COLUMNS = ("Criterion", "Requirement", "Statement", "Status", "Measured", "Threshold", "Margin")


def criteria(material: Material) -> Section:
    """Return the table of criteria, the worst first, and below it each one's evidence."""
    order = {"fail": 0, "unknown": 1, "not_tested": 2, "pass": 3}
    left = {row.id for row in requirements(material) if row.status == "not_tested"}
    shown = [one for one in material.criteria if not _elsewhere(one, left, claimed(material))]
    found = sorted(shown, key=lambda one: order.get(str(one.get("status")), 1))
    anchors = tuple(criterion_anchor(one) for one in found)
    blocks: list[Block] = [
        Table(
            "Every criterion, the worst first; each leads to its evidence",
            COLUMNS,
            tuple(criterion_row(one) for one in found),
            anchors=anchors,
            cards=True,
        )
        if found
        else Text("No criterion was judged.", "missing")
    ]
    told = examples(material)
    blocks += [Heading("Evidence")] if found else []
    blocks += [_fold(one, told) for one in found]
    return Section("criteria", "Criteria", criteria_lead(found, len(left)), tuple(blocks))


def _elsewhere(one: Json, left: Collection[str], names: Collection[str]) -> bool:
    """Tell what stands under *Not tested* alone: what nobody claimed and nobody looked at."""
    requirement = str(one.get("requirement"))
    return requirement in left and requirement not in names


def criterion_anchor(criterion: Json) -> str:
    """Return where a criterion's row is on the page."""
    return f"criterion-{anchor(str(criterion.get('id')))}"


def criteria_lead(found: list[Json], left: int) -> str:
    """Count the criteria by status, and say what decides."""
    if not found:
        return "Nothing was judged, and what nobody looked at does not pass."
    counts = [
        f"{sum(one.get('status') == name for one in found):,} {word}"
        for name, word in (
            ("fail", "failed"), ("unknown", "unknown"), ("not_tested", "not tested"),
            ("pass", "passed"),
        )
        if any(one.get("status") == name for one in found)
    ]  # fmt: skip
    overall = worst(str(one.get("status")) for one in found)
    tail = {
        "fail": "One that fails decides: nothing is averaged.",
        "unknown": "What is unknown does not pass.",
    }.get(overall, "Each must hold; nothing is averaged.")
    rest = f" {plural(left, 'requirement')} not tested: see below." if left else ""
    return f"{plural(len(found), 'criterion', 'criteria')}: {listed(counts)}. {tail}{rest}"


def criterion_row(one: Json) -> tuple[Cell, ...]:
    """Return one criterion as a row under `COLUMNS`."""
    unit = str(one.get("unit") or "")
    requirement = str(one.get("requirement") or "")
    return (
        code(str(one.get("id")), f"#evidence-{anchor(str(one.get('id')))}"),
        Cell("the harness" if requirement == HARNESS else requirement),
        Cell(str(one.get("statement") or ""), note=_because(one)),
        status(str(one.get("status"))),
        number(quantity(one.get("measured"), unit), _sample(one)),
        number(quantity(one.get("threshold"), unit)),
        number(*_margin(one, unit)),
    )


def _because(one: Json) -> str:
    return "" if one.get("status") == "pass" else str(one.get("reason") or "no reason was given")


def _sample(one: Json) -> str:
    parts = []
    if one.get("n"):
        parts.append(f"n = {quantity(one['n'])}")
    interval = one.get("interval")
    if isinstance(interval, list) and len(interval) == 2:
        unit = str(one.get("unit") or "")
        # Of a count the interval is one of a share or a chance, so it has no unit of the count's.
        low, high = (quantity(each, unit if unit in ("s", "ms") else "") for each in interval)
        parts.append(f"{low} to {high}")
    return ", ".join(parts)


def _margin(one: Json, unit: str) -> tuple[str, str]:
    """Say how far from the threshold: the side follows from the status, never from a guess."""
    measured, threshold = one.get("measured"), one.get("threshold")
    plain = all(
        isinstance(each, int | float) and not isinstance(each, bool)
        for each in (measured, threshold)
    )
    if not plain or one.get("status") not in ("pass", "fail"):
        return DASH, ""
    assert isinstance(measured, int | float)
    assert isinstance(threshold, int | float)
    gap = abs(threshold - measured)
    if gap == 0:
        return ("none to spare" if one.get("status") == "pass" else "at the limit"), ""
    share = f"{decimal(gap / abs(threshold) * 100)} % of it" if threshold else ""
    side = "within" if one.get("status") == "pass" else "beyond"
    return f"{quantity(gap, unit)} {side}", share


def _fold(one: Json, told: Collection[str]) -> Fold:
    blocks: list[Block] = [Text(str(one.get("reason") or "No reason was given."))]
    blocks += details(one.get("details"))
    rows = (one.get("evidence") or {}).get("examples") or ()
    names = [str(row.get("message")) for row in rows if isinstance(row, dict)]
    blocks += [messages(names, told)] if names else []
    name = str(one.get("id"))
    return Fold(name, tuple(blocks), f"evidence-{anchor(name)}", str(one.get("status")))
