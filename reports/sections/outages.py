"""Outages: which call for a postmortem, with their timelines, and what each subsystem lost.

Only where the contract asks for it, by the criteria `postmortem` and `subsystems`. The figures are
the criteria's own, so that the page cannot disagree with the verdict; what must be made good is in
the run folder's `repair/`.
"""

from reports.document import Block, Cell, Section, Table, Text, number, texts
from reports.material import Json, Material
from reports.words import plural, seconds

ORDER = ("high", "medium", "low")
"""How bad, worst first."""


def outages(material: Material) -> Section | None:
    """Return what a postmortem is written from; nothing where no outage is promised about."""
    found, named = _details(material, "postmortem"), _details(material, "subsystems")
    if found is None and named is None:
        return None
    every = list((found or {}).get("outages") or ())
    blocks: list[Block] = [block for each in every for block in _outage(each)]
    if rows := list((named or {}).get("subsystems") or ()):
        blocks.append(_subsystems(rows))
    return Section(
        "outages", "Outages", call_for_postmortem(material) or _calm(found), tuple(blocks)
    )


def call_for_postmortem(material: Material) -> str:
    """Return the sentence that asks for a postmortem, empty where none is due."""
    every = list((_details(material, "postmortem") or {}).get("outages") or ())
    if not every:
        return ""
    longest = max(float(each["seconds"]) for each in every)
    what = plural(len(every), "outage calls", "outages call")
    return f"{what} for a postmortem; the longest took {seconds(longest)}."


def _calm(found: Json | None) -> str:
    return "No outage was long enough for a postmortem." if found is not None else ""


def _details(material: Material, check: str) -> Json | None:
    """Return the details of the first criterion of a check that was judged."""
    for row in material.criteria:
        name = str(row.get("id")).rpartition("/")[2]
        if name.partition("-")[0] == check and row.get("status") != "not_tested":
            return dict(row.get("details") or {})
    return None


def _outage(each: Json) -> list[Block]:
    causes = ", ".join(each["causes"]) or "an unknown cause"
    dropped = plural(int(each["dropped"]), "event was dropped", "events were dropped")
    text = f"From {each['begin_s']:.1f} s, for {seconds(each['seconds'])}: {causes}; {dropped}."
    rows = tuple(
        (number(f"{at:.1f} s"), Cell(str(what))) for at, what in each.get("timeline") or ()
    )
    return [Text(text), Table("What happened, in the order of time", ("At", "What"), rows,
                              folded=True)]  # fmt: skip


def _subsystems(rows: list[Json]) -> Table:
    def rank(row: Json) -> int:
        known = row.get("severity")
        return ORDER.index(known) if known in ORDER else len(ORDER)

    columns = ("Severity", "Subsystem", "Queue", "Confirmed", "Handled", "Dropped", "Longest wait")
    cells = tuple(
        (
            *texts((row.get("severity"), row.get("subsystem", ""), row["queue"])),
            *(number(str(row[name])) for name in ("confirmed", "handled", "dropped")),
            number(seconds(row["longest_wait_s"])),
        )
        for row in sorted(rows, key=rank)
    )
    return Table("What became of each subsystem's messages, the worst first", columns, cells)
