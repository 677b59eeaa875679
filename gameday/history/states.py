"""What a run's state store holds in the end: which messages are in work, and how each one ended.

A consumer that `tracks` notes each message's correlation id when it begins; one that `stores` an
ending clears it, and keeps the status, once for each id (`gameday/traffic/states.py`). Reading it
needs no broker: the file lies in the run folder.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gameday.errors import HarnessError

FILE = Path("effects") / "states.sqlite"


@dataclass(frozen=True)
class States:
    """The ids that are still in work, and the status of each that has ended."""

    working: frozenset[str]
    stored: Mapping[str, str]


def read_states(folder: Path) -> States | None:
    """Read a run folder's state store; none where no service kept one."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
            working = frozenset(row[0] for row in store.execute("SELECT id FROM working"))
            stored = dict(store.execute("SELECT id, status FROM stored"))
    except sqlite3.Error as error:
        raise HarnessError(f"{path} cannot be read: {error}") from error
    return States(working, stored)


def message_of(identifier: str) -> int:
    """Return the key of the message whose chain an id names: `Source` writes both into it."""
    return int(identifier[:8], 16) << 32 | int(identifier[-12:], 16)
