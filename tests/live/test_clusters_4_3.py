"""The same cluster on RabbitMQ 4.3: another Erlang, Khepri instead of Mnesia, a Debian tree."""

from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from conftest import QUICK, beside, broker_4_3
from pika.exceptions import ConnectionClosedByBroker

from gameday.clusters.attached import attach
from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.broker import Alarm, Broker
from gameday.clusters.local import LocalCluster, load, local_cluster
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError, UnansweredError

pytestmark = pytest.mark.live

LINKS = [("r3", "r1"), ("r1", "r3"), ("r3", "r2"), ("r2", "r3")]


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Run a 4.3 cluster in a block of its own."""
    broker, folder = broker_4_3(), tmp_path_factory.mktemp("state")
    with beside(200), local_cluster(QUICK, broker=broker, state_dir=folder) as running:
        yield running


def test_whole_cut_mended_killed_and_restarted(newer: LocalCluster) -> None:
    """Nodes see each other, a cut parts them, mending and a restart make the cluster whole."""
    broker = Broker(newer)
    broker.wait_healthy(20)
    assert newer.version.startswith("4.3.")
    newer.cut(LINKS, "reset")
    wait_until(lambda: not broker.seen_nodes("r3"), 3, "r3 saw the cut")
    wait_until(lambda: broker.seen_nodes("r1") == {"r2"}, 3, "r1 saw the cut")
    newer.mend(LINKS)
    broker.wait_healthy(30)
    newer.kill("r3")
    newer.start("r3")
    broker.wait_healthy(30)


@pytest.mark.nightly  # Khepri gives a majority half a minute before it refuses.
def test_a_minority_serves_and_changes_nothing(newer: LocalCluster) -> None:
    """Khepri: the lonely node does not pause; a declaration there closes its connection by 541."""
    broker = Broker(newer)
    broker.make_vhost("lonely")
    newer.cut(LINKS, "reset")
    wait_until(lambda: not broker.seen_nodes("r3"), 3, "r3 saw the cut")
    parameters = pika.URLParameters(newer.amqp_url("r3", "lonely"))
    parameters.blocked_connection_timeout = parameters.socket_timeout = 60
    connection = pika.BlockingConnection(parameters)
    try:
        assert newer.evaluate("r3", "rabbit:is_running()") == "true"
        with pytest.raises(ConnectionClosedByBroker) as refused:
            connection.channel().queue_declare("q", durable=True)
        assert refused.value.reply_code == 541
    finally:
        newer.mend(LINKS)
        broker.wait_healthy(40)
    broker.drop_vhost("lonely")


def test_alarm_leaders_and_counts(newer: LocalCluster) -> None:
    """Alarms, moves of quorum leaders and counts of this moment work as on 3.10."""
    broker = Broker(newer)
    broker.set_disk_free_limit("r1", broker.disk_free("r1") + 10 * 2**30)
    assert Alarm("disk", "r1") in broker.alarms("r1")
    broker.restore_limits("r1", newer.own_limits("r1"))
    broker.wait_healthy(10)
    broker.make_vhost("v")
    connection = pika.BlockingConnection(pika.URLParameters(newer.amqp_url("r1", "v")))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare("q", durable=True, arguments={"x-queue-type": "quorum"})
    channel.basic_publish("", "q", b"1", mandatory=True)
    broker.move_leaders("v", ["q"], "r2")
    assert broker.queue_leaders("v") == {"q": "r2"}
    assert broker.message_counts("v") == {"q": (1, 0)}
    connection.close()
    broker.drop_vhost("v")


@pytest.mark.nightly
def test_counts_of_an_attached_cluster_are_its_leaders(
    newer: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a silent cut is over, what its old leader knew counts no more: nobody asks it."""
    monkeypatch.setenv("AMQP_URL", newer.amqp_url("r1", "/"))
    monkeypatch.setenv("GAMEDAY_MANAGEMENT_URL", newer.management_url("r1"))
    broker, facts = Broker(newer), AttachedFacts(attach())
    broker.make_vhost("stale")
    connection = pika.BlockingConnection(pika.URLParameters(newer.amqp_url("r1", "stale")))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare("q", durable=True, arguments={"x-queue-type": "quorum"})
    broker.move_leaders("stale", ["q"], "r3")
    for _ in range(10):
        channel.basic_publish("", "q", b"1", mandatory=True)
    held = [channel.basic_get("q")[0] for _ in range(4)]
    wait_until(lambda: facts.message_counts("stale") == {"q": (6, 4)}, 15, "the counts are known")
    newer.cut(LINKS, "silent")
    try:
        wait_until(
            lambda: broker.queue_leaders("stale")["q"] in {"r1", "r2"}, 40, "another node leads",
            errors=(HarnessError,),
        )  # fmt: skip
    finally:
        newer.mend(LINKS)
    broker.wait_healthy(40)
    for method in held:
        channel.basic_ack(method.delivery_tag)
    channel.queue_purge("q")
    wait_until(lambda: broker.message_counts("stale") == {"q": (0, 0)}, 20, "the queue is empty")

    wait_until(
        lambda: facts.message_counts("stale") == {"q": (0, 0)} or NotYet(facts._list("stale")),
        2 * facts.counts_age_s, "the attached cluster's counts say so",
        errors=(UnansweredError,),
    )  # fmt: skip
    connection.close()
    broker.drop_vhost("stale")


def test_no_mount_shows_outside(newer: LocalCluster) -> None:
    """What the tree's processes mount is theirs alone, so nothing has to be unmounted."""
    mounts = Path("/proc/self/mountinfo").read_text()
    assert newer.record.release.tree is None or str(newer.record.release.tree) not in mounts
    assert load(newer.record.folder.parent.parent, newer.record.ports.base).version == newer.version
