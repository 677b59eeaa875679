"""Kill the runner at any point: what it broke is put right, once, and by somebody else."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_stand import Runner

from chaos import runs
from chaos.doors import CutClients
from chaos.fault import Site
from chaos.heal import heal
from chaos.journal import FILE_NAME, Journal, verify
from chaos.plan import Entry
from chaos.rescue import open_faults
from chaos.watchdog import guarded, watchdog_of
from gameday.clusters import limits
from gameday.clusters.broker import Broker
from gameday.clusters.cluster import CLIENT_DOORS
from gameday.clusters.local import LocalCluster
from gameday.clusters.processes import is_alive, reference
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
LIGHT = (Entry(kind="disk_alarm", target="r1"), Entry(kind="cut_clients", target="r2"))
HEAVY = (Entry(kind="isolate", target="r3"), Entry(kind="kill_node", target="r2"))
DOORS_OF_R2 = sorted(f"{door}-r2" for door in CLIENT_DOORS)
LIGHT_POINTS = 14
EVERY_CHANGE = {2, 6, 10, 13}
"""One applied, both in force, half undone, and seen healed, for every change; the rest by night."""
HEAVY_POINTS = 14


@pytest.fixture
def runner(cluster: LocalCluster, broker: Broker, tmp_path: Path) -> Iterator[Runner]:
    """Give a runner that is not yet started, and end in any case what it started."""
    made = Runner(cluster, tmp_path / "run")
    yield made
    if (made.folder / runs.FILE_NAME).exists():
        record = runs.load(made.folder)
        if is_alive(record.runner):
            os.kill(record.runner.pid, signal.SIGKILL)
        runs.end_clients(record)
        runs.strike_off(record)


def healed(cluster: LocalCluster, runner: Runner, limit_bytes: int) -> None:
    """Assert that cluster, journal, register and clients are as if nothing had been."""
    assert Broker(cluster).problems() == []
    assert cluster.toxics() == []
    assert cluster.disabled_proxies() == []
    assert all(cluster.is_running(node) for node in cluster.nodes)
    assert limits.disk_free_limit(cluster, "r1") == limit_bytes
    assert open_faults(runner.folder) == ()
    assert verify(runner.folder / FILE_NAME) == []
    assert reference(runner.client_pid) is None
    assert runs.registered(runner.state_dir) == []


def die_and_heal(
    cluster: LocalCluster, runner: Runner, faults: tuple[Entry, ...], point: int
) -> None:
    """Kill the runner at a point, heal, compare, and heal again."""
    limit_bytes = limits.disk_free_limit(cluster, "r1")
    process = runner.start(faults, point=point)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(150) == -signal.SIGKILL
    assert len((runner.folder / "points").read_text().split()) == point

    report = heal(state_dir=runner.state_dir)

    assert report.whole, report.sentences
    assert any("client" in sentence for sentence in report.sentences)
    healed(cluster, runner, limit_bytes)
    assert heal(state_dir=runner.state_dir).idle


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, marks=() if point in EVERY_CHANGE else pytest.mark.nightly)
        for point in range(1, LIGHT_POINTS + 1)
    ],
)
def test_a_runner_killed_at_every_point_is_healed(
    cluster: LocalCluster, runner: Runner, point: int
) -> None:
    """There is no point at which the runner may die and something stays broken."""
    die_and_heal(cluster, runner, LIGHT, point)


@pytest.mark.nightly
@pytest.mark.parametrize("point", range(1, HEAVY_POINTS + 1))
def test_nodes_and_links_are_healed_at_every_point(
    cluster: LocalCluster, runner: Runner, point: int
) -> None:
    """The same with a node cut off and another one dead."""
    die_and_heal(cluster, runner, HEAVY, point)


def test_the_watchdog_of_a_killed_runner_puts_all_right(
    cluster: LocalCluster, runner: Runner
) -> None:
    """Within seconds of the runner's end, without anybody's help; and then it ends itself."""
    limit_bytes = limits.disk_free_limit(cluster, "r1")
    process = runner.start(LIGHT, watched=True)
    runner.wait_inside()
    watchdog = watchdog_of(runner.folder)
    assert watchdog is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(watchdog.pid, number)
    assert cluster.disabled_proxies() == DOORS_OF_R2

    process.kill()
    died_at = time.monotonic()
    process.wait(5)
    wait_until(lambda: open_faults(runner.folder) == (), 30, "the watchdog restored")

    assert time.monotonic() - died_at < 15
    wait_until(lambda: not is_alive(watchdog), 20, "the watchdog ended")
    healed(cluster, runner, limit_bytes)
    assert runner.by_whom() == {"watchdog"}
    assert heal(state_dir=runner.state_dir).idle


def test_the_watchdog_of_a_stopped_runner_puts_all_right(
    cluster: LocalCluster, runner: Runner
) -> None:
    """A runner that stands still is no runner; when it goes on it learns that its time is void."""
    process = runner.start(LIGHT, watched=True)
    runner.wait_inside()
    process.send_signal(signal.SIGSTOP)
    stopped_at = time.monotonic()
    wait_until(lambda: open_faults(runner.folder) == (), 40, "the watchdog restored")

    assert 4 < time.monotonic() - stopped_at < 25
    assert runner.by_whom() == {"watchdog"}
    assert cluster.disabled_proxies() == []
    assert reference(runner.client_pid) is not None, "a runner that lives keeps its clients"

    process.send_signal(signal.SIGCONT)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(60) == 1
    assert "outlived its time" in (runner.folder / "errors").read_text()
    assert Broker(cluster).problems() == []


@pytest.mark.nightly
def test_a_fault_that_outlives_its_time_is_reverted_under_the_runner(
    cluster: LocalCluster, runner: Runner
) -> None:
    """A runner that beats and never comes to revert is not waited for."""
    process = runner.start(LIGHT, watched=True, for_s=0)
    runner.wait_inside()
    wait_until(lambda: open_faults(runner.folder) == (), 80, "the watchdog restored")

    assert runner.by_whom() == {"watchdog"}
    assert cluster.disabled_proxies() == []
    process.kill()
    process.wait(5)


def test_a_run_that_lives_is_left_alone(cluster: LocalCluster, runner: Runner) -> None:
    """Healing beside a living run touches nothing of it, and says so."""
    process = runner.start(LIGHT[1:])
    runner.wait_inside()
    report = heal(state_dir=runner.state_dir)

    assert any("is alive" in sentence for sentence in report.sentences)
    assert cluster.disabled_proxies() == DOORS_OF_R2
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(60) == 0
    assert runner.by_whom() == {"run"}


def test_without_a_watchdog_nothing_is_broken(
    cluster: LocalCluster, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watchdog that cannot start, or that has died, refuses every fault."""
    state_dir = tmp_path / "state"
    record = runs.begin("no-dog", tmp_path, state_dir, cluster.record.ports.base)
    with monkeypatch.context() as patch:
        patch.setattr("chaos.watchdog.sys.executable", "/bin/false")
        with pytest.raises(HarnessError, match="nothing is broken"):
            guarded(record).__enter__()

    with guarded(record) as watched:
        site = Site(cluster, Journal(tmp_path / FILE_NAME), guard=watched.check)
        os.kill(watched.watchdog.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(watched.watchdog), 5, "the watchdog died")
        with pytest.raises(HarnessError, match="the watchdog is gone"):
            CutClients("r1").inject(site).__enter__()
    assert cluster.disabled_proxies() == []
    assert not (tmp_path / FILE_NAME).read_text()


