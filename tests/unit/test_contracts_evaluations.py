"""evaluations' contract says what its plan says, and can hold what it promises."""

import re

import pytest

from gameday.contracts.load import load_contract
from gameday.contracts.model import Contract
from gameday.contracts.topology import dead_letter_targets, policy_of, route

LATER = ("08", "12", "13", "14", "15", "17", "18", "19", "20", "21", "23")
FULL_ADDS = ("22",)
CHANNELS = {
    "done": "evaluation:completed",
    "failed": "evaluation:failed",
    "timed_out": "evaluation:timeout",
}


@pytest.fixture(scope="module")
def evaluations() -> Contract:
    """Return evaluations' contract."""
    return load_contract("evaluations")


def test_no_row_of_the_plan_is_missing(evaluations: Contract) -> None:
    """All 23 rows and the users' own are there, in order, each judged or said why not."""
    rows = [f"evaluations-{number:02d}" for number in range(1, 24)]

    assert [row.id for row in evaluations.requirements] == [
        *rows, "mission-01", "mission-03", "mission-04",
    ]  # fmt: skip
    assert all(bool(row.criteria) != bool(row.not_tested) for row in evaluations.requirements)


def test_the_suites_claim_exactly_what_they_are_to(evaluations: Contract) -> None:
    """Full claims every row that is judged; smoke all of them but the memory alarm's."""
    everything = [f"{number:02d}" for number in range(1, 24)]
    claims = {
        suite: [row.id.removeprefix("evaluations-") for row in evaluations.requirements
                if suite in row.suites]
        for suite in ("smoke", "full")
    }  # fmt: skip

    assert claims["full"] == [number for number in everything if number not in LATER]
    assert claims["smoke"] == [number for number in claims["full"] if number not in FULL_ADDS]


def test_what_is_not_tested_says_why_and_how_it_could_be(evaluations: Contract) -> None:
    """No row is waved away: a reason and a way, both whole sentences."""
    for row in evaluations.requirements:
        if row.not_tested:
            for text in (row.not_tested.reason, row.not_tested.how):
                assert re.fullmatch(r"[A-Z].{20,}\.", text, re.DOTALL), row.id


def test_a_hundred_are_in_progress_and_twice_the_rate_of_urgent_ones_fits(
    evaluations: Contract,
) -> None:
    """The load keeps over 100 in progress below what workers can do, and no prefetch hides any."""
    [api], evaluator = evaluations.producers, evaluations.consumers[0]
    at_once = evaluator.workers * evaluator.parallel
    in_progress = api.rate_per_s * evaluator.service_ms / 1000
    urgent = sum(w for p, w in api.priorities.items() if p >= 8) / sum(api.priorities.values())

    assert 100 < in_progress < at_once
    assert evaluator.prefetch == evaluator.parallel
    assert api.rate_per_s * 3 * urgent * evaluator.service_ms / 1000 < at_once


def test_each_ending_has_a_channel_of_its_own(evaluations: Contract) -> None:
    """What is done, failed and timed out goes to three queues, each with a listener of its own."""
    emits = {each.when: each for each in evaluations.consumers[0].emits}
    listeners = {each.queue: each.writes_outcome for each in evaluations.consumers[1:]}

    for when, queue in CHANNELS.items():
        each = emits[when]
        assert route(evaluations.topology, each.exchange, each.routing_key) == (queue,)
        assert listeners[queue] == queue.removeprefix("evaluation:")


def test_poison_has_a_queue_and_everything_is_mirrored(evaluations: Contract) -> None:
    """Dead evaluations go to one DLQ, and every queue is mirrored as the plan asks."""
    topology = evaluations.topology

    assert dead_letter_targets(topology, "evaluations", "x") == ("evaluations.dead",)
    assert {getattr(policy_of(topology, queue), "name", None) for queue in topology.queues} == {
        "ha-all",
    }


def test_a_handler_that_hangs_is_stopped_and_a_slow_one_is_not(evaluations: Contract) -> None:
    """The timeout lies well beyond the service time, and is played to scale."""
    evaluator = evaluations.consumers[0]
    scale = evaluations.scales[0]

    assert evaluator.timeout_ms is not None
    assert evaluator.timeout_ms >= 2 * evaluator.service_ms
    assert evaluator.timeout_ms / 1000 == scale.played_s
