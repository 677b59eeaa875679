"""Faults of nodes on a real cluster: killed, stopped, suspended, restarted, wiped, forgotten."""

import pika
import pytest
from chaos_stand import evidence, healthy, lines_of

from chaos import probes
from chaos.fault import Site
from chaos.halts import PauseNode, StopApp, StopNode
from chaos.losses import ForgetNode, WipeNode
from chaos.nodes import KillFollower, KillNode, KillNodes
from chaos.restarts import FlapNode, RestartInOrder, RollingRestart
from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live

QUEUES = ("quorum", "classic")
MESSAGES = 20
BOOTED = "Server startup complete"


@pytest.fixture
def filled(site: Site, cluster: LocalCluster, vhost: str) -> Site:
    """Give a site on a virtual host with a quorum and a (mirrored) classic queue, led by r2."""
    broker = Broker(cluster)
    mirrored = cluster.record.release.major_minor < (4, 0)
    if mirrored:
        policy = {"ha-mode": "all", "ha-sync-mode": "automatic"}
        api = cluster.management("r1")
        body = {"pattern": "^classic$", "apply-to": "queues", "definition": policy}
        api.put(f"/api/policies/{vhost}/mirrored", body)
    with pika.BlockingConnection(pika.URLParameters(cluster.amqp_url("r2", vhost))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for name in QUEUES:
            channel.queue_declare(name, durable=True, arguments={"x-queue-type": name})
            for number in range(MESSAGES):
                persistent = pika.BasicProperties(delivery_mode=2)
                channel.basic_publish("", name, str(number).encode(), persistent)
    copies = {"quorum": 3, "classic": 3 if mirrored else 1}
    wait_until(
        lambda: all(
            len(queue.in_step) == copies[name] for name, queue in broker.queues(vhost).items()
        ),
        20,
        "all copies in step",
    )
    broker.move_leaders(vhost, ["quorum", "classic"] if mirrored else ["quorum"], "r2")
    return Site(cluster, site.journal, vhost=vhost).for_episode("e1", 10)


def intact(site: Site) -> None:
    """Assert that every message is still there: by the counts of the queues' own leaders."""
    wait_until(
        lambda: (
            Broker(site.cluster).message_counts(site.vhost) == dict.fromkeys(QUEUES, (MESSAGES, 0))
        ),
        15,
        "every message was counted",
        errors=(HarnessError,),
    )


def members(site: Site, queue: str) -> frozenset[str]:
    """Return the nodes that hold a copy of a queue."""
    return Broker(site.cluster).queue_members(site.vhost)[queue]


def led_by(site: Site, queue: str) -> str:
    """Return the node that leads a queue."""
    return Broker(site.cluster).queue_leaders(site.vhost)[queue]


def log_of(site: Site, node: str) -> str:
    """Return all that a node has logged."""
    logs = site.cluster.record.logs  # type: ignore[attr-defined]
    return "".join(path.read_text(errors="replace") for path in sorted(logs.glob(f"{node}*.log")))


def test_killing_a_leader_and_a_follower_are_told_apart(filled: Site) -> None:
    """Each intent says what its victim was; only the leader's death moves the queue."""
    with pytest.raises(HarnessError, match=r"r2 leads .*quorum.* failover"):
        KillFollower("r2").inject(filled).__enter__()
    with KillFollower("r3", "quorum").inject(filled):
        assert not filled.cluster.is_running("r3")
        assert led_by(filled, "quorum") == "r2"

    healthy(filled)
    [intent] = [each for each in lines_of(filled) if each["step"] == "intent"]
    assert intent["roles"]["leads"] == []
    assert "quorum" in intent["roles"]["follows"]

    with KillNode("r2").inject(filled):
        wait_until(lambda: led_by(filled, "quorum") != "r2", 15, "another node led")
    healthy(filled, "e1.2")
    [intent] = [each for each in lines_of(filled, "e1.2") if each["step"] == "intent"]
    assert "quorum" in intent["roles"]["leads"]
    intact(filled)


@pytest.mark.nightly
def test_a_killed_majority_must_be_meant_and_comes_back(filled: Site) -> None:
    """Nobody serves a quorum queue then; afterwards all messages are there."""
    with pytest.raises(HarnessError, match="say `majority: true`"):
        KillNodes("r1, r3").inject(filled).__enter__()
    with pytest.raises(HarnessError, match="no majority"):
        KillNodes("r1", majority=True).inject(filled).__enter__()
    with KillNodes("r1, r3", majority=True).inject(filled):
        goes_on = not filled.cluster.version.startswith("3.")
        wait_until(
            lambda: Broker(filled.cluster).view("r2").serving == goes_on,
            15,
            "who is left paused, or did not",
        )
        assert filled.cluster.is_running("r2")
        assert not publishes(filled, "r2", "quorum")

    healthy(filled)
    intact(filled)


def publishes(site: Site, node: str, queue: str) -> bool:
    """Whether a message published on a node is confirmed within seconds; it is taken out again."""
    parameters = pika.URLParameters(site.cluster.amqp_url(node, site.vhost))
    parameters.socket_timeout = parameters.stack_timeout = 3
    parameters.blocked_connection_timeout = 3
    confirmed: list[int] = []
    try:
        connection = pika.BlockingConnection(parameters)
    except (pika.exceptions.AMQPError, OSError):
        return False
    channel = connection.channel()
    connection._impl.add_on_close_callback(lambda *_: None)  # Its end is no error.
    channel.confirm_delivery()
    timer = connection.call_later(4, lambda: connection._impl._terminate_stream(None))
    try:
        channel.basic_publish("", queue, b"extra")
        confirmed.append(1)
        connection.remove_timeout(timer)
        channel.basic_get(queue, auto_ack=True)
        connection.close()
    except (pika.exceptions.AMQPError, OSError):
        pass
    return bool(confirmed)


@pytest.mark.nightly
def test_a_node_stopped_in_good_order_says_so(filled: Site) -> None:
    """Its log tells of an orderly end, which a killed node's does not."""
    before = filled.cluster.process_id("r2")
    with StopNode("r2").inject(filled):
        assert filled.cluster.process_id("r2") is None
        assert "r2" not in Broker(filled.cluster).running_nodes("r1")
        assert "SIGTERM received" in log_of(filled, "r2")

    healthy(filled)
    assert filled.cluster.process_id("r2") not in {None, before}
    intact(filled)


def test_a_stopped_application_leaves_its_erlang_running(filled: Site) -> None:
    """The same process all along, refusing clients, and out of the queue's leadership."""
    before = filled.cluster.process_id("r2")
    with StopApp("r2").inject(filled):
        assert filled.cluster.evaluate("r2", "rabbit:is_running()") == "false"
        assert probes.greet(filled.cluster.addresses("r2").client) != probes.ANSWERED
        wait_until(lambda: led_by(filled, "quorum") != "r2", 15, "another node led")

    healthy(filled)
    assert filled.cluster.process_id("r2") == before
    intact(filled)


def test_a_node_paused_shortly_goes_on(filled: Site) -> None:
    """It stands still, its peers still see it, and it goes on as the same process."""
    before = filled.cluster.process_id("r2")
    with PauseNode("r2").inject(filled):
        assert probes.process_state(before or 0) == "T"

    healthy(filled)
    assert filled.cluster.process_id("r2") == before
    assert evidence(filled, "observed")["state"] == "T"
    intact(filled)


@pytest.mark.nightly
def test_a_node_paused_for_longer_than_the_detector_comes_back(filled: Site) -> None:
    """Its peers drop it and elect another leader; afterwards it is a member again."""
    with PauseNode("r2", noticed=True).inject(filled):
        assert "r2" not in Broker(filled.cluster).seen_nodes("r1")
        wait_until(lambda: led_by(filled, "quorum") != "r2", 15, "another node led")

    healthy(filled)
    assert evidence(filled, "observed")["seen_by"] == []
    intact(filled)


@pytest.mark.nightly
def test_a_rolling_restart_keeps_everything(filled: Site) -> None:
    """Three other processes, beginning with the one that was named, and every copy in step."""
    before = {node: filled.cluster.process_id(node) for node in filled.cluster.nodes}
    with RollingRestart("r2").inject(filled):
        after = {node: filled.cluster.process_id(node) for node in filled.cluster.nodes}
        assert not set(before.values()) & set(after.values())
        assert members(filled, "quorum") == set(filled.cluster.nodes)

    healthy(filled)
    assert [each["node"] for each in evidence(filled, "observed")["restarts"]] == ["r2", "r3", "r1"]
    intact(filled)


@pytest.mark.nightly
def test_a_flapping_node_settles(filled: Site) -> None:
    """As many ends as meant, seen by a peer's log, and one node in the end."""
    with FlapNode("r2", times=2).inject(filled):
        made = evidence(filled, "observed")["restarts"]
        assert len({each["before"] for each in made}) == 2
        assert made[-1]["after"] == filled.cluster.process_id("r2")

    healthy(filled)
    intact(filled)


@pytest.mark.nightly
def test_the_first_to_stop_waits_for_the_others(filled: Site) -> None:
    """Started alone it does not come up, and all heals once the others are started.

    It is not taken for stranded while it waits: it comes up by itself.
    """
    booted = log_of(filled, "r1").count(BOOTED)
    with RestartInOrder("r1").inject(filled):
        assert probes.greet(filled.cluster.addresses("r1").client) != probes.ANSWERED
        assert probes.stranded(filled.cluster) == []
        log = log_of(filled, "r1")
        assert log.count(BOOTED) == booted
        if filled.cluster.version.startswith("3."):
            assert "Waiting for Mnesia tables" in log.rpartition(BOOTED)[2]

    healthy(filled)
    # 4.3.6 runs in every view a moment before it says so in its log.
    wait_until(
        lambda: log_of(filled, "r1").count(BOOTED) == booted + 1, 15, "it said that it had booted"
    )
    intact(filled)


@pytest.mark.parametrize("node", ["r2", pytest.param("r1", marks=pytest.mark.nightly)])
def test_a_wiped_node_gets_everything_back(filled: Site, node: str) -> None:
    """Its data is another's afterwards, and it is a member of its queues again."""
    before = members(filled, "quorum")
    with WipeNode(node).inject(filled):
        assert not filled.cluster.has_data(node)
        assert node not in Broker(filled.cluster).running_nodes("r3")

    healthy(filled)
    assert members(filled, "quorum") == before
    assert set(Broker(filled.cluster).queues(filled.vhost)) == set(QUEUES), "or declared again"
    if node != "r2" or filled.cluster.version.startswith("3."):
        intact(filled)


@pytest.mark.nightly
def test_a_forgotten_node_is_taken_in_again(filled: Site) -> None:
    """No peer counts it as a member; afterwards it is one, of the cluster and of its queue."""
    with ForgetNode("r3").inject(filled):
        status = filled.cluster.ctl("r1", "cluster_status", "--formatter", "json")
        assert "r3@mq3" not in status
        assert members(filled, "quorum") == {"r1", "r2"}

    healthy(filled)
    assert members(filled, "quorum") == {"r1", "r2", "r3"}
    intact(filled)
