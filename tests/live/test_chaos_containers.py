"""The same faults on nodes in containers, each seen by the engine's own command line, too."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chaos_stand import Runner, evidence, healthy, undone_by_another
from conftest import QUICK, beside
from containers_stand import docker, images_or_skip, left_of, state_of

from chaos import probes
from chaos.fault import Site
from chaos.halts import PauseNode
from chaos.heal import heal
from chaos.journal import FILE_NAME, Journal
from chaos.links import Isolate
from chaos.networks import DisconnectNetwork
from chaos.nodes import KillNode
from chaos.plan import Entry
from chaos.rescue import open_faults
from chaos.watchdog import watchdog_of
from gameday.clusters.broker import Broker
from gameday.clusters.compose import ComposeCluster, start_composed
from gameday.clusters.processes import ProcessRef, is_alive
from gameday.clusters.wait import wait_until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeCluster]:
    """Run three nodes in containers for all tests of this file."""
    images = images_or_skip()
    folder = tmp_path_factory.mktemp("containers")
    with beside(600):
        running = start_composed(QUICK, images, state_dir=folder)
    try:
        yield running
    finally:
        running.close()
    assert left_of(running.record.project) == []


@pytest.fixture
def outside(containers: ComposeCluster, tmp_path: Path) -> Site:
    """Give faults a site on these nodes, all healthy, with a journal of its own."""
    Broker(containers).wait_healthy(60)
    return Site(containers, Journal(tmp_path / FILE_NAME)).for_episode("e1", 10)


def test_a_killed_container_comes_back_with_what_it_had(outside: Site) -> None:
    """The engine says that it ended by SIGKILL; its network stays; it returns with its data."""
    project = outside.cluster.record.project  # type: ignore[attr-defined]
    with KillNode("r2").inject(outside):
        state = state_of(project, "rabbit2")
        assert (state["Status"], state["ExitCode"]) == ("exited", 137)
        assert state_of(project, "host2")["Status"] == "running"
        assert outside.cluster.has_data("r2")

    assert state_of(project, "rabbit2")["Status"] == "running"
    healthy(outside)


def test_a_paused_container_answers_nothing_and_goes_on(outside: Site) -> None:
    """The engine says that it is paused, its port takes greetings and answers none."""
    project = outside.cluster.record.project  # type: ignore[attr-defined]
    with PauseNode("r3").inject(outside):
        assert state_of(project, "rabbit3")["Paused"] is True
        assert probes.greet(outside.cluster.addresses("r3").direct) == probes.SILENT

    assert state_of(project, "rabbit3")["Paused"] is False
    healthy(outside)


def test_a_machine_off_its_network_is_parted_from_everybody(outside: Site) -> None:
    """Peers, and clients at each door, hear nothing of it; back on the network it has its ports."""
    cluster = outside.cluster
    project = cluster.record.project  # type: ignore[attr-defined]
    network = json.loads(docker("network", "inspect", f"{project}_nodes"))[0]["Name"]
    with DisconnectNetwork("r1").inject(outside):
        on_it = json.loads(docker("network", "inspect", network))[0]["Containers"].values()
        assert not any(each["Name"].endswith("host1-1") for each in on_it)
        assert probes.greet(cluster.addresses("r1").direct) != probes.ANSWERED
        assert probes.greet(cluster.addresses("r2").direct) == probes.ANSWERED

    assert evidence(outside, "observed")["off"] is True
    assert probes.greet(cluster.addresses("r1").direct) == probes.ANSWERED
    healthy(outside)


def test_links_between_containers_are_cut_and_mended_by_another(outside: Site) -> None:
    """Cut by Toxiproxy, both sides lose each other; who has the journal alone puts it right."""
    undone_by_another(Isolate("r3"), outside)

    connected = evidence(outside, "observed")["connected"]
    assert connected == {"r1": ["r2"], "r2": ["r1"], "r3": []}
    assert Broker(outside.cluster).problems() == []


def test_the_watchdog_puts_a_machine_back_on_its_network(
    containers: ComposeCluster, tmp_path: Path
) -> None:
    """The runner dies by SIGKILL while a machine is off: the watchdog, by its journal, heals it."""
    Broker(containers).wait_healthy(60)
    runner = Runner(containers, tmp_path / "run")
    process = runner.start((Entry(kind="disconnect_network", target="r2"),), watched=True)
    runner.wait_inside()
    watchdog = watchdog_of(runner.folder)
    assert watchdog is not None
    assert not containers.is_connected("r2")

    os.kill(process.pid, signal.SIGKILL)

    process.wait(10)
    wait_until(lambda: not is_alive(watchdog), 90, "the watchdog has done its work")
    assert runner.by_whom() == {"watchdog"}
    assert open_faults(runner.folder) == ()
    assert containers.is_connected("r2")
    assert probes.greet(containers.addresses("r2").direct) == probes.ANSWERED
    assert Broker(containers).problems() == []


def test_what_a_dead_run_left_is_removed(containers: ComposeCluster) -> None:
    """Once its starter is dead, `gameday heal` removes containers, networks, volumes and folder."""
    record = containers.record
    replace(record, owner=ProcessRef(2**22 - 1, 1)).save()
    assert len(left_of(record.project)) == 9 + 1 + 3

    report = heal(state_dir=record.folder.parents[1])

    assert report.sentences == (f"removed containers of {record.project}: 9 containers.",)
    assert report.whole
    assert left_of(record.project) == []
    assert not record.folder.exists()
    assert heal(state_dir=record.folder.parents[1]).idle
