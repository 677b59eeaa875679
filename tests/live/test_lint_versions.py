"""Lint against newer brokers, of a node or two: what 4.0 and 4.3 make of the same designs."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import broker_4_0, broker_4_3
from lint_stand import (
    PERSISTENT,
    Stand,
    contract,
    published,
    queue,
    quorum,
    refusal,
    stand_on,
    take,
    taken,
)
from pika.exceptions import AMQPError, ChannelClosedByBroker, ConnectionClosedByBroker

from gameday.clusters.expressions import under_policy
from gameday.clusters.local import LocalCluster, local_cluster
from gameday.clusters.management import ManagementError
from gameday.clusters.settings import BrokerSettings
from gameday.clusters.wait import wait_until
from gameday.contracts.parts import Policy
from gameday.errors import HarnessError
from scenarios.refusing import put_past_refusal

pytestmark = pytest.mark.live

AS_RELEASED = BrokerSettings(
    rabbitmq_conf=("deprecated_features.permit.transient_nonexcl_queues = false",),
)
"""RabbitMQ's own default in 4.3, which Debian's package loosens."""
QUORUM_WORK = "{name: work, type: quorum}"
LIMIT = 20


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Run two nodes of 4.3."""
    folder = tmp_path_factory.mktemp("state")
    with local_cluster(AS_RELEASED, broker=broker_4_3(), nodes=2, state_dir=folder) as running:
        yield running


@pytest.fixture
def stand(newest: LocalCluster, tmp_path: Path) -> Iterator[Stand]:
    """Give a virtual host on 4.3."""
    with stand_on(newest, tmp_path) as made:
        yield made


@pytest.fixture
def older(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Stand]:
    """Give a virtual host on one node of 4.0."""
    folder = tmp_path_factory.mktemp("state")
    with (
        local_cluster(BrokerSettings(), broker=broker_4_0(), nodes=1, state_dir=folder) as running,
        stand_on(running, tmp_path) as made,
    ):
        yield made


def mirroring_is_refused(stand: Stand) -> None:
    """Show that no policy of mirroring is taken, and that an import with one declares nothing."""
    policy = {
        "vhost": stand.vhost,
        "name": "ha-all",
        "pattern": "^later",
        "apply-to": "queues",
        "definition": {"ha-mode": "all"},
        "priority": 0,
    }
    assert "mirroring-refused" in stand.found_of(queue("later"), policies=[policy])
    said = refusal(lambda: stand.policy("ha-all", "^later", ha_mode="all"), ManagementError)
    assert "not recognised policy settings" in said
    refusal(lambda: stand.declare(queue("later"), policies=[policy]), ManagementError)
    assert "later" not in stand.counts()


def a_standing_policy_mirrors_nothing(stand: Stand) -> None:
    """Show that a policy which an upgrade left behind is in force, and makes no second copy."""
    old = Policy(name="ha-old", pattern="^old", definition={"ha-mode": "all"})
    put_past_refusal(stand.broker, stand.vhost, old)
    stand.declare(queue("old"))
    question = under_policy(stand.vhost, "ha-old")
    assert json.loads(stand.cluster.evaluate("r1", question)) == ["old"]
    assert stand.broker.queue_members(stand.vhost)["old"] == {"r1"}


def test_4_0_knows_two_classes_and_no_mirroring(older: Stand) -> None:
    """Two urgent ones to one other; 5 and 9 are of one class, first in, first out."""
    text = contract(QUORUM_WORK, "priorities: {0: 1, 9: 1}", "prefetch: 1")
    assert "priority-two-classes" in older.found_in(text)
    older.declare(quorum("work"), quorum("upper"))
    with older.channel() as channel:
        published(channel, "work", (0,) * 6 + (9,) * 6)
        order = taken(channel, "work", 9)
        assert order.count("0") == 3, f"two to one was promised, and found {order}"
        assert order != sorted(order, reverse=True)
        published(channel, "upper", (5, 9))
        assert taken(channel, "upper", 2) == ["5", "9"]
    mirroring_is_refused(older)
    a_maximum_is_refused(older)
    twenty_returns_are_enough(older)


def test_4_3_is_strict_and_none_given_is_4(stand: Stand) -> None:
    """The most urgent comes first; none given is before 3 and after 5; 40 counts as 31."""
    text = contract(QUORUM_WORK, "priorities: {0: 1, 9: 1}", "prefetch: 1")
    assert "priority-strict" in stand.found_in(text)
    stand.declare(quorum("work"))
    with stand.channel() as channel:
        published(channel, "work", (0, 3, None, 5, 9, 31, 40))
        assert taken(channel, "work", 7) == ["31", "40", "9", "5", "None", "3", "0"]


