"""The command line: bad input is one sentence and exit code 2, and help comes at once."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scenarios.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder of the test's own, with state and reports in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAMEDAY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GAMEDAY_REPORT_DIR", str(tmp_path / "runs"))
    return tmp_path


def code_of(*words: str) -> int:
    """Run the command line in this process; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert isinstance(ended.value.code, int)
    return ended.value.code


USAGE = {
    "unknown system": (("run", "sparkle"), "sparkle"),
    "unknown suite": (("run", "--suite", "huge"), "huge"),
    "unknown cluster": (("run", "--cluster", "moon"), "moon"),
    "unknown settings": (("run", "--broker-settings", "best"), "best"),
    "unknown scenario": (("run", "--scenario", "flood"), "kill-leader"),
    "unknown alternative": (("run", "--alternative", "upside-down"), "upside-down"),
    "unknown broker": (("run", "--broker", "9.9"), "9.9"),
    "unknown option": (("run", "--fast"), "--fast"),
    "unknown command": (("fly",), "fly"),
    "a seed that is no number": (("run", "--seed", "many"), "--seed"),
    "no run folder to check": (("check", "nowhere"), "nowhere"),
    "no run folder to report": (("report", "nowhere"), "nowhere"),
    "no run folder to export": (("export", "nowhere"), "nowhere"),
    "no argument": (("check",), "FOLDER"),
}


@pytest.mark.parametrize("case", USAGE)
def test_bad_input(case: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad input exits with 2 and one sentence that names it; nothing is left on the disk."""
    words, named = USAGE[case]

    assert code_of(*words) == 2

    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert said.startswith("gameday: ")
    assert named.lower() in said.lower()
    assert "Traceback" not in said
    assert not (elsewhere / "runs").exists()


PLANS = {
    "missing.json": None,
    "torn.json": "{",
    "unknown-fault.json": '{"seed": 1, "episodes": [{"id": "a", "name": "a", "at_s": 0, '
    '"for_s": 1, "faults": [{"kind": "meteor"}]}]}',
}


@pytest.mark.parametrize("name", PLANS)
def test_a_bad_plan(name: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan that cannot be played is refused by name before anything is started."""
    text = PLANS[name]
    if text is not None:
        (elsewhere / name).write_text(text)

    assert code_of("run", "--plan", name) == 2

    said = capsys.readouterr().err
    assert name in said.splitlines()[-1]
    assert "Traceback" not in said
    assert not (elsewhere / "state" / "clusters").exists(), "no cluster was started for it"
    assert not (elsewhere / "runs").exists(), "no run was begun for it"


def test_a_defect_is_no_verdict(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody foresaw while judging exits with 3 and its traceback, not with NO-GO's 1."""

    def break_down(_: Path) -> int:
        raise ZeroDivisionError("no attempts")

    monkeypatch.setattr("scenarios.verdicts.judge_again", break_down)

    assert code_of("check", str(elsewhere)) == 3

    said = capsys.readouterr().err
    assert "a defect of the harness (no attempts)" in said.splitlines()[-1]
    assert "Traceback" in said


def test_nothing_to_heal(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Healing where nothing was broken says so, and exits 0."""
    assert code_of("heal") == 0
    assert "nothing to heal" in capsys.readouterr().out


def test_what_there_is(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`list --json` names the system, its claims, the scenarios, faults and checks, as JSON."""
    assert code_of("list", "--json") == 0

    said = capsys.readouterr().out
    for word in ("sparki", "kill-leader", "kill_node", "inversions", "sparki-25"):
        assert f'"{word}"' in said


def test_help_comes_at_once() -> None:
    """`gameday --help` takes well under 1.5 s of CPU, whatever else the machine does."""
    words = [sys.executable, "-m", "scenarios", "--help"]
    before = os.times()
    begun = time.monotonic()

    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip

    after = os.times()
    used_s = after.children_user - before.children_user
    used_s += after.children_system - before.children_system
    assert done.returncode == 0
    assert "heal" in done.stdout
    assert used_s < 1.5, f"{used_s:.1f} s of CPU, {time.monotonic() - begun:.1f} s in all"
