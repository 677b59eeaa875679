"""Limits that messages meet: each mode of overflow, expiry, and a size that is too large."""

from dataclasses import replace
from typing import Any

import pika
import pytest
from chaos_stand import evidence, healthy, undone_by_another
from pika.exceptions import ChannelClosedByBroker, NackError
from shop_stand import channel_of, counted, fill

from chaos.fault import Fault, Site
from chaos.limited import ExpireMessages, LimitMessageSize, OverflowQueue
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live


@pytest.fixture
def mortal(own: Site) -> Site:
    """Give the shop a queue whose dead letters lie in another."""
    with channel_of(own.cluster, own.vhost) as channel:
        channel.queue_declare("dead", durable=True)
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
        channel.queue_declare("mortal", durable=True, arguments=arguments)
    return own


def publish(site: Site, queue: str, count: int, size: int = 5) -> int:
    """Publish so many messages; return how many were refused with a nack."""
    refused = 0
    with channel_of(site.cluster, site.vhost) as channel:
        for _ in range(count):
            try:
                channel.basic_publish("", queue, b"x" * size, mandatory=True)
            except NackError:
                refused += 1
    return refused


def reasons(site: Site) -> set[str]:
    """Return why the dead letters died."""
    found = set()
    with channel_of(site.cluster, site.vhost) as channel:
        while True:
            _, properties, _ = channel.basic_get("dead", auto_ack=True)
            if properties is None:
                return found
            found.add(properties.headers["x-death"][0]["reason"])


@pytest.mark.parametrize(
    ("overflow", "refused", "dead"),
    [("drop-head", 0, 30), ("reject-publish", 10, 20), ("reject-publish-dlx", 10, 30)],
)
def test_a_full_queue_does_what_its_overflow_says(
    mortal: Site, overflow: Any, refused: int, dead: int
) -> None:
    """Twenty-five are there, five may stay, and ten more come.

    What is over the limit when it comes into force leaves from the head, in each mode. Afterwards
    more fit in again.
    """
    fill(mortal, "mortal", 25)
    with OverflowQueue("mortal", 5, overflow).inject(mortal):
        assert publish(mortal, "mortal", 10) == refused
        assert counted(mortal)["mortal"] == 5
        wait_until(lambda: counted(mortal)["dead"] == dead, 5, f"{dead} dead letters")

    assert publish(mortal, "mortal", 10) == 0
    assert counted(mortal)["mortal"] == 15
    assert reasons(mortal) == {"maxlen"}
    healthy(mortal)


def test_what_waits_too_long_expires(mortal: Site) -> None:
    """What comes meanwhile leaves by itself for the dead-letter queue; later messages stay."""
    with ExpireMessages("mortal", 300).inject(mortal):
        fill(mortal, "mortal", 10)
        wait_until(lambda: counted(mortal)["mortal"] == 0, 5, "all expired")

    fill(mortal, "mortal", 3)
    gone = counted(mortal)["dead"]
    with pytest.raises(HarnessError):
        wait_until(lambda: counted(mortal)["dead"] > gone, 1, "a fourth expires")
    assert counted(mortal)["mortal"] == 3
    assert reasons(mortal) == {"expired"}
    healthy(mortal)


@pytest.mark.nightly
def test_a_limit_keeps_what_the_policy_in_force_says(mortal: Site) -> None:
    """A queue that dead-letters by a policy still does so under a limit of its own."""
    api = mortal.cluster.management("r1")
    with channel_of(mortal.cluster, mortal.vhost) as channel:
        channel.queue_declare("plain", durable=True)
    policy = {"dead-letter-exchange": "", "dead-letter-routing-key": "dead"}
    api.put(f"/api/policies/{mortal.vhost}/dying", {"pattern": "^plain$", "definition": policy})
    fill(mortal, "plain", 8)
    with OverflowQueue("plain", 5).inject(mortal):
        wait_until(lambda: counted(mortal)["dead"] == 3, 5, "three dead letters")
    healthy(mortal)


def test_a_message_that_is_too_large_closes_its_channel(own: Site) -> None:
    """With 406 on every node, until it is taken again; a smaller one is taken all the while."""
    before = pika.BlockingConnection(pika.URLParameters(own.cluster.amqp_url("r1", own.vhost)))
    with LimitMessageSize("all", 500).inject(own):
        for node in own.cluster.nodes:
            too_large = pytest.raises(ChannelClosedByBroker, match="406")
            with channel_of(own.cluster, own.vhost, node) as channel, too_large:
                channel.basic_publish("", "orders", b"x" * 501, mandatory=True)
        assert publish(own, "orders", 3, 499) == 0

    with pytest.raises(pika.exceptions.AMQPError):
        before.process_data_events(1)
    assert publish(own, "orders", 1, 5000) == 0
    healthy(own)
    assert set(evidence(own, "observed")["max_bytes"].values()) == {500}


@pytest.mark.nightly
@pytest.mark.parametrize(
    "fault", [OverflowQueue("orders", 0), ExpireMessages("orders"), LimitMessageSize("r2", 100)]
)
def test_limits_are_lifted_by_whoever_has_the_journal(own: Site, fault: Fault) -> None:
    """Another process lifts them, and a large message is taken, and stays."""
    undone_by_another(fault, own)

    assert publish(own, "orders", 2, 5000) == 0
    assert counted(own)["orders"] == 2


def test_no_limit_for_a_queue_that_is_not_there(own: Site) -> None:
    """Nothing is begun, and the sentence names the queue."""
    with pytest.raises(HarnessError, match="there is no queue nobody"):
        OverflowQueue("nobody").inject(replace(own)).__enter__()
