"""Who was struck: a leader, a follower, everybody in turn. None is taken for another."""

from pathlib import Path
from typing import Any

import pytest

from gameday.history.checks import HARNESS, look
from gameday.history.finding import Finding, Status
from gameday.history.run import load_run
from tests.fake_broker import SECOND
from tests.fakes import simulate

LEADS = {"leads": ["builds", "deployments"], "follows": []}
FOLLOWS = {"leads": [], "follows": ["builds", "deployments"]}


def exposed(folder: Path, roles: dict[str, Any] | None, fault_class: str) -> Finding:
    """Judge the exposure of a run whose kill of a node is noted so."""
    run = simulate(2500, 1)
    for line in run.journal.of("fault", episode="e2"):
        line["fault_class"] = fault_class
        if roles is not None and line["step"] == "intent":
            line["roles"] = roles
    return look(HARNESS["exposure"], "exposure", load_run(run.write(folder / "run")), {})


@pytest.mark.parametrize(
    ("roles", "fault_class"),
    [(None, "node_kill"), (LEADS, "node_kill"), (FOLLOWS, "follower_kill"), (None, "node_rolling")],
)
def test_a_fault_of_whom_it_should_strike_is_exposed(
    tmp_path: Path, roles: dict[str, Any] | None, fault_class: str
) -> None:
    """A leader that led, a follower that followed, and all in turn: each with a backlog."""
    assert exposed(tmp_path, roles, fault_class).status == Status.PASS


@pytest.mark.parametrize(
    ("roles", "fault_class", "said"),
    [
        (FOLLOWS, "node_kill", "its victim led no queue in use"),
        (LEADS, "follower_kill", "its victim led builds"),
        ({"leads": [], "follows": []}, "follower_kill", "held no copy of a queue in use"),
        (None, "follower_kill", "nobody looked what its victim was"),
    ],
)
def test_a_fault_of_somebody_else_is_vacuous(
    tmp_path: Path, roles: dict[str, Any] | None, fault_class: str, said: str
) -> None:
    """The kill of a follower is no failover, and that of a leader no kill of a follower."""
    finding = exposed(tmp_path, roles, fault_class)

    assert (finding.status, said in finding.reason) == (Status.UNKNOWN, True), finding.reason


@pytest.mark.parametrize("fault_class", ["node_rolling", "node_stop", "node_loss"])
def test_what_takes_its_time_is_at_risk_when_it_begins(fault_class: str, tmp_path: Path) -> None:
    """A restart of all, or a stop in good order, is applied when its backlog is long gone."""
    run = simulate(2500, 1)
    lines = {line["step"]: line for line in run.journal.of("fault", episode="e2")}
    for line in lines.values():
        line["fault_class"] = fault_class
    lines["applied"]["time_ns"] = lines["restored"]["time_ns"]

    finding = look(HARNESS["exposure"], "exposure", load_run(run.write(tmp_path / "run")), {})

    assert finding.status == Status.PASS, finding.reason


@pytest.mark.parametrize(("step", "shifted_s"), [("intent", -3), ("applied", 4)])
def test_a_command_is_no_exposure_where_it_may_have_met_nothing(
    step: str, shifted_s: int, tmp_path: Path
) -> None:
    """It struck somewhere between its beginning and its end: a backlog at one of them is none."""
    run = simulate(2500, 1)
    lines = {line["step"]: line for line in run.journal.of("fault", episode="e2")}
    lines[step]["time_ns"] += shifted_s * SECOND

    finding = look(HARNESS["exposure"], "exposure", load_run(run.write(tmp_path / "run")), {})

    assert finding.status == Status.UNKNOWN
    assert "e2.1 (kill_node) struck when" in finding.reason
