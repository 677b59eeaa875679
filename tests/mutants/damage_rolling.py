"""Damages to a run whose nodes roll to another version."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.sides import UPGRADE
from tests.fake_folder import FakeRun


def stop_at_the_second(run: FakeRun) -> None:
    """The second node never came back."""
    run.journal.lines.remove(run.journal.of(UPGRADE, step="roll_r2", at="end")[0])


def start_the_old_one(run: FakeRun) -> None:
    """A node was started again as what it had been."""
    run.journal.of(UPGRADE, step="roll_r2", at="end")[0]["after"] = "4.2.5"


def restart_nobody(run: FakeRun) -> None:
    """A node's process is the one from before its step."""
    run.journal.of(UPGRADE, step="roll_r3", at="end")[0]["pid_after"] = 102


def leave_one_out(run: FakeRun) -> None:
    """One node is not among the steps at all."""
    run.manifest[UPGRADE]["steps"].remove("roll_r3")
    run.journal.lines = [each for each in run.journal.lines if each.get("step") != "roll_r3"]
