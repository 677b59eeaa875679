"""The report as a document: a banner and sections of blocks, before any markup.

Each section is built once, from the run folder, and written twice: as HTML with its charts and as
Markdown without them. So the two cannot disagree. Nothing here is escaped: the writers do that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

STATUSES = ("fail", "unknown", "not_tested", "pass")
STATUS_WORDS = {
    "pass": "pass",
    "fail": "fail",
    "unknown": "unknown",
    "not_tested": "not tested",
}


@dataclass(frozen=True)
class Cell:
    """One value of a table, with how it reads: a number, a code, a status, or plain text."""

    text: str
    look: str = "text"
    href: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.note})" if self.note else self.text


@dataclass(frozen=True)
class Table:
    """Rows under named columns; the first column names its row."""

    block: ClassVar[str] = "table"
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    anchors: tuple[str, ...] = ()
    cards: bool = False
    folded: bool = False


@dataclass(frozen=True)
class Chart:
    """Drawings under a caption that states the finding, and the table of what they draw."""

    block: ClassVar[str] = "chart"
    caption: str
    drawings: tuple[str, ...]
    data: tuple[Table, ...]
    wide: bool = False


@dataclass(frozen=True)
class Text:
    """A paragraph; `tone` is plain, warning or missing."""

    block: ClassVar[str] = "text"
    text: str
    tone: str = "plain"


@dataclass(frozen=True)
class Code:
    """Something to copy as it stands."""

    block: ClassVar[str] = "code"
    title: str
    text: str


@dataclass(frozen=True)
class Fold:
    """Something that is read on demand: a message's story, a criterion's evidence."""

    block: ClassVar[str] = "fold"
    title: str
    blocks: tuple["Block", ...]
    anchor: str = ""
    status: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    block: ClassVar[str] = "heading"
    text: str


Block = Table | Chart | Text | Code | Fold | Heading


@dataclass(frozen=True)
class Section:
    """One of the report's parts, with the sentence that sums it up."""

    anchor: str
    title: str
    lead: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Tile:
    """One requirement on the board: its id, its status, and where its row is."""

    id: str
    status: str
    href: str
    title: str


@dataclass(frozen=True)
class Banner:
    """What a release manager reads first: the decision, why, and for how much of the contract."""

    decision: str
    exit_code: str
    sentence: str
    coverage: str
    failing: tuple[Cell, ...]
    more_failing: int
    notes: tuple[str, ...]
    tiles: tuple[Tile, ...]
    rest: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Document:
    """The whole report."""

    run: str
    title: str
    facts: tuple[tuple[str, str], ...]
    banner: Banner
    sections: tuple[Section, ...]
    page: str = "report.html"


def number(text: str, note: str = "") -> Cell:
    """Return a cell that is aligned as a number."""
    return Cell(text, "number", note=note)


def code(text: str, href: str = "") -> Cell:
    """Return a cell for an id, a path or a command."""
    return Cell(text, "code", href)


def status(name: str) -> Cell:
    """Return a cell for a criterion's status, shown by word and shape."""
    return Cell(name, "status")


def texts(values: Sequence[object]) -> tuple[Cell, ...]:
    """Return plain cells."""
    return tuple(Cell(str(value)) for value in values)
