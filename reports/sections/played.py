"""What was played: each episode with its claim and its faults, and the times that were scaled.

A scaled time is one that the system promises and that no run can wait for (a day, half an hour):
the contract says how long it was played, and what that cannot show.
"""

from reports.document import Block, Cell, Section, Table, code, number
from reports.material import Json, Material
from reports.words import listed, plural, seconds


def played(material: Material) -> Section | None:
    """Return the episodes of the plan, and the contract's scales; nothing without either."""
    episodes: list[Json] = list(material.plan.get("episodes") or ())
    scales: list[Json] = list(material.contract.get("scales") or ())
    if not episodes and not scales:
        return None
    blocks: list[Block] = [_episodes(material, episodes)] if episodes else []
    blocks += [_scales(scales)] if scales else []
    return Section("played", "What was played", _lead(episodes, scales), tuple(blocks))


def _lead(episodes: list[Json], scales: list[Json]) -> str:
    parts = [f"{plural(len(episodes), 'episode')} stood in the plan."]
    if scales:
        names = listed([str(each.get("name")) for each in scales])
        parts.append(
            f"{plural(len(scales), 'time')} too long for a run "
            f"{'was' if len(scales) == 1 else 'were'} scaled: {names}."
        )
    return " ".join(parts)


def _episodes(material: Material, episodes: list[Json]) -> Table:
    begun = {
        event.get("episode"): material.at_s(event.get("time_ns"))
        for event in material.events("episode", at="begin")
    }
    return Table(
        "Episodes, in the plan's order",
        ("Episode", "Claim", "Faults", "Began", "Lasted as planned"),
        tuple(
            (
                code(str(each.get("id"))),
                Cell(str(each.get("claim") or "")),
                Cell(listed([_fault(one) for one in each.get("faults") or ()])),
                number(seconds(begun.get(each.get("id"))) if each.get("id") in begun else "never"),
                number(seconds(each.get("for_s"))),
            )
            for each in episodes
        ),
        cards=True,
    )


def _fault(entry: Json) -> str:
    parts = [str(entry.get("kind") or "").replace("_", " ")]
    parts += [f"of {entry['target']}"] if entry.get("target") else []
    values = ", ".join(f"{name} {value}" for name, value in (entry.get("parameters") or {}).items())
    return " ".join(parts) + (f" ({values})" if values else "")


def _scales(scales: list[Json]) -> Table:
    return Table(
        "Times too long for a run, and how they were played",
        ("What", "Promised", "Played", "Scale", "Why, and what it cannot show"),
        tuple(
            (
                Cell(str(each.get("name"))),
                number(seconds(each.get("promised_s"))),
                number(seconds(each.get("played_s"))),
                number(_scale(each)),
                Cell(str(each.get("reason") or "")),
            )
            for each in scales
        ),
        cards=True,
    )


def _scale(each: Json) -> str:
    promised, played_s = float(each.get("promised_s") or 0), float(each.get("played_s") or 0)
    return f"1 : {promised / played_s:,.0f}" if played_s else ""
