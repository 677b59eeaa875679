"""Lint against a broker: what is refused, what queues make of priorities, and how they end.

Each test declares what a rule warns of, has the broker's own export linted where one is made, and
then sees the consequence. These tests leave the session's cluster alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from lint_stand import (
    PERSISTENT,
    Stand,
    binding,
    contract,
    exchange,
    published,
    queue,
    quorum,
    refusal,
    stand_on,
    take,
    taken,
)
from pika.exceptions import (
    ChannelClosedByBroker,
    UnroutableError,
)

from gameday.clusters.local import LocalCluster
from gameday.clusters.management import ManagementError
from gameday.clusters.wait import wait_until

pytestmark = pytest.mark.live


@pytest.fixture
def stand(cluster: LocalCluster, tmp_path: Path) -> Iterator[Stand]:
    """Give a virtual host on the session's cluster."""
    with stand_on(cluster, tmp_path) as made:
        yield made


CLASSIC = "{name: work, type: classic}"
PRIORITIES = "priorities: {0: 1, 9: 1}"


def refused(stand: Stand, row: Any) -> str:
    """Return what the broker says to a client that declares a queue."""
    with stand.channel() as channel:
        return refusal(
            lambda: channel.queue_declare(
                row["name"],
                durable=row["durable"],
                auto_delete=row["auto_delete"],
                arguments=row["arguments"],
            ),
            ChannelClosedByBroker,
        )


