"""What the fakes' processes wrote down, still in memory: rows that a mutant can damage.

A `Tape` becomes one ledger, by the real `LedgerWriter`; names are interned as rows need them.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.history.ledger import LedgerWriter
from gameday.history.records import Kind


@dataclass(slots=True)
class Row:
    """One record to be; the fields are those of `LedgerWriter.append`."""

    kind: int
    time_ns: int
    sequence: int = 0
    tag: int = 0
    detail: int = 0
    producer: int = 0
    channel: int = 0
    queue: int = 0
    attempt: int = 0
    priority: int = 0
    flags: int = 0
    extra: int = 0

    @property
    def message(self) -> tuple[int, int]:
        """The message that the row names."""
        return self.producer, self.sequence


@dataclass
class Tape:
    """The rows and names of one process."""

    process: int
    role: str
    scope: str = "work"
    rows: list[Row] = field(default_factory=list)
    names: dict[str, dict[str, Any]] = field(default_factory=dict)
    shuffled: bool = False

    def add(self, kind: Kind, time_ns: int, **fields: int) -> Row:
        """Write one row down."""
        row = Row(kind, time_ns, **fields)
        self.rows.append(row)
        return row

    def name(self, table: str, value: Any) -> int:
        """Intern a value as the ledger's writer will."""
        known = self.names.setdefault(table, {})
        key = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        known.setdefault(key, value)
        return list(known).index(key)

    def of(self, *kinds: Kind) -> list[Row]:
        """Return the rows of some kinds, in order."""
        return [row for row in self.rows if row.kind in kinds]

    def write(self, folder: Path, run: str) -> Path:
        """Write the ledger, rows in the order of their times."""
        with LedgerWriter(folder, run, self.process, self.role, self.scope) as writer:
            for table, values in self.names.items():
                for value in values.values():
                    writer.intern(table, value)
            for row in sorted(self.rows, key=lambda row: row.time_ns, reverse=self.shuffled):
                writer.append(
                    row.kind, row.time_ns, row.sequence, row.tag, row.detail, row.producer,
                    row.channel, row.queue, row.attempt, row.priority, row.flags, row.extra,
                )  # fmt: skip
            return writer.path
