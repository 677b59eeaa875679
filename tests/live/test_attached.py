"""Faults on a cluster that somebody else runs, by its owner's commands over a real ssh.

The session's cluster plays the owner's: what breaks it knows nothing of it but his file. Each
fault is looked at both ways, as the journal has it and as the cluster itself tells.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from attached_stand import Sshd, credentials, killed_inside, running_sshd, write_file
from chaos_stand import WHOLE, evidence, lines_of, steps_of

from chaos import runs, steps
from chaos.alarms import DiskAlarm, MemoryAlarm
from chaos.by_command import Owner
from chaos.fault import Fault, Site, Together
from chaos.halts import PauseNode, StopApp, StopNode
from chaos.journal import FILE_NAME, Journal, read, verify
from chaos.links import CutLinks, Isolate
from chaos.nodes import KillNode
from chaos.plan import Entry
from chaos.rescue import open_faults
from gameday.clusters import limits
from gameday.clusters.broker import Broker
from gameday.clusters.cluster_file import read_file
from gameday.clusters.commanded import attach_by_file
from gameday.clusters.commanded_facts import CommandedFacts
from gameday.clusters.local import LocalCluster
from gameday.errors import UsageError

pytestmark = pytest.mark.live

nightly = pytest.mark.nightly


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Run an sshd of the tests' own."""
    with running_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@dataclass(frozen=True)
class Owned:
    """The session's cluster as its owner sees it, and the site of who breaks it by his file."""

    cluster: LocalCluster
    file: Path
    site: Site


@pytest.fixture
def owned(
    cluster: LocalCluster,
    broker: Broker,
    sshd: Sshd,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Owned]:
    """Attach to the session's cluster by a file, with its credentials in the environment."""
    for name, value in credentials(cluster).items():
        monkeypatch.setenv(name, value)
    path = write_file(tmp_path / "own.yaml", cluster, sshd.words)
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    attached = attach_by_file(read_file(path), path, run_folder)
    site = Site(
        attached,  # type: ignore[arg-type]  # Adapted faults ask no more of it than it can do.
        Journal(tmp_path / FILE_NAME),
        vhost="chaos-attached",
        adapted=Owner(attached).adapted,
    )
    yield Owned(cluster, path, site.for_episode("e1", 10))
    for vhost in ("chaos-attached", "chaos-attached-links", "chaos-killed"):
        broker.drop_vhost(vhost)


def is_gone(cluster: LocalCluster) -> bool:
    """Whether r2 does not run."""
    return not cluster.is_running("r2")


def is_suspended(cluster: LocalCluster) -> bool:
    """Whether r2's process stands still."""
    pid = cluster.process_id("r2")
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def has_no_application(cluster: LocalCluster) -> bool:
    """Whether r2's Erlang runs, and RabbitMQ in it does not."""
    return cluster.evaluate("r2", "rabbit:is_running()") == "false"


def is_cut_off(cluster: LocalCluster) -> bool:
    """Whether a link of r2 is cut, as Toxiproxy has it."""
    cut = [each.proxy for each in cluster.toxics()] + cluster.disabled_proxies()
    return any("r2" in each for each in cut)


def wants_more_disk(cluster: LocalCluster) -> bool:
    """Whether r2's limit is beyond what is free."""
    return limits.disk_free_limit(cluster, "r2") > limits.disk_free(cluster, "r2")


def wants_no_memory(cluster: LocalCluster) -> bool:
    """Whether r2's watermark is nothing."""
    return limits.memory_watermark(cluster, "r2") == 0


FAULTS = [
    pytest.param(KillNode("r2"), is_gone, id="kill"),
    pytest.param(PauseNode("r2"), is_suspended, id="pause"),
    pytest.param(StopNode("r2"), is_gone, id="stop", marks=nightly),
    pytest.param(StopApp("r2"), has_no_application, id="app", marks=nightly),
    pytest.param(MemoryAlarm("r2"), wants_no_memory, id="memory", marks=nightly),
    pytest.param(Isolate("r2", how="reset"), is_cut_off, id="isolate-reset", marks=nightly),
    pytest.param(Isolate("r2", how="silent"), is_cut_off, id="isolate-silent", marks=nightly),
    # A closed link makes 3.10.8 pause both its ends before anybody can ask them.
    pytest.param(CutLinks("r2", peer="r3", how="silent"), is_cut_off, id="link", marks=nightly),
]


