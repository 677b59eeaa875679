"""Loss ledger: how many messages met which end, by queue, fault and priority, with stories.

The counts are the verdict's. A message that the verdict names as an example is told in full.
"""

import re
from collections.abc import Iterator

from gameday.history.outcomes import MEANINGS as OUTCOMES
from gameday.history.story import story
from gameday.history.verdicts import FAILING, MEANINGS
from reports.document import Block, Cell, Code, Fold, Heading, Section, Table, Text, number
from reports.material import Json, Material, showable
from reports.words import anchor, count, plural

STORIES_MAX = 10
STORIES_ALL = 40
MESSAGE = re.compile(r"(\d+):(\d+)")
WORDS = {
    **{verdict.name.lower(): text for verdict, text in MEANINGS.items()},
    **{f"outcome_{outcome.name.lower()}": text for outcome, text in OUTCOMES.items()},
    "attempted": "published, every attempt counted",
    "messages": "messages, however often they were tried",
    "confirmed": "confirmed by the broker: must survive",
    "returned": "not routed, and told so",
    "nacked": "refused by the broker; may be present in some queue",
    "indeterminate": "no answer: may appear once, more than once, or never",
    "failed": "provably never sent",
    "dropped": "due, and never handed to the client library",
    "duplicates": "delivered again, as at-least-once allows",
    "unhandled": "confirmed, and never handled by anybody",
    "corrupt": "arrived with another body or property than was sent",
    "unconfirmed_forever": "unanswered at the end, though its connection stayed open",
    "flag_violation": "unflagged deliveries beyond the attempts that may have arrived",
}
BAD = {verdict.name.lower() for verdict in FAILING} | {
    "unhandled", "corrupt", "unconfirmed_forever",
}  # fmt: skip


def ledger(material: Material) -> Section:
    """Return the counts overall and by queue, fault and priority, and the example stories."""
    found: Json = material.verdict.get("ledger") or {}
    overall = dict(_flat(_part(found, "overall")))
    blocks: list[Block] = []
    if overall:
        blocks.append(_overall(overall))
    for name in ("queue", "fault", "priority"):
        groups = _part(found, name)
        if groups:
            blocks.append(_grouped(name, groups))
    if not blocks:
        blocks.append(Text("The verdict holds no loss ledger.", "missing"))
    stories = list(_stories(material, found))
    if stories:
        blocks.append(Heading("Example messages, each with its whole story"))
        blocks += stories
    return Section("ledger", "Loss ledger", _lead(overall), tuple(blocks))


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


def _lead(overall: dict[str, float]) -> str:
    if not overall:
        return "What became of the messages was not judged."
    bad = {name: int(overall[name]) for name in overall if name in BAD and overall[name]}
    attempted = overall.get("attempted")
    base = f"{plural(int(attempted), 'attempt')}; " if attempted is not None else ""
    if not bad:
        return f"{base}no confirmed message was lost, and none appeared from nowhere."
    named = ", ".join(f"{amount:,} {_word(name)}" for name, amount in bad.items())
    return f"{base}{named}."


def _word(name: str) -> str:
    return name.removeprefix("outcome_").replace("_", " ")


def _overall(overall: dict[str, float]) -> Table:
    rows = tuple(
        (
            Cell(_word(name)),
            number(count(amount)),
            Cell("fails" if name in BAD and amount else "must be 0" if name in BAD else ""),
            Cell(WORDS.get(name) or WORDS.get(name.split(",")[0], "")),
        )
        for name, amount in overall.items()
    )
    return Table("All messages", ("What became of it", "Count", "Judged", "Meaning"), rows)


def _grouped(name: str, groups: Json) -> Table:
    flat = {str(key): dict(_flat(part)) for key, part in groups.items() if isinstance(part, dict)}
    columns = [
        column
        for column in dict.fromkeys(key for part in flat.values() for key in part)
        if any(part.get(column) for part in flat.values())
    ]
    rows = tuple(
        (Cell(key), *(number(count(part.get(column, 0))) for column in columns))
        for key, part in flat.items()
    )
    return Table(f"By {name}", (name.capitalize(), *map(_word, columns)), rows)


def _stories(material: Material, found: Json) -> Iterator[Fold]:
    """Yield the example messages' stories, the failing kinds first, each message once."""
    if material.run is None:
        return
    told: set[int] = set()
    for kind, messages in sorted(_examples(material, found), key=lambda pair: not _bad(pair[0])):
        for message in messages[:STORIES_MAX]:
            if message not in told and len(told) < STORIES_ALL:
                told.add(message)
                yield _story(kind, story(material.run, message))


def _bad(kind: str) -> bool:
    return kind in BAD


def _examples(material: Material, found: Json) -> list[tuple[str, list[int]]]:
    """Return the verdict's example messages by kind: the ledger's, else the failing criteria's."""
    examples = found.get("examples")
    if isinstance(examples, dict) and any(examples.values()):
        return [(str(kind), _keys(ids)) for kind, ids in examples.items()]
    return [
        (str(one.get("id")), _keys(one.get("evidence")))
        for one in material.criteria
        if one.get("status") == "fail"
    ]


def _keys(found: object) -> list[int]:
    """Find the messages' names in anything: `producer:sequence`, as the verdict writes them."""
    return [
        int(producer) << 32 | int(sequence)
        for producer, sequence in MESSAGE.findall(found if isinstance(found, str) else repr(found))
    ]


def _story(kind: str, lines: list[str]) -> Fold:
    shown = [showable(line) for line in lines]
    anchored = f"message-{anchor(shown[0].removeprefix('message '))}"
    blocks = (Code("From due to its last sight", "\n".join(shown[1:])),)
    return Fold(f"{_word(kind)}: {shown[0]}", blocks, anchored, "fail" if _bad(kind) else "")
