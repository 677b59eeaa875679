"""The messages that the verdict names as examples: which are told in full, and under which name.

A message is told once, however many criteria name it; those that stand for a loss come first.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gameday.history.verdicts import FAILING
from reports.material import Material
from reports.words import anchor

EACH_MAX = 10
ALL_MAX = 40
BAD = {verdict.name.lower() for verdict in FAILING} | {
    "unhandled", "corrupt", "unconfirmed_forever",
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """One message: what it stands for, and its story where the verdict tells it."""

    name: str
    kind: str
    lines: tuple[str, ...] = ()


def examples(material: Material) -> dict[str, Example]:
    """Return the messages to tell, by name (`producer:sequence`)."""
    told: dict[str, Example] = {}
    for one in sorted(_named(material), key=lambda one: one.kind not in BAD):
        known = told.get(one.name)
        if known is None and len(told) < ALL_MAX:
            told[one.name] = one
        elif known is not None and not known.lines:
            told[one.name] = Example(known.name, known.kind, one.lines)
    return told


def _named(material: Material) -> Iterator[Example]:
    given = (material.verdict.get("ledger") or {}).get("examples") or {}
    for kind, names in given.items():
        for name in names[:EACH_MAX]:
            yield Example(str(name), str(kind))
    for criterion in material.criteria:
        for row in (criterion.get("evidence") or {}).get("examples") or ():
            if isinstance(row, dict) and row.get("message"):
                lines = tuple(str(line) for line in row.get("story") or ())
                yield Example(str(row["message"]), str(criterion.get("id")), lines)


def key_of(name: str) -> int:
    """Return the history's key of a message's name."""
    producer, _, sequence = name.partition(":")
    return int(producer) << 32 | int(sequence)


def story_anchor(name: str) -> str:
    """Return the id of a message's story on the page."""
    return f"message-{anchor(name)}"
