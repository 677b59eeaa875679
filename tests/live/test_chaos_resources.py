"""A node without CPU, or without file descriptors: felt by whoever asks it, and healed."""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chaos_stand import evidence, healthy, steps_of, undone_by_another
from conftest import named_broker
from shop_stand import channel_of

from chaos import probes
from chaos.fault import Site
from chaos.journal import FILE_NAME, Journal
from chaos.resources import FillDisk, LimitFiles, StarveNode
from gameday.clusters import limits
from gameday.clusters.local import local_cluster
from gameday.clusters.settings import BrokerSettings
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live


WORK = "lists:foldl(fun(X, A) -> (A * X) rem 1000003 end, 1, lists:seq(1, 400000)), done."
"""Some tenths of a second for the node, and next to nothing for who asks."""


def times_as_long(site: Site, node: str) -> float:
    """Return how many times as long a node took over work as it ran or waited for a processor.

    A process that waits, as others run, would run; one that is suspended would not.
    """
    before, begun = wanted_ns(site, node), time.monotonic_ns()
    assert site.cluster.evaluate(node, WORK, timeout_s=60) == "done"
    took_ns, after = time.monotonic_ns() - begun, wanted_ns(site, node)
    return took_ns / max(after[each] - before.get(each, 0) for each in after)


def wanted_ns(site: Site, node: str) -> dict[str, int]:
    """Return how long each of a node's threads has run or waited for a processor; one works."""
    threads = Path(f"/proc/{site.cluster.process_id(node)}/task").glob("*/schedstat")
    return {str(each): sum(map(int, each.read_text().split()[:2])) for each in threads}


def test_a_starved_node_answers_late(site: Site) -> None:
    """Several times as long as the work takes, while peers still see it; then quickly again."""
    with StarveNode("r2", share=0.2).inject(site):
        # The most of a few: what it waits for a processor before it is suspended counts as wanted.
        starved = max(times_as_long(site, "r2") for _ in range(5))
        assert "r2" in site.broker.running_nodes("r1")

    healthy(site)
    assert starved > 2.5
    assert times_as_long(site, "r2") < starved / 2
    assert 0.4 < evidence(site, "observed")["suspended"] < 1


def test_a_node_is_fed_by_whoever_has_the_journal(site: Site) -> None:
    """Another process ends the starving, and no starver is left."""
    undone_by_another(StarveNode("r3", share=0.3), site)

    wait_until(lambda: not starvers(site), 5, "no starver is left")
    assert probes.process_state(site.cluster.process_id("r3") or 0) != "T"


def starvers(site: Site) -> list[Path]:
    """Return the processes that starve a node of this test."""
    wanted = str(site.journal.path.parent).encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if b"chaos.starving" in words and wanted in words:
            found.append(path)
    return found


@pytest.fixture
def recovered(site: Site) -> Iterator[Site]:
    """Give the site, and see afterwards that every node has the limit that the first one has."""
    limit = resource.prlimit(site.cluster.process_id("r1") or 0, resource.RLIMIT_NOFILE)
    yield site
    pid = site.cluster.process_id("r2") or 0
    assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == limit


def test_a_node_without_descriptors_takes_nobody(recovered: Site) -> None:
    """A connection is not answered, and the system shows the limit; afterwards it is answered.

    Its monitors of memory and disk, which open files, may have died of it: then it was restarted.
    """
    site = recovered
    address = site.cluster.addresses("r2").direct
    before = limits.read_limits(site.cluster, "r2")
    with LimitFiles("r2").inject(site):
        assert probes.greet(address) != probes.ANSWERED
        shown = Path(f"/proc/{site.cluster.process_id('r2')}/limits").read_text()
        [line] = [each for each in shown.splitlines() if each.startswith("Max open files")]
        assert int(line.split()[3]) == evidence(site, "observed")["limit"]
        assert probes.greet(site.cluster.addresses("r1").direct) == probes.ANSWERED

    assert probes.greet(address) == probes.ANSWERED
    assert limits.read_limits(site.cluster, "r2") == before
    healthy(site)


@pytest.mark.nightly
def test_descriptors_are_given_back_by_whoever_has_the_journal(recovered: Site) -> None:
    """Another process sets the recorded limit."""
    undone_by_another(LimitFiles("r2"), recovered)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 700 MB for the time of a test."""
    if os.geteuid() != 0:
        pytest.skip("root: mounting needs it — run with: sudo -E make test-all")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700m", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mount: not allowed here — run with: a machine of one's own")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.nightly
def test_a_disk_that_is_really_full_raises_the_brokers_own_alarm(
    small: Path, tmp_path: Path
) -> None:
    """A publisher is blocked by the broker, not by us; with room again its message is confirmed."""
    settings = BrokerSettings()
    with local_cluster(settings, broker=named_broker(), state_dir=small, nodes=1) as cluster:
        site = Site(cluster, Journal(tmp_path / FILE_NAME)).for_episode("e1", 10)
        with channel_of(cluster, "/") as channel:
            channel.queue_declare("q", durable=True)
            told: list[str] = []
            channel.connection.add_on_connection_blocked_callback(lambda *_: told.append("blocked"))
            channel.connection.add_on_connection_unblocked_callback(lambda *_: told.append("free"))
            with FillDisk().inject(site):
                assert shutil.disk_usage(small).free < 32_000_000
                channel._impl.basic_publish("", "q", b"hello")  # Without waiting.
                wait_until(lambda: channel.connection.process_data_events(0.1) or told, 10, "told")
                assert told == ["blocked"]

            wait_until(
                lambda: channel.connection.process_data_events(0.1) or "free" in told, 10, "free"
            )
        healthy(site)
        undone_by_another(FillDisk(), replace(site, journal=Journal(tmp_path / "again.jsonl")))
        assert shutil.disk_usage(small).free > 60_000_000


def test_a_disk_that_others_use_is_not_filled(site: Site) -> None:
    """A large file system is refused, with the way to have a small one."""
    if shutil.disk_usage(site.cluster.data_folder).total <= 2 * 2**30:
        pytest.skip("a large disk: this one is small — run with: GAMEDAY_STATE_DIR elsewhere")
    with pytest.raises(HarnessError, match="mount a small one"):
        FillDisk().inject(site).__enter__()
    assert steps_of(site) == []


def test_what_starves_nobody_is_refused(site: Site) -> None:
    """A whole share, and a node that is not there, are begun by nobody."""
    with pytest.raises(HarnessError, match="starves nobody"):
        StarveNode("r1", share=1).inject(site).__enter__()
    with pytest.raises(HarnessError, match="there is no node r9"):
        LimitFiles("r9").inject(site).__enter__()
    assert steps_of(site) == []
