"""Operators' faults on a real cluster: seen by clients, and undone to the last argument."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pika
import pytest
from chaos_stand import evidence, healthy, steps_of, undone_by_another
from pika.exceptions import UnroutableError

from chaos.fault import Site
from chaos.operators import RemoveBinding
from gameday.clusters.local import LocalCluster
from gameday.errors import HarnessError

pytestmark = pytest.mark.live


@pytest.fixture
def own(site: Site, vhost: str) -> Site:
    """Give the site a virtual host of its own, with an exchange, two queues and their bindings."""
    with channel_of(site.cluster, vhost) as channel:
        channel.exchange_declare("shop", "topic", durable=True)
        for queue in ("orders", "copies"):
            channel.queue_declare(queue, durable=True)
        channel.queue_bind("orders", "shop", "order.*", {"x-note": "kept"})
        channel.queue_bind("orders", "shop", "refund.*")
    return replace(site, vhost=vhost)


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


def binding_of(site: Site, key: str) -> list[dict[str, Any]]:
    """Return the bindings of a key as the management API has them."""
    api = site.cluster.management("r2")
    found = api.get(f"/api/queues/{quote(site.vhost, safe='')}/orders/bindings")
    return [each for each in found if each["routing_key"] == key]


def test_what_is_published_past_a_removed_binding_comes_back(own: Site) -> None:
    """Returned on every node while it is gone, routed again afterwards; other keys never felt it.

    The binding is then what it was, its argument included.
    """
    before = binding_of(own, "order.*")
    with RemoveBinding("orders", "shop", "order.*").inject(own):
        assert not any(arrives(own, "order.placed", node) for node in own.cluster.nodes)
        assert arrives(own, "refund.asked")

    assert all(arrives(own, "order.placed", node) for node in own.cluster.nodes)
    assert binding_of(own, "order.*") == before
    assert before[0]["arguments"] == {"x-note": "kept"}
    healthy(own)
    assert evidence(own, "observed")["keys"]["r3"] == ["refund.*"]


def test_a_binding_is_put_back_by_whoever_has_the_journal(own: Site) -> None:
    """Another process makes it again, arguments and all, as often as it is asked to."""
    before = binding_of(own, "order.*")
    undone_by_another(RemoveBinding("orders", "shop", "order.*"), own)

    assert binding_of(own, "order.*") == before


def test_a_binding_that_is_not_there_cannot_be_removed(own: Site) -> None:
    """Nothing is begun, and the sentence names those that are there."""
    with pytest.raises(HarnessError, match=r"there are: order\.\*, refund\.\*"):
        RemoveBinding("orders", "shop", "parcel.*").inject(own).__enter__()
    assert steps_of(own) == []
