"""A run that crashed leaves half a folder: its report says what is missing, and is made."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.errors import UsageError
from reports.render import render
from tests.unit.reports_folder import Page, judged, page_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a whole judged run."""
    return judged(tmp_path_factory.mktemp("runs") / "run", messages=200)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """Return a copy of the run that a test may damage."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _empty_ledgers(folder: Path) -> None:
    for path in (folder / "history").glob("*"):
        path.write_bytes(path.read_bytes()[:4096] if path.suffix == ".ledger" else b"")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no verdict": (lambda run: (run / "verdict.json").unlink(), "verdict.json: not written"),
    "no metrics": (lambda run: shutil.rmtree(run / "metrics"), "samples.jsonl: not written"),
    "no history": (lambda run: shutil.rmtree(run / "history"), "no latency to show"),
    "no journal": (lambda run: (run / "journal.jsonl").unlink(), "journal.jsonl: not written"),
    "no plan": (lambda run: (run / "plan.json").unlink(), "plan.json: not written"),
    "no manifest": (lambda run: (run / "manifest.json").unlink(), "manifest.json: not written"),
    "torn verdict": (lambda run: _cut(run / "verdict.json"), "verdict.json: cannot be read"),
    "torn journal": (lambda run: _cut(run / "journal.jsonl"), "is torn"),
    "empty ledgers": (_empty_ledgers, "no latency to show"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_said(folder: Path, name: str) -> None:
    """Whatever one file lacks, the page is made and says so."""
    damage, sentence = DAMAGES[name]
    damage(folder)

    assert sentence in Page(page_of(folder)).text


def test_without_a_verdict_inconclusive(folder: Path) -> None:
    """A run that nobody judged is INCONCLUSIVE on the page, in the summary and in JUnit."""
    (folder / "verdict.json").unlink()
    page = page_of(folder)

    assert 'data-decision="INCONCLUSIVE"' in page
    assert (folder / "summary.md").read_text(encoding="utf-8").startswith("# ❔ INCONCLUSIVE")
    assert '<error type="unknown"' in (folder / "junit.xml").read_text(encoding="utf-8")


def test_an_empty_folder_has_a_report(tmp_path: Path) -> None:
    """Even a folder that holds nothing is reported, as INCONCLUSIVE."""
    assert "INCONCLUSIVE" in page_of(tmp_path)


def test_no_folder_is_a_usage_error(tmp_path: Path) -> None:
    """A path that is no folder ends in one sentence with the path."""
    with pytest.raises(UsageError, match="nowhere: no run folder"):
        render(tmp_path / "nowhere")
