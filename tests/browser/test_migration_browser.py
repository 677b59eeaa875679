"""The migration's report in a real browser: its silence, and its width on a phone and a desk."""

import re
from pathlib import Path

import pytest

from gameday.history.migration.verdict import judge
from reports.migration.page import PAGE
from reports.render import render
from tests.browser.test_report_browser import FRAME, browse, requested
from tests.fake_migration_runs import good
from tests.mutants import damage_migration


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migration in which much went wrong, with its report."""
    run = good()
    damage_migration.lose_under_a_fault(run)
    damage_migration.apply_twice(run)
    folder = run.write(tmp_path_factory.mktemp("runs") / "run")
    judge(folder)
    return render(folder).parent


def test_console_is_silent(folder: Path) -> None:
    """The browser has nothing to say about the page: no error, no blocked resource."""
    done = browse(folder, "--enable-logging=stderr", "--v=0", "--dump-dom",
                  (folder / PAGE).as_uri())  # fmt: skip

    assert "NO-GO" in done.stdout
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []


def test_nothing_is_requested(folder: Path) -> None:
    """The page asks the network for nothing."""
    assert requested(folder, folder / PAGE) == []


@pytest.mark.parametrize("width", [375, 1280])
def test_no_sideways_scroll(width: int, folder: Path) -> None:
    """The page is as wide as its window: what is wider scrolls within itself."""
    frame = folder / "frame.html"
    text = FRAME.replace("{page}", PAGE).replace("375px", f"{width}px")
    frame.write_text(text, encoding="utf-8")
    done = browse(folder, "--dump-dom", frame.as_uri())
    frame.unlink()
    widths = re.search(r'data-widths="(\d+) (\d+)"', done.stdout)

    assert widths is not None
    assert widths[1] == widths[2] == str(width)
