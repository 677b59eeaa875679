"""Criteria of a migration: every one with its figure, its threshold, and the tasks that show it."""

from reports.document import Block, Code, Fold, Heading, Section, Table, Text
from reports.migration.subject import Json, Subject
from reports.sections.criteria import COLUMNS, criteria_lead, criterion_anchor, criterion_row
from reports.sections.evidence import details
from reports.words import anchor, plural

ORDER = ("fail", "unknown", "not_tested", "pass")


def criteria(subject: Subject) -> Section:
    """Return the table of criteria, the worst first, and below it each one's evidence."""
    found = sorted(subject.document["criteria"], key=lambda one: ORDER.index(one["status"]))
    open_ = [one for one in found if one["status"] != "pass"]
    passed = [one for one in found if one["status"] == "pass"]
    blocks: list[Block] = []
    if open_:
        blocks.append(_table("Criteria that do not pass, the worst first", open_))
    if passed:
        blocks.append(_table("Criteria that pass", passed, folded=bool(open_)))
    blocks += [Heading("Evidence"), *(_fold(one) for one in open_)]
    if passed:
        kept = tuple(_fold(one) for one in passed)
        blocks.append(Fold(f"Evidence of {plural(len(passed), 'criterion', 'criteria')} that pass",
                           kept))  # fmt: skip
    left = len(subject.document["untested"])
    return Section("criteria", "Criteria", criteria_lead(found, left), tuple(blocks))


def _table(caption: str, found: list[Json], *, folded: bool = False) -> Table:
    return Table(
        caption, COLUMNS, tuple(criterion_row(one) for one in found),
        anchors=tuple(criterion_anchor(one) for one in found), cards=True, folded=folded,
    )  # fmt: skip


def criterion_link(one: Json) -> str:
    """Return the link to a criterion's row."""
    return f"#{criterion_anchor(one)}"


def _fold(one: Json) -> Fold:
    blocks: list[Block] = [Text(str(one["reason"]))]
    if one["status"] == "fail":
        blocks.append(Text(f"By the rules this makes {one['when_failed']}."))
    blocks += details(one["details"])
    blocks += [
        Code(f"Task {example['message']}", "\n".join(map(str, example["story"])))
        for example in one["evidence"]["examples"]
    ]
    name = str(one["id"])
    return Fold(name, tuple(blocks), f"evidence-{anchor(name)}", str(one["status"]))
