"""A clock that jumps: its node's log is dated otherwise, and classic queues expire too much."""

from collections.abc import Iterator

import pika
import pytest
from chaos_stand import healthy, steps_of, undone_by_another
from conftest import QUICK, named_broker
from shop_stand import channel_of, counted

from chaos.clock import JumpClock
from chaos.fault import Site
from gameday.clusters import clock
from gameday.clusters.local import LocalCluster, local_cluster
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live

TTL_MS = 600_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Run two nodes with clocks of their own, in place of the session's cluster."""
    if clock.find_library() is None:
        pytest.skip("libfaketime: not installed — run with: scripts/setup_faketime.sh")
    folder = tmp_path_factory.mktemp("clocks")
    with local_cluster(
        QUICK, broker=named_broker(), nodes=2, clocks=True, state_dir=folder
    ) as running:
        before = shared()
        yield running
    assert not before & shared(), "what libfaketime shares was left behind"


def shared() -> set[str]:
    """Return what libfaketime shares between processes of this machine now."""
    return {each.name for each in clock.SHARED.glob("*faketime*")}


def logged_hour(site: Site, node: str) -> int:
    """Return the hour at which a node's log dates a connection that is made now."""
    [path] = site.cluster.record.logs.glob(f"{node}@*[0-9].log")
    known = path.stat().st_size
    with channel_of(site.cluster, "/", node):
        pass

    def dated() -> str | NotYet:
        fresh = path.read_bytes()[known:].decode().splitlines()
        lines = [line for line in fresh if "accepting AMQP connection" in line]
        return lines[-1] if lines else NotYet(fresh)

    return int(wait_until(dated, 10, "the log has the connection")[11:13])


def filled(site: Site, kind: str) -> None:
    """Declare a queue whose messages live for ten minutes, and publish five to it."""
    arguments = {"x-queue-type": kind, "x-message-ttl": TTL_MS}
    with channel_of(site.cluster, "/") as channel:
        channel.queue_declare(kind, durable=True, arguments=arguments)
        for _ in range(5):
            properties = pika.BasicProperties(delivery_mode=2)
            channel.basic_publish("", kind, b"hello", properties, mandatory=True)


def looked_into(site: Site, kind: str) -> int:
    """Return how many messages a queue has once somebody has asked it for one, and gave it back."""
    with channel_of(site.cluster, "/") as channel:
        method, _, _ = channel.basic_get(kind)
        if method is not None:
            channel.basic_nack(method.delivery_tag)
        channel.basic_get(kind)
    return counted(site)[kind]


def test_a_clock_jumps_on_one_node_and_classic_queues_expire(site: Site) -> None:
    """Its own log is dated an hour later, its peer's is not, and both see each other all along.

    What a classic queue holds for ten minutes more is expired by it at once; a quorum queue keeps
    it, since Erlang's own time does not jump. Afterwards the log is dated as before.
    """
    before, process = logged_hour(site, "r1"), site.cluster.process_id("r1")
    for kind in ("classic", "quorum"):
        filled(site, kind)
    with JumpClock("r1", offset_s=3600).inject(site):
        assert logged_hour(site, "r1") in {(before + 1) % 24, (before + 2) % 24}
        assert logged_hour(site, "r2") in {before, (before + 1) % 24}
        assert site.broker.running_nodes("r2") == {"r1", "r2"}
        assert looked_into(site, "classic") == 0
        assert looked_into(site, "quorum") == 5

    assert logged_hour(site, "r1") in {before, (before + 1) % 24}
    assert site.cluster.process_id("r1") == process
    assert counted(site)["quorum"] == 5
    healthy(site)


def test_a_clock_goes_back_too_and_is_put_right_by_whoever_has_the_journal(site: Site) -> None:
    """Another process tells the node the machine's time, as often as it is asked to."""
    undone_by_another(JumpClock("r1", offset_s=-7200), site)

    assert site.cluster.clock_offset_s("r1") == 0


@pytest.mark.nightly
def test_a_node_that_is_killed_meanwhile_comes_back_with_its_clock(site: Site) -> None:
    """A restarted node still has the other time until the fault ends, and leaves nothing shared."""
    with JumpClock("r1", offset_s=3600).inject(site):
        killed = str(site.cluster.process_id("r1"))
        site.cluster.kill("r1")
        site.cluster.start("r1")
        assert not [name for name in shared() if name.endswith(f"_{killed}")]
        told_ms = int(site.cluster.evaluate("r1", "os:system_time(millisecond)"))
        right_ms = int(site.cluster.evaluate("r2", "os:system_time(millisecond)"))
        assert told_ms - right_ms == pytest.approx(3_600_000, abs=5000)

    healthy(site, measured=False)  # It was another process that healed.


def test_what_is_no_jump_is_refused(site: Site) -> None:
    """A jump that is as good as none, and a node that is not there, are begun by nobody."""
    with pytest.raises(HarnessError, match="too small"):
        JumpClock("r1", offset_s=1).inject(site).__enter__()
    with pytest.raises(HarnessError, match="there is no node r9"):
        JumpClock("r9").inject(site).__enter__()
    assert steps_of(site) == []
