"""What came from outside stays text, and secrets stay out."""

import json
import re
from pathlib import Path

import pytest

from reports.markdown import escape
from reports.material import clean, showable
from reports.render import render
from tests.unit.reports_folder import Page, change, judged

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the rendered folder of a run in which every name is an attack."""
    folder = judged(tmp_path_factory.mktemp("runs") / "run", messages=200)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["contract"]["requirements"][0]["statement"] = SCRIPT
    change(
        folder / "manifest.json", contract=manifest["contract"], run=f"run{SCRIPT}",
        command="gameday run --url amqp://ops:hunter2@broker:5672/%2f",
        host={"cookie": "hunter2", "cores": 2},
    )  # fmt: skip
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    first = verdict["criteria"][0]
    first.update(id=f"x/{IMAGE}", status="fail", reason=SCRIPT, details={SCRIPT: IMAGE})
    first["evidence"] = {"examples": [{"message": IMAGE, "story": [SCRIPT, "</code></pre>"]}]}
    change(folder / "verdict.json", criteria=verdict["criteria"], controls=[{"name": SCRIPT}])
    journal = folder / "journal.jsonl"
    lines = journal.read_text(encoding="utf-8").replace('"target": "r1"', '"target": "$<b>_1"')
    journal.write_text(lines, encoding="utf-8")
    render(folder)
    return folder


def test_no_markup_of_theirs(folder: Path) -> None:
    """No tag and no handler of theirs is on the page, and their text is."""
    page = Page((folder / "report.html").read_text(encoding="utf-8"))

    assert page.tags["script"] == page.tags["img"] == page.tags["b"] == 0
    assert [name for _, name, _ in page.attributes if name.startswith("on")] == []
    assert SCRIPT in page.text
    assert "$<b>_1" in page.text


def test_summary_keeps_it_text(folder: Path) -> None:
    """The summary holds no tag of theirs, but where a fence keeps it text."""
    whole = (folder / "summary.md").read_text(encoding="utf-8")
    summary = re.sub(r"^(```+)\n.*?^\1$", "", whole, flags=re.DOTALL | re.MULTILINE)

    assert "<script" not in summary
    assert "<img" not in summary


@pytest.mark.parametrize("name", ["report.html", "summary.md", "junit.xml"])
def test_no_secret_is_shown(folder: Path, name: str) -> None:
    """The password in the command's address and the cookie of the host are in no file."""
    assert "hunter2" not in (folder / name).read_text(encoding="utf-8")


def test_escape_keeps_a_row_one_row() -> None:
    """A pipe, a line break and a link cannot leave their table cell."""
    assert escape("a|b\nc [x](y)") == "a\\|b c \\[x\\](y)"


def test_hidden_characters_are_spelt_out() -> None:
    """Characters that reorder or hide text are shown by their numbers."""
    assert showable("a\u202eb\x00") == "a\\u202eb\\u0000"


def test_secrets_are_masked_by_name_and_place() -> None:
    """A password is masked under its name, in an address, and deep inside."""
    found = clean({"a": [{"Password": "x"}], "url": "amqps://u:p@h/v"})

    assert found == {"a": [{"Password": "***"}], "url": "amqps://***@h/v"}
