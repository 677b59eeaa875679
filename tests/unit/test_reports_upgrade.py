"""The report of an upgrade: the move is told step by step, with the new broker's own words."""

from copy import deepcopy
from pathlib import Path

from gameday.history.sides import UPGRADE
from gameday.history.verdict import judge
from reports.render import render
from tests.fake_upgrade import STEPS, written
from tests.fakes import simulate


def told(run_folder: Path) -> tuple[str, str]:
    """Judge a folder and write its report; return the page and the summary."""
    judge(run_folder)
    page = render(run_folder)
    return page.read_text(), (run_folder / "summary.md").read_text().replace("\\_", "_")


def test_the_move_is_told_step_by_step(tmp_path: Path) -> None:
    """Each step has its row with its length; what green refused is quoted, what changed listed."""
    page, summary = told(deepcopy(written()).write(tmp_path / "run"))

    assert "## The move" in summary
    assert all(f"| {step} |" in summary for step in STEPS)
    assert (
        "| move_publishers | publishers go to green once everything is answered on blue" in summary
    )
    assert "ha-mode all are not recognised policy settings" in page
    assert "policy mirror is left out: it only mirrors" in summary
    assert "new messages taken before an older one of their queue | 0 of " in summary
    assert "3.10.8, then 4.3.6" in page


def test_a_step_that_never_came_is_told(tmp_path: Path) -> None:
    """A move that stopped half way shows where."""
    run = deepcopy(written())
    run.journal.lines = [each for each in run.journal.lines if each.get("step") != "retire_blue"]

    _, summary = told(run.write(tmp_path / "run"))

    assert (
        "| retire_blue | blue is seen to be empty and alone, and is given up | never |" in summary
    )


def test_other_runs_have_no_move(tmp_path: Path) -> None:
    """A game day's report is as it was, also where its manifest says something strange."""
    run = simulate(300, 1)
    run.manifest[UPGRADE] = "yes"

    page, summary = told(run.write(tmp_path / "run"))

    assert "## The move" not in summary
    assert "then " not in page.partition("RabbitMQ")[2][:60]
