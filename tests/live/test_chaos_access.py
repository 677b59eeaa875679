"""Passwords, permissions, limits and closed connections: what a client meets, and meets no more."""

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

import pika
import pytest
from chaos_stand import evidence, healthy, steps_of, undone_by_another
from pika.exceptions import AMQPError, ChannelClosedByBroker, ConnectionClosedByBroker
from shop_stand import channel_of

from chaos.access import (
    CloseConnections,
    LimitUser,
    LimitVhost,
    RevokePermissions,
    RotatePassword,
)
from chaos.fault import Fault, Site
from gameday.clusters.broker import clients_user
from gameday.clusters.connections import connections
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live

PASSWORD = "known to the clients"  # noqa: S105  # Of a user that lives as long as one test.


@pytest.fixture
def guarded_shop(own: Site) -> Iterator[Site]:
    """Give the shop's virtual host a user for its clients alone."""
    name = clients_user(own.vhost)
    own.broker.make_user(name, PASSWORD, own.vhost)
    yield own
    own.cluster.management("r1").delete(f"/api/users/{quote(name, safe='')}")


def dialled(site: Site, node: str = "r1") -> pika.BlockingConnection:
    """Connect to a node as the clients do."""
    user = clients_user(site.vhost), PASSWORD
    return pika.BlockingConnection(
        pika.URLParameters(site.cluster.amqp_url(node, site.vhost, user=user))
    )


def refused(site: Site, node: str = "r1") -> str:
    """Return why a client's connection to a node is refused, nothing when it is not."""
    try:
        dialled(site, node).close()
    except AMQPError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def publish(connection: pika.BlockingConnection) -> None:
    """Publish one message on a channel of its own, and wait for its confirm."""
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("shop", "order.placed", b"hello", mandatory=True)


def stands(connection: pika.BlockingConnection) -> bool:
    """Whether the broker still knows the connection."""
    with suppress(AMQPError):
        if connection.is_open:
            connection.process_data_events(0.5)
    return bool(connection.is_open)


def test_a_rotated_password_refuses_who_comes_back(guarded_shop: Site) -> None:
    """Connections are closed, and the old password is refused on every node until the end."""
    before = dialled(guarded_shop, "r2")
    with RotatePassword().inject(guarded_shop):
        assert not stands(before)
        for node in guarded_shop.cluster.nodes:
            assert "403" in refused(guarded_shop, node) or "Authentication" in refused(
                guarded_shop, node
            )

    assert not any(refused(guarded_shop, node) for node in guarded_shop.cluster.nodes)
    assert PASSWORD not in guarded_shop.journal.path.read_text()
    healthy(guarded_shop)


@pytest.mark.nightly
def test_who_stays_connected_never_notices_a_rotation(guarded_shop: Site) -> None:
    """Without closing connections, only a new one is refused."""
    before = dialled(guarded_shop)
    with RotatePassword(disconnect=False).inject(guarded_shop):
        publish(before)
        assert refused(guarded_shop)

    publish(before)
    before.close()
    healthy(guarded_shop)


def test_a_revoked_permission_closes_the_publishers_channel(guarded_shop: Site) -> None:
    """A publish is refused with 403 and ends its channel; it may read; then all is as before."""
    path = f"/api/users/{quote(clients_user(guarded_shop.vhost), safe='')}/permissions"
    before = guarded_shop.cluster.management("r3").get(path)
    with RevokePermissions().inject(guarded_shop):
        connection = dialled(guarded_shop, "r3")
        with pytest.raises(ChannelClosedByBroker, match="403"):
            publish(connection)
        connection.channel().basic_get("orders")
        connection.close()

    assert guarded_shop.cluster.management("r3").get(path) == before
    connection = dialled(guarded_shop, "r3")
    publish(connection)
    connection.close()
    healthy(guarded_shop)


