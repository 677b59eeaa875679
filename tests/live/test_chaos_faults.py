"""Every fault on a real cluster: it bites, seen from outside, and it heals."""

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from chaos_stand import WHOLE, evidence, healthy, steps_of

from chaos import probes
from chaos.alarms import DiskAlarm, MemoryAlarm
from chaos.clients import KillClient, SignalClient
from chaos.doors import CutClients, SwallowThenClose
from chaos.fault import Fault, Nothing, Site, Together
from chaos.journal import FILE_NAME, Journal, read
from chaos.links import Isolate
from chaos.nodes import KillAllNodes, KillNode
from chaos.revert import leave
from chaos.reverts import RECIPES
from chaos.traffic import Client, NoTraffic
from gameday.clusters import limits
from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live


def test_a_killed_node_has_a_new_process_afterwards(site: Site) -> None:
    """Its port refuses and nobody sees it; then it runs again, as another process."""
    before = site.cluster.process_id("r2")
    with KillNode("r2").inject(site):
        assert site.cluster.process_id("r2") is None
        assert probes.greet(site.cluster.addresses("r2").direct) == "refused"
        assert "r2" not in Broker(site.cluster).running_nodes("r1")
        with pytest.raises(HarnessError, match="r2 is not running"):
            KillNode("r2").inject(site).__enter__()

    healthy(site)
    assert site.cluster.process_id("r2") not in {None, before}
    assert evidence(site, "observed")["dead"] is True


@pytest.mark.nightly
def test_all_killed_nodes_come_back(site: Site) -> None:
    """Every port refuses; then every node runs again, as another process."""
    before = {site.cluster.process_id(node) for node in site.cluster.nodes}
    with KillAllNodes().inject(site):
        assert not any(site.cluster.is_running(node) for node in site.cluster.nodes)

    healthy(site)
    after = {site.cluster.process_id(node) for node in site.cluster.nodes}
    assert len(after - before) == 3


def test_a_reset_partition_parts_one_node(site: Site) -> None:
    """Neither side is connected to the other, and clients still reach the lonely node's port."""
    with Isolate("r3").inject(site):
        facts = Broker(site.cluster)
        assert facts.seen_nodes("r3") == frozenset()
        assert facts.seen_nodes("r1") == {"r2"}
        assert probes.over_link(site.cluster, ("r1", "r3")) == "econnrefused"
        assert probes.over_link(site.cluster, ("r1", "r2")) == probes.ANSWERED

    healthy(site)
    assert set(evidence(site, "observed")["links"].values()) == {"econnrefused"}


def test_a_silent_partition_swallows_before_anybody_notices(site: Site) -> None:
    """The greeting stays unanswered while connections stand; the views follow, and are noted."""
    with Isolate("r3", "silent").inject(site):
        wait_until(
            lambda: not Broker(site.cluster).seen_nodes("r3"), 20, "the lonely node missed ticks"
        )

    healthy(site)
    assert set(evidence(site, "observed")["links"].values()) == {probes.SILENT}
    views = [each["views"] for each in read(site.journal.path) if each["event"] == "views"]
    seen = [each["r3"].get("seen") for each in views]
    assert seen[0] == ["r1", "r2"], "open connections, and nothing passes"
    assert [] in seen
    assert seen[-1] == ["r1", "r2"]


def test_a_disk_alarm_is_known_everywhere_and_its_limit_restored(site: Site) -> None:
    """Each node lists the alarm, and the limit that was in force before is in force again."""
    limits.set_disk_free_limit(site.cluster, "r1", 61_000_000)
    with DiskAlarm("r1").inject(site):
        for node in site.cluster.nodes:
            [alarm] = Broker(site.cluster).alarms(node)
            assert (alarm.kind, alarm.node) == ("disk", "r1")

    healthy(site)
    assert limits.disk_free_limit(site.cluster, "r1") == 61_000_000


def test_a_memory_alarm_is_known_everywhere_and_its_watermark_restored(site: Site) -> None:
    """Each node lists the alarm, and the watermark is what it was, not a constant."""
    limits.set_memory_watermark(site.cluster, "r2", 0.37)
    with MemoryAlarm("r2").inject(site):
        for node in site.cluster.nodes:
            [alarm] = Broker(site.cluster).alarms(node)
            assert (alarm.kind, alarm.node) == ("memory", "r2")

    healthy(site)
    assert limits.memory_watermark(site.cluster, "r2") == pytest.approx(0.37)


@pytest.mark.nightly
def test_both_alarms_on_every_node_are_known_and_cleared(site: Site) -> None:
    """Six alarms at once, of two kinds, on each node's list; then none, and each limit its own."""
    before = {node: limits.read_limits(site.cluster, node) for node in site.cluster.nodes}
    with Together((DiskAlarm("all"), MemoryAlarm("all"))).inject(site):
        for node in site.cluster.nodes:
            known = {(alarm.kind, alarm.node) for alarm in Broker(site.cluster).alarms(node)}
            assert known == {(kind, each) for kind in ("disk", "memory") for each in before}

    healthy(site)
    healthy(site, "e1.2")
    assert {node: limits.read_limits(site.cluster, node) for node in before} == before