@pytest.mark.parametrize(("fault", "in_force"), FAULTS)
def test_owner_s_commands_break_and_mend(
    owned: Owned, fault: Fault, in_force: Callable[[LocalCluster], bool]
) -> None:
    """Each fault is applied over ssh, seen from outside in force, undone over ssh, seen healed."""
    cluster = owned.cluster
    assert not in_force(cluster)

    with Together((fault,)).inject(owned.site):
        assert in_force(cluster)

    assert steps_of(owned.site) == WHOLE
    assert verify(owned.site.journal.path) == []
    assert not in_force(cluster)
    Broker(cluster).wait_healthy(5)
    assert CommandedFacts(owned.site.cluster).problems() == []  # type: ignore[arg-type]


def test_intent_holds_all_that_undoing_needs(owned: Owned) -> None:
    """Before the alarm is raised, the journal has the command with the limit that was in force."""
    before = limits.disk_free_limit(owned.cluster, "r2")

    with Together((DiskAlarm("r2"),)).inject(owned.site):
        assert wants_more_disk(owned.cluster)
        intent = lines_of(owned.site)[0]
        [command] = intent["revert"]["values"]["commands"]

    assert intent["step"] == "intent"
    assert command["argv"][-2:] == ["set_disk_free_limit", str(before)]
    assert steps_of(owned.site) == WHOLE
    assert evidence(owned.site, "observed")["alarms"]["r3"] == ["disk on r2"]
    assert limits.disk_free_limit(owned.cluster, "r2") == before
    assert owned.cluster.password not in owned.site.journal.path.read_text()


def test_watchdog_runs_the_owner_s_commands(owned: Owned, tmp_path: Path, state_dir: Path) -> None:
    """After kill -9 of the runner amid a fault, another process undoes it over ssh."""
    before = limits.disk_free_limit(owned.cluster, "r1")
    folder = tmp_path / "killed"
    fault = Entry(kind="disk_alarm", target="r1")

    with killed_inside(folder, state_dir, owned.file, fault):
        assert limits.disk_free_limit(owned.cluster, "r1") > before

    restored = [line["by"] for line in read(folder / FILE_NAME) if line.get("step") == "restored"]
    assert restored == ["watchdog"]
    assert open_faults(folder) == ()
    assert limits.disk_free_limit(owned.cluster, "r1") == before
    assert Broker(owned.cluster).problems() == []
    assert runs.registered(state_dir) == []


def test_file_about_another_node_is_refused(owned: Owned, tmp_path: Path) -> None:
    """A file that gives one node's address as another's is refused before anything is done."""
    text = owned.file.read_text()
    one, two = (owned.cluster.management_url(node) for node in ("r1", "r2"))
    owned.file.write_text(text.replace(one, "X").replace(two, one).replace("X", two))

    with pytest.raises(UsageError, match="give each node its own address"):
        attach_by_file(read_file(owned.file), owned.file, tmp_path)


@nightly
def test_nothing_is_open_after_a_command_that_fails(owned: Owned) -> None:
    """A fault whose command fails half way is undone all the same."""
    text = owned.file.read_text()
    owned.file.write_text(text.replace("ctl {node} stop_app", "ctl {node} no_such_word", 1))
    attached = attach_by_file(read_file(owned.file), owned.file, owned.file.parent)
    fault = Owner(attached).adapted(StopApp("r2"))

    with pytest.raises(Exception, match="no_such_word"), fault.inject(owned.site):
        pytest.fail("it was injected")

    assert steps_of(owned.site) == ["intent", "reverting", "reverted", "restored"]
    assert steps.open_faults(read(owned.site.journal.path)) == ()
