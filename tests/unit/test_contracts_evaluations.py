"""evaluations's contract says what its plan says, and can hold what it promises."""

import re

import pytest

from gameday.contracts.load import load_contract
from gameday.contracts.model import Consumer, Contract, Producer
from gameday.contracts.topology import dead_letter_targets, route, setting_of, with_alternative

NOT_TESTED = ("08", "12", "13", "15", "19", "20", "21", "23")
FULL_ADDS = ("14", "17", "18", "22")
CHANNELS = {
    "done": "evaluation:completed",
    "failed": "evaluation:failed",
    "timed_out": "evaluation:timeout",
}
OVERLOAD_FACTOR = 3


@pytest.fixture(scope="module")
def evaluations() -> Contract:
    """Return the contract."""
    return load_contract("evaluations")


def evaluator(contract: Contract) -> Consumer:
    """Return the service that works on evaluations."""
    return next(each for each in contract.consumers if each.name == "evaluator")


def dispatcher(contract: Contract) -> Producer:
    """Return the service that sends them."""
    [found] = contract.producers
    return found


def places(consumer: Consumer) -> int:
    """Return how many it works on at once, in all."""
    return consumer.workers * consumer.concurrency * consumer.parallel


def test_no_row_of_the_plan_is_missing(evaluations: Contract) -> None:
    """All 23 rows and the users' own are there, in order, each judged or said why not."""
    rows = [f"evaluations-{number:02d}" for number in range(1, 24)]
    own = ["mission-01", "mission-03", "mission-04"]

    assert [row.id for row in evaluations.requirements] == [*rows, *own]
    assert all(bool(row.criteria) != bool(row.not_tested) for row in evaluations.requirements)


def test_the_suites_claim_exactly_what_they_are_to(evaluations: Contract) -> None:
    """Full claims every row that can be judged, smoke all but memory limit, network and TLS."""
    claims = {
        suite: [row.id[-2:] for row in evaluations.requirements if suite in row.suites]
        for suite in ("smoke", "full")
    }
    full = [f"{number:02d}" for number in range(1, 24) if f"{number:02d}" not in NOT_TESTED]

    assert claims["full"] == full
    assert claims["smoke"] == [row for row in full if row not in FULL_ADDS]


def test_what_is_not_tested_says_why_and_how_it_could_be(evaluations: Contract) -> None:
    """No row is waved away: a reason and a way, both whole sentences."""
    told = [row.not_tested for row in evaluations.requirements if row.not_tested]

    assert len(told) == len(NOT_TESTED)
    for each in told:
        assert re.fullmatch(r"[A-Z].{20,}\.", each.reason)
        assert re.fullmatch(r"[A-Za-z].{20,}\.", each.how)


def test_the_queue_is_the_plan_s_own(evaluations: Contract) -> None:
    """A classic queue with x-max-priority 10, mirrored, whose dead letters have a queue."""
    topology = evaluations.topology
    queue = next(each for each in topology.queues if each.name == "evaluations")

    assert (queue.type, queue.max_priority) == ("classic", 10)
    assert setting_of(topology, queue, "ha-mode") == "all"
    assert dead_letter_targets(topology, "evaluations", "evaluations") == ("evaluations.dead",)
    assert set(dispatcher(evaluations).priorities) == set(range(11))


def test_each_ending_has_its_own_channel_and_status(evaluations: Contract) -> None:
    """Done, failed and timed out go to three channels with schemas, each stored by one service."""
    stored = {each.queue: each.stores for each in evaluations.consumers if each.stores}
    types = {each.name: each for each in evaluations.messages}
    found = {}
    for emission in evaluator(evaluations).emits:
        [queue] = route(evaluations.topology, emission.exchange, emission.routing_key)
        found[emission.when] = queue
        assert types[emission.message].correlation == "evaluation_id"
        assert "evaluation_id" in types[emission.message].body_schema["required"]

    assert found == CHANNELS
    assert stored == {queue: queue.partition(":")[2] for queue in CHANNELS.values()}
    assert evaluator(evaluations).tracks


def test_a_hundred_at_once_and_room_to_spare(evaluations: Contract) -> None:
    """The rate keeps well over a hundred in progress, and the places drain what a fault leaves."""
    consumer, producer = evaluator(evaluations), dispatcher(evaluations)
    busy = producer.rate_per_s * consumer.service_ms / 1000

    assert consumer.prefetch == consumer.parallel, "what is prefetched beyond hides priorities"
    assert busy >= 125
    assert busy <= 0.6 * places(consumer)
    assert busy * OVERLOAD_FACTOR > places(consumer), "an overload is more than they can do"
    assert producer.surge + busy > places(consumer) + 50, "a surge leaves some waiting"


def test_tries_and_waits_end_within_the_objective(evaluations: Contract) -> None:
    """A publish that must be tried again twice is still in time, and a timeout ends a hang."""
    producer, consumer = dispatcher(evaluations), evaluator(evaluations)
    waits_ms = sum(producer.backoff_ms * producer.backoff_factor**n for n in range(2))

    assert producer.attempts * producer.confirm_timeout_ms + waits_ms < 5000
    assert consumer.timeout_ms is not None
    assert consumer.service_ms < consumer.timeout_ms < consumer.drain_s * 1000


def test_the_alternatives_change_one_thing_each(evaluations: Contract) -> None:
    """One has quorum queues; the other takes more than it works on, and nothing else."""
    safe = with_alternative(evaluations, "quorum-evaluations")
    greedy = with_alternative(evaluations, "greedy-prefetch")
    prefetched = evaluator(greedy).model_copy(
        update={"prefetch": evaluator(evaluations).prefetch, "drain_s": 12}
    )

    assert {queue.type for queue in safe.topology.queues} == {"quorum"}
    assert safe.topology.policies == ()
    assert evaluator(greedy).prefetch > 2 * evaluator(greedy).parallel
    assert prefetched == evaluator(evaluations)


def test_workers_let_go_when_the_leader_changes(evaluations: Contract) -> None:
    """Whoever works for seconds is cancelled on failover: a stale rejection crashes the leader."""
    assert evaluator(evaluations).cancel_on_failover
