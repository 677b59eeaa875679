"""sparki's contract says what its plan says, and can hold what it promises."""

import re

import pytest

from gameday.contracts.load import load_contract
from gameday.contracts.model import Consumer, Contract, Producer
from gameday.contracts.topology import dead_letter_targets, policy_of, route

SMOKE = ("01", "02", "03", "04", "05", "08", "10", "11", "13", "15", "16", "18", "24", "25")
FULL_ADDS = ("17", "06", "09", "12", "14")


@pytest.fixture(scope="module")
def sparki() -> Contract:
    """Return sparki's contract."""
    return load_contract("sparki")


def producer(contract: Contract, name: str) -> Producer:
    """Return a producer by name."""
    return next(p for p in contract.producers if p.name == name)


def consumer(contract: Contract, queue: str) -> Consumer:
    """Return the consumer of a queue."""
    return next(c for c in contract.consumers if c.queue == queue)


def test_no_row_of_the_plan_is_missing(sparki: Contract) -> None:
    """All 26 rows and the users' own are there, in order, each judged or said why not."""
    rows = [f"sparki-{n:02d}" for n in range(1, 27)]
    assert [row.id for row in sparki.requirements] == [
        *rows,
        "mission-01",
        "mission-03",
        "mission-04",
    ]
    assert all(bool(row.criteria) != bool(row.not_tested) for row in sparki.requirements)


def test_the_suites_claim_exactly_what_they_are_to(sparki: Contract) -> None:
    """Smoke claims its fourteen rows, full claims those and five more, and nothing else."""
    claims = {
        suite: [row.id for row in sparki.requirements if suite in row.suites]
        for suite in ("smoke", "full")
    }
    assert claims["smoke"] == [f"sparki-{n}" for n in SMOKE]
    assert claims["full"] == [f"sparki-{n}" for n in sorted((*SMOKE, *FULL_ADDS))]


def test_what_is_not_tested_says_why_and_how_it_could_be(sparki: Contract) -> None:
    """No row is waved away: a reason and a way, both whole sentences."""
    for row in sparki.requirements:
        if row.not_tested:
            for text in (row.not_tested.reason, row.not_tested.how):
                assert re.fullmatch(r"[A-Z].{20,}\.", text), row.id


def test_the_contract_survives_being_written_down(sparki: Contract) -> None:
    """What a manifest keeps as JSON is the same contract when it is read again."""
    assert Contract.model_validate_json(sparki.model_dump_json(by_alias=True)) == sparki
    assert Contract.model_validate(sparki.model_dump(mode="json", by_alias=True)) == sparki


def test_the_clients_are_those_of_the_plan(sparki: Contract) -> None:
    """The figures that the plan gives: pool, heartbeat, prefetch, attempts, priorities."""
    api = producer(sparki, "api-engine")
    assert (api.pool, api.heartbeat_s, api.attempts) == (10, 60, 3)
    assert api.backoff_factor > 1
    assert sorted(api.priorities) == list(range(11))
    assert all(p.persistent and p.confirms and p.mandatory for p in sparki.producers)
    assert all(c.prefetch == 10 and c.manual_ack for c in sparki.consumers)


def test_every_producer_reaches_one_queue_and_every_queue_of_work_has_a_consumer(
    sparki: Contract,
) -> None:
    """The default exchange takes each message to its one queue, where somebody handles it."""
    reached = [route(sparki.topology, p.exchange, p.routing_key) for p in sparki.producers]
    assert reached == [("builds",), ("deployments",), ("notifications",)]
    assert [c.queue for c in sparki.consumers] == ["builds", "deployments", "notifications"]


def test_the_dead_go_to_the_dlq_of_their_own_queue(sparki: Contract) -> None:
    """Queues builds and deployments each have their DLQ, notifications and the DLQs have none."""
    assert {
        queue.name: dead_letter_targets(sparki.topology, queue.name, queue.name)
        for queue in sparki.topology.queues
    } == {
        "builds": ("builds.failed",),
        "deployments": ("deployments.failed",),
        "notifications": (),
        "builds.failed": (),
        "deployments.failed": (),
    }


def test_the_mirroring_policy_takes_the_classic_queue_alone(sparki: Contract) -> None:
    """ha-all counts for every classic queue and for no quorum queue."""
    for queue in sparki.topology.queues:
        policy = policy_of(sparki.topology, queue)
        assert (policy is not None) == (queue.type == "classic"), queue.name


def test_all_attempts_of_a_message_end_before_the_objective(sparki: Contract) -> None:
    """A third try on another node still comes before the 5 s that urgent builds have."""
    api = producer(sparki, "api-engine")
    waits = sum(api.backoff_ms * api.backoff_factor**n for n in range(api.attempts - 1))
    assert api.attempts * api.confirm_timeout_ms + waits < 5000


@pytest.mark.parametrize("name", ["api-engine", "deploy-loco", "notifier"])
def test_consumers_can_do_more_than_arrives(sparki: Contract, name: str) -> None:
    """Retries included, workers do 1.5 times or more of what arrives, and no more than 3 times."""
    sending = producer(sparki, name)
    working = consumer(sparki, sending.routing_key)
    tries = 1 + (sending.mix.transient + sending.mix.exhausted) * (working.attempts - 1)
    capacity = working.workers * working.concurrency * 1000 / working.service_ms
    assert 1.5 <= capacity / (sending.rate_per_s * tries) <= 3


def test_builds_are_kept_up_with_while_one_worker_is_away(sparki: Contract) -> None:
    """With one of its processes killed, the build queue still does not grow without end."""
    api, worker = producer(sparki, "api-engine"), consumer(sparki, "builds")
    assert (worker.workers - 1) * 1000 / worker.service_ms > api.rate_per_s


def test_the_surge_stands_for_seconds_and_drains_within_the_limit(sparki: Contract) -> None:
    """A fault finds a backlog, and recovery has the time to be rid of it."""
    api, worker = producer(sparki, "api-engine"), consumer(sparki, "builds")
    spare_per_s = worker.workers * 1000 / worker.service_ms - api.rate_per_s
    assert 3 <= api.surge / spare_per_s <= 10


def test_urgent_builds_are_few_enough_to_be_served_first(sparki: Contract) -> None:
    """Priorities of 8 and more are a small share, so that strict priority can hold 5 s."""
    weights = producer(sparki, "api-engine").priorities
    urgent = sum(weight for priority, weight in weights.items() if priority >= 8)
    assert 0.1 <= urgent / sum(weights.values()) <= 0.25


def test_enough_die_for_the_dlq_to_be_judged(sparki: Contract) -> None:
    """In 100 s of load each DLQ gets more than the least that its criterion asks for."""
    row = next(row for row in sparki.requirements if row.id == "sparki-15")
    least = row.criteria[0].parameters["least"]["rejected"]
    for name in ("api-engine", "deploy-loco"):
        sending = producer(sparki, name)
        assert sending.rate_per_s * sending.mix.dead * 100 > least


def test_every_setting_says_what_it_costs_or_is_for(sparki: Contract) -> None:
    """No setting of the broker is there without a reason that a reader can weigh."""
    assert all(len(setting.reason) > 80 for setting in sparki.broker_settings)