REFUSED = {
    "transient quorum": quorum("q", durable=False),
    "auto-delete quorum": quorum("q", auto_delete=True),
    "delivery limit on classic": queue("q", x_queue_type="classic", x_delivery_limit=3),
    "strategy on classic": queue(
        "q",
        x_queue_type="classic",
        x_dead_letter_exchange="",
        x_dead_letter_strategy="at-least-once",
    ),
    "group size on classic": queue("q", x_queue_type="classic", x_quorum_initial_group_size=3),
    "key without exchange": queue("q", x_queue_type="classic", x_dead_letter_routing_key="k"),
    "maximum on quorum": quorum("q", x_max_priority=5),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_found(case: str, stand: Stand) -> None:
    """A client is refused with 406; an import ends without bindings, or leaves the queue out."""
    row = REFUSED[case]
    rule = "max-priority-refused" if case == "maximum on quorum" else "declaration-refused"
    assert rule in stand.found_of(row)
    assert "(406," in refused(stand, row)
    whole = {"bindings": [binding("amq.topic", "z", "k")]}
    if row["durable"] and not row["auto_delete"]:
        said = refusal(lambda: stand.declare(row, queue("z"), **whole), ManagementError)
        assert "400" in said
        assert stand.bindings() == []
    else:
        stand.declare(row, queue("z"), **whole)
        assert len(stand.bindings()) == 1
    assert "q" not in stand.counts()


def test_before_4_0_quorum_queues_ignore_priorities(stand: Stand) -> None:
    """The urgent message waits behind what came before it."""
    if not stand.cluster.version.startswith("3."):
        pytest.skip(
            f"broker 3: RabbitMQ {stand.cluster.version} knows priorities — run with: "
            "GAMEDAY_TEST_BROKER=3.10 make test",
        )
    text = contract("{name: work, type: quorum}", PRIORITIES, "prefetch: 1")
    assert "priority-ignored" in stand.found_in(text)
    stand.declare(quorum("work"))
    with stand.channel() as channel:
        published(channel, "work", (0, 9))
        assert taken(channel, "work", 2) == ["0", "9"]


def test_without_a_maximum_classic_queues_ignore_priorities(stand: Stand) -> None:
    """Declared without x-max-priority it is first in, first out; with it, the urgent one comes."""
    assert "priority-without-maximum" in stand.found_in(contract(CLASSIC, PRIORITIES, ""))
    stand.declare(queue("work"), queue("other", x_max_priority=9))
    with stand.channel() as channel:
        for name, order in (("work", ["0", "9"]), ("other", ["9", "0"])):
            published(channel, name, (0, 9))
            assert taken(channel, name, 2) == order


def test_what_a_consumer_holds_is_not_sorted_again(stand: Stand) -> None:
    """With a prefetch of 5 an urgent message comes sixth; with 1 it comes next."""
    row = "{name: work, type: classic, arguments: {x-max-priority: 9}}"
    slow = contract(row, PRIORITIES, "prefetch: 5, service_ms: 1000")
    assert "prefetch-hides-priority" in stand.found_in(slow)
    assert "prefetch-hides-priority" not in stand.found_in(
        slow.replace("prefetch: 5", "prefetch: 1")
    )
    stand.declare(queue("five", x_max_priority=9), queue("one", x_max_priority=9))
    assert place_of_urgent(stand, "five", 5) == 5
    assert place_of_urgent(stand, "one", 1) == 1


def place_of_urgent(stand: Stand, name: str, prefetch: int) -> int:
    """Return how many messages a consumer handles before one that came when it was busy."""
    with stand.channel() as channel, stand.channel() as sender:
        published(sender, name, (0,) * 8)
        channel.basic_qos(prefetch_count=prefetch)
        deliveries = channel.consume(name, inactivity_timeout=5)
        first, *_ = next(deliveries)
        published(sender, name, (9,))
        channel.basic_ack(first.delivery_tag)
        for handled, (method, _, body) in enumerate(deliveries, start=1):
            assert method is not None, "no delivery came"
            if body == b"9":
                return handled
            channel.basic_ack(method.delivery_tag)
    raise AssertionError


def test_an_auto_deleted_queue_takes_its_messages_along(stand: Stand) -> None:
    """When its only consumer goes, the queue is gone with what waited in it, DLX or not."""
    stand.declare(queue("work", auto_delete=True, x_dead_letter_exchange="",
                        x_dead_letter_routing_key="dead"), queue("dead"))  # fmt: skip
    assert "auto-delete-queue" in stand.found()
    with stand.channel() as channel:
        channel.basic_publish("", "work", b"1", PERSISTENT, mandatory=True)
        channel.basic_consume("work", lambda *_: None)
    wait_until(lambda: stand.counts() == {"dead": 0}, 5, "the queue is gone")


def test_an_expiring_queue_takes_its_messages_along(stand: Stand) -> None:
    """Unused for its time, the queue is gone, and later messages find no queue."""
    stand.declare(queue("work", x_expires=200))
    assert "expiring-queue" in stand.found()
    with stand.channel() as channel:
        channel.basic_publish("", "work", b"1", PERSISTENT, mandatory=True)
        wait_until(lambda: stand.counts() == {}, 5, "the queue is gone")
        with pytest.raises(UnroutableError):
            channel.basic_publish("", "work", b"2", PERSISTENT, mandatory=True)


def test_an_import_ignores_exclusive(stand: Stand) -> None:
    """An ordinary queue is made, which no client may declare as exclusive; a real one ends."""
    row = {**queue("work"), "exclusive": True}
    assert "exclusive-queue" in stand.found_of(row)
    stand.declare(row)
    with stand.channel() as channel:
        channel.queue_declare("own", exclusive=True)
        channel.basic_publish("", "own", b"1", PERSISTENT, mandatory=True)
        said = refusal(
            lambda: channel.queue_declare("work", durable=True, exclusive=True),
            ChannelClosedByBroker,
        )
        assert "(405," in said
    wait_until(lambda: stand.counts() == {"work": 0}, 5, "own is gone with its connection")


def test_requeueing_changes_no_header_and_counts_nothing(stand: Stand) -> None:
    """On a classic queue the fifth delivery is as the second: the flag and the old header."""
    assert "requeue-uncounted" in stand.found_in(contract(CLASSIC, "", "retry: requeue"))
    stand.declare(queue("work"))
    sent = pika.BasicProperties(delivery_mode=2, headers={"x-retry-count": 0})
    with stand.channel() as channel:
        channel.basic_publish("", "work", b"1", sent, mandatory=True)
        for delivery in range(5):
            method, properties, _ = take(channel, "work")
            assert method.redelivered == (delivery > 0)
            assert properties.headers == {"x-retry-count": 0}
            channel.basic_nack(method.delivery_tag, requeue=True)


def test_a_quorum_queue_counts_what_is_requeued(stand: Stand) -> None:
    """The near miss of the same rule: its deliveries say how often they came back.

    Before 4.0 nothing limits them: after 25 it is still there.
    """
    row = "{name: work, type: quorum}"
    assert "requeue-uncounted" not in stand.found_in(contract(row, "", "retry: requeue"))
    stand.declare(quorum("work"))
    with stand.channel() as channel:
        channel.basic_publish("", "work", b"1", PERSISTENT, mandatory=True)
        for delivery in range(25 if stand.cluster.record.release.major_minor < (4, 0) else 3):
            method, properties, _ = take(channel, "work")
            assert (properties.headers or {}).get("x-delivery-count", 0) == delivery
            channel.basic_reject(method.delivery_tag, requeue=True)


def test_a_key_that_nobody_bound_is_confirmed_and_gone(stand: Stand) -> None:
    """Without mandatory it is confirmed; with it, returned; an alternate exchange keeps it."""
    unbound = contract(CLASSIC, "exchange: shop", "").replace(
        "queues:", "exchanges: [{name: shop, type: topic}], queues:"
    )
    assert {"key-reaches-nothing", "exchange-leads-nowhere"} <= stand.found_in(unbound)
    stand.declare(queue("work"), exchanges=[exchange("shop", "topic")])
    assert "exchange-leads-nowhere" in stand.found()
    with stand.channel() as channel:
        channel.basic_publish("shop", "work", b"1", PERSISTENT)
        with pytest.raises(UnroutableError):
            channel.basic_publish("shop", "work", b"2", PERSISTENT, mandatory=True)
    assert stand.counts() == {"work": 0}


def test_a_lost_binding_is_noticed_by_mandatory_only(stand: Stand) -> None:
    """The binding goes; one publisher goes on without a sign, the mandatory one hears of it."""
    careless = contract(CLASSIC, "exchange: shop, mandatory: false", "").replace(
        "queues:",
        "exchanges: [{name: shop, type: topic}], bindings: "
        "[{exchange: shop, queue: work, routing_key: work}], queues:",
    )
    assert "lost-binding-unnoticed" in stand.found_in(careless)
    stand.declare(
        queue("work"),
        exchanges=[exchange("shop", "topic")],
        bindings=[binding("shop", "work", "work")],
    )
    assert "no-alternate-exchange" in stand.found()
    with stand.channel() as channel:
        channel.basic_publish("shop", "work", b"1", PERSISTENT)
        channel.queue_unbind("work", "shop", "work")
        channel.basic_publish("shop", "work", b"2", PERSISTENT)
        with pytest.raises(UnroutableError):
            channel.basic_publish("shop", "work", b"3", PERSISTENT, mandatory=True)
    stand.wait_counts(work=1)


def test_an_alternate_exchange_must_be_there(stand: Stand) -> None:
    """A missing one is declared without a word and keeps nothing; once there, it keeps all."""
    stand.declare(
        queue("rest"),
        exchanges=[exchange("shop", "topic", alternate_exchange="lost")],
    )
    assert "alternate-exchange-missing" in stand.found()
    with stand.channel() as channel:
        channel.basic_publish("shop", "any", b"1", PERSISTENT)
        stand.declare(exchanges=[exchange("lost", "fanout")], bindings=[binding("lost", "rest")])
        assert "alternate-exchange-missing" not in stand.found()
        channel.basic_publish("shop", "any", b"2", PERSISTENT, mandatory=True)
        assert take(channel, "rest")[2] == b"2"
