"""What a run leaves is found by exact marks, ended, and nothing else is touched."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chaos import runs
from chaos.heal import heal
from chaos.journal import FILE_NAME, Journal, read
from chaos.rescue import SIDE_FILE, open_faults, rescue
from chaos.runs import VARIABLE, RunRecord
from gameday.clusters.ports import Ports
from gameday.clusters.processes import OWNER_VARIABLE, ProcessRef, reference
from gameday.clusters.record import ClusterRecord, cluster_folder, create_folder
from gameday.clusters.release import Release
from gameday.clusters.settings import BrokerSettings

BASE = 24_800
GONE = ProcessRef(pid=1, start_ticks=-1)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """Give a state folder of the test's own."""
    return tmp_path / "state"


@pytest.fixture
def record(tmp_path: Path, state_dir: Path) -> RunRecord:
    """Give a run whose runner is gone."""
    folder = tmp_path / "run"
    folder.mkdir()
    dead = replace(runs.begin("run", folder, state_dir, BASE), runner=GONE)
    runs.save(dead)
    return dead


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """End what a test started, whatever it did."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def sleeper(variable: str, value: str) -> subprocess.Popen[bytes]:
    """Start a process with one mark in its environment."""
    return subprocess.Popen(["sleep", "60"], env={**os.environ, variable: value})


def own_cluster(record: RunRecord, *, owner: ProcessRef, kept: bool = False) -> ClusterRecord:
    """Record a cluster without any broker: a token, and whoever carries it."""
    assert record.port_base is not None
    cluster = ClusterRecord(
        folder=cluster_folder(record.state_dir, record.port_base),
        ports=Ports(record.port_base),
        token="0123456789abcdef",  # noqa: S106
        release=Release("3.10.8", Path("/nowhere"), None),
        settings=BrokerSettings(),
        toxiproxy=Path("/nowhere"),
        username="gameday",
        owner=owner,
        kept=kept,
    )
    create_folder(cluster)
    cluster.save()
    return cluster


def broken(record: RunRecord) -> None:
    """Write the intent of a fault that nobody reverted."""
    Journal(record.folder / FILE_NAME).append(
        "fault",
        fault="e1.1",
        episode="e1",
        kind="isolate",
        fault_class="partition_reset",
        target="r3",
        parameters={},
        step="intent",
        revert={"kind": "mend_links", "values": {"node": "r3", "links": []}},
        ttl_s=60,
    )


def test_clients_and_own_cluster_end_with_the_run(
    record: RunRecord, sleepers: list[subprocess.Popen[bytes]]
) -> None:
    """Marked clients and the cluster are ended, a stranger lives, and the fault is closed."""
    cluster = own_cluster(record, owner=record.runner)
    client = sleeper(VARIABLE, record.marker)
    node = sleeper(OWNER_VARIABLE, cluster.token)
    stranger = sleeper(VARIABLE, f"{record.run}:another-token")
    sleepers.extend([client, node, stranger])
    broken(record)

    report = heal(state_dir=record.state_dir)

    assert report.whole
    assert [client.wait(5), node.wait(5)] == [-9, -9]
    assert stranger.poll() is None
    assert not cluster.folder.exists()
    assert open_faults(record.folder) == ()
    assert read(record.folder / FILE_NAME)[-1]["evidence"] == {"cluster": "gone"}
    assert runs.registered(record.state_dir) == []
    assert heal(state_dir=record.state_dir).idle


def test_a_second_cluster_ends_with_the_run(record: RunRecord) -> None:
    """A run that moves has two: its watchdog ends both, and one that was kept stays."""
    beside = [replace(record, port_base=BASE + 100), replace(record, port_base=BASE + 200)]
    mine = own_cluster(record, owner=record.runner)
    second = own_cluster(beside[0], owner=record.runner)
    kept = own_cluster(beside[1], owner=record.runner, kept=True)

    done = rescue(record, "a test", "watchdog")

    assert done.whole
    assert [each.folder.exists() for each in (mine, second, kept)] == [False, False, True]
    assert sum("ended the cluster of run" in each for each in done.sentences) == 2


def test_a_cluster_that_is_gone_needs_no_healing(record: RunRecord) -> None:
    """A fault whose cluster nobody finds any more is closed, and the run struck off."""
    broken(record)

    done = rescue(record, "a test", "heal")

    assert done.whole
    assert open_faults(record.folder) == ()
    assert runs.registered(record.state_dir) == []


def test_somebody_elses_cluster_is_not_ended(
    record: RunRecord, sleepers: list[subprocess.Popen[bytes]]
) -> None:
    """A run that only used a cluster leaves it running."""
    living = reference(os.getpid())
    assert living is not None
    cluster = own_cluster(record, owner=living)
    node = sleeper(OWNER_VARIABLE, cluster.token)
    sleepers.append(node)

    assert heal(state_dir=record.state_dir).whole
    assert node.poll() is None
    assert cluster.folder.exists()


def test_a_rescuer_is_not_stopped_by_a_lock(
    record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a stopped runner holds the journal's lock, the rescue is written beside it."""
    monkeypatch.setattr("chaos.journal.LOCK_WITHIN_S", 0.05)
    broken(record)
    holder = Journal(record.folder / FILE_NAME)
    with holder._locked():
        done = rescue(record, "a test", "watchdog")

    assert done.whole
    assert open_faults(record.folder) == ()
    assert read(record.folder / SIDE_FILE)[0]["event"] == "rescue"


def test_a_living_run_is_left_alone(record: RunRecord) -> None:
    """Healing beside a runner that lives says so and changes nothing."""
    living = reference(os.getpid())
    assert living is not None
    runs.save(replace(record, runner=living))
    broken(record)

    report = heal(state_dir=record.state_dir)

    assert [each.partition(" (")[0] for each in report.sentences] == ["run run is alive"]
    assert len(open_faults(record.folder)) == 1
