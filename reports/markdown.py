"""The document as Markdown, for a job summary or a comment: the same words, without the charts.

Long tables are cut, and say so; data that only a chart draws is left to the page. What came from
outside is escaped, so that it stays text.
"""

import re

from reports.document import (
    STATUS_WORDS,
    Block,
    Cell,
    Chart,
    Code,
    Document,
    Fold,
    Heading,
    Section,
    Table,
    Text,
)

ROWS_MAX = 60
BYTES_MAX = 200_000
STATUS_MARKS = {"pass": "✅", "fail": "❌", "unknown": "❔", "not_tested": "\N{HEAVY MINUS SIGN}"}
DECISION_MARKS = {"GO": "✅", "NO-GO": "❌", "STAY": "⏸"}
SPECIAL = re.compile(r"([\\`*_\[\]|~])")
CUT = "\n\n*The rest is in {page}: a summary stays below 200 kB.*\n"


def write_markdown(document: Document) -> str:
    """Return the summary, never longer than a job summary may be."""
    banner, cut = document.banner, CUT.format(page=document.page)
    lines = [
        f"# {DECISION_MARKS.get(banner.decision, '❔')} {escape(banner.decision)}",
        f"Run {escape(document.run)}. {escape(banner.sentence)}",
        f"**{escape(banner.coverage)}**",
        *(f"- **{escape(cell.text)}**: {escape(cell.note)}" for cell in banner.failing),
        *(f"- {escape(name)}: {escape(', '.join(ids))}" for name, ids in banner.rest),
        *(f"- {escape(note)}" for note in banner.notes),
        _pairs(document.facts),
        *(_section(section) for section in document.sections),
    ]
    text = "\n\n".join(line for line in lines if line) + "\n"
    raw = text.encode()
    if len(raw) < BYTES_MAX:
        return text
    kept = raw[: BYTES_MAX - len(cut.encode()) - 1].decode(errors="ignore")
    return kept[: kept.rindex("\n")] + cut


def escape(text: str) -> str:
    """Keep text from outside from becoming markup, a mention or another row of a table."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    marked = SPECIAL.sub(r"\\\1", plain).replace("@", "&#64;").replace("://", ":&#47;&#47;")
    return re.sub(r"\s*\n\s*", " ", marked)


def _section(section: Section) -> str:
    parts = [f"## {escape(section.title)}", escape(section.lead)]
    return "\n\n".join(parts + [text for text in map(_block, section.blocks) if text])


def _block(block: Block) -> str:
    match block:
        case Table():
            return "" if block.folded else _table(block)
        case Chart():
            kept = [_table(table) for table in block.data if not table.folded]
            return "\n\n".join([f"*{escape(block.caption)}*", *kept])
        case Text():
            return escape(block.text)
        case Heading():
            return f"### {escape(block.text)}"
        case Code():
            fence = "`" * (3 + max((len(run) for run in re.findall("`+", block.text)), default=0))
            return f"{escape(block.title)}\n\n{fence}\n{block.text}\n{fence}"
        case Fold():
            parts = [f"**{escape(block.title)}**", *map(_block, block.blocks)]
            return "\n\n".join(part for part in parts if part)


def _table(table: Table) -> str:
    rows = [table.columns, tuple("---" for _ in table.columns)]
    lines = [f"| {' | '.join(map(escape, rows[0]))} |", f"| {' | '.join(rows[1])} |"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in table.rows[:ROWS_MAX]]
    if len(table.rows) > ROWS_MAX:
        lines.append(f"\n*{len(table.rows) - ROWS_MAX:,} more rows are in the page.*")
    return f"**{escape(table.caption)}**\n\n" + "\n".join(lines)


def _cell(cell: Cell) -> str:
    if cell.look == "status":
        return f"{STATUS_MARKS.get(cell.text, '')} {escape(STATUS_WORDS.get(cell.text, cell.text))}"
    return escape(str(cell))


def _pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    return " · ".join(f"{escape(name)} {escape(text)}" for name, text in pairs)
