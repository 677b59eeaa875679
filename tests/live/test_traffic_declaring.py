"""Clients that declare what they use, on a real broker: all alike, and one that is refused."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import gevent
import pytest
from traffic_stand import CONTRACT, WORK, Stand, of_kind, records, stand, until

from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster
from gameday.contracts.parts import Topology
from gameday.contracts.topology import difference
from gameday.history.records import Kind
from gameday.traffic.link import Link
from gameday.traffic.purpose import Purpose
from scenarios.prepare import read_topology

CLIENTS = 50
"""How many publishers, and as many consumers: a hundred declare at once."""


@pytest.fixture
def here(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a run folder and clients on the session's cluster."""
    with stand(cluster, vhost, tmp_path / "run") as made:
        yield made


def link(here: Stand, number: int, role: str, declares: Topology, opened: list[int]) -> Link:
    """Open a connection of a client that declares; `opened` hears when it may work."""
    purpose = Purpose(role, f"{role}-{number}", declares=declares)

    def is_open(_: Link) -> None:
        opened.append(number)

    return Link(here.session.ledger, here.targets, number, purpose, is_open, lambda _: None)


def differently() -> Topology:
    """Return the same topology, but for one argument of its work queue."""
    queues = [
        queue.model_copy(update={"arguments": {**queue.arguments, "x-max-length": 7}})
        if queue.name == WORK
        else queue
        for queue in CONTRACT.topology.queues
    ]
    return CONTRACT.topology.model_copy(update={"queues": tuple(queues)})


def test_a_hundred_declare_the_same_at_once(here: Stand, cluster: LocalCluster) -> None:
    """Publishers and consumers declare alike and at once: all are taken, and nothing changes."""
    opened: list[int] = []
    with ExitStack() as stack:
        for number in range(CLIENTS):
            for role in ("publish", "consume"):
                made = link(here, number, role, CONTRACT.topology, opened)
                stack.callback(made.close)
        until(lambda: len(opened) == 2 * CLIENTS, 60, "all may work")

    found = list(
        difference(CONTRACT.topology, read_topology(Broker(cluster), here.vhost), cluster.version)
    )
    here.close()
    declared = of_kind(records(here.folder)[0], Kind.DECLARED)
    begun = declared["time"] - declared["tag"].astype("u8") * 1000

    assert set(declared["detail"].tolist()) == {200}
    assert len(declared) == 2 * CLIENTS
    assert (begun[1:] < declared["time"][:-1]).any(), "some were under way at once"
    assert found == []


def test_who_declares_otherwise_is_refused_and_shown(here: Stand, cluster: LocalCluster) -> None:
    """Another argument is refused with 406, which is on record; it never works, nothing changes."""
    opened: list[int] = []
    other = link(here, 0, "publish", differently(), opened)

    gevent.sleep(2)
    other.close()
    found = list(
        difference(CONTRACT.topology, read_topology(Broker(cluster), here.vhost), cluster.version)
    )
    here.close()
    rows = records(here.folder)[0]

    assert opened == []
    assert set(of_kind(rows, Kind.DECLARED)["detail"].tolist()) == {406}
    assert len(of_kind(rows, Kind.CONNECTION_CLOSED)) == len(of_kind(rows, Kind.CONNECTION_OPENED))
    assert found == []
