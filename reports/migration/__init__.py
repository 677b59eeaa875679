"""The migration's report: `write(folder, document)` makes `migration.html` and `summary.md`."""

from pathlib import Path
from typing import Any


def write(folder: Path, document: dict[str, Any]) -> Path:
    """Write a verdict's page, summary and JUnit file into its folder; return the page's path."""
    from reports.migration.page import write_page  # noqa: PLC0415  It imports matplotlib.

    return write_page(folder, document)
