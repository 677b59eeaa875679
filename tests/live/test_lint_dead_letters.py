"""Lint against a broker: dead letters that arrive nowhere, and what a queue gives up by itself.

Each test declares what a rule warns of, has the broker's own export linted, and then sees the
consequence: what was confirmed is nowhere.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lint_stand import PERSISTENT, Stand, binding, exchange, queue, quorum, stand_on, take
from pika.exceptions import NackError

from gameday.clusters.local import LocalCluster

pytestmark = pytest.mark.live


@pytest.fixture
def stand(cluster: LocalCluster, tmp_path: Path) -> Iterator[Stand]:
    """Give a virtual host on the session's cluster; these tests leave the cluster alone."""
    with stand_on(cluster, tmp_path) as made:
        yield made


def reject_one(stand: Stand, name: str) -> None:
    """Publish one message, confirmed, and reject it."""
    with stand.channel() as channel:
        channel.basic_publish("", name, b"1", PERSISTENT, mandatory=True)
        channel.basic_reject(take(channel, name)[0].delivery_tag, requeue=False)


def test_a_missing_exchange_drops_dead_letters(stand: Stand) -> None:
    """The declaration is taken, and what is rejected is nowhere."""
    stand.declare(queue("work", x_dead_letter_exchange="deed"), queue("dead"))
    assert "dead-letter-exchange-missing" in stand.found()
    reject_one(stand, "work")
    stand.wait_counts(work=0)
    assert stand.counts() == {"work": 0, "dead": 0}


def test_an_unbound_exchange_drops_dead_letters(stand: Stand) -> None:
    """An exchange that is there but leads nowhere loses the same."""
    stand.declare(
        queue("work", x_dead_letter_exchange="dlx"),
        queue("dead"),
        exchanges=[exchange("dlx", "fanout")],
    )
    assert "dead-letter-exchange-unbound" in stand.found()
    reject_one(stand, "work")
    stand.wait_counts(work=0)
    assert stand.counts() == {"work": 0, "dead": 0}
    stand.declare(bindings=[binding("dlx", "dead")])
    assert "dead-letter-exchange-unbound" not in stand.found()
    reject_one(stand, "work")
    stand.wait_counts(work=0, dead=1)


def test_a_key_that_is_not_bound_drops_some(stand: Stand) -> None:
    """By its own key a dead letter misses the binding that another key would take."""
    stand.declare(
        queue("work", x_dead_letter_exchange="dlx"),
        queue("dead"),
        exchanges=[exchange("dlx", "direct")],
        bindings=[binding("dlx", "dead", "work.dead")],
    )
    assert "dead-letter-key-unroutable" in stand.found()
    reject_one(stand, "work")
    stand.wait_counts(work=0)
    assert stand.counts()["dead"] == 0
    stand.declare(bindings=[binding("dlx", "dead", "work")])
    assert "dead-letter-key-unroutable" not in stand.found()
    reject_one(stand, "work")
    stand.wait_counts(work=0, dead=1)


def test_at_least_once_without_its_conditions_drops_what_it_should_keep(stand: Stand) -> None:
    """With reject-publish a dead letter that finds no queue stays; without, it is dropped."""
    asked = {"x_dead_letter_exchange": "dlx", "x_dead_letter_strategy": "at-least-once"}
    stand.declare(quorum("lax", **asked), exchanges=[exchange("dlx", "fanout")])
    assert "at-least-once-falls-back" in stand.found()
    reject_one(stand, "lax")
    stand.wait_counts(lax=0)


def test_at_least_once_with_its_conditions_keeps_them(stand: Stand) -> None:
    """The same with reject-publish keeps the dead letter until a queue is bound."""
    stand.declare(
        quorum(
            "strict",
            x_dead_letter_exchange="dlx",
            x_dead_letter_strategy="at-least-once",
            x_overflow="reject-publish",
        ),
        queue("dead"),
        exchanges=[exchange("dlx", "fanout")],
    )
    assert "at-least-once-falls-back" not in stand.found()
    reject_one(stand, "strict")
    with stand.channel() as channel:
        assert channel.basic_get("strict")[0] is None, "what was rejected is not to be had again"
    assert stand.counts() == {"strict": 1, "dead": 0}


def test_a_cycle_without_a_rejection_drops(stand: Stand) -> None:
    """What expires round a cycle is gone when it is back; what was rejected in it goes round."""
    stand.declare(
        queue("a", x_message_ttl=100, x_dead_letter_exchange="", x_dead_letter_routing_key="b"),
        queue("b", x_message_ttl=100, x_dead_letter_exchange="", x_dead_letter_routing_key="a"),
        queue("work", x_dead_letter_exchange="", x_dead_letter_routing_key="wait"),
        queue("wait", x_message_ttl=100, x_dead_letter_exchange="",
              x_dead_letter_routing_key="work"),
    )  # fmt: skip
    assert "dead-letter-cycle" in stand.found()
    with stand.channel() as channel:
        channel.basic_publish("", "a", b"1", PERSISTENT, mandatory=True)
        stand.wait_counts(a=0, b=1)
        stand.wait_counts(a=0, b=0)
    reject_one(stand, "work")
    stand.wait_counts(work=0, wait=1)
    stand.wait_counts(work=1, wait=0)
    assert stand.counts() == {"a": 0, "b": 0, "work": 1, "wait": 0}


def test_what_expires_without_an_exchange_is_gone(stand: Stand) -> None:
    """A confirmed message is deleted when its time is over."""
    stand.declare(queue("work", x_message_ttl=100))
    assert "expiry-discards" in stand.found()
    with stand.channel() as channel:
        channel.basic_publish("", "work", b"1", PERSISTENT, mandatory=True)
    stand.wait_counts(work=0)


def test_a_full_queue_drops_its_oldest(stand: Stand) -> None:
    """Three are confirmed, two are there, and the first is the one that is not."""
    stand.declare(queue("work", x_max_length=2))
    assert "length-discards" in stand.found()
    with stand.channel() as channel:
        for body in (b"1", b"2", b"3"):
            channel.basic_publish("", "work", body, PERSISTENT, mandatory=True)
        assert take(channel, "work")[2] == b"2"
    stand.wait_counts(work=2)


def test_a_refusal_is_heard_only_with_confirms(stand: Stand) -> None:
    """A full queue refuses; a publisher without confirms has no way to know."""
    full = queue("work", x_max_length=1, x_overflow="reject-publish")
    stand.declare(full)
    assert "refusals-unheard" in stand.found_in(UNHEARD)
    with stand.channel(confirms=False) as channel:
        for _ in range(3):
            channel.basic_publish("", "work", b"1", PERSISTENT, mandatory=True)
    stand.wait_counts(work=1)
    with stand.channel() as channel, pytest.raises(NackError):
        channel.basic_publish("", "work", b"1", PERSISTENT, mandatory=True)


UNHEARD = """\
system: s
title: t
topology:
  queues:
    - name: work
      type: classic
      arguments: {x-max-length: 1, x-overflow: reject-publish}
messages: [{name: m, schema: {type: object}}]
producers:
  - {name: p, message: m, routing_key: work, rate_per_s: 1, confirms: false}
consumers: []
requirements: []
"""
