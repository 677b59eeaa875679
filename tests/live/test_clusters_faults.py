"""Each power of the local cluster, proved from outside on a real one."""

import signal
import socket
import time

import pika
import pytest

from gameday.clusters.broker import Alarm, Broker
from gameday.clusters.cluster import CLIENT_DOORS
from gameday.clusters.local import LocalCluster
from gameday.clusters.processes import ProcessRef, reference, send_signal
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live

ISOLATED = "r3"
LINKS = [("r3", "r1"), ("r1", "r3"), ("r3", "r2"), ("r2", "r3")]


def parted(broker: Broker) -> bool:
    """Whether neither side of the cut sees the other."""
    others = [broker.seen_nodes(node) for node in ("r1", "r2")]
    return not broker.seen_nodes(ISOLATED) and all(ISOLATED not in seen for seen in others)


def test_every_node_sees_all_three(cluster: LocalCluster, broker: Broker) -> None:
    """A fresh cluster is whole in each node's own view."""
    for node in cluster.nodes:
        view = broker.view(node)
        assert view.serving
        assert view.running == {"r1", "r2", "r3"}
        assert view.seen == view.running - {node}


# By night: `test_chaos_faults.py` does the same to a cluster, by a fault, for every change.
@pytest.mark.nightly
def test_reset_cut_is_seen_by_both_sides_and_mends(cluster: LocalCluster, broker: Broker) -> None:
    """Disabled links part the nodes within two seconds, and only until they are mended."""
    cluster.cut(LINKS, "reset")
    assert cluster.disabled_proxies() == ["r1-r3", "r2-r3", "r3-r1", "r3-r2"]
    wait_until(lambda: parted(broker), 2, "both sides saw the cut", poll_ms=20)
    cluster.mend(LINKS)
    assert cluster.disabled_proxies() == []
    broker.wait_healthy(30)


@pytest.mark.nightly
def test_silent_cut_is_noticed_by_ticks_and_mends(cluster: LocalCluster, broker: Broker) -> None:
    """Swallowed bytes part the nodes after the tick time, not at once."""
    cluster.cut(LINKS, "silent")
    started = time.monotonic()
    assert len(cluster.toxics()) == 2 * len(LINKS)
    assert not parted(broker)
    wait_until(lambda: parted(broker), 15, "both sides missed the ticks")
    assert time.monotonic() - started > 1
    cluster.mend(LINKS)
    assert cluster.toxics() == []
    broker.wait_healthy(45)
    assert cluster.restarts == 0


@pytest.mark.nightly
def test_kill_ends_the_process_and_start_brings_the_node_back(
    cluster: LocalCluster,
    broker: Broker,
) -> None:
    """After kill -9 the process is gone; a start gives a new one, healthy in every view."""
    before = cluster.process_id("r2")
    assert before is not None
    cluster.kill("r2")
    assert reference(before) is None
    assert not cluster.is_running("r2")
    with pytest.raises(HarnessError, match="r2"):
        broker.view("r2")
    cluster.start("r2")
    assert cluster.process_id("r2") not in {None, before}
    broker.wait_healthy(30)


def test_stop_ends_the_node_in_good_order(cluster: LocalCluster, broker: Broker) -> None:
    """A stopped node has said goodbye in its log before its process ended."""
    cluster.stop("r3")
    assert not cluster.is_running("r3")
    log = cluster.record.logs / "r3@mq3.log"
    assert "SIGTERM received" in log.read_text()
    cluster.start("r3")
    broker.wait_healthy(30)


def test_paused_node_answers_nobody_until_resumed(cluster: LocalCluster, broker: Broker) -> None:
    """A suspended node's process stays; questions to it end in time, with a sentence."""
    process = cluster.process_id("r2")
    cluster.pause("r2")
    started = time.monotonic()
    with pytest.raises(HarnessError, match="r2"):
        cluster.evaluate("r2", "node()", timeout_s=1)
    assert time.monotonic() - started < 5
    cluster.resume("r2")
    broker.wait_healthy(30)
    assert cluster.process_id("r2") == process


