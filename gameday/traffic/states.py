"""The state store of a system: what is in work, and how each message ended.

It stands for the keys that an application keeps while it works on something. Beginning and storing
are both safe to repeat: what has ended begins no more, and an ending is stored once for each id,
whichever comes first, while the working state is cleared by every one of them.
"""

import sqlite3
from pathlib import Path
from time import monotonic_ns

from gameday.errors import HarnessError
from gameday.history.ledger import LedgerWriter
from gameday.history.records import Kind
from gameday.history.states import FILE
from gameday.traffic.deliveries import Delivery

BUSY_WITHIN_S = 5.0
TABLES = (
    "CREATE TABLE IF NOT EXISTS working (id TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS stored (id TEXT PRIMARY KEY, status TEXT NOT NULL)",
)
BEGIN = (
    "INSERT OR IGNORE INTO working SELECT :id WHERE NOT EXISTS "
    "(SELECT 1 FROM stored WHERE id = :id)"
)


class StateStore:
    """The working states and endings of one run, shared by all of its workers."""

    def __init__(self, folder: Path, ledger: LedgerWriter) -> None:
        path = folder / FILE
        self._ledger = ledger
        try:
            path.parent.mkdir(exist_ok=True)
            self._store = sqlite3.connect(path, timeout=BUSY_WITHIN_S, isolation_level=None)
            # As the ledger: what was written survives the process, not a loss of power.
            self._store.execute("PRAGMA journal_mode = WAL")
            self._store.execute("PRAGMA synchronous = OFF")
            for table in TABLES:
                self._store.execute(table)
        except (OSError, sqlite3.Error) as error:
            raise HarnessError(f"{path}: states cannot be kept: {error}") from error

    def begin(self, identifier: str) -> None:
        """Note that work on an id begins, unless it has ended already."""
        self._store.execute(BEGIN, {"id": identifier})

    def end(self, identifier: str, status: str, delivery: Delivery) -> bool:
        """Store how an id ended, if nobody did, and clear its working state; record the effect."""
        self._store.execute("BEGIN IMMEDIATE")
        values = (identifier, status)
        kept = self._store.execute("INSERT OR IGNORE INTO stored VALUES (?, ?)", values)
        self._store.execute("DELETE FROM working WHERE id = ?", (identifier,))
        self._store.execute("COMMIT")
        if kept.rowcount == 1:
            self._ledger.append(
                Kind.EFFECT, monotonic_ns(), sequence=delivery.sequence,
                producer=delivery.producer, attempt=delivery.attempt,
                detail=self._ledger.intern("effect", identifier),
            )  # fmt: skip
        return kept.rowcount == 1

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()