def test_4_3_refuses_a_maximum_on_quorum_queues(stand: Stand) -> None:
    """Whatever its documents say: 406."""
    a_maximum_is_refused(stand)


def a_maximum_is_refused(stand: Stand) -> None:
    """Show that a quorum queue takes no x-max-priority."""
    row = quorum("ranked", x_max_priority=5)
    assert "max-priority-refused" in stand.found_of(row)
    with stand.channel() as channel:
        said = refusal(
            lambda: channel.queue_declare("ranked", durable=True, arguments=row["arguments"]),
            ChannelClosedByBroker,
        )
    assert "(406," in said


def test_4_3_mirrors_nothing(stand: Stand) -> None:
    """A policy is refused, and so is every definition beside it; one that stands does nothing."""
    mirroring_is_refused(stand)
    a_standing_policy_mirrors_nothing(stand)


def test_4_3_refuses_transient_queues_as_it_is_released(stand: Stand) -> None:
    """The connection is closed with 541."""
    row = queue("work", durable=False, x_queue_type="classic")
    assert "transient-queue" in stand.found_of(row)
    with stand.channel() as channel:
        said = refusal(lambda: channel.queue_declare("work"), ConnectionClosedByBroker)
    assert "(541," in said


def test_4_3_gives_up_after_twenty_returns(stand: Stand) -> None:
    """Rejected with requeue 21 times, a message is gone where no dead-letter exchange is."""
    twenty_returns_are_enough(stand)


def twenty_returns_are_enough(stand: Stand) -> None:
    """Show that the limit of 20 holds without anybody having set it."""
    stand.declare(
        quorum("work"),
        quorum("safe", x_dead_letter_exchange="", x_dead_letter_routing_key="dead"),
        queue("dead"),
    )
    assert "delivery-limit-discards" in stand.found()
    with stand.channel() as channel:
        channel.queue_purge("work")
        for name in ("work", "safe"):
            channel.basic_publish("", name, b"1", PERSISTENT, mandatory=True)
            for _ in range(LIMIT + 1):
                channel.basic_reject(take(channel, name)[0].delivery_tag, requeue=True)
    stand.wait_counts(work=0, safe=0, dead=1)


def test_4_3_counts_no_nack(stand: Stand) -> None:
    """What is requeued by basic.nack never reaches the limit, and only x-acquired-count grows."""
    text = contract(QUORUM_WORK, "", "retry: requeue")
    assert "nack-uncounted" in stand.found_in(text)
    stand.declare(quorum("work"))
    with stand.channel() as channel:
        channel.basic_publish("", "work", b"1", PERSISTENT, mandatory=True)
        for _ in range(LIMIT + 5):
            method, properties, _ = take(channel, "work")
            channel.basic_nack(method.delivery_tag, requeue=True)
        method, properties, _ = take(channel, "work")
        assert properties.headers.get("x-delivery-count", 0) == 0
        assert properties.headers["x-acquired-count"] == LIMIT + 5


PROMISE = """
  - id: s-1
    statement: In time.
    criteria: [{check: sla, parameters: {queue: work, limit_ms: 2000}}]
    suites: [full]
"""


def test_4_3_keeps_what_a_lost_consumer_holds(stand: Stand) -> None:
    """Its node is killed; for two seconds nobody has its message, until the node is back."""
    text = contract(QUORUM_WORK, "", "").replace("requirements: []", f"requirements:{PROMISE}")
    assert "lost-consumer-holds" in stand.found_in(text)
    stand.declare(quorum("work", x_quorum_initial_group_size=1))
    assert stand.broker.queue_members(stand.vhost)["work"] == {"r1"}
    with stand.channel() as channel, suppress(AMQPError), stand.channel("r2") as doomed:
        channel.basic_publish("", "work", b"1", PERSISTENT, mandatory=True)
        take(doomed, "work")
        stand.cluster.kill("r2")
        try:
            with pytest.raises(HarnessError):
                wait_until(lambda: channel.basic_get("work")[0], 2, "another had it")
        finally:
            stand.cluster.start("r2")
            stand.broker.wait_healthy(30)
        assert take(channel, "work")[2] == b"1"
