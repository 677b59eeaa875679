"""Facts about queues, and moving their leaders, on a real cluster."""

import pika
import pytest

from gameday.clusters.broker import Broker
from gameday.clusters.leaders import move_leaders
from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live

MESSAGES = 50


def declare(cluster: LocalCluster, vhost: str, queues: dict[str, dict[str, object]]) -> None:
    """Declare queues through r1 and fill each with confirmed, persistent messages."""
    connection = pika.BlockingConnection(pika.URLParameters(cluster.amqp_url("r1", vhost)))
    channel = connection.channel()
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=2)
    for name, arguments in queues.items():
        channel.queue_declare(name, durable=True, arguments=arguments)
        for number in range(MESSAGES):
            body = str(number).encode()
            channel.basic_publish("", name, body, persistent, mandatory=True)
    connection.close()


def bodies(cluster: LocalCluster, node: str, vhost: str, queue: str) -> list[int]:
    """Take every message of a queue."""
    connection = pika.BlockingConnection(pika.URLParameters(cluster.amqp_url(node, vhost)))
    channel = connection.channel()
    taken = []
    for method, _, body in channel.consume(queue, inactivity_timeout=5):
        taken.append(int(body))
        channel.basic_ack(method.delivery_tag)
        if len(taken) == MESSAGES:
            break
    connection.close()
    return taken


def test_quorum_leaders_move_and_keep_every_message(
    cluster: LocalCluster,
    broker: Broker,
    vhost: str,
) -> None:
    """Quorum queues follow an order to another node; what was confirmed stays."""
    declare(cluster, vhost, {name: {"x-queue-type": "quorum"} for name in ("a", "b")})
    for node in ("r3", "r2"):
        broker.move_leaders(vhost, ["a", "b"], node)
        assert broker.queue_leaders(vhost) == {"a": node, "b": node}
    assert broker.queue_members(vhost)["a"] == {"r1", "r2", "r3"}
    assert bodies(cluster, "r3", vhost, "a") == list(range(MESSAGES))


def declare_mirrored(cluster: LocalCluster, vhost: str) -> None:
    """Declare and fill a queue that is mirrored on all nodes."""
    policy = {"pattern": "^m", "definition": {"ha-mode": "all"}, "apply-to": "queues"}
    cluster.management("r1").put(f"/api/policies/{vhost}/ha-all", policy)
    declare(cluster, vhost, {"m": {"x-max-priority": 10}})


SUSPENDED = """
begin
  {{ok, Queue}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"{vhost}">>, queue, <<"m">>)),
  Pid = amqqueue:get_pid(Queue),
  spawn(fun() -> erlang:suspend_process(Pid), timer:sleep(12000) end), ok
end
"""
"""A process that another has suspended goes on when that one ends."""


@pytest.mark.usefixtures("mnesia")
def test_a_mirrored_queue_that_hangs_is_not_moved(
    cluster: LocalCluster, broker: Broker, vhost: str
) -> None:
    """Its leader gives no answer, and no order is given: all its replicas stay as they were."""
    declare_mirrored(cluster, vhost)
    wait_until(
        lambda: broker.queues(vhost)["m"].in_step == {"r1", "r2", "r3"}, 20, "all are in step"
    )
    before = broker.queues(vhost)["m"]
    cluster.evaluate(before.leader, SUSPENDED.format(vhost=vhost))
    with pytest.raises(HarnessError, match="led m with every copy in step"):
        move_leaders(broker, vhost, ["m"], "r3" if before.leader == "r1" else "r1", within_s=3)

    assert broker.queues(vhost)["m"] == before
    wait_until(
        lambda: broker.message_counts(vhost) == {"m": (MESSAGES, 0)}, 20, "it answers again",
        errors=(HarnessError,),
    )  # fmt: skip
    assert bodies(cluster, "r1", vhost, "m") == list(range(MESSAGES))


@pytest.mark.usefixtures("mnesia")
def test_mirrored_leaders_move_and_keep_every_message(
    cluster: LocalCluster,
    broker: Broker,
    vhost: str,
) -> None:
    """A mirrored queue follows too, mirrors in step again, whatever its policy synchronises."""
    declare_mirrored(cluster, vhost)
    broker.move_leaders(vhost, ["m"], "r3")
    queue = broker.queues(vhost)["m"]
    assert (queue.leader, queue.members, queue.in_step) == (
        "r3",
        {"r1", "r2", "r3"},
        {"r1", "r2", "r3"},
    )
    assert broker.message_counts(vhost) == {"m": (MESSAGES, 0)}
    assert bodies(cluster, "r1", vhost, "m") == list(range(MESSAGES))


def test_queue_without_a_copy_there_is_refused(
    cluster: LocalCluster,
    broker: Broker,
    vhost: str,
) -> None:
    """A lone classic queue cannot be moved, and the sentence says where it is."""
    declare(cluster, vhost, {"lone": {}})
    with pytest.raises(HarnessError, match="lone cannot be led by r2: its copies are on r1"):
        broker.move_leaders(vhost, ["lone"], "r2")


def test_counts_are_of_this_moment(cluster: LocalCluster, broker: Broker, vhost: str) -> None:
    """Counts show a message confirmed just now, and what a consumer holds, on every queue type."""
    queues = {"classic": {}, "quorum": {"x-queue-type": "quorum"}}
    declare(cluster, vhost, queues)
    assert broker.message_counts(vhost) == dict.fromkeys(queues, (MESSAGES, 0))
    connection = pika.BlockingConnection(pika.URLParameters(cluster.amqp_url("r2", vhost)))
    channel = connection.channel()
    for queue in queues:
        assert channel.basic_get(queue)[0] is not None
    assert broker.message_counts(vhost) == dict.fromkeys(queues, (MESSAGES - 1, 1))
    connection.close()


def test_consumers_are_listed_with_their_prefetch(
    cluster: LocalCluster,
    broker: Broker,
    vhost: str,
) -> None:
    """A consumer shows with its queue, node, prefetch and manner of acknowledging."""
    declare(cluster, vhost, {"work": {}})
    assert broker.consumers(vhost) == ()
    connection = pika.BlockingConnection(pika.URLParameters(cluster.amqp_url("r2", vhost)))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=7)
    channel.basic_consume("work", lambda *_: None, consumer_tag="worker")
    (found,) = broker.consumers(vhost)
    assert (found.queue, found.tag, found.node) == ("work", "worker", "r2")
    assert (found.manual, found.prefetch) == (True, 7)
    connection.close()


def test_definitions_read_back_the_same_on_every_version(
    cluster: LocalCluster,
    broker: Broker,
    vhost: str,
) -> None:
    """A queue's type is apart from its arguments, which are those that were declared."""
    declare(cluster, vhost, {"c": {"x-max-priority": 10}, "q": {"x-queue-type": "quorum"}})
    found = {queue["name"]: queue for queue in broker.export_definitions(vhost)["queues"]}
    assert found["c"]["type"] == "classic"
    assert found["c"]["arguments"] == {"x-max-priority": 10}
    assert found["q"]["type"] == "quorum"
    assert found["q"]["arguments"] == {}
    assert found["q"]["durable"]


def test_vhost_with_any_name_is_made_and_dropped(broker: Broker) -> None:
    """A name with a slash, a quote and an umlaut is a name; dropping twice is harmless."""
    name = 'test/"ü'
    broker.make_vhost(name)
    assert broker.message_counts(name) == {}
    broker.drop_vhost(name)
    broker.drop_vhost(name)
    names = [each["name"] for each in broker.cluster.management("r1").get("/api/vhosts")]
    assert name not in names
