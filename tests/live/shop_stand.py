"""What live tests of operators' faults share: a small shop in a virtual host, as clients see it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika
from pika.exceptions import UnroutableError

from chaos.fault import Site
from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster


@contextmanager
def channel_of(cluster: LocalCluster, vhost: str, node: str = "r1") -> Iterator[Any]:
    """Open a channel with confirms, as a client would."""
    connection = pika.BlockingConnection(pika.URLParameters(cluster.amqp_url(node, vhost)))
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel
    finally:
        if connection.is_open:
            connection.close()


def arrives(site: Site, key: str, node: str = "r1") -> bool:
    """Whether a mandatory message that is published on a node is routed."""
    with channel_of(site.cluster, site.vhost, node) as channel:
        try:
            channel.basic_publish("shop", key, b"hello", mandatory=True)
        except UnroutableError:
            return False
    return True


def fill(site: Site, queue: str, count: int) -> None:
    """Publish so many messages to a queue, each confirmed."""
    with channel_of(site.cluster, site.vhost) as channel:
        for _ in range(count):
            channel.basic_publish("", queue, b"hello", mandatory=True)


def counted(site: Site) -> dict[str, int]:
    """Return how many messages each queue holds."""
    return {
        name: sum(both) for name, both in Broker(site.cluster).message_counts(site.vhost).items()
    }
