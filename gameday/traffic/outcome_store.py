"""Which work is running, and how each ended: what an application keeps of it beside the broker.

Work is known by the correlation id of its chain. Whoever begins it notes that it runs; whoever
hears how it ended writes the outcome down, once, and removes the note. One file for all services
of a run, as their database would be; what is left of it is read when the run is judged.
"""

import sqlite3
from pathlib import Path
from time import monotonic_ns

from gameday.errors import HarnessError
from gameday.history.endings import FILE_NAME, TABLES
from gameday.history.ledger import LedgerWriter
from gameday.history.records import Kind
from gameday.traffic.deliveries import Delivery

BUSY_WITHIN_S = 5.0


class OutcomeStore:
    """The notes of running work, and the outcomes."""

    def __init__(self, folder: Path, ledger: LedgerWriter) -> None:
        path = folder / FILE_NAME
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
            raise HarnessError(f"{path}: outcomes cannot be kept: {error}") from error

    def begin(self, chain: str) -> None:
        """Note that work runs, unless its outcome is known already: then it is done again."""
        self._store.execute(
            "INSERT OR IGNORE INTO running SELECT ? WHERE NOT EXISTS "
            "(SELECT 1 FROM outcome WHERE chain = ?)",
            (chain, chain),
        )

    def end(self, channel: int, delivery: Delivery, chain: str, outcome: str) -> None:
        """Write an outcome down, unless there is one, and remove the note that the work runs."""
        taken = self._store.execute(
            "INSERT OR IGNORE INTO outcome VALUES (?, ?)", (chain, outcome)
        ).rowcount
        if taken == 1:
            self._ledger.append(
                Kind.OUTCOME, monotonic_ns(), sequence=delivery.sequence, tag=delivery.tag,
                producer=delivery.producer, channel=channel, attempt=delivery.attempt,
                detail=self._ledger.intern("outcome", outcome),
            )  # fmt: skip
        self._store.execute("DELETE FROM running WHERE chain = ?", (chain,))

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()
