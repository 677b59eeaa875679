"""Not tested: every requirement that this run says nothing about, why, and how to test it."""

from reports.document import Block, Cell, Section, Table, Text, code
from reports.material import Json, Material
from reports.requirements import requirements
from reports.words import anchor, listed, plural


def untested(material: Material) -> Section:
    """Return the list; a requirement may be left out of the run, never out of the report."""
    rows = [row for row in requirements(material) if row.status == "not_tested"]
    table = Table(
        "Requirements that this run says nothing about",
        ("Requirement", "Statement", "Claimed", "Why not", "How to test it"),
        tuple(
            (
                code(row.id),
                Cell(row.statement),
                Cell("yes" if row.claimed else "no"),
                Cell(row.reason),
                Cell(row.how or "not by this harness"),
            )
            for row in rows
        ),
        anchors=tuple(f"untested-{anchor(row.id)}" for row in rows),
        cards=True,
    )
    blocks: list[Block] = [table] if rows else []
    blocks += [_episodes(left)] if (left := _left_out(material)) else []
    blocks += [_not_played(others)] if (others := _declined(material)) else []
    if not material.contract:
        text = "The manifest holds no contract: nobody knows what is missing."
        blocks.append(Text(text, "missing"))
    lead = _lead([row.id for row in rows], left, others)
    return Section("untested", "Not tested", lead, tuple(blocks))


def _lead(ids: list[str], left: list[Json], others: list[Json]) -> str:
    parts = [f"This run says nothing about {plural(len(ids), 'requirement')}."] if ids else []
    if left:
        parts.append(f"{plural(len(left), 'planned episode')} did not run to the end.")
    if others:
        parts.append(f"This cluster does not play {plural(len(others), 'episode')} of the suite.")
    return " ".join(parts) or "Every requirement of the contract was tested, and every episode ran."


def _left_out(material: Material) -> list[Json]:
    """Return the planned episodes that never began, or never ended."""
    ended = {event.get("episode") for event in material.events("episode", at="end")}
    episodes = material.plan.get("episodes") or ()
    return [row for row in episodes if row.get("id") not in ended]


def _declined(material: Material) -> list[Json]:
    """Return the suite's episodes that were not planned, since this cluster does not play them."""
    return list(material.manifest.get("not_played") or ())


def _not_played(others: list[Json]) -> Table:
    return Table(
        "Episodes of the suite that this cluster does not play",
        ("Episode", "Why not"),
        tuple((code(str(row.get("name"))), Cell(str(row.get("reason")))) for row in others),
    )


def _episodes(left: list[Json]) -> Table:
    return Table(
        "Planned episodes that did not run to the end",
        ("Episode", "Name", "Faults", "Planned at"),
        tuple(
            (
                code(str(row.get("id"))),
                Cell(str(row.get("name") or "")),
                Cell(listed([str(one.get("kind")) for one in row.get("faults") or ()]) or "none"),
                Cell(f"{row.get('at_s')} s"),
            )
            for row in left
        ),
    )
