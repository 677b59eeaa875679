"""The verdict and the report on a run that looked at the network alone."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from gameday.history.isolated import KIND
from reports.render import render
from scenarios.verdicts import judge
from tests.fake_folder import FakeRun
from tests.fake_isolation import CRITERIA, written
from tests.mutants.damage_isolation import be_deaf_before, leave_a_hole, open_no_zones


def looked(folder: Path, damage: Callable[[FakeRun], None] | None = None) -> Path:
    """Write such a run, perhaps damaged."""
    run = deepcopy(written())
    claimed = [f"fort-{number:02d}" for number in range(1, len(CRITERIA) + 1)]
    run.manifest.update(kind=KIND, suite=KIND, claimed=claimed)
    if damage is not None:
        damage(run)
    return run.write(folder / "run")


@pytest.mark.parametrize(
    ("damage", "decision", "said", "word"),
    [
        (None, "GO", "What the contract opens is open, and everything else is closed", "passing"),
        (leave_a_hole, "NO-GO", "a HOLE: open, and nothing allows it", "failing"),
        (be_deaf_before, "INCONCLUSIVE", "the broker was not up: amqp (5672)", "unknown"),
        (open_no_zones, "INCONCLUSIVE", "Not known: no namespaces can be made here", "unknown"),
    ],
)
def test_each_ending_has_its_page_and_its_badge(
    tmp_path: Path,
    damage: Callable[[FakeRun], None] | None,
    decision: str,
    said: str,
    word: str,
) -> None:
    """The decision, what it rests on, and the badge's word; no load and no fault is claimed."""
    folder = looked(tmp_path, damage)
    verdict = judge(folder)
    page = render(folder).read_text(encoding="utf-8")

    assert verdict.decision == decision, verdict.reason
    assert said in page
    assert "negative control" not in page
    assert "nothing was published, and nothing was broken" in page
    assert f"network isolation: {word}" in (folder / "badge.svg").read_text(encoding="utf-8")


def test_the_page_says_what_closed_each_path(tmp_path: Path) -> None:
    """What the rules closed and what nobody listens on are counted apart."""
    folder = looked(tmp_path)
    verdict = judge(folder)
    row = next(row for row in verdict.document["criteria"] if row["id"] == "fort-01/isolation")
    counts = row["details"]

    assert counts["closed_by_rules"] > counts["closed_by_listener"] > 0
    assert counts["not_offered_over_ipv6"] == 3  # Distribution at two addresses, the page at one.
    assert sum(counts.values()) == row["n"]


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    """Judged twice, the verdict does not change."""
    folder = looked(tmp_path)
    judge(folder)
    first = (folder / "verdict.json").read_bytes()
    judge(folder)

    assert (folder / "verdict.json").read_bytes() == first
