"""The verdict file: its schema, its bytes, its decision, and what an unreadable run gets."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from gameday.errors import UsageError
from gameday.history.decision import GO, INCONCLUSIVE, NO_GO, decide
from gameday.history.verdict import SCHEMA, judge
from tests.fakes import simulate

MESSAGES = 2100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a good run's folder."""
    return simulate(MESSAGES, 3).write(tmp_path_factory.mktemp("run") / "run")


def test_a_good_run_is_go(folder: Path) -> None:
    """A run without a fault of the broker's is GO, with exit code 0."""
    verdict = judge(folder)

    assert (verdict.decision, verdict.exit_code) == (GO, 0), verdict.reason
    assert re.search(r"GO for (\d+) of \1 requirements", verdict.reason), verdict.reason


@pytest.mark.parametrize("bug", [None, "lose_confirmed", "foreign", "hung_consumer"])
def test_the_file_keeps_to_its_schema(bug: str | None, tmp_path: Path) -> None:
    """verdict.json fits the published schema, whatever the decision."""
    judge(simulate(MESSAGES, 4, bug).write(tmp_path / "run"))
    document = json.loads((tmp_path / "run" / "verdict.json").read_text())

    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)


def test_judging_again_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """The same records give the same file, byte for byte, wherever the folder lies."""
    judge(folder)
    first = (folder / "verdict.json").read_bytes()
    moved = tmp_path / "elsewhere"
    moved.symlink_to(folder)

    judge(moved)

    assert first == (folder / "verdict.json").read_bytes()


def test_unreadable_records_are_inconclusive(tmp_path: Path) -> None:
    """A run whose ledger is no ledger gets a verdict, and it is INCONCLUSIVE."""
    folder = simulate(300, 5).write(tmp_path / "run")
    (folder / "history" / "0002-worker.ledger").write_bytes(b"{}")

    verdict = judge(folder)
    document = json.loads((folder / "verdict.json").read_text())

    assert (verdict.decision, verdict.exit_code) == (INCONCLUSIVE, 3)
    assert "not a ledger" in verdict.reason
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)


@pytest.mark.parametrize("name", ["plan.json", "journal.jsonl"])
@pytest.mark.parametrize("text", ["[1]\n", "rubbish\n"])
def test_rubbish_is_inconclusive(name: str, text: str, tmp_path: Path) -> None:
    """A file that is JSON of another shape, or none, makes the run unknown."""
    run = simulate(MESSAGES, 5).write(tmp_path / "run")
    (run / name).write_text(text)

    assert judge(run).decision == INCONCLUSIVE


def test_no_run_folder_is_a_usage_error(tmp_path: Path) -> None:
    """A folder that holds no run is named, with what to do."""
    with pytest.raises(UsageError, match="no run folder"):
        judge(tmp_path)


def test_an_empty_history_is_never_a_pass(tmp_path: Path) -> None:
    """A run in which nothing happened is INCONCLUSIVE, and no check of traffic passes."""
    run = simulate(300, 6)
    for tape in run.tapes:
        tape.rows = []
    folder = run.write(tmp_path / "run")

    verdict = judge(folder)
    journalled = {"topology", "boots", "members", "health"}
    passed = [
        row["id"]
        for row in verdict.document["criteria"]
        if row["status"] == "pass" and row["requirement"] != "harness"
        and row["id"].split("/")[1] not in journalled
    ]  # fmt: skip

    assert verdict.decision == INCONCLUSIVE
    assert passed == []


def _row(requirement: str, status: str) -> dict[str, str]:
    return {"requirement": requirement, "status": status, "reason": f"{requirement} {status}"}


WELL = _row("harness", "pass")


@pytest.mark.parametrize(
    ("rows", "claimed", "decision"),
    [
        ([_row("a", "pass"), WELL], ["a"], GO),
        ([_row("a", "pass"), _row("b", "not_tested"), WELL], ["a"], GO),
        ([_row("a", "pass"), _row("b", "fail"), WELL], ["a"], NO_GO),
        ([_row("a", "fail"), _row("harness", "unknown")], ["a"], NO_GO),
        ([_row("a", "pass"), _row("harness", "unknown")], ["a"], INCONCLUSIVE),
        ([_row("a", "pass")], ["a"], INCONCLUSIVE),
        ([_row("a", "unknown"), WELL], ["a"], INCONCLUSIVE),
        ([_row("a", "not_tested"), WELL], ["a"], INCONCLUSIVE),
        ([_row("a", "pass"), _row("a", "unknown"), WELL], ["a"], INCONCLUSIVE),
        ([_row("a", "unknown"), _row("b", "pass"), WELL], ["b"], GO),
        ([_row("a", "pass"), WELL], ["a", "b"], INCONCLUSIVE),
        ([WELL], [], INCONCLUSIVE),
        ([], [], INCONCLUSIVE),
    ],
)
def test_the_decision(rows: list[dict[str, str]], claimed: list[str], decision: str) -> None:
    """Fail outweighs unknown, unknown outweighs pass, and nothing at all is no GO."""
    assert decision == decide(rows, claimed)[0]


def test_go_names_what_it_is_not_for() -> None:
    """GO says for how many of how many requirements, and names the others."""
    rows = [_row("a", "pass"), _row("b", "not_tested"), WELL]

    assert decide(rows, ["a"])[1] == "GO for 1 of 2 requirements; not among them: b"
