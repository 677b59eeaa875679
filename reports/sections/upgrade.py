"""An upgrade: from which broker to which, each step with its length, and what the new one refused.

The figures are the checks' own; where one is not claimed, as order is not with shovels, it is told
here all the same.
"""

from typing import Any

from gameday.history.checks.moves import overtaking
from gameday.history.checks.upgrades import MOVE, lengths
from gameday.history.run import Run
from gameday.history.sides import UPGRADE, Steps
from reports.document import Block, Cell, Code, Section, Table, Text, code, number
from reports.material import Json, Material
from reports.words import count, plural, seconds

SAYS = {
    "start_green": "the new cluster starts beside the old one",
    "declare_green": "the design is declared there, translated",
    "rehearse_way_back": "publishers go to green and come back; what they left is shovelled back",
    "harm_control": "a queue of a control is emptied unread, which must be seen",
    "make_backlog": "a surge falls due, so that messages wait on blue",
    "move_publishers": "publishers go to green once everything is answered on blue",
    "drain_blue": "blue's consumers read what is left there",
    "move_consumers": "green's consumers begin and blue's end: from here on there is no way back",
    "move_rest": "what nobody reads, such as dead letters, is shovelled to green",
    "shovel_blue": "all that blue still holds is shovelled to green",
    "drop_blue": "blue's queues are emptied unread: a mistake on purpose",
    "retire_blue": "blue is seen to be empty and alone, and is given up",
}


def upgrade(material: Material) -> Section | None:
    """Return what an upgrade did, step by step; nothing for a run of another kind."""
    about: Json | None = material.manifest.get(UPGRADE)
    if not isinstance(about, dict):
        return None
    blocks: list[Block] = []
    found = lengths(material.run) if material.run is not None else None
    if material.run is not None and found is not None:
        steps, took = found
        blocks.append(_steps(material.run, steps, took))
        blocks.append(_figures(material, steps))
        blocks += _declared(steps)
    else:
        blocks.append(Text("The history is gone, and with it what the steps did.", "missing"))
    design = about.get("alternative") or "as on blue, less what it refuses"
    lead = (
        f"Blue was RabbitMQ {about.get('from')}, green {about.get('to')}, the way "
        f"{about.get('how')}; the design on green: {design}."
    )
    return Section("upgrade", "The move", lead, tuple(blocks))


def _steps(run: Run, steps: Steps, took: dict[str, float]) -> Table:
    rows = []
    for name in steps.wanted:
        begin = steps.ns(name, "begin")
        began = "never" if begin is None else seconds(run.seconds(begin))
        length = seconds(took[name]) if name in took else "not ended"
        rows.append((code(name), Cell(SAYS.get(name, "")), number(began), number(length)))
    return Table("Steps, in order", ("Step", "What happens", "Began", "Took"), tuple(rows))


def _figures(material: Material, steps: Steps) -> Table:
    details: Json = {}
    for row in material.criteria:
        details |= row.get("details") or {}
    rows: list[tuple[str, Any]] = [
        ("waited on blue when the publishers left", count(details.get("waiting_on_blue"))),
        ("longest time without a confirm", seconds(details.get("without_confirm_s"))),
        ("longest time without a delivery while messages waited",
         seconds(details.get("without_delivery_s"))),
        ("green's first message after the move waited",
         seconds(details.get("new_messages_waited_s"))),
        ("published to green in the rehearsal, and handled on blue",
         count(details.get("published_on_green"))),
        ("handled by green alone, after blue's end", count(details.get("handled_by_green_alone"))),
        ("new messages taken before an older one of their queue", _overtaken(material, steps)),
    ]  # fmt: skip
    return Table(
        "What was measured", ("What", "Measured"),
        tuple((Cell(what), number(str(value))) for what, value in rows),
    )  # fmt: skip


def _overtaken(material: Material, steps: Steps) -> str:
    move = steps.ns(MOVE, "begin")
    if material.run is None or move is None:
        return "not known"
    messages, _, new = overtaking(material.run, move, None)
    return f"{len(messages)} of {new}"


def _declared(steps: Steps) -> list[Block]:
    line = steps.line("declare_green", "end")
    if line is None:
        return []
    blocks: list[Block] = [
        Code("What green said to blue's design as it stands", said) for said in line["refused"]
    ]
    changes = tuple((Cell(each),) for each in line["changes"])
    title = f"{plural(len(changes), 'change')} for green"
    return [*blocks, Table(title, ("Change",), changes)] if changes else blocks
