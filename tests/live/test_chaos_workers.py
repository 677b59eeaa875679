"""One worker hangs, is slow, or cancels: its records, its queue and its connection show it."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import gevent
import pytest
from chaos_stand import evidence, healthy, undone_by_another
from traffic_stand import CONTRACT, DEAD, WORK, Stand, of_kind, records, stand, until

from chaos.fault import Site
from chaos.journal import FILE_NAME, Journal
from chaos.poison import Poison
from chaos.workers import CancelConsumer, RetryStorm, SlowClient, WedgeClient
from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Mix
from gameday.errors import HarnessError
from gameday.history.records import Kind, Result

pytestmark = pytest.mark.live


@pytest.fixture
def work(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a stand with one worker."""
    with stand(cluster, vhost, tmp_path / "run") as made:
        made.worker()
        yield made


def site_of(made: Stand, tmp_path: Path, count: int = 0) -> Site:
    """Return a site whose clients are the stand's; so many messages come once a fault is applied.

    Published earlier, a quick worker would be done with them before the order reached it on a busy
    machine, and then nothing shows that it hangs, is slow, or fails.
    """

    def at(point: str) -> None:
        if point == "applied":
            load(made, count)

    site = Site(made.cluster, Journal(tmp_path / FILE_NAME), made.board, made.vhost, at=at)
    return site.for_episode("e1", 10)


def load(made: Stand, count: int) -> None:
    """Publish so many messages, and wait for their confirms."""
    sender, wanted = made.sender(), len(made.heard) + count
    for _ in range(count):
        sender.send(made.message())
    until(lambda: len(made.heard) == wanted, 20, "all confirmed")


def worker_of(made: Stand) -> str:
    """Return the one worker's name."""
    [client] = [each for each in made.board.clients() if each.role == "worker"]
    return client.name


def counts(made: Stand) -> tuple[int, int]:
    """Return how many messages are ready in the work queue, and how many unacknowledged."""
    return Broker(made.cluster).message_counts(made.vhost)[WORK]


def settled(made: Stand, kind: Kind = Kind.ACKED) -> list[int]:
    """Return when the worker recorded each settlement, in order."""
    rows, _ = records(made.folder, "hand")
    return [int(each) for each in of_kind(rows, kind)["time"]]


def all_done(made: Stand, count: int) -> None:
    """Wait until each message was handled once, and nothing is left in the queue."""
    until(lambda: made.board.total("handled") == count, 30, "all handled")
    until(lambda: counts(made) == (0, 0), 10, "the queue is empty")
    rows, _ = records(made.folder, "hand")
    assert len(of_kind(rows, Kind.HANDLED)) == count


def test_a_wedged_worker_holds_its_prefetch_and_then_serves_it(work: Stand, tmp_path: Path) -> None:
    """Its connection stands and its queue does not move, for as long as the fault lasts.

    The prefetch is 10 by default. Afterwards each message is handled exactly once: none came twice.
    """
    load(work, 40)
    site = site_of(work, tmp_path, 80)
    with WedgeClient(worker_of(work)).inject(site):
        before = counts(work)
        gevent.sleep(1)
        assert counts(work) == before
        assert before[1] == 10
        assert len(Broker(work.cluster).consumers(work.vhost)) == 1
        stopped = len(settled(work))

    all_done(work, 120)
    assert stopped < 120
    assert work.processes[0].poll() is None
    healthy(site)
    assert evidence(site, "observed") == {
        "channels": 1, "consumers": 1, "unacknowledged": 10, "acks": 0,
    }  # fmt: skip


def test_a_slow_worker_takes_its_time(work: Stand, tmp_path: Path) -> None:
    """While it lasts, half a second and more lies between two acks; otherwise 20 ms."""
    site = site_of(work, tmp_path, 60)
    with SlowClient(worker_of(work), delay_ms=500).inject(site):
        gevent.sleep(1.2)
        times = settled(work)

    gaps = [(after - each) / 1e6 for each, after in pairwise(times)]
    assert gaps
    assert min(gaps) > 450
    all_done(work, 60)
    assert min(after - each for each, after in pairwise(settled(work))) < 100 * 1e6
    healthy(site)


