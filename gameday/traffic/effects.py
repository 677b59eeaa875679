"""Idempotency keys: a store that outlives its worker, so that a message takes effect once.

The effect is taken, and on disk, before the delivery is acked: a worker that is killed between the
two gets the message again, and finds its key there. One file a consuming service, shared by all of
its workers; `INSERT OR IGNORE` decides between two that have the same message at once.
"""

import sqlite3
from pathlib import Path
from time import monotonic_ns

from gameday.errors import HarnessError
from gameday.history.ledger import LedgerWriter
from gameday.history.records import Kind
from gameday.traffic.deliveries import Delivery

BUSY_WITHIN_S = 5.0


class EffectStore:
    """The keys that a consuming service has seen take effect."""

    def __init__(self, folder: Path, service: str, ledger: LedgerWriter) -> None:
        path = folder / "effects" / f"{service}.sqlite"
        self._ledger = ledger
        try:
            path.parent.mkdir(exist_ok=True)
            self._store = sqlite3.connect(path, timeout=BUSY_WITHIN_S, isolation_level=None)
            # As the ledger: what was written survives the process, not a loss of power.
            self._store.execute("PRAGMA journal_mode = WAL")
            self._store.execute("PRAGMA synchronous = OFF")
            self._store.execute("CREATE TABLE IF NOT EXISTS effect (key TEXT PRIMARY KEY)")
        except (OSError, sqlite3.Error) as error:
            raise HarnessError(f"{path}: effects cannot be kept: {error}") from error

    def take(self, delivery: Delivery) -> bool:
        """Let a message take effect, unless its key is there; an effect taken is recorded."""
        key = str(delivery.properties.message_id)
        taken = self._store.execute("INSERT OR IGNORE INTO effect VALUES (?)", (key,)).rowcount == 1
        if taken:
            self._ledger.append(
                Kind.EFFECT, monotonic_ns(), sequence=delivery.sequence,
                producer=delivery.producer, attempt=delivery.attempt,
                detail=self._ledger.intern("effect", key),
            )  # fmt: skip
        return taken

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()
