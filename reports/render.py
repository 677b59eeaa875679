"""The report of a run, from its folder alone: a page, `summary.md` and `junit.xml`.

This is the door to the room, and light: what draws and reads is imported only when a report is
made, because the command line must start fast. `build.py` makes the report of a game day
(`report.html`), `migration/` that of a migration (`migration.html`).
"""

import json
from pathlib import Path


def render(folder: Path) -> Path:
    """Write the report's three files into a run folder, and return the page's path."""
    from gameday.history.migration.folder import is_migration  # noqa: PLC0415  It imports NumPy.

    if is_migration(folder):
        from reports.migration import write  # noqa: PLC0415

        document = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
        return write(folder, document)
    from reports.build import write_report  # noqa: PLC0415  It imports matplotlib and pandas.

    return write_report(folder)
