"""Lint against a cluster: nodes that stop, members that are too few, and partitions.

What takes a fault of the session's cluster to show: each test puts it right again (`vhost`).
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from lint_stand import PERSISTENT, Stand, queue, quorum, refusal, stopped, take
from pika.exceptions import ChannelClosedByBroker, NackError

from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster, local_cluster
from gameday.clusters.settings import BrokerSettings
from gameday.clusters.wait import wait_until

pytestmark = pytest.mark.live

AT_LEAST_ONCE = {"x_dead_letter_strategy": "at-least-once", "x_overflow": "reject-publish"}
TRIES_S = 15

AWAY = [*product(["r3"], ["r1", "r2"]), *product(["r1", "r2"], ["r3"])]
"""Every link between r3 and the others."""


@pytest.fixture
def stand(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Stand:
    """Give a virtual host on a cluster that is put right afterwards."""
    return Stand(cluster, vhost, tmp_path)


def later(act: Callable[[], Any]) -> tuple[Future[Any], float]:
    """Do something in a thread of its own; return its future and when it began."""
    pool = ThreadPoolExecutor(1)
    begun = time.monotonic()
    future = pool.submit(act)
    pool.shutdown(wait=False)
    return future, begun


def publish(stand: Stand, name: str, node: str = "r1", body: bytes = b"1") -> float:
    """Publish a message on a connection of its own; return when it was confirmed."""
    with stand.channel(node) as channel:
        channel.basic_publish("", name, body, PERSISTENT, mandatory=True)
    return time.monotonic()


def publish_again(channel: Any, name: str) -> float:
    """Publish, and again when it is refused, for some seconds; return when it was confirmed."""
    limit = time.monotonic() + TRIES_S
    while time.monotonic() < limit:
        with suppress(NackError):
            channel.basic_publish("", name, b"1", PERSISTENT, mandatory=True)
            return time.monotonic()
    raise AssertionError(f"{name} refused all for {TRIES_S} s")


def test_queues_of_one_node_stop_or_end_with_it(stand: Stand) -> None:
    """A durable classic queue waits for its node, a transient one is deleted without it.

    What is dead-lettered to such a queue meanwhile is lost, or kept by at-least-once.
    """
    dead = {"x_dead_letter_exchange": "", "x_dead_letter_routing_key": "lone"}
    stand.declare(quorum("safe"), quorum("most", **dead), quorum("least", **dead, **AT_LEAST_ONCE))
    with stand.channel("r3") as channel:
        channel.queue_declare("lone", durable=True, arguments={"x-queue-type": "classic"})
        channel.queue_declare("brief", durable=False)
        for name in ("lone", "brief", "safe"):
            channel.basic_publish("", name, b"1", PERSISTENT, mandatory=True)
    shown = {"classic-on-one-node", "transient-queue", "dead-letters-unconfirmed"}
    assert shown <= stand.found()
    with stopped(stand.cluster, "r3"):
        with stand.channel("r1") as channel:
            said = refusal(
                lambda: channel.queue_declare("lone", passive=True), ChannelClosedByBroker
            )
            assert "(404," in said
        with stand.channel("r1") as channel:
            assert take(channel, "safe")[2] == b"1"
            for name in ("most", "least"):
                channel.basic_publish("", name, b"2", PERSISTENT, mandatory=True)
                channel.basic_reject(take(channel, name)[0].delivery_tag, requeue=False)
                # In the queue's log after the rejection, so that this has been done, too.
                channel.basic_publish("", name, b"3", PERSISTENT, mandatory=True)
                channel.basic_ack(take(channel, name)[0].delivery_tag)
            said = refusal(
                lambda: channel.queue_declare("brief", passive=True), ChannelClosedByBroker
            )
            assert "(404," in said
    stand.broker.wait_healthy(30)
    counts = stand.counts()
    assert counts["most"] == 0
    assert counts["lone"] + counts["least"] == 2, "its own, and what least kept or has handed over"
    assert not counts.get("brief"), "it is deleted, or made anew without its message"


def test_two_members_stop_where_three_go_on(stand: Stand) -> None:
    """With one member suspended the pair confirms nothing, and the three go on."""
    stand.declare(quorum("pair", x_quorum_initial_group_size=2), quorum("three"))
    assert "quorum-below-three" in stand.found()
    stand.broker.move_leaders(stand.vhost, ["pair", "three"], "r1")
    (other,) = stand.broker.queue_members(stand.vhost)["pair"] - {"r1"}
    stand.cluster.pause(other)
    try:
        future, begun = later(lambda: publish(stand, "pair"))
        assert publish(stand, "three") - begun < 1
        with pytest.raises(NotInTime):
            future.result(timeout=1)
    finally:
        stand.cluster.resume(other)
    assert future.result(timeout=10) > begun


def test_mirroring_does_nothing_to_a_quorum_queue(mnesia: None, stand: Stand) -> None:
    """A policy for exactly two leaves a quorum queue its three members."""
    stand.policy("two", "^work", ha_mode="exactly", ha_params=2)
    stand.declare(quorum("work"))
    assert "mirroring-without-effect" in stand.found()
    assert stand.broker.queue_members(stand.vhost)["work"] == {"r1", "r2", "r3"}


def design(settings: str, limit_ms: int) -> str:
    """Return a contract of a quorum and a mirrored queue that promises a limit of service."""
    return f"""\
