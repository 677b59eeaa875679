"""Isolation: who reached which port, zone by zone, with the rules and without them."""

from dataclasses import replace
from typing import Any

from gameday.contracts.isolation import may_enter
from gameday.contracts.model import Isolation
from gameday.history.checks.isolation import ENTERED, told_of
from reports.document import Banner, Block, Cell, Code, Section, Table, Text, number
from reports.material import Json, Material
from reports.sections.banner import banner
from reports.words import plural

SHOWS = {
    "open": "open, as declared",
    "unoffered": "allowed, and not offered over IPv6",
    "rules": "closed by the rules",
    "listener": "closed: nothing listens there",
    "hole": "a HOLE: open, and nothing allows it",
    "shut": "SHUT: allowed, and closed",
    "nothing": "not known: closed without the rules, too",
}


NEVER_WRITTEN = ("plan.json", "samples.jsonl", "metrics/generator")
"""What a run has no use for that puts no load on anything."""


def network_banner(material: Material) -> Banner:
    """Return the banner of a run that looked at the network alone."""
    top = banner(material)
    missing = [each for each in material.missing if not each.startswith(NEVER_WRITTEN)]
    notes = ["Only the network was looked at: nothing was published, and nothing was broken."]
    notes += [f"The run folder is incomplete: {'; '.join(missing)}."] if missing else []
    if top.decision != "GO":
        return replace(top, notes=tuple(notes))
    sentence = "What the contract opens is open, and everything else is closed, from every zone."
    return replace(top, sentence=sentence, notes=tuple(notes))


def isolation(material: Material) -> Section | None:
    """Return the table of paths; nothing where no zones were opened."""
    lines = [line for line in material.journal if line.get("event") == "isolation"]
    declared = material.contract.get("isolation")
    if not lines or not declared:
        return None
    seen = lines[-1]
    if seen.get("problem"):
        return Section("isolation", "Isolation", f"Not known: {seen['problem']}", ())
    zones = Isolation.model_validate(declared)
    told = told_of(zones, seen)
    wrong = [each for each in told if each.shows in {"hole", "shut", "nothing"}]
    blocks: list[Block] = [_matrix(zones, seen), _own(seen)]
    if wrong:
        rows = tuple((Cell(str(each)), Cell(SHOWS[each.shows]), Cell(each.path["enforced"]),
                      Cell(each.path["lifted"])) for each in wrong)  # fmt: skip
        columns = ("Path", "What it shows", "With the rules", "Without")
        blocks.insert(0, Table("What is not as declared", columns, rows))
    blocks += [_memory(seen), Code("The rules, as the kernel had them", str(seen["rules"]))]
    lead = (
        f"{plural(len(told), 'path')} to RabbitMQ {seen['version']} tried from "
        f"{plural(len(zones.zones), 'zone')}, with the rules of {seen['rules_from']} and without; "
        f"{len(wrong) or 'none'} not as declared."
    )
    return Section("isolation", "Isolation", lead, tuple(blocks))


def _matrix(zones: Isolation, seen: Json) -> Table:
    """Return one row a way to the broker, one column a zone."""
    names = [zone.name for zone in zones.zones]
    ways: dict[tuple[Any, ...], dict[str, Json]] = {}
    for path in seen["paths"]:
        way = (path["door"], path["port"], path["place"], path["family"])
        ways.setdefault(way, {})[path["zone"]] = path
    rows = tuple(
        (Cell(f"{door}, {place}", note=family), number(str(port)),
         *(_cell(zones, found.get(name)) for name in names))
        for (door, port, place, family), found in ways.items()
    )  # fmt: skip
    caption = "How each connection ended with the rules in force; declared open is in CAPITALS"
    return Table(caption, ("Door", "Port", *names), rows, folded=len(rows) > 30)


def _cell(zones: Isolation, path: Json | None) -> Cell:
    if path is None:
        return Cell("not tried")
    allowed = may_enter(zones, path["zone"], path["door"], path["place"])
    text = str(path["enforced"])
    lifted = "" if path["lifted"] in ENTERED or allowed else f"without: {path['lifted']}"
    return Cell(text.upper() if allowed else text, note=lifted)


def _own(seen: Json) -> Table:
    rows = tuple(
        (Cell(each["door"]), number(str(each["port"])), Cell(f"{each['place']}, {each['family']}"),
         Cell(each["outcome"], note=each["said"]))
        for each in seen["own"] if each["when"] == "before"
    )  # fmt: skip
    caption = "What the processes of the broker's own zone reach: where each door listens"
    return Table(caption, ("Door", "Port", "Address", "Outcome"), rows, folded=True)


def _memory(seen: Json) -> Text:
    memory = seen["memory"]
    return Text(
        f"It took {memory['took_mib']:g} MiB of memory ({memory['forecast_mib']:g} announced) and "
        f"{seen['seconds']:g} s; {len(seen['left']) or 'nothing'} left behind."
    )
