"""The in-memory broker: its bugs are caught, and without one no seed is ever failed."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.history.export import export
from gameday.history.verdict import Verdict, judge
from tests.fake_controls import CONTROLS
from tests.fakes import BUGS, simulate

CAUGHT_BY = {
    "lose_confirmed": "loss",
    "lose_one_in_ten_thousand": "loss",
    "lose_on_kill": "loss",
    "duplicate_unflagged": "duplicates_flag",
    "ignore_priority": "inversions",
    "dlq_drop": "dead_letters",
    "dlq_wrong": "dead_letters",
    "dlq_reason": "dead_letters",
    "swap_order": "order",
    "corrupt_body": "loss",
    "change_priority": "loss",
    "foreign": "foreign",
    "hung_consumer": "loss",
    "poison_swallowed": "dead_letters",
    "unlimited_retries": "attempts",
    "prefetch_ignored": "prefetch",
    "stuck_confirm": "loss",
    "slow_failover": "sla",
    "never_unblocked": "blocked",
    "control_not_caught": "controls",
    "vacuous": "exposure",
}


def judged(messages: int, seed: int, bug: str | None) -> Verdict:
    """Simulate a run and judge it, through files."""
    with TemporaryDirectory() as folder:
        return judge(simulate(messages, seed, bug).write(Path(folder) / "run"))


def test_every_bug_has_its_check() -> None:
    """No switch of the in-memory broker stands without the check that must see it."""
    assert set(BUGS) == set(CAUGHT_BY)


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_caught(bug: str) -> None:
    """A broker, or client, with this bug never gets a GO, and its check says so."""
    verdict = judged(7000 if "ten_thousand" in bug else 3000, 2, bug)
    rows = [row for row in verdict.document["criteria"]
            if row["id"].endswith(f"/{CAUGHT_BY[bug]}")]  # fmt: skip

    assert verdict.decision != "GO"
    assert "pass" not in {row["status"] for row in rows}


@settings(max_examples=8, deadline=None)
@given(st.integers(50, 1500), st.integers(0, 2**32))
def test_no_good_run_is_failed(messages: int, seed: int) -> None:
    """Whatever the seed and size, a sound broker is never said to have failed."""
    verdict = judged(messages, seed, None)
    failed = [row["reason"] for row in verdict.document["criteria"] if row["status"] == "fail"]

    assert failed == []


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    """A fake run can be had again: the same seed, the same verdict."""
    first, second = (judged(500, 9, None).document for _ in range(2))

    assert json.dumps(first) == json.dumps(second)


def test_an_export_holds_every_row(tmp_path: Path) -> None:
    """The Parquet tables hold each attempt, copy and record, with names for numbers."""
    folder = simulate(300, 1).write(tmp_path / "run")

    paths = {path.stem: path for path in export(folder)}
    attempts = pd.read_parquet(paths["work-attempts"])
    raw = pd.read_parquet(paths["records-0001-publisher"])

    assert {"ok", "info"} >= set(attempts["outcome"])
    assert (raw["kind_name"] == "invoke").sum() <= len(attempts)
    assert {"builds", "deployments", "notifications"} == set(
        pd.read_parquet(paths["work-copies"])["queue"].unique()
    )
    scopes = 1 + len(CONTROLS)  # Attempts, deliveries and copies of each.
    assert len(paths) == 3 * scopes + len(list((folder / "history").glob("*.ledger")))
