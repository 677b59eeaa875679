"""The report of a run, from its folder alone: `report.html`, `summary.md` and `junit.xml`.

This is the door to the room, and light: what draws and reads is imported only when a report is
made, because the command line must start fast. `build.py` makes the report.
"""

from pathlib import Path


def render(folder: Path) -> Path:
    """Write the report's three files into a run folder, and return the page's path."""
    from reports.build import write_report  # noqa: PLC0415  It imports matplotlib and pandas.

    return write_report(folder)
