"""A cluster of one node: it forms without peers, serves, and leaves nothing behind."""

from pathlib import Path

import pika
import pytest

from gameday.clusters.broker import Broker
from gameday.clusters.local import load, local_cluster
from gameday.clusters.settings import BrokerSettings

pytestmark = pytest.mark.live


def test_one_node_serves_alone(tmp_path: Path) -> None:
    """One node is healthy by itself, takes quorum queues, and is found again with one node."""
    with local_cluster(BrokerSettings(), nodes=1, state_dir=tmp_path) as cluster:
        broker = Broker(cluster)
        broker.wait_healthy(20)
        assert cluster.nodes == ("r1",)
        assert load(tmp_path, cluster.record.ports.base).nodes == ("r1",)
        broker.make_vhost("v")
        url = pika.URLParameters(cluster.amqp_url("r1", "v"))
        with pika.BlockingConnection(url) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.queue_declare("q", durable=True, arguments={"x-queue-type": "quorum"})
            channel.basic_publish("", "q", b"1", mandatory=True)
        assert broker.queue_members("v") == {"q": frozenset({"r1"})}
        assert broker.message_counts("v") == {"q": (1, 0)}
    assert not (tmp_path / "clusters" / str(cluster.record.ports.base)).exists()
