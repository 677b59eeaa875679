"""The page of a judged run: its parts, its links, its bytes."""

import json
import re
from pathlib import Path

import pytest

from reports.markdown import BYTES_MAX
from reports.render import render
from reports.words import anchor
from tests.unit.reports_folder import Page, judged, page_of

SECTIONS = [
    "criteria", "played", "timeline", "ledger", "latency", "recovery", "generator", "controls",
    "untested", "provenance",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a judged run that lost a confirmed message, with its report."""
    return render(judged(tmp_path_factory.mktemp("runs") / "run", bug="lose_confirmed")).parent


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    """Return the page's text."""
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    """Return the page's tags."""
    return Page(text)


def test_sections_in_order(page: Page) -> None:
    """The page holds every section of a run that compares nothing, in the order of the nav."""
    found = [value for tag, name, value in page.attributes if (tag, name) == ("section", "id")]

    assert found == SECTIONS


def test_title_names_run_and_decision(folder: Path, text: str) -> None:
    """The title carries the run's id and the decision."""
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    title = re.search("<title>(.*)</title>", text)

    assert title is not None
    assert verdict["run"] in title[1]
    assert verdict["decision"] in title[1]


def test_no_network_reference(text: str, page: Page) -> None:
    """Nothing on the page points outside it: links are fragments, and the style loads nothing."""
    assert page.outside(text) == []


def test_links_lead_somewhere(page: Page) -> None:
    """Every fragment has its target, and no id is given twice."""
    assert page.broken_links() == []


def test_same_folder_same_bytes(folder: Path) -> None:
    """Rendering again changes no byte of the three files."""
    names = ("report.html", "summary.md", "junit.xml")
    before = [(folder / name).read_bytes() for name in names]
    render(folder)

    assert before == [(folder / name).read_bytes() for name in names]


def test_lost_message_is_told(folder: Path, page: Page) -> None:
    """The first lost message stands on the page with the line of its publish."""
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    lost = verdict["ledger"]["examples"]["lost"][0]

    assert f"lost: message {lost}" in page.text
    assert re.search(r"\d+\.\d{3} s attempt 1\.0 published to", page.text)


def test_every_criterion_is_shown(folder: Path, page: Page) -> None:
    """Each criterion that was judged has its row and its evidence."""
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    ids = set(page.values("id"))
    for criterion in verdict["criteria"]:
        assert f"criterion-{anchor(criterion['id'])}" in ids
        assert f"evidence-{anchor(criterion['id'])}" in ids


def test_headers_have_a_scope(page: Page) -> None:
    """Every table header says whether it heads a column or a row."""
    assert page.tags["th"] == len([one for one in page.attributes if one[:2] == ("th", "scope")])


def test_summary_is_short_and_decides(folder: Path) -> None:
    """The summary begins with the decision and stays below its limit."""
    summary = (folder / "summary.md").read_text(encoding="utf-8")

    assert summary.splitlines()[0].endswith("NO-GO")
    assert len(summary.encode()) < BYTES_MAX


def test_unread_history_is_said(tmp_path: Path) -> None:
    """A ledger of another format is named on the page, and the verdict still stands."""
    folder = judged(tmp_path / "run", messages=200)
    next((folder / "history").glob("*.ledger")).write_bytes(b"not a ledger")
    words = Page(page_of(folder)).text

    assert "history: cannot be read (HarnessError" in words
    assert "Criteria" in words
