"""The three files of a report, written into a run's folder: a page, `summary.md`, `junit.xml`."""

from pathlib import Path

from gameday.errors import UsageError
from reports.document import Document
from reports.html import write_html
from reports.markdown import write_markdown


def write_files(folder: Path, document: Document, junit: str) -> Path:
    """Write them, and return the page's path; `UsageError` where nobody may write."""
    page = folder / document.page
    try:
        page.write_text(write_html(document), encoding="utf-8")
        (folder / "summary.md").write_text(write_markdown(document), encoding="utf-8")
        (folder / "junit.xml").write_text(junit, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{folder}: the report cannot be written ({error.strerror}); copy the folder to where "
            "you may write, and run `gameday report` on the copy"
        ) from error
    return page