def test_no_secret_of_the_cluster_reaches_what_a_fault_writes(
    cluster: LocalCluster, runner: Runner
) -> None:
    """Neither the password nor the Erlang cookie is in the run folder, whatever went wrong."""
    die_and_heal(cluster, runner, LIGHT[:1], 3)
    cookie = (cluster.record.home / ".erlang.cookie").read_text()
    for file in runner.folder.rglob("*"):
        if file.is_file():
            text = file.read_text(errors="replace")
            assert cluster.password not in text, file
            assert cookie not in text, file
    assert json.loads((runner.folder / runs.FILE_NAME).read_text())["run"] == "run"


DIED = [
    (Entry(kind="kill_nodes", target="r1, r2", parameters={"majority": True}), 2),
    (Entry(kind="stop_app", target="r2"), 2),
    (Entry(kind="pause_node", target="r2"), 3),
    (Entry(kind="rolling_restart", target="r2"), 2),
    (Entry(kind="restart_in_order", target="r1"), 3),
    (Entry(kind="wipe_node", target="r3"), 2),
    (Entry(kind="wipe_node", target="r3"), 4),
    (Entry(kind="forget_node", target="r3"), 2),
    (Entry(kind="forget_node", target="r3"), 4),
    (Entry(kind="cut_links", target="r1", parameters={"shape": "one_way", "how": "silent"}), 2),
    (Entry(kind="slow_links", target="r1", parameters={"latency_ms": 100}), 3),
    (Entry(kind="flap_links", target="r1"), 2),
    (Entry(kind="client_toxic", target="r1", parameters={"toxic": "half_open"}), 2),
]
"""Faults, and the point at which their runner dies: in the middle of applying, or once applied."""


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("entry", "point"), DIED, ids=[f"{entry.kind}-{point}" for entry, point in DIED]
)
def test_whatever_the_runner_left_is_healed_from_the_journal(
    cluster: LocalCluster, runner: Runner, entry: Entry, point: int
) -> None:
    """Another process has the journal and the cluster's record, and puts it right with them."""
    die_and_heal(cluster, runner, (entry,), point)
