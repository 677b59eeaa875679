"""The publishing half on a real cluster: pools that come back, returns, blocked connections."""

from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from traffic_stand import Stand, of_kind, records, stand, until

from gameday.clusters import limits
from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster
from gameday.history.records import Flag, Kind
from gameday.traffic.link import Link, Purpose

TERABYTE = 10**15


@pytest.fixture
def here(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a run folder and clients on the session's cluster."""
    with stand(cluster, vhost, tmp_path / "run") as made:
        yield made


def test_a_pool_survives_a_cut(here: Stand) -> None:
    """Cut off from a node, its connections come back elsewhere, and no attempt goes unrecorded."""
    sender = here.sender(pool=10)
    assert {sender.nodes.count(node) for node in here.cluster.nodes} == {3, 4}

    for number in range(300):
        if number == 100:
            here.cluster.cut_clients("r2", "reset")
        sender.send(here.message())
        gevent.sleep(0.01)
    until(lambda: len(here.heard) == 300, 40, "every message was answered")
    until(lambda: sender.open_links == 10, 40, "the pool stands again")

    assert set(here.heard.values()) == {True}
    assert "r2" not in sender.nodes
    here.close()
    rows, ledgers = records(here.folder)
    invoked, confirmed = of_kind(rows, Kind.INVOKE), of_kind(rows, Kind.CONFIRMED)
    assert len(set(invoked["sequence"].tolist())) == 300
    names = list(zip(invoked["sequence"].tolist(), invoked["attempt"].tolist(), strict=True))
    assert len(set(names)) == len(names), "each attempt has a name of its own"
    assert len(confirmed) > 0
    closed = of_kind(rows, Kind.CONNECTION_CLOSED)
    nodes = [ledgers[0].tables["connection"][int(each)]["node"] for each in closed["channel"]]
    assert nodes.count("r2") >= 3


def test_a_link_that_nobody_answers_is_closed_in_the_ledger(here: Stand) -> None:
    """Whoever ends while its node is silent notes it, once, and nothing comes after its ledger."""
    lost: list[Link] = []
    link = Link(
        here.session.ledger, here.targets, 0, Purpose("publisher", "lonely"), lambda _: None,
        lost.append,
    )  # fmt: skip
    until(lambda: link.is_open, 20, "the link stands")
    here.cluster.cut_clients(link.node, "silent")

    link.close(within_s=0.1)
    here.close()
    here.cluster.mend_clients(link.node)
    until(lambda: link.connection.is_closed, 20, "the connection is gone")

    assert lost == [link]
    rows, _ = records(here.folder)
    assert len(of_kind(rows, Kind.CONNECTION_CLOSED)) == 1


def test_an_unroutable_message(here: Stand) -> None:
    """A returned message is noted and its caller told; the confirm after it changes nothing."""
    sender = here.sender()

    sender.send(here.message("no-such-queue"))
    sender.send(here.message())
    until(lambda: len(here.heard) == 2, 20, "both were answered")

    assert here.heard == {0: False, 1: True}
    assert (sender.tally.returned, sender.tally.confirmed, sender.tally.told) == (1, 1, 1)
    here.close()
    rows, _ = records(here.folder)
    returned = of_kind(rows, Kind.RETURNED)
    assert [(int(r["sequence"]), int(r["detail"])) for r in returned] == [(0, 312)]
    first_answer = of_kind(rows[rows["time"] >= returned["time"][0]], Kind.CONFIRMED)
    assert len(first_answer) >= 1, "the confirm comes behind the return"


def test_a_blocked_publisher(here: Stand, broker: Broker) -> None:
    """What falls due under a disk alarm is held, sent and confirmed after it, and marked so."""
    sender = here.sender(pool=1)
    own = limits.disk_free_limit(here.cluster, "r1")
    limits.set_disk_free_limit(here.cluster, "r1", TERABYTE)
    sender.send(here.message())  # The broker blocks whoever tries.
    until(lambda: sender.blocked_links == 1, 30, "the broker blocks the publisher")

    held = [here.message() for _ in range(5)]
    for message in held:
        sender.send(message)
    gevent.sleep(0.5)
    assert sender.tally.held == 5
    assert not here.heard, "nothing is confirmed meanwhile"
    limits.set_disk_free_limit(here.cluster, "r1", own)
    until(lambda: len(here.heard) == 6, 40, "all were confirmed in the end")

    assert set(here.heard.values()) == {True}
    here.close()
    rows, _ = records(here.folder)
    blocked, unblocked = (of_kind(rows, kind) for kind in (Kind.BLOCKED, Kind.UNBLOCKED))
    assert (len(blocked), len(unblocked)) == (1, 1)
    late = rows[(rows["kind"] == Kind.INVOKE) & (rows["flags"] & Flag.PUBLISH_HELD_BLOCKED > 0)]
    assert {int(each) for each in late["sequence"]} == {each.sequence for each in held}
    assert (late["time"] >= unblocked["time"][0]).all()
