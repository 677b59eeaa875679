"""What an application has written down of its work: which still runs, and how each ended.

The file is made by `gameday/traffic/outcome_store.py` during the run and stays in its folder.
"""

import sqlite3
from pathlib import Path

from gameday.errors import HarnessError

FILE_NAME = Path("effects") / "outcomes.sqlite"
TABLES = (
    "CREATE TABLE IF NOT EXISTS running (chain TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS outcome (chain TEXT PRIMARY KEY, outcome TEXT NOT NULL)",
)


def still_running(folder: Path) -> tuple[str, ...] | None:
    """Return the chains whose work is noted as running, sorted; none when nothing was kept."""
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
            rows = store.execute("SELECT chain FROM running ORDER BY chain").fetchall()
    except sqlite3.Error as error:
        raise HarnessError(f"{path} cannot be read: {error}") from error
    return tuple(str(row[0]) for row in rows)
