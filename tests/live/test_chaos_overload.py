"""More falls due than is served: the queue grows for as long as it lasts, and then drains."""

import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic_ns

import gevent
import numpy as np
import pytest
from chaos_stand import healthy, undone_by_another
from traffic_stand import WORK, Stand, of_kind, records, stand, until

from chaos.fault import Site
from chaos.herd import ThunderingHerd
from chaos.journal import FILE_NAME, Journal
from chaos.overload import Overload
from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import NotYet
from gameday.errors import HarnessError
from gameday.history.records import Kind

pytestmark = pytest.mark.live


@pytest.fixture
def shop(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a stand with a producer of 50 messages a second, and a worker that could do 50 more."""
    with stand(cluster, vhost, tmp_path / "run") as made:
        for name in ("hand", "hand"):
            made.worker(name)
        made.producer()
        yield made


def site_of(made: Stand, tmp_path: Path) -> Site:
    """Return a site whose clients are the stand's."""
    journal = Journal(tmp_path / FILE_NAME)
    return Site(made.cluster, journal, made.board, made.vhost).for_episode("e1", 10)


def waiting(made: Stand) -> int:
    """Return how many messages are in the work queue."""
    return sum(Broker(made.cluster).message_counts(made.vhost)[WORK])


def due(made: Stand, since_ns: int, until_ns: int) -> np.ndarray:
    """Return when messages fell due between two times, in order."""
    rows, _ = records(made.folder, "boss")
    first = of_kind(rows, Kind.INVOKE)
    times = first["time"].astype(np.int64) - first["detail"].astype(np.int64) * 1000
    return np.sort(times[(times >= since_ns) & (times < until_ns)])


def test_a_flood_lets_the_backlog_grow_until_it_ends(shop: Stand, tmp_path: Path) -> None:
    """Four times the rate falls due while it lasts, at once and in time; then the queue drains."""
    site = site_of(shop, tmp_path)
    gevent.sleep(1)
    until(lambda: waiting(shop) < 50, 20, "the workers keep up before")
    with Overload("boss", factor=4).inject(site):
        begun = monotonic_ns()
        before = waiting(shop)
        gevent.sleep(2)
        grown, ended = waiting(shop) - before, monotonic_ns()

    rate = len(due(shop, begun, ended)) / ((ended - begun) / 1e9)
    assert 150 < rate < 260
    assert grown > 80
    until(lambda: waiting(shop) < 30, 30, "the backlog went")
    healthy(site)
    now = monotonic_ns()
    gevent.sleep(1.5)
    assert len(due(shop, now, monotonic_ns())) / 1.5 < 90
    shop.processes[-1].send_signal(signal.SIGTERM)
    assert shop.processes[-1].wait(20) == 0


@pytest.fixture
def field(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a stand without clients."""
    with stand(cluster, vhost, tmp_path / "run") as made:
        yield made


def lists(made: Stand, wanted: int) -> bool | NotYet:
    """Whether the command line tool lists so many connections to the stand's virtual host.

    The management API would list those that have just been closed, too, for a while.
    """
    rows = made.cluster.ctl("r1", "--quiet", "list_connections", "vhost", "--no-table-headers")
    counted = rows.split().count(made.vhost)
    return counted == wanted or NotYet(f"{counted} connections")


def test_a_hundred_clients_come_back_at_once(field: Stand, tmp_path: Path) -> None:
    """All are closed by the broker (320), all are back; when the fault ends, all are gone."""
    site = site_of(field, tmp_path)
    with ThunderingHerd(count=100).inject(site):
        until(lambda: lists(field, 100), 20, "a hundred connections are listed")

    until(lambda: field.processes[0].poll() is not None, 15, "the herd has left")
    assert field.processes[0].returncode == 0
    healthy(site)
    rows, _ = records(field.folder, "herd")
    closed = of_kind(rows, Kind.CONNECTION_CLOSED)
    forced = int((closed["detail"] == 320).sum())
    # Nodes close theirs one after another: who comes back to the next node is closed there again.
    assert forced >= 100
    assert len(of_kind(rows, Kind.CONNECTION_OPENED)) == 100 + forced


@pytest.mark.nightly
def test_a_herd_is_dispersed_by_whoever_has_the_journal(field: Stand, tmp_path: Path) -> None:
    """Another process removes its file, and it leaves."""
    undone_by_another(ThunderingHerd(count=20), site_of(field, tmp_path))


@pytest.mark.nightly
def test_whoever_has_the_journal_ends_a_flood(shop: Stand, tmp_path: Path) -> None:
    """Another process ends the second schedule; the first goes on."""
    undone_by_another(Overload("all", factor=3), site_of(shop, tmp_path))

    sent = shop.board.total("sent")
    until(lambda: shop.board.total("sent") > sent + 20, 5, "the first schedule goes on")


def test_who_does_not_publish_cannot_flood(field: Stand, tmp_path: Path) -> None:
    """A name that nobody has is refused before anything is begun, and so is a factor of one."""
    field.producer()
    site = site_of(field, tmp_path)
    with pytest.raises(HarnessError, match="no producer nobody"):
        Overload("nobody").inject(site).__enter__()
    with pytest.raises(HarnessError, match="no overload"):
        Overload("boss", factor=1).inject(site).__enter__()
    assert not (tmp_path / FILE_NAME).read_text()