def test_clients_cut_by_reset_are_refused(site: Site) -> None:
    """Clients of one node are refused, those of another are not, and the node is well."""
    with CutClients("r1").inject(site):
        assert probes.greet(site.cluster.addresses("r1").client) == "refused"
        assert probes.greet(site.cluster.addresses("r2").client) == probes.ANSWERED
        assert probes.greet(site.cluster.addresses("r1").direct) == probes.ANSWERED

    healthy(site)
    assert probes.greet(site.cluster.addresses("r1").client) == probes.ANSWERED


def test_clients_cut_in_silence_get_no_answer(site: Site) -> None:
    """A client's connection opens, and what it says is not answered."""
    with CutClients("r1", "silent").inject(site):
        assert probes.greet(site.cluster.addresses("r1").client) == probes.SILENT

    healthy(site)
    assert probes.greet(site.cluster.addresses("r1").client) == probes.ANSWERED


def test_swallow_then_close_does_both_to_the_spare_address_only(site: Site) -> None:
    """It swallows for its time, then refuses; clients of the usual address notice nothing."""
    spare = site.cluster.door_address("r3", "spare")
    begun = time.monotonic()
    with SwallowThenClose("r3", swallow_s=1.2).inject(site):
        assert time.monotonic() - begun > 1.2
        assert probes.greet(spare) == "refused"
        assert probes.greet(site.cluster.addresses("r3").client) == probes.ANSWERED

    healthy(site)
    assert probes.greet(spare) == probes.ANSWERED


@dataclass
class OneSleeper(NoTraffic):
    """Traffic of one client process, which sleeps."""

    process: subprocess.Popen[bytes]
    meant: list[str] = field(default_factory=list)

    def clients(self) -> tuple[Client, ...]:
        """Return the sleeper while it lives."""
        if self.process.poll() is not None:
            return ()
        return (Client("worker-1", "worker", 1, self.process.pid, "r1", "builds"),)

    def kill(self, client: str) -> None:
        """Kill it."""
        self.signal(client, signal.SIGKILL)

    def signal(self, client: str, number: int) -> None:
        """Send it a signal, and remember that its end is meant."""
        self.meant.append(client)
        self.process.send_signal(number)


@pytest.fixture
def sleeper() -> Iterator[OneSleeper]:
    """Start a client, and end it in any case."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield OneSleeper(process)
        process.kill()


def with_client(cluster: LocalCluster, tmp_path: Path, sleeper: OneSleeper) -> Site:
    """Return a site whose only client is the sleeper."""
    return Site(cluster, Journal(tmp_path / FILE_NAME), traffic=sleeper, episode="e1")


@pytest.mark.parametrize("fault", [KillClient("worker-1"), SignalClient("worker-1", "SIGTERM")])
def test_a_struck_client_is_gone(
    cluster: LocalCluster, tmp_path: Path, sleeper: OneSleeper, fault: Fault
) -> None:
    """The process has ended, the run knows that it was meant, and there is nobody to strike."""
    site = with_client(cluster, tmp_path, sleeper)
    with fault.inject(site):
        assert sleeper.process.poll() is not None

    assert sleeper.meant == ["worker-1"]
    healthy(site)
    with pytest.raises(HarnessError, match="there is no client worker-1"):
        fault.inject(site).__enter__()


def test_a_suspended_client_goes_on(
    cluster: LocalCluster, tmp_path: Path, sleeper: OneSleeper
) -> None:
    """It stands still for as long as the fault lasts."""
    site = with_client(cluster, tmp_path, sleeper)
    with SignalClient("worker-1", "SIGSTOP").inject(site):
        assert probes.process_state(sleeper.process.pid) == "T"

    assert probes.process_state(sleeper.process.pid) == "S"
    healthy(site)


def test_nothing_leaves_no_trace(site: Site) -> None:
    """The control run's fault writes nothing and changes nothing."""
    with Nothing().inject(site):
        pass
    assert read(site.journal.path) == ()


@pytest.mark.nightly
def test_together_heals_what_needs_each_other(site: Site) -> None:
    """A node that was killed while another was cut off rejoins once both are reverted."""
    with Together((Isolate("r3"), DiskAlarm("r1"), KillNode("r2"))).inject(site):
        assert not site.cluster.is_running("r2")

    healthy(site)
    assert steps_of(site, "e1.3") == WHOLE


@pytest.mark.nightly
def test_a_partition_that_stays_is_ended_the_other_way(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When mending does not heal, the node is restarted, and the journal says what was seen."""
    recipe = replace(RECIPES["mend_links"], revert=leave, within_s=1)
    monkeypatch.setitem(RECIPES, "mend_links", recipe)
    before = site.cluster.process_id("r3")
    with Isolate("r3").inject(site):
        pass

    healthy(site, measured=False)  # It was kept from healing by itself.
    assert site.cluster.process_id("r3") not in {None, before}
    assert evidence(site, "restored")["not_by_itself"]["links"]["r3-r1"] == "econnrefused"


@pytest.mark.nightly
def test_a_silent_partition_that_ends_unnoticed_is_healed_all_the_same(site: Site) -> None:
    """What the broker does not mend by itself is mended, and the journal says which it was."""
    with Isolate("r3", "silent").inject(site):
        pass

    healthy(site)
    assert "views" in evidence(site, "restored")
