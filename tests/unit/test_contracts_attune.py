"""attune's contract says what its plan says, and can hold what it promises."""

import re

import pytest

from gameday.contracts.load import load_contract
from gameday.contracts.model import Contract, Producer
from gameday.contracts.topology import dead_letter_targets, exchange_type, route, with_alternative
from gameday.history.roles import Roles

MAIN = ("events", "executions", "notifications")
TYPES = {
    "EventCreated",
    "ExecutionRequested",
    "ExecutionStatusChanged",
    "ExecutionCompleted",
    "InquiryCreated",
    "InquiryResponded",
    "NotificationCreated",
}
NOT_TESTED = ("10", "16", "17")
FULL_ADDS = ("07", "08", "14", "15")


@pytest.fixture(scope="module")
def attune() -> Contract:
    """Return attune's contract."""
    return load_contract("attune")


def services(contract: Contract) -> list[Producer]:
    """Return the producers that stand for the plan's services."""
    return [each for each in contract.producers if each.expects == "handled"]


def test_no_row_of_the_plan_is_missing(attune: Contract) -> None:
    """All 17 rows and the users' own are there, in order, each judged or said why not."""
    rows = [f"attune-{number:02d}" for number in range(1, 18)]
    own = ["mission-01", "mission-03", "mission-04"]

    assert [row.id for row in attune.requirements] == [*rows, *own]
    assert all(bool(row.criteria) != bool(row.not_tested) for row in attune.requirements)


def test_the_suites_claim_exactly_what_they_are_to(attune: Contract) -> None:
    """Full claims every row that can be judged, smoke all but what takes a minute of its own."""
    claims = {
        suite: [row.id for row in attune.requirements if suite in row.suites]
        for suite in ("smoke", "full")
    }
    numbers = [f"{number:02d}" for number in range(1, 18)]
    full = [f"attune-{number}" for number in numbers if number not in NOT_TESTED]

    assert claims["full"] == full
    assert claims["smoke"] == [row for row in full if row[-2:] not in FULL_ADDS]


def test_what_is_not_tested_says_why_and_how_it_could_be(attune: Contract) -> None:
    """No row is waved away: a reason and a way, both whole sentences."""
    told = [row.not_tested for row in attune.requirements if row.not_tested]

    assert len(told) == len(NOT_TESTED)
    for each in told:
        assert re.fullmatch(r"[A-Z].{20,}\.", each.reason)
        assert re.fullmatch(r"[A-Z].{20,}\.", each.how)


def test_the_clients_are_those_of_the_plan(attune: Contract) -> None:
    """Pool, heartbeat, publish timeout, reconnecting, prefetch and retries are the plan's own."""
    for each in services(attune):
        assert (each.pool, each.heartbeat_s, each.confirm_timeout_ms) == (10, 60, 5000)
        assert each.reconnect is not None
        assert (each.reconnect.every_ms, each.reconnect.attempts) == (5000, 10)
        assert each.reconnect.timeout_ms == 30_000
    for consumer in attune.consumers:
        assert (consumer.prefetch, consumer.manual_ack, consumer.attempts) == (10, True, 4)
        assert [step.delay_ms for step in consumer.ladder] == [1000, 5000, 10_000]


def test_the_real_times_are_an_alternative(attune: Contract) -> None:
    """`real-times` plays the last step's 30 s, and nothing else differs."""
    real = with_alternative(attune, "real-times")
    changed = {
        queue.name: queue.arguments["x-message-ttl"]
        for queue in real.topology.queues
        if queue not in attune.topology.queues
    }

    assert changed == {f"attune.{name}.retry.3": 30_000 for name in MAIN}


def test_the_cancelled_notifiers_are_an_alternative(attune: Contract) -> None:
    """`cancelled-notifiers` asks to be cancelled on a failover, and nothing else differs."""
    [changed] = [
        each
        for each in with_alternative(attune, "cancelled-notifiers").consumers
        if each not in attune.consumers
    ]
    own = next(each for each in attune.consumers if each.name == changed.name)

    assert changed == own.model_copy(update={"cancel_on_failover": True})


def test_the_topology_is_the_plan_s(attune: Contract) -> None:
    """Three exchanges of their types, three durable queues, each with a DLQ that keeps a day."""
    kinds = [exchange_type(attune.topology, f"attune.{name}") for name in MAIN]
    queues = {queue.name: queue for queue in attune.topology.queues}

    assert kinds == ["topic", "direct", "fanout"]
    for name in MAIN:
        queue = f"attune.{name}.queue"
        assert dead_letter_targets(attune.topology, queue, "any") == (f"{queue}.dlq",)
        assert queues[f"{queue}.dlq"].arguments["x-message-ttl"] == 24 * 3600 * 1000
    assert all(queue.durable for queue in queues.values())


def test_all_seven_types_flow_to_one_queue_each(attune: Contract) -> None:
    """Whoever sends a type, it reaches the queue that its type is for, and somebody handles it."""
    reached: dict[str, set[str]] = {}
    sent = [each for producer in services(attune) for each in (producer, *producer.also)]
    sent += [each for consumer in attune.consumers for each in consumer.emits]
    for each in sent:
        found = route(attune.topology, each.exchange, each.routing_key)
        reached.setdefault(each.message, set()).update(found)

    assert set(reached) == TYPES
    assert all(len(queues) == 1 for queues in reached.values())
    assert set().union(*reached.values()) == {f"attune.{name}.queue" for name in MAIN}


def test_what_expires_and_what_waits_are_told_apart(attune: Contract) -> None:
    """Nine wait queues lead back to consumers; two queues expire into DLQs of their own."""
    roles = Roles(attune)

    assert len(roles.waits) == 9
    assert set(roles.passing) - set(roles.waits) == {"attune.stale.queue", "attune.kept.queue"}
    assert len(roles.dead) == 5


def test_the_consumers_are_faster_than_what_arrives(attune: Contract) -> None:
    """By rates, weights and emissions, no queue gets more than three quarters of its capacity."""
    arrives: dict[str, float] = {}
    requests = 0.0
    for producer in services(attune):
        sendings = [producer, *producer.also]
        total = sum(each.weight for each in sendings)
        for each in sendings:
            rate = producer.rate_per_s * each.weight / total
            requests += rate * (each.message == "ExecutionRequested")
            for queue in route(attune.topology, each.exchange, each.routing_key):
                arrives[queue] = arrives.get(queue, 0) + rate
    for consumer in attune.consumers:
        for each in consumer.emits:
            for queue in route(attune.topology, each.exchange, each.routing_key):
                arrives[queue] += requests * each.share
    for consumer in attune.consumers:
        assert arrives[consumer.queue] < 0.75 * consumer.workers * 1000 / consumer.service_ms
