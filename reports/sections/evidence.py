"""A criterion's evidence of any JSON shape as blocks: figures, rows, and examples to look up."""

from collections.abc import Collection, Iterator

from reports.document import Block, Cell, Code, Table, Text, code
from reports.examples import story_anchor
from reports.words import plural, quantity

ROWS_MAX = 200


def details(found: object, title: str = "Figures") -> Iterator[Block]:
    """Yield blocks: rows as a table, figures by name as pairs."""
    if isinstance(found, dict):
        yield from _pairs(found, title)
    elif isinstance(found, list) and found:
        yield from _list(found, title)
    elif found:
        yield Text(quantity(found))


def _pairs(found: dict[str, object], title: str) -> Iterator[Block]:
    nested = {key: item for key, item in found.items() if isinstance(item, dict | list)}
    plain = {key: item for key, item in found.items() if key not in nested}
    if plain:
        rows = tuple((Cell(_word(key)), Cell(quantity(item))) for key, item in plain.items())
        yield Table(title, ("What", "Found"), rows)
    for key, item in nested.items():
        yield from details(item, _word(key).capitalize())


def _list(found: list[object], title: str) -> Iterator[Block]:
    shown = found[:ROWS_MAX]
    more = f", the first {ROWS_MAX}" if len(found) > ROWS_MAX else ""
    caption = f"{title}: {plural(len(found), 'row')}{more}"
    rows = [row for row in shown if isinstance(row, dict)]
    if len(rows) == len(shown):
        columns = tuple(dict.fromkeys(key for row in rows for key in row))
        cells = tuple(tuple(Cell(quantity(row.get(key))) for key in columns) for row in rows)
        yield Table(caption, tuple(map(_word, columns)), cells)
    else:
        yield Code(caption, "\n".join(quantity(row) for row in shown))


def messages(names: list[str], told: Collection[str]) -> Table:
    """Return the example messages as a table whose rows lead to their stories."""
    rows = tuple((code(name, f"#{story_anchor(name)}" if name in told else ""),) for name in names)
    return Table("Example messages, with their stories", ("Message",), rows)


def _word(key: str) -> str:
    return str(key).replace("_", " ")
