"""Several runs: which are played, how they end together, and what their losses prove."""

import dataclasses
from typing import Any

import pytest

from gameday.contracts.load import systems
from scenarios.options import Options
from scenarios.several import loss_bound, requirement_counts, wanted_runs, worst

FAULT = {"episode": "kill-leader", "observed_at_s": 3.0, "class": "node_kill"}


def verdict(
    *faults: dict[str, Any], lost: int = 0, drained: bool = True, **statuses: str
) -> dict[str, Any]:
    """Return as much of a verdict as summing up reads."""
    drain = {"id": "harness/drain", "status": "pass" if drained else "unknown"}
    return {
        "criteria": [drain],
        "faults": list(faults),
        "ledger": {"overall": {"lost": lost}},
        "requirements": statuses,
    }


def test_without_a_system_sparki_is_played() -> None:
    """Who names no system gets one run, of sparki."""
    runs = wanted_runs(Options(), (), 1)

    assert [(each.system, each.suite) for each in runs] == [("sparki", "smoke")]


def test_a_night_is_the_full_suite_of_every_system() -> None:
    """`--suite nightly` plays each system that there is, once, in full."""
    runs = wanted_runs(dataclasses.replace(Options(), suite="nightly"), (), 1)

    assert [(each.system, each.suite) for each in runs] == [(name, "full") for name in systems()]


def test_repeats_have_seeds_of_their_own() -> None:
    """Each repetition takes the next seed, so that it is no copy of the first."""
    runs = wanted_runs(dataclasses.replace(Options(), seed=7), ("sparki",), 3)

    assert [each.seed for each in runs] == [7, 8, 9]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((0, 0), 0), ((0, 3), 3), ((3, 1, 0), 1), ((1, 4, 3), 4), ((1, 4, 130), 130)],
)
def test_the_worst_run_decides(codes: tuple[int, ...], expected: int) -> None:
    """A failure outweighs what is not known, and a harness that cannot outweighs both."""
    assert worst(codes) == expected


def test_statuses_are_counted() -> None:
    """Each status is counted, those that do not occur as none."""
    counts = requirement_counts(verdict(a="pass", b="pass", c="not_tested"))

    assert counts == {"pass": 2, "fail": 0, "unknown": 0, "not_tested": 1}


def test_a_run_without_a_verdict_counts_nothing() -> None:
    """A run that was never judged has no requirement of any status."""
    assert set(requirement_counts(None).values()) == {0}


def test_no_loss_in_thirty_episodes_bounds_it_at_a_tenth() -> None:
    """Thirty episodes without a loss bound the chance of a lossy one at 9.5 %."""
    said = loss_bound([verdict(FAULT) for _ in range(30)])

    assert "30 episodes of 30 runs" in said
    assert "9.5%" in said


def test_a_loss_is_told_with_its_interval() -> None:
    """One lossy run of four is between 4.6 % and 69.9 % of all such runs."""
    said = loss_bound([verdict(FAULT, lost=2), *(verdict(FAULT) for _ in range(3))])

    assert said.startswith("1 of 4 runs lost a confirmed message: between 4.6% and 69.9%")


@pytest.mark.parametrize(
    "each",
    [
        verdict(FAULT, drained=False),
        verdict({**FAULT, "observed_at_s": None}),
        verdict({**FAULT, "class": "control"}),
        verdict(),
        None,
    ],
)
def test_nothing_proves_nothing(each: dict[str, Any] | None) -> None:
    """Without a complete drain, or a fault seen in force, nothing is said of losses."""
    assert "nothing is known" in loss_bound([each])