def test_a_worker_that_cancels_settles_and_comes_back(work: Stand, tmp_path: Path) -> None:
    """The broker lists no consumer and nothing unacknowledged; the process never ends."""
    load(work, 60)
    site = site_of(work, tmp_path, 60)
    with CancelConsumer(worker_of(work)).inject(site):
        assert Broker(work.cluster).consumers(work.vhost) == ()
        ready, unsettled = counts(work)
        assert ready > 0
        assert unsettled == 0

    all_done(work, 120)
    assert work.processes[0].poll() is None
    healthy(site)


@pytest.mark.parametrize(
    "fault",
    [
        WedgeClient,
        pytest.param(SlowClient, marks=pytest.mark.nightly),
        pytest.param(CancelConsumer, marks=pytest.mark.nightly),
    ],
)
def test_whoever_has_the_journal_lets_a_worker_go_on(
    fault: Any, work: Stand, tmp_path: Path
) -> None:
    """Another process ends the order, twice, and the worker goes on."""
    site = site_of(work, tmp_path, 60)
    undone_by_another(fault(worker_of(work)), site)

    all_done(work, 60)


def test_a_retry_storm_gives_no_message_up(work: Stand, tmp_path: Path) -> None:
    """Each message is published again while it lasts, and handled in the end; none dies of it.

    The contract tries three times.
    """
    site = site_of(work, tmp_path, 40)
    with RetryStorm(WORK).inject(site):
        until(lambda: work.board.total("retried") >= 30, 10, "a storm of retries")

    until(lambda: counts(work) == (0, 0), 30, "the queue is empty")
    healthy(site)
    rows, _ = records(work.folder, "hand")
    handled = of_kind(rows, Kind.HANDLED)
    assert (handled["extra"] == Result.DONE).sum() == 40
    assert (handled["extra"] == Result.TRANSIENT).sum() >= 30
    assert Broker(work.cluster).message_counts(work.vhost)[DEAD] == (0, 0)


def test_poison_ends_in_the_dead_letter_queue(
    cluster: LocalCluster, vhost: str, tmp_path: Path
) -> None:
    """The broker holds as many dead letters more, and none that no worker has rejected.

    Good messages are handled meanwhile: one in a hundred of the boss's own is meant to die, too.
    """
    boss = CONTRACT.producers[0].model_copy(update={"mix": Mix(permanent=0.01)})
    contract = CONTRACT.model_copy(update={"producers": (boss,)})
    with stand(cluster, vhost, tmp_path / "run", contract) as made:
        made.worker()
        made.producer()
        until(lambda: made.board.total("handled") > 20, 20, "good messages are handled")
        before = dead(made)
        site = site_of(made, tmp_path)
        with Poison(WORK, 30).inject(site):
            until(lambda: dead(made) >= before + 30, 10, "the dead letters are there")

        healthy(site)
        made.board.stop_publishers()
        until(lambda: counts(made) == (0, 0), 20, "the queue is empty")
        rows, _ = records(made.folder, "hand")
        rejected = of_kind(rows, Kind.REJECTED)
        assert dead(made) == len(rejected)
        assert len(of_kind(rows, Kind.ACKED)) > 20


def dead(made: Stand) -> int:
    """Return how many dead letters the broker holds."""
    return sum(Broker(made.cluster).message_counts(made.vhost)[DEAD])


def test_a_wedged_worker_that_dies_needs_no_healing(work: Stand, tmp_path: Path) -> None:
    """What it held is delivered again, flagged; the fault heals with the process's end."""
    site = site_of(work, tmp_path, 30)
    with WedgeClient(worker_of(work)).inject(site):
        work.processes[0].kill()
        work.processes[0].wait(10)
        work.worker()

    until(lambda: counts(work) == (0, 0), 30, "the queue is empty")
    healthy(site)
    assert evidence(site, "restored") == {"order": "gone"}
    rows, _ = records(work.folder, "hand")
    assert len({(int(row["producer"]), int(row["sequence"]))
                for row in of_kind(rows, Kind.HANDLED)}) == 30  # fmt: skip


def test_only_a_worker_can_be_wedged(work: Stand, tmp_path: Path) -> None:
    """A name that nobody has, and nothing is begun."""
    site = site_of(work, tmp_path)
    with pytest.raises(HarnessError, match="there is no client hand-99"):
        WedgeClient("hand-99").inject(site).__enter__()
    assert not (tmp_path / FILE_NAME).read_text()
