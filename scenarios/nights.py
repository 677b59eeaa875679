"""`gameday trend`: keep many nights' verdicts in one file, draw them, and name regressions."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gameday.errors import UsageError
from gameday.history.folder import reports_dir
from gameday.history.nights import add_nights, night_of, regressions
from reports.trend import rows, write_trend

FILE_NAME = "nights.jsonl"
PAGE_NAME = "trend.html"


def trend(folders: Sequence[Path], file: Path | None) -> int:
    """Add runs to the file, show every series, and return how many things regressed."""
    path, console = file or reports_dir() / FILE_NAME, Console()
    new = [night_of(folder) for folder in folders]
    for night in new:
        if not night.claimed:
            text = f"{night.run} is left out: one scenario or plan claims nothing"
            console.print(text, highlight=False, soft_wrap=True)
    nights = add_nights(path, [night for night in new if night.claimed])
    if not nights:
        raise UsageError(f"{path}: has no nights yet; name run folders of suites to begin with.")
    broken = regressions(nights)
    table = Table("what", "nights, the newest last", "newest", "passed", box=None)
    for row in rows(nights):
        signs = "".join(mark.sign for mark in row.marks)
        passed = f"{row.newest.passed} of {row.newest.claimed}"
        table.add_row(row.name, signs, row.newest.decision, passed)
    console.print(table)
    for each in broken:
        console.print(f"REGRESSION: {each.sentence}", highlight=False, soft_wrap=True)
    page = path.with_name(PAGE_NAME)
    write_trend(page, nights, broken)
    console.print(f"drawn: {page}", highlight=False, soft_wrap=True)
    return len(broken)
