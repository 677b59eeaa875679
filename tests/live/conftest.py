"""One real cluster for all live tests of a session, put right again after each of them.

The cluster runs the broker that is installed, or the one that GAMEDAY_TEST_BROKER names, with
short ticks, so that a silent cut is noticed in seconds and not in a minute. Ports and state come
from GAMEDAY_PORT_BASE and GAMEDAY_STATE_DIR as for everybody; without them a free block and the
test's own folder are taken.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from shop_stand import channel_of

from chaos.fault import Site
from chaos.journal import FILE_NAME, Journal
from gameday.clusters import residue
from gameday.clusters.broker import Broker
from gameday.clusters.limits import read_limits
from gameday.clusters.local import LocalCluster, local_cluster
from gameday.clusters.ports import pinned_base
from gameday.clusters.release import find_release
from gameday.clusters.settings import BrokerSettings
from gameday.errors import HarnessError, UsageError

QUICK = BrokerSettings(
    advanced="{aten, [{poll_interval, 1000}]}",
    erlang_arguments=("-kernel", "net_ticktime", "3"),
)


def named_broker() -> str | None:
    """Return which broker the tests shall run on, none for the one that is installed."""
    return os.environ.get("GAMEDAY_TEST_BROKER") or None


def broker_4_3() -> str:
    """Name a 4.3 broker, or skip with the way to get one."""
    return _fetched("4.3")


def broker_4_0() -> str:
    """Name a 4.0 broker, or skip with the way to get one."""
    return _fetched("4.0")


def _fetched(version: str) -> str:
    named = os.environ.get(f"GAMEDAY_BROKER_{version.replace('.', '_')}") or version
    try:
        find_release(named)
    except UsageError:
        pytest.skip(f"broker {version}: not fetched — run with: make brokers")
    return named


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the session's state folder, cleaned of what an earlier session left."""
    named = os.environ.get("GAMEDAY_STATE_DIR")
    folder = Path(named) if named else tmp_path_factory.mktemp("state")
    residue.clean(residue.find_leftovers(folder))
    return folder


@pytest.fixture(scope="session")
def cluster(
    state_dir: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalCluster]:
    """Run the session's cluster; where a test failed, its nodes' logs outlive it."""
    with local_cluster(QUICK, broker=named_broker(), state_dir=state_dir) as running:
        yield running
        if request.session.testsfailed:
            kept = tmp_path_factory.getbasetemp() / "broker-logs"
            shutil.copytree(running.record.folder / "logs", kept)


@contextmanager
def beside(offset: int) -> Iterator[None]:
    """Let a cluster have a block of ports of its own, where the session's is pinned to one."""
    pinned = pinned_base()
    with pytest.MonkeyPatch.context() as patch:
        if pinned is not None:
            patch.setenv("GAMEDAY_PORT_BASE", str(pinned + offset))
        yield


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Run one node beside the session's cluster, for all tests that need no more than one."""
    folder = tmp_path_factory.mktemp("single")
    with (
        beside(300),
        local_cluster(QUICK, broker=named_broker(), nodes=1, state_dir=folder) as running,
    ):
        Broker(running).wait_healthy(20)
        yield running
    assert not running.record.folder.exists(), "what a single node kept was left behind"


@pytest.fixture
def mnesia(cluster: LocalCluster) -> None:
    """Skip where the cluster's version neither mirrors nor handles partitions itself."""
    if not cluster.version.startswith("3."):
        pytest.skip(
            f"broker 3: RabbitMQ {cluster.version} mirrors no queues — run with: "
            "GAMEDAY_TEST_BROKER=3.10 make test",
        )


@pytest.fixture
def broker(cluster: LocalCluster, request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Give the cluster's facts, healthy before the test; after it everything is put right."""
    facts = Broker(cluster)
    facts.wait_healthy(60)
    yield facts
    if "vhost" not in request.fixturenames:  # That one has done it.
        put_right(cluster)


@pytest.fixture
def site(cluster: LocalCluster, broker: Broker, tmp_path: Path) -> Site:
    """Give faults a site on the session's cluster, with a journal of its own."""
    del broker  # It makes sure that the cluster is healthy before, and put right after.
    return Site(cluster, Journal(tmp_path / FILE_NAME)).for_episode("e1", 10)


@pytest.fixture
def vhost(broker: Broker) -> Iterator[str]:
    """Give a virtual host for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    broker.make_vhost(name)
    yield name
    put_right(broker.cluster)
    broker.drop_vhost(name)


@pytest.fixture
def own(site: Site, vhost: str) -> Site:
    """Give the site a virtual host of its own, with an exchange, two queues and their bindings."""
    with channel_of(site.cluster, vhost) as channel:
        channel.exchange_declare("shop", "topic", durable=True)
        for queue in ("orders", "copies"):
            channel.queue_declare(queue, durable=True)
        channel.queue_bind("orders", "shop", "order.*", {"x-note": "kept"})
        channel.queue_bind("orders", "shop", "refund.*")
    return replace(site, vhost=vhost)


SERVES_WITHIN_S = 40


def put_right(cluster: LocalCluster) -> None:
    """Mend links, wake and start nodes, restore limits, and wait until all is healthy.

    A node that does not come to serve is restarted, and all are when a partition stays: one test
    that broke the cluster must not fail all that follow. Most tests leave nothing to be done.
    """
    if is_right(cluster):
        return
    cluster.mend_all()
    for node in cluster.nodes:
        if cluster.is_running(node):
            cluster.resume(node)
        else:
            cluster.start(node, wait=False)
    facts = Broker(cluster)
    try:
        for node in cluster.nodes:
            cluster.wait_serving(node, SERVES_WITHIN_S)
            facts.restore_limits(node, cluster.own_limits(node))
        facts.wait_healthy(60)
    except HarnessError:
        restart_all(cluster)


def is_right(cluster: LocalCluster) -> bool:
    """Whether no link is touched, every node is well in every view, and each has its own limits."""
    try:
        if cluster.toxics() or cluster.disabled_proxies() or Broker(cluster).problems():
            return False
        return all(read_limits(cluster, node) == cluster.own_limits(node) for node in cluster.nodes)
    except HarnessError:
        return False


def restart_all(cluster: LocalCluster) -> None:
    """Kill every node and start it again: its limits, too, are then its own."""
    for node in cluster.nodes:
        if cluster.is_running(node):
            cluster.kill(node)
    for node in cluster.nodes:
        cluster.start(node, wait=False)
    for node in cluster.nodes:
        cluster.wait_serving(node)
    Broker(cluster).wait_healthy(60)