system: s
title: t
topology:
  queues: [{{name: q, type: quorum}}, {{name: m, type: classic}}]
  policies: [{{name: ha-all, pattern: ^m, definition: {{ha-mode: all}}, until: "4.0"}}]
messages: [{{name: m, schema: {{type: object}}}}]
producers: []
consumers: []
broker_settings: [{settings}]
requirements:
  - id: s-1
    statement: In time.
    criteria:
      - check: sla
        parameters: {{limit_ms: {limit_ms}, fault_classes: [partition_silent]}}
    suites: [full]
"""


POLL = '{where: advanced.config, versions: "", value: "{aten, [{poll_interval, 1000}]}", reason: r}'
TICK = '{where: erlang, versions: "", value: "-kernel net_ticktime 3", reason: r}'
DETECTORS = {"quorum-detector-slow", "tick-too-slow"}


@pytest.mark.nightly
def test_a_silent_cut_is_noticed_when_the_detectors_look(stand: Stand) -> None:
    """With these settings 300 ms are not kept, by either kind of queue, and ten seconds are."""
    mirrors = stand.cluster.version.startswith("3.")
    rules = DETECTORS if mirrors else DETECTORS - {"tick-too-slow"}
    settings = f"{POLL}, {TICK}"
    assert stand.found_in(design(settings, 300)) >= rules
    assert not stand.found_in(design(settings, 10_000)) & DETECTORS
    if mirrors:
        stand.policy("ha-all", "^m", ha_mode="all", ha_sync_mode="automatic")
    stand.declare(quorum("q"), queue("m") if mirrors else quorum("m"))
    stand.broker.move_leaders(stand.vhost, ["q", "m"], "r3")
    with stand.channel() as to_q, stand.channel() as to_m:
        publish_again(to_q, "q")
        publish_again(to_m, "m")
        stand.cluster.cut(AWAY, "silent")
        quick, begun = later(lambda: publish_again(to_q, "q"))
        slow, _ = later(lambda: publish_again(to_m, "m"))
        gaps = {"q": quick.result(timeout=20) - begun, "m": slow.result(timeout=20) - begun}
        stand.cluster.mend(AWAY)
    assert all(0.3 < gap_s < 10 for gap_s in gaps.values()), gaps


IGNORE = "cluster_partition_handling = ignore"
IGNORING = f"{{where: rabbitmq.conf, versions: '', value: {IGNORE}, reason: r}}"


@pytest.fixture
def pair(mnesia: None, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Stand]:
    """Give a virtual host on two nodes of their own that ignore partitions."""
    settings = BrokerSettings(rabbitmq_conf=(IGNORE,))
    broker = os.environ.get("GAMEDAY_TEST_BROKER") or None
    folder = tmp_path_factory.mktemp("state")
    with local_cluster(settings, broker=broker, nodes=2, state_dir=folder) as running:
        facts = Broker(running)
        facts.wait_healthy(30)
        facts.make_vhost("v")
        yield Stand(running, "v", tmp_path)


@pytest.mark.nightly
def test_ignored_partitions_have_two_leaders(pair: Stand) -> None:
    """Both sides confirm, stay apart when healed, and one side's message is lost by mending."""
    assert "partition-ignored" in pair.found_in(design(IGNORING, 10**6))
    minority = IGNORING.replace("ignore", "pause_minority")
    assert "partition-ignored" not in pair.found_in(design(minority, 10**6))
    pair.policy("ha-all", "^m", ha_mode="all", ha_sync_mode="automatic")
    pair.declare(queue("m"))
    links = [("r1", "r2"), ("r2", "r1")]
    pair.cluster.cut(links, "reset")
    for node in ("r1", "r2"):
        wait_until(lambda node=node: leader_at(pair, node) == node, 10, f"{node} leads")
        publish(pair, "m", node, node.encode())
    pair.cluster.mend(links)
    wait_until(lambda: pair.broker.seen_nodes("r2"), 10, "r2 sees r1 again")
    wait_until(lambda: pair.broker.view("r2").partitions, 10, "they are apart all the same")
    with stopped(pair.cluster, "r2"):
        pass
    with pair.channel("r2") as channel:
        assert take(channel, "m")[2] == b"r1"
        assert channel.basic_get("m")[0] is None


def leader_at(stand: Stand, node: str) -> str:
    """Return which node leads the mirrored queue in a node's own view."""
    question = (
        'begin {ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"' + stand.vhost + '">>, queue, '
        '<<"m">>)), atom_to_list(node(amqqueue:get_pid(Q))) end'
    )
    return stand.cluster.evaluate(node, question).strip('"').split("@")[0]
