"""Controls: what was broken on purpose and whether the checks saw it; what zero losses bound."""

from gameday.history.harm import UNSAFE
from gameday.history.statistics import lossy_episode_at_most
from reports.document import Block, Cell, Section, Table, Text, code, number
from reports.losses import losses, sentence
from reports.material import Json, Material
from reports.words import count, listed, percent, plural

COLUMNS = (
    "Control", "Unsafe on purpose", "Caught", "Lost before its fault", "Lost under it", "Why",
)  # fmt: skip


def controls(material: Material) -> Section:
    """Return the unsafe clients with what they lost, and the bound on a lossy episode."""
    rows = _rows(material)
    missed = [str(row.get("name")) for row in rows if row.get("caught") is not True]
    blocks: list[Block] = [_table(rows)] if rows else []
    blocks.append(Text(_bound(material)))
    return Section("controls", "Controls", _lead(rows, missed), tuple(blocks))


def _rows(material: Material) -> list[Json]:
    found = material.verdict.get("controls") or []
    if isinstance(found, dict):
        return [{"name": name, **(row if isinstance(row, dict) else {"caught": row})}
                for name, row in found.items()]  # fmt: skip
    return [row for row in found if isinstance(row, dict)]


def _lead(rows: list[Json], missed: list[str]) -> str:
    if not rows:
        return "No deliberately unsafe client ran, so nothing shows that a loss would be seen."
    if missed:
        return f"Not caught: {listed(missed)}. Who could not see that may have missed more."
    return (
        f"{plural(len(rows), 'deliberately unsafe client')} lost messages under a fault, and "
        f"{'it was' if len(rows) == 1 else 'each was'} caught: these checks do see losses."
    )


def _table(rows: list[Json]) -> Table:
    return Table(
        "Negative controls",
        COLUMNS,
        tuple(
            (
                code(str(row.get("name"))),
                Cell(UNSAFE.get(str(row.get("name")), "")),
                Cell("yes" if row.get("caught") is True else "no"),
                number(count(row.get("baseline_lost")), f"of {count(row.get('baseline'))}"),
                number(count(row.get("fault_lost")), f"of {count(row.get('fault'))}"),
                Cell(str(row.get("reason") or "")),
            )
            for row in rows
        ),
        cards=True,
    )


def _bound(material: Material) -> str:
    trials = {
        str(event.get("episode"))
        for event in material.events("fault", step="observed")
        if event.get("fault_class") not in ("control", "poison")
    }
    found = losses(material)
    if found is None:
        return "No loss ledger was judged, so nothing is bounded."
    if found.counts or found.untold:
        return f"There is no bound to give: {sentence(found)}"
    if not trials:
        return "No episode with an observed fault ran, so zero losses bound nothing."
    number_of = len(trials)
    return (
        f"No lossy episode in {number_of}: with 95 % confidence the chance that an episode like "
        f"these loses a message is at most {percent(lossy_episode_at_most(number_of))}. "
        "Losses come by the episode, not by the message: 30 clean ones would bound it at 9.5 % "
        "(--repeat)."
    )
