"""Operators' faults on a real cluster: seen by clients, and undone to the last argument."""

from typing import Any
from urllib.parse import quote

import pytest
from chaos_stand import evidence, healthy, steps_of, undone_by_another
from pika.exceptions import ChannelClosedByBroker
from shop_stand import arrives, channel_of, counted, fill

from chaos.fault import Fault, Site
from chaos.operators import ChangePolicy, DeleteQueue, PurgeQueue, RemoveBinding, RemoveExchange
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live


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


def definitions(site: Site, node: str = "r3") -> dict[str, Any]:
    """Return all that is declared in the site's virtual host, in an order of its own."""
    found = site.cluster.management(node).get(f"/api/definitions/{quote(site.vhost, safe='')}")
    return {part: sorted(rows, key=str) for part, rows in found.items() if isinstance(rows, list)}


def test_a_deleted_queue_loses_what_it_held_and_is_declared_again(own: Site) -> None:
    """Publishes come back and consumers are cancelled; then it is what it was, but empty."""
    fill(own, "orders", 20)
    before = definitions(own)
    cancelled: list[str] = []
    with channel_of(own.cluster, own.vhost, "r2") as channel:
        channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
        tag = channel.basic_consume("orders", lambda *_: None)
        channel.connection.process_data_events(0.5)
        with DeleteQueue("orders").inject(own):
            channel.connection.process_data_events(1)
            assert cancelled == [tag]
            assert not arrives(own, "order.placed")
            assert "orders" not in counted(own)
            with pytest.raises(ChannelClosedByBroker, match="404"):
                channel.basic_consume("orders", lambda *_: None)

    assert definitions(own) == before
    assert counted(own)["orders"] == 0
    assert arrives(own, "order.placed", "r3")
    healthy(own)


def test_a_purged_queue_says_how_much_it_lost(own: Site) -> None:
    """What was ready is gone, what a consumer holds stays, and the journal has the number."""
    fill(own, "orders", 20)
    with channel_of(own.cluster, own.vhost) as channel:
        channel.basic_qos(prefetch_count=5)
        channel.basic_consume("orders", lambda *_: None)
        channel.connection.process_data_events(0.5)
        with PurgeQueue("orders").inject(own):
            assert counted(own)["orders"] == 5

    assert evidence(own, "observed") == {"messages": 15}
    assert counted(own)["orders"] == 5
    healthy(own)


@pytest.mark.nightly
def test_nothing_to_purge_is_no_effect(own: Site) -> None:
    """A purge that dropped nothing is not taken for an effect."""
    with PurgeQueue("orders").inject(own):
        pass
    assert "not_observed" in steps_of(own)


def test_a_removed_exchange_closes_the_publishers_channel(own: Site) -> None:
    """A publish ends its channel with 404, until the exchange is there with all its bindings."""
    before = definitions(own)
    closed = pytest.raises(ChannelClosedByBroker, match="404")
    fault = RemoveExchange("shop").inject(own)
    with fault, channel_of(own.cluster, own.vhost) as channel, closed:
        channel.basic_publish("shop", "order.placed", b"hello", mandatory=True)

    assert definitions(own) == before
    assert arrives(own, "order.placed")
    healthy(own)


def test_a_changed_policy_is_felt_by_queues_that_hold_messages(own: Site) -> None:
    """A new length limit drops what is over it; a policy that was not there is gone afterwards."""
    fill(own, "orders", 20)
    before = definitions(own)
    with ChangePolicy("short", {"max-length": 5}, "^orders$").inject(own):
        wait_until(lambda: counted(own)["orders"] == 5, 3, "the queue took its policy to heart")
        assert counted(own)["copies"] == 0

    assert definitions(own) == before
    fill(own, "orders", 20)
    assert counted(own)["orders"] == 25
    healthy(own)


def test_a_policy_that_was_there_is_what_it_was(own: Site) -> None:
    """Only its definition changes, and its own comes back."""
    api = own.cluster.management("r1")
    path = f"/api/policies/{quote(own.vhost, safe='')}/short"
    api.put(path, {"pattern": "^orders$", "definition": {"max-length": 7}, "apply-to": "queues",
                   "priority": 3})  # fmt: skip
    before = definitions(own)
    with ChangePolicy("short", {"max-length": 3}).inject(own):
        found = own.cluster.management("r2").get(path)
        assert found["definition"] == {"max-length": 3}
        assert found["priority"] == 3

    assert definitions(own) == before
    healthy(own)


@pytest.mark.parametrize(
    "fault",
    [
        DeleteQueue("orders"),
        pytest.param(RemoveExchange("shop"), marks=pytest.mark.nightly),
        pytest.param(ChangePolicy("x", {"max-length": 9}, "orders"), marks=pytest.mark.nightly),
    ],
)
def test_what_was_declared_is_put_back_by_whoever_has_the_journal(own: Site, fault: Fault) -> None:
    """Another process declares it as it was, as often as it is asked to."""
    before = definitions(own)
    undone_by_another(fault, own)

    assert definitions(own) == before


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (DeleteQueue("nobody"), "there is no queue nobody"),
        (PurgeQueue("nobody"), "there is no queue nobody"),
        (RemoveExchange("amq.topic"), "the broker's own"),
        (ChangePolicy("nobody", {"max-length": 1}), "needs a pattern"),
    ],
)
def test_what_is_not_there_cannot_be_taken_away(own: Site, fault: Fault, sentence: str) -> None:
    """Nothing is begun, and the sentence says what is missing."""
    with pytest.raises(HarnessError, match=sentence):
        fault.inject(own).__enter__()
    assert steps_of(own) == []
