"""A whole run, as a user starts it: decided, judged again the same, reported, and nothing left."""

import json
import os
import signal

import jsonschema
import pytest
from run_stand import Runs, game, plan, whole_plan

from chaos.journal import verify
from gameday.history.verdict import SCHEMA

__all__ = ["game"]

RUN_WITHIN_S = 420
DESIGN = ("--alternative", "quorum-builds")
"""Not the contract's own: on 3.10.8 a mirror of that one crashes of a killed leader, and takes a
core and 4 GiB for a minute and more while it prints its state, beside whatever else is tested."""
EXIT_CODES = {"GO": 0, "NO-GO": 1, "INCONCLUSIVE": 3}


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_a_run(game: Runs) -> None:
    """A control and a killed leader end in a decision; its folder judges again to the byte."""
    process = game.start(whole_plan(), *DESIGN)

    code = process.wait(RUN_WITHIN_S)

    assert code in {0, 1, 3}, game.said()[-3000:]
    assert "Traceback" not in game.said()
    folder = game.latest
    first = (folder / "verdict.json").read_bytes()
    verdict = json.loads(first)
    jsonschema.validate(verdict, json.loads(SCHEMA.read_text()))
    assert verdict["exit_code"] == code == EXIT_CODES[verdict["decision"]]
    assert f" {verdict['decision']}  " in game.said()
    assert "judge it again: gameday check" in game.said()
    for name in ("report.html", "summary.md", "junit.xml", "plan.json", "manifest.json"):
        assert (folder / name).stat().st_size > 0, name

    (kill,) = [each for each in verdict["faults"] if each["id"].startswith("kill-leader")]
    assert kill["kind"] == "kill_node"
    assert kill["requested_at_s"] <= kill["observed_at_s"] <= kill["restored_at_s"]
    gates = [line["gate"] for line in game.journal() if line["event"] == "drain"]
    assert gates[:6] == [
        "publishers_stopped", "healthy", "consumers_done", "closed", "fixpoint", "counts",
    ]  # fmt: skip
    assert not [line for line in game.journal() if line["event"] == "harness_failed"]
    assert verify(folder / "journal.jsonl") == []
    assert game.remains() == []

    again = game.gameday("check", str(folder))
    assert again.returncode == code, again.stderr
    assert (folder / "verdict.json").read_bytes() == first
    assert "nothing to heal" in game.gameday("heal").stdout


@pytest.mark.timeout(400)
def test_an_interrupted_run(game: Runs) -> None:
    """SIGINT while a node is dead: 130, the fault reverted, and nothing left running."""
    process = game.start(plan(for_s=60), *DESIGN, light=True)
    game.wait_for(process, 200, event="fault", step="observed", kind="kill_node")

    os.kill(process.pid, signal.SIGINT)

    assert process.wait(120) == 130, game.said()[-3000:]
    assert "Traceback" not in game.said()
    steps = [line["step"] for line in game.journal() if line["event"] == "fault"]
    assert steps[-1] == "restored", steps
    assert game.remains() == []
    assert "nothing to heal" in game.gameday("heal").stdout