def test_one_connection_too_many_is_refused(guarded_shop: Site) -> None:
    """Those that stood are closed, none comes back, and the sentence names the limit (530)."""
    before = dialled(guarded_shop, "r2")
    with LimitVhost().inject(guarded_shop):
        assert not stands(before)
        assert all("530" in refused(guarded_shop, node) for node in guarded_shop.cluster.nodes)

    assert not refused(guarded_shop, "r2")
    limits = guarded_shop.cluster.management("r1").get(
        f"/api/vhost-limits/{quote(guarded_shop.vhost, safe='')}"
    )
    assert not any(each["value"] for each in limits)
    healthy(guarded_shop)


def test_one_channel_too_many_is_refused(guarded_shop: Site) -> None:
    """A connection is let in and its first channel ends it (530); another user never notices."""
    with LimitUser().inject(guarded_shop):
        connection = dialled(guarded_shop, "r2")
        with pytest.raises(ConnectionClosedByBroker, match="530"):
            connection.channel()
        with channel_of(guarded_shop.cluster, guarded_shop.vhost, "r2") as other:
            other.queue_declare("orders", passive=True)

    connection = dialled(guarded_shop, "r2")
    publish(connection)
    connection.close()
    name = quote(clients_user(guarded_shop.vhost), safe="")
    rows = guarded_shop.cluster.management("r1").get(f"/api/user-limits/{name}")
    assert not any(row["value"] for row in rows)
    healthy(guarded_shop)


def test_one_queue_too_many_is_refused(own: Site) -> None:
    """Two queues are there and two are allowed: a third declaration is refused."""
    too_many = pytest.raises((ChannelClosedByBroker, ConnectionClosedByBroker), match="limit")
    fault = LimitVhost("max-queues", 2).inject(own)
    with fault, channel_of(own.cluster, own.vhost) as channel, too_many:
        channel.queue_declare("third", durable=True)

    with channel_of(own.cluster, own.vhost) as channel:
        channel.queue_declare("third", durable=True)
    healthy(own)


def test_a_limit_that_was_there_is_what_it_was(own: Site) -> None:
    """The recorded number comes back, not none."""
    path = f"/api/vhost-limits/{quote(own.vhost, safe='')}"
    own.cluster.management("r1").put(f"{path}/max-queues", {"value": 50})
    with LimitVhost("max-queues", 2).inject(own):
        pass

    [row] = own.cluster.management("r2").get(path)
    assert row["value"] == {"max-queues": 50}
    healthy(own)


def test_closed_connections_are_gone_and_may_come_back(guarded_shop: Site) -> None:
    """Clients hear 320 and are let in again at once; another virtual host never notices."""
    mine = [dialled(guarded_shop, node) for node in guarded_shop.cluster.nodes]
    with channel_of(guarded_shop.cluster, "/") as other:
        with CloseConnections("all").inject(guarded_shop):
            with pytest.raises(ConnectionClosedByBroker, match="320"):
                mine[0].process_data_events(2)
            assert not any(stands(each) for each in mine)
            assert not refused(guarded_shop)
        other.connection.process_data_events(0)
        assert other.is_open

    assert evidence(guarded_shop, "observed") == {"closed": 3, "left": []}
    healthy(guarded_shop)


@pytest.mark.parametrize(
    "fault", [RotatePassword(), RevokePermissions(right="all"), LimitVhost(), LimitUser()]
)
def test_access_is_given_back_by_whoever_has_the_journal(guarded_shop: Site, fault: Fault) -> None:
    """Another process lets the clients in again, and they may publish."""
    undone_by_another(fault, guarded_shop)

    connection = dialled(guarded_shop)
    publish(connection)
    connection.close()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (RotatePassword("gameday"), "the administrator"),
        (RevokePermissions("nobody"), "there is no permission of nobody"),
        (CloseConnections("r9"), "there is no node r9"),
        (CloseConnections("all"), "no connection to"),
    ],
)
def test_whom_nobody_may_strike(own: Site, fault: Fault, sentence: str) -> None:
    """Nothing is begun, and the sentence says why."""
    # The connection that declared the shop is listed for a moment after its close.
    wait_until(lambda: not any(connections(own.cluster, own.vhost).values()), 10, "nobody is there")
    with pytest.raises(HarnessError, match=sentence):
        fault.inject(own).__enter__()
    assert steps_of(own) == []
