"""Three nodes behind a real HAProxy: who serves when a node is down, or parted, or it is away."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pika
import pytest
from chaos_stand import evidence, healthy, steps_of, undone_by_another
from conftest import QUICK, beside, named_broker
from pika.exceptions import AMQPError

from chaos.balancing import RestartBalancer
from chaos.fault import Site
from chaos.journal import FILE_NAME, Journal
from chaos.links import Isolate
from chaos.nodes import KillNode
from gameday.clusters.balancer import Server, find_haproxy, greeted
from gameday.clusters.broker import Broker
from gameday.clusters.connections import count_named
from gameday.clusters.local import LocalCluster, load, local_cluster
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError, UsageError

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Run three nodes with a balancer before them."""
    try:
        find_haproxy()
    except UsageError:
        pytest.skip("live: HAProxy is not installed — run with: make setup")
    folder = tmp_path_factory.mktemp("balanced")
    with (
        beside(700),
        local_cluster(QUICK, broker=named_broker(), balancer=True, state_dir=folder) as running,
    ):
        Broker(running).wait_healthy(40)
        yield running


@pytest.fixture
def front(behind: LocalCluster, tmp_path: Path) -> Site:
    """Give faults a site there, with a journal of its own."""
    Broker(behind).wait_healthy(40)
    wait_until(lambda: not down(behind), 15, "the balancer believes in every node")
    return Site(behind, Journal(tmp_path / FILE_NAME)).for_episode("e1", 10)


def down(cluster: LocalCluster) -> set[str]:
    """Return the nodes that the balancer believes to be down."""
    return {each.node for each in cluster.balancer_servers() if each.status != "UP"}


def dialled(cluster: LocalCluster, name: str = "client") -> pika.BlockingConnection:
    """Connect as a client does, which knows the balancer's address alone."""
    url = cluster.balanced_url("/", "producers", (cluster.username, cluster.password))
    parameters = pika.URLParameters(url)
    parameters.client_properties = {"connection_name": name}
    return pika.BlockingConnection(parameters)


def is_confirmed(connection: pika.BlockingConnection, queue: str) -> bool:
    """Whether a client's message to a queue is confirmed."""
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", queue, b"kept", mandatory=True)
    except AMQPError:
        return False
    return True


def publishes(cluster: LocalCluster, queue: str) -> bool:
    """Whether a new client's message is confirmed."""
    try:
        with closing(dialled(cluster)) as connection:
            return is_confirmed(connection, queue)
    except AMQPError:
        return False


def confirmed_of_three(cluster: LocalCluster, queue: str) -> int:
    """Return how many of three new clients, one a node that takes any, are confirmed."""
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(dialled(cluster))) for _ in range(3)]
        return sum(is_confirmed(each, queue) for each in clients)


@pytest.fixture
def orders(behind: LocalCluster) -> Iterator[str]:
    """Give a queue that lives on all three nodes."""
    with closing(dialled(behind)) as connection:
        connection.channel().queue_declare("orders", durable=True,
                                           arguments={"x-queue-type": "quorum"})  # fmt: skip
    yield "orders"
    with closing(dialled(behind)) as connection:
        connection.channel().queue_delete("orders")


def test_clients_are_spread_and_counted_alike(behind: LocalCluster, front: Site) -> None:
    """Six clients of one address are two on each node, in the balancer's count and the broker's."""
    del front  # All nodes are believed in by now.
    clients = [dialled(behind, f"spread-{number}") for number in range(6)]

    on_nodes = {node: count_named(behind, node, "/", ["spread"]) for node in behind.nodes}
    carried = {each.node: each.sessions for each in behind.balancer_servers()
               if each.door == "producers"}  # fmt: skip
    for each in clients:
        each.close()
    assert on_nodes == carried == {"r1": 2, "r2": 2, "r3": 2}


def test_a_killed_node_is_left_out_and_taken_in_again(
    behind: LocalCluster, front: Site, orders: str
) -> None:
    """With one node dead new clients are served by the others; it gets clients when it is back."""
    with KillNode("r2").inject(front):
        wait_until(lambda: down(behind) == {"r2"}, 6, "the balancer knows that r2 is down")
        # The queue may have been led by the dead node, and elects another first.
        wait_until(lambda: publishes(behind, orders), 20, "the queue has a leader again")
        assert all(publishes(behind, orders) for _ in range(6))
        assert all(each.sessions == 0 for each in behind.balancer_servers() if each.node == "r2")

    wait_until(lambda: not down(behind), 10, "the balancer believes in r2 again")
    clients = [dialled(behind, f"back-{number}") for number in range(6)]
    assert count_named(behind, "r2", "/", ["back"]) == 2
    for each in clients:
        each.close()
    healthy(front, measured=False)


def test_a_split_brain_keeps_the_majority_serving(
    behind: LocalCluster, front: Site, orders: str
) -> None:
    """With one node parted two of three clients are confirmed; afterwards there is one cluster.

    From 4.3 on a parted node does not pause: it answers the balancer, which leads clients to it.
    """
    with Isolate("r3", "reset").inject(front):
        wait_until(
            lambda: confirmed_of_three(behind, orders) >= 2, 20, "two of three are confirmed",
            errors=(AMQPError,),
        )  # fmt: skip

    Broker(behind).wait_healthy(40)
    assert publishes(behind, orders)
    healthy(front, measured=False)


def test_the_balancer_dies_and_comes_back(behind: LocalCluster, front: Site, orders: str) -> None:
    """Its death cuts every client off while all nodes serve; another process takes them again."""
    before = behind.balancer_process()
    standing = dialled(behind)
    with RestartBalancer().inject(front):
        assert not publishes(behind, orders)
        assert all(greeted(behind.addresses(node).direct) for node in behind.nodes)
        with pytest.raises(AMQPError):
            standing.channel()

    after = behind.balancer_process()
    assert after is not None
    assert after != before
    assert publishes(behind, orders)
    assert steps_of(front)[-1] == "restored"
    assert evidence(front, "observed")["gone"]
    healthy(front)


def test_a_balancer_that_is_told_to_end_is_undone_from_elsewhere(
    behind: LocalCluster, front: Site
) -> None:
    """Stopped in good order it is gone too, and whoever has but the journal starts it again."""
    before = behind.balancer_process()
    undone_by_another(RestartBalancer(how="stop"), front)

    assert behind.balancer_process() not in {None, before}
    assert greeted(behind.balanced_address("clients"))


def test_whoever_finds_the_cluster_finds_its_balancer(behind: LocalCluster) -> None:
    """By the folder alone one sees what it carries and where it listens."""
    found = load(behind.record.folder.parents[1], behind.record.ports.base)

    assert "balancer" in found.powers
    assert {each.node for each in found.balancer_servers()} == set(found.nodes)
    assert isinstance(found.balancer_servers()[0], Server)
    found.close_control()


def test_nobody_ends_a_balancer_that_is_not_there(site: Site) -> None:
    """On a cluster without one the fault says what is missing, before it does anything."""
    fault = RestartBalancer()

    with pytest.raises(HarnessError, match="no balancer stands before these nodes"):
        fault.capture(replace(site))