def test_client_cut_breaks_open_connections_and_refuses_new_ones(
    cluster: LocalCluster,
    broker: Broker,
) -> None:
    """Cutting a node's clients ends their sockets and leaves the node's own door open."""
    connection = pika.BlockingConnection(pika.URLParameters(cluster.amqp_url("r2", "/")))
    channel = connection.channel()
    cluster.cut_clients("r2", "reset")
    with pytest.raises(pika.exceptions.AMQPError):
        channel.queue_declare("never", exclusive=True)
    client = cluster.addresses("r2").client
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((client.host, client.port), timeout=2)
    direct = cluster.addresses("r2").direct
    socket.create_connection((direct.host, direct.port), timeout=2).close()
    cluster.mend_clients("r2")
    pika.BlockingConnection(pika.URLParameters(cluster.amqp_url("r2", "/"))).close()


def test_spare_door_is_cut_without_the_others(cluster: LocalCluster, broker: Broker) -> None:
    """The spare proxy of a node can swallow its clients' bytes while the usual one works."""
    address = cluster.door_address("r1", "spare")
    cluster.cut_doors("r1", ["spare"], "silent")
    with socket.create_connection((address.host, address.port), timeout=2) as swallowed:
        swallowed.sendall(b"AMQP\x00\x00\x09\x01")
        swallowed.settimeout(1)
        with pytest.raises(TimeoutError):
            swallowed.recv(1)
    pika.BlockingConnection(pika.URLParameters(cluster.amqp_url("r1", "/"))).close()
    cluster.mend_doors("r1", ["spare"])
    assert cluster.toxics() == []


def test_disk_alarm_rises_and_the_own_limit_comes_back(
    cluster: LocalCluster,
    broker: Broker,
) -> None:
    """A limit above the free space is an alarm in every view at once; the own limit ends it."""
    own = cluster.own_limits("r2")
    assert broker.disk_free_limit("r2") == own.disk_free_bytes
    broker.set_disk_free_limit("r2", broker.disk_free("r2") + 10 * 2**30)
    for node in cluster.nodes:
        wait_until(lambda node=node: Alarm("disk", "r2") in broker.alarms(node), 2, "alarm known")
    assert "r1 knows a disk alarm on r2" in broker.problems()
    broker.restore_limits("r2", own)
    broker.wait_healthy(5)
    assert broker.disk_free_limit("r2") == own.disk_free_bytes


def test_memory_alarm_rises_and_the_own_watermark_comes_back(
    cluster: LocalCluster,
    broker: Broker,
) -> None:
    """Watermark zero is an alarm; the recorded one, which differs by version, ends it."""
    own = cluster.own_limits("r1")
    broker.set_memory_watermark("r1", 0)
    wait_until(lambda: Alarm("memory", "r1") in broker.alarms("r3"), 2, "alarm known to r3")
    broker.restore_limits("r1", own)
    broker.wait_healthy(5)
    assert broker.memory_watermark("r1") == own.memory_watermark


def test_hanging_toxiproxy_is_restarted_and_the_cut_stands(
    cluster: LocalCluster,
    broker: Broker,
) -> None:
    """A Toxiproxy that never answers costs a time-out; its successor has every cut and proxy."""
    cluster.cut_clients("r1", "reset")
    old = cluster.record.process("toxiproxy")
    assert old is not None
    suspend(old)
    restarts = cluster.restarts
    cluster.cut_clients("r2", "reset")
    assert cluster.restarts == restarts + 1
    assert cluster.record.process("toxiproxy") != old
    assert reference(old.pid) != old
    assert cluster.disabled_proxies() == [
        f"{door}-{node}" for door in sorted(CLIENT_DOORS) for node in ("r1", "r2")
    ]
    cluster.mend_all()
    assert cluster.disabled_proxies() == []
    broker.wait_healthy(45)


def suspend(process: ProcessRef) -> None:
    """Stop a process where it stands."""
    assert send_signal(process, signal.SIGSTOP)


def test_ticktime_of_the_settings_is_in_force(cluster: LocalCluster, broker: Broker) -> None:
    """The Erlang arguments reach every node."""
    assert {broker.ticktime(node) for node in cluster.nodes} == {3}


def test_command_line_tools_reach_a_node_that_is_cut_off(
    cluster: LocalCluster,
    broker: Broker,
) -> None:
    """The control path passes no proxy: `rabbitmqctl` works on the far side of a cut."""
    # In silence: of a moment's partition by reset RabbitMQ 3.10.8 was seen not to recover alone.
    cluster.cut(LINKS, "silent")
    cluster.cut_clients(ISOLATED, "silent")
    assert "r3@mq3" in cluster.ctl(ISOLATED, "eval", "node().")
