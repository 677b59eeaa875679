"""A cluster of one node: it forms without peers and serves; its fixture sees that nothing stays."""

import pika
import pytest

from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster, load

pytestmark = pytest.mark.live


def test_one_node_serves_alone(single: LocalCluster) -> None:
    """One node is healthy by itself, takes quorum queues, and is found again with one node."""
    broker = Broker(single)
    broker.wait_healthy(20)
    assert single.nodes == ("r1",)
    state_dir = single.record.folder.parents[1]
    assert load(state_dir, single.record.ports.base).nodes == ("r1",)
    broker.make_vhost("v")
    url = pika.URLParameters(single.amqp_url("r1", "v"))
    with pika.BlockingConnection(url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("q", durable=True, arguments={"x-queue-type": "quorum"})
        channel.basic_publish("", "q", b"1", mandatory=True)
    assert broker.queue_members("v") == {"q": frozenset({"r1"})}
    assert broker.message_counts("v") == {"q": (1, 0)}
    broker.drop_vhost("v")
