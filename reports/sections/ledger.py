"""Loss ledger: how many messages met which end, by queue, fault and priority, with stories.

The counts are the verdict's. A message that the verdict names as an example is told in full.
"""

from collections.abc import Iterator

from gameday.history.outcomes import MEANINGS as OUTCOMES
from gameday.history.story import story
from gameday.history.verdicts import MEANINGS
from reports.document import Block, Cell, Code, Fold, Heading, Section, Table, Text, number
from reports.examples import BAD, examples, key_of, story_anchor
from reports.faults import fault_rows
from reports.losses import losses, sentence
from reports.material import Json, Material, showable
from reports.words import count, plural

ORDER = (
    "messages", "attempted", "attempts_ok", "attempts_returned", "attempts_nack", "attempts_info",
    "attempts_fail", "dropped", "blocked", "copies", "deliveries", "redelivered", "duplicates",
    "drained", "foreign", *(verdict.name.lower() for verdict in MEANINGS),
)  # fmt: skip
REASONS = ("Reason", "In a dead-letter queue")
WORDS = {
    **{verdict.name.lower(): text for verdict, text in MEANINGS.items()},
    **{f"attempts_{outcome.name.lower()}": text for outcome, text in OUTCOMES.items()},
    "attempted": "published, every attempt counted",
    "messages": "messages, however often they were tried",
    "copies": "attempts, counted once in each queue that the bindings take them to",
    "deliveries": "sights by consumers",
    "redelivered": "sights that the broker flagged as possibly seen before",
    "drained": "found by the drain when the consumers had finished",
    "duplicates": "delivered again by another try of their producer, as at-least-once allows",
    "foreign": "seen, and in no ledger of the run",
    "dropped": "due, and never handed to the client library",
    "blocked": "published or due while an alarm blocked their publisher",
    "unhandled": "confirmed, and never handled by anybody",
    "corrupt": "arrived with another body or property than was sent",
    "unconfirmed_forever": "unanswered at the end, though its connection stayed open",
    "flag_violation": "unflagged deliveries beyond the attempts that may have arrived",
}


def ledger(material: Material) -> Section:
    """Return the counts overall and by queue, fault and priority, and the example stories."""
    found: Json = material.verdict.get("ledger") or {}
    given = dict(_flat(_part(found, "overall")))
    overall = {name: given[name] for name in [*ORDER, *given] if name in given}
    blocks: list[Block] = []
    verdicts = {verdict.name.lower() for verdict in MEANINGS}
    ends = sorted((name for name in overall if name in verdicts), key=lambda name: name not in BAD)
    for title, chosen in (
        ("What became of each copy", ends),
        ("Published and seen", [name for name in overall if name not in verdicts]),
    ):
        if chosen:
            blocks.append(_counted(title, {name: overall[name] for name in chosen}))
    for name in ("queue", "fault", "priority"):
        groups = _part(found, name)
        if groups:
            blocks.append(_grouped(name, _in_order(material, name, groups)))
    if reasons := _part(found, "dead_letters"):
        rows = tuple((Cell(_word(name)), number(count(value))) for name, value in reasons.items())
        blocks.append(Table("Dead letters, by the reason of the newest death", REASONS, rows))
    if not blocks:
        blocks.append(Text("The verdict holds no loss ledger.", "missing"))
    stories = list(_stories(material))
    if stories:
        blocks.append(Heading("Example messages, each with its whole story"))
        blocks += stories
    return Section("ledger", "Loss ledger", _lead(material, overall), tuple(blocks))


def _part(found: Json, name: str) -> Json:
    part = found.get(name) or found.get(f"by_{name}") or {}
    return part if isinstance(part, dict) else {}


def _flat(part: Json, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the counts of a part; a count by reason reads as `dead_lettered, rejected`."""
    for name, value in part.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}, ")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", value


def _lead(material: Material, overall: dict[str, float]) -> str:
    found = losses(material)
    if not overall or found is None:
        return "What became of the messages was not judged."
    attempted = overall.get("attempted")
    base = f"{plural(int(attempted), 'attempt')}; " if attempted is not None else ""
    return f"{base}{sentence(found)}"


def _word(name: str) -> str:
    return name.replace("_", " ")


def _counted(title: str, counts: dict[str, float]) -> Table:
    judged = any(name in BAD for name in counts)
    rows = []
    for name, amount in counts.items():
        verdict = (
            "fails"
            if name in BAD and amount
            else "must be\N{NO-BREAK SPACE}0"
            if name in BAD
            else ""
        )
        row = (Cell(_word(name), note=WORDS.get(name, "")), number(count(amount)))
        rows.append((*row, Cell(verdict)) if judged else row)
    columns = ("Name and meaning", "Count", "Judged") if judged else ("Name and meaning", "Count")
    return Table(title, columns, tuple(rows))


def _in_order(material: Material, name: str, groups: Json) -> Json:
    """Sort priorities from the most urgent, and windows as they came in the run."""
    classes = [fault.fault_class for fault in fault_rows(material)]

    def place(key: str) -> tuple[int, str]:
        if name == "priority":
            return -int(key) if key.isdigit() else 1, key
        if name == "fault":
            own, _, _ = key.partition(" (")
            return classes.index(own) if own in classes else -1 - (own == "warm_up"), key
        return 0, key

    return {key: groups[key] for key in sorted(groups, key=place)}


def _grouped(name: str, groups: Json) -> Table:
    flat = {str(key): dict(_flat(part)) for key, part in groups.items() if isinstance(part, dict)}
    columns = [
        column
        for column in dict.fromkeys([*ORDER, *(key for part in flat.values() for key in part)])
        if any(part.get(column) for part in flat.values())
    ]
    rows = tuple(
        (Cell(key), *(number(count(part.get(column, 0))) for column in columns))
        for key, part in flat.items()
    )
    return Table(f"By {name}", (name.capitalize(), *map(_word, columns)), rows)


def _stories(material: Material) -> Iterator[Fold]:
    """Yield the story of each message that the verdict names as an example."""
    for name, one in examples(material).items():
        lines = one.lines
        if not lines and material.run is not None:
            lines = tuple(showable(line) for line in story(material.run, key_of(name))[1:])
        block = Code("From due to its last sight", "\n".join(lines) or "its story is lost")
        bad = "fail" if one.kind in BAD else ""
        yield Fold(f"{_word(one.kind)}: message {name}", (block,), story_anchor(name), bad)
