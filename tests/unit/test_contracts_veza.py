"""veza's contract says what its runbook says, and can hold what it promises."""

import re

import pytest

from gameday.contracts.load import load_contract
from gameday.contracts.model import Consumer, Contract, Producer
from gameday.contracts.topology import dead_letter_targets, route

NOT_TESTED = ("12", "14", "16")
FULL_ADDS = ("10",)
QUEUES = ("transcode_jobs", "distribution_outbox", "dmca_propagation", "search_index_updates")
SCALED = {
    "how long the event bus keeps an event before it is dropped": 30,
    "the weekly digest": 7 * 24 * 3600,
    "the drain after an outage": 15 * 60,
    "a stuck queue": 30 * 60,
    "an outage that calls for a postmortem": 10 * 60,
}


@pytest.fixture(scope="module")
def veza() -> Contract:
    """Return veza's contract."""
    return load_contract("veza")


def buses(contract: Contract) -> list[Producer]:
    """Return the producers with an event bus."""
    return [each for each in contract.producers if each.degraded is not None]


def served_by(contract: Contract, producer: Producer) -> Consumer:
    """Return who handles a producer's messages."""
    [queue] = route(contract.topology, producer.exchange, producer.routing_key)
    return next(each for each in contract.consumers if each.queue == queue)


def played(contract: Contract, promised_s: float) -> float:
    """Return how long a promised time is played."""
    [scale] = [each for each in contract.scales if each.promised_s == promised_s]
    return scale.played_s


def test_no_row_of_the_runbook_is_missing(veza: Contract) -> None:
    """All 20 rows and the users' own are there, in order, each judged or said why not."""
    rows = [f"veza-{number:02d}" for number in range(1, 21)]

    assert [row.id for row in veza.requirements] == [*rows, "mission-03", "mission-04"]
    assert all(bool(row.criteria) != bool(row.not_tested) for row in veza.requirements)


def test_the_suites_claim_exactly_what_they_are_to(veza: Contract) -> None:
    """Full claims every row but the three that need what is not here; smoke all but the wedging."""
    everything = [f"{number:02d}" for number in range(1, 21)]
    claims = {
        suite: [row.id for row in veza.requirements if suite in row.suites]
        for suite in ("smoke", "full")
    }
    full = [f"veza-{number}" for number in everything if number not in NOT_TESTED]

    assert claims["full"] == full
    assert claims["smoke"] == [each for each in full if each[-2:] not in FULL_ADDS]


def test_what_is_not_tested_says_why_and_how_it_could_be(veza: Contract) -> None:
    """No row is waved away: a reason and a way, both whole sentences."""
    untested = [row for row in veza.requirements if row.not_tested]

    assert [row.id for row in untested] == [f"veza-{number}" for number in NOT_TESTED]
    for row in untested:
        assert row.not_tested is not None
        for text in (row.not_tested.reason, row.not_tested.how):
            assert re.fullmatch(r"[A-Z].{20,}\.", text), row.id


def test_the_contract_survives_being_written_down(veza: Contract) -> None:
    """What a manifest keeps as JSON is the same contract when it is read again."""
    assert Contract.model_validate_json(veza.model_dump_json(by_alias=True)) == veza


def test_the_broker_is_a_single_node_of_durable_queues(veza: Contract) -> None:
    """v1.0 is single-node, and every queue is durable."""
    assert veza.nodes == 1
    assert all(queue.durable for queue in veza.topology.queues)
    assert {queue.name for queue in veza.topology.queues} >= set(QUEUES)


def test_every_subsystem_has_its_severity(veza: Contract) -> None:
    """DMCA is high, transcoding and distribution medium, search and digest low."""
    severities = {name: label["severity"] for name, label in veza.labels.items()}

    assert severities == {
        "transcode_jobs": "medium", "distribution_outbox": "medium", "dmca_propagation": "high",
        "search_index_updates": "low", "email_digests": "low",
    }  # fmt: skip


def test_a_failed_delivery_is_republished_five_times_and_then_dead(veza: Contract) -> None:
    """Six tries in all, and each of the four queues has a DLQ of its own."""
    for queue in QUEUES:
        [worker] = [each for each in veza.consumers if each.queue == queue]
        assert (worker.retry, worker.attempts, worker.idempotent) == ("republish", 6, True)
        assert dead_letter_targets(veza.topology, queue, queue) == (f"{queue}.dead",)


def test_the_event_bus_gives_up_after_its_scaled_time(veza: Contract) -> None:
    """30 s of backoff are 6 s: its longest pause, and what an event waits in all."""
    assert {each.name: each.promised_s for each in veza.scales} == SCALED
    for bus in buses(veza):
        assert bus.degraded is not None
        assert bus.degraded.after_ms == played(veza, 30) * 1000 == bus.backoff_most_ms
        assert bus.backoff_factor > 1
        assert bus.confirm_timeout_ms * 2 < bus.degraded.after_ms, "a silent broker is tried twice"
    assert {bus.degraded.log_level for bus in buses(veza) if bus.degraded} == {"warn", "error"}


def test_the_digest_ticks_within_every_outage(veza: Contract) -> None:
    """However the outage falls, a tick of the digest is in it."""
    [job] = [each for each in veza.producers if each.tick is not None]
    assert job.tick is not None
    assert job.tick.every_s == played(veza, SCALED["the weekly digest"])
    outages = [play for plays in veza.suites.values() for play in plays
               if play.scenario == "outage"]  # fmt: skip
    assert len(outages) == 3
    for play in outages:
        assert play.for_s is not None
        assert play.for_s > job.tick.every_s
        assert play.for_s > played(veza, 600), "it calls for a postmortem"
        assert play.for_s > played(veza, 30), "the event buses give up"


def test_a_wedged_worker_hangs_for_long_enough(veza: Contract) -> None:
    """What is played is longer than what a queue may be stuck, and the slow one as long."""
    lasting = {
        play.scenario: play.for_s for play in veza.suites["full"]
        if play.scenario in {"worker-wedged", "worker-slow"}
    }  # fmt: skip

    assert len(lasting) == 2
    assert all((for_s or 0) > played(veza, 1800) + 2 for for_s in lasting.values())


def test_criteria_use_the_scaled_times(veza: Contract) -> None:
    """The limits of rows that are scaled are the played ones."""
    limits = {
        (row.id, criterion.check): criterion.parameters
        for row in veza.requirements for criterion in row.criteria
    }  # fmt: skip

    assert limits["veza-09", "recovery"]["limit_s"] == played(veza, 900)
    assert limits["veza-10", "wedged"]["stuck_s"] == played(veza, 1800)
    assert limits["veza-13", "postmortem"]["limit_s"] == played(veza, 600)


def test_workers_can_do_more_than_arrives(veza: Contract) -> None:
    """Retries included, each worker does 1.3 times or more of what arrives."""
    for bus in buses(veza):
        worker = served_by(veza, bus)
        tries = 1 + (bus.mix.transient + bus.mix.exhausted) * (worker.attempts - 1)
        capacity = worker.workers * worker.concurrency * 1000 / worker.service_ms
        assert 1.3 <= capacity / (bus.rate_per_s * tries) <= 3, bus.name


def test_enough_die_for_the_dlqs_to_be_judged(veza: Contract) -> None:
    """In 100 s of load more die than the criterion asks for, the poison of the burst left out."""
    row = next(row for row in veza.requirements if row.id == "veza-04")
    least = next(each for each in row.criteria if each.check == "dead_letters").parameters["least"]

    assert sum(bus.rate_per_s * bus.mix.dead for bus in buses(veza)) * 100 > least["rejected"]
