"""The event bus, idempotent workers and a replay, on a broker of one node that comes and goes."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import gevent
import pytest
from chaos_stand import healthy
from traffic_stand import CONTRACT, WORK, Stand, of_kind, records, stand, until

from chaos.alarms import DiskAlarm
from chaos.doors import CutClients
from chaos.fault import Fault, Site
from chaos.journal import FILE_NAME, Journal
from chaos.nodes import KillAllNodes
from chaos.replay import Replay
from chaos.traffic import NoTraffic
from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Contract, Degraded, Tick
from gameday.history.finding import name_of
from gameday.history.ledger import read_ledger
from gameday.history.records import Kind
from gameday.traffic.eventbus import EventBus
from gameday.traffic.publisher import Publisher

AFTER_MS = 1500


def contract() -> Contract:
    """Return the stand's contract: an event bus in front of its boss, and a hand with a store."""
    boss = CONTRACT.producers[0].model_copy(update={
        "degraded": Degraded(after_ms=AFTER_MS), "backoff_most_ms": 400,
        "confirm_timeout_ms": 500,
    })  # fmt: skip
    hand = CONTRACT.consumers[0].model_copy(update={"idempotent": True, "service_ms": 2})
    return CONTRACT.model_copy(update={"producers": (boss,), "consumers": (hand,)})


@pytest.fixture
def cluster(single: LocalCluster) -> LocalCluster:
    """Give a broker of one node, in place of the session's cluster."""
    return single


@pytest.fixture
def here(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a run folder and clients."""
    with stand(cluster, vhost, tmp_path / "run", contract()) as made:
        yield made


def publisher(here: Stand) -> Publisher:
    """Open the boss's pool, and wait until it stands."""
    made = here.session.publisher(here.session.contract.producers[0])
    here.publishers.append(made)
    until(lambda: made.sender.open_links == 2, 40, "the pool stands")
    return made


def log_of(here: Stand) -> list[dict[str, Any]]:
    """Return what the boss's bus has logged."""
    [path] = (here.folder / "logs").glob("boss-*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    "fault",
    [
        # The tick job, below, goes through the same for every change.
        pytest.param(KillAllNodes(), id="killed", marks=pytest.mark.nightly),
        pytest.param(CutClients("r1", "silent"), id="silent"),
        pytest.param(DiskAlarm("r1"), id="blocked"),
    ],
)
def test_no_call_waits_and_no_drop_is_silent(here: Stand, site: Site, fault: Fault) -> None:
    """Whatever the broker does, calls return at once; what is dropped is logged; all resume."""
    boss = publisher(here)
    bus = boss.front
    assert isinstance(bus, EventBus)
    boss.start()
    until(lambda: boss.sender.tally.confirmed > 20, 20, "it publishes")

    with fault.inject(site):
        until(lambda: bus.is_degraded and bus.shed > 10, 20, "it drops what falls due")
    until(lambda: not bus.is_degraded, 20, "the broker is back, and nobody restarted anything")
    confirmed = boss.sender.tally.confirmed
    until(lambda: boss.sender.tally.confirmed > confirmed + 20, 20, "it publishes again")
    boss.stop()
    until(lambda: not boss.unanswered, 20, "nothing is open")

    rows = read_ledger(here.session.ledger.path).records
    called, shed = of_kind(rows, Kind.CALLED), of_kind(rows, Kind.SHED)
    logged = [line["message"] for line in log_of(here) if line["event"] == "dropped"]
    dropped = [name_of(int(row["producer"]) << 32 | int(row["sequence"])) for row in shed]
    assert sorted(logged) == sorted(dropped)
    assert len(set(logged)) == len(logged)
    assert len(called) == boss.offered.count
    assert called["detail"].max() < 250_000, "no call took a quarter of a second"
    waited = shed["detail"][: int((called["extra"] == 0).sum())]
    assert (waited[waited > 100_000] >= AFTER_MS * 1000).all(), "none was given up before its time"
    boss.close()
    healthy(site)


def test_without_a_bus_a_caller_would_wait(here: Stand, site: Site) -> None:
    """Who waits for a confirm under an alarm waits as long as it lasts: a bus saves that."""
    sender = here.sender(pool=1)

    with DiskAlarm("r1").inject(site):
        begun_s = monotonic()
        sender.send(here.message())
        gevent.sleep(2)
        assert not here.heard, "a caller would still wait"
    until(lambda: here.heard, 20, "its confirm came")

    assert monotonic() - begun_s >= 2
    healthy(site)


def test_a_tick_of_an_outage_is_made_good_at_the_next(here: Stand, site: Site) -> None:
    """A tick job logs what it could not publish, sends it at the next tick, and once."""
    plain = here.session.contract.producers[0]
    ticking = plain.model_copy(
        # A late confirm would be a second try that nobody needed, on a busy machine.
        update={"degraded": None, "tick": Tick(every_s=2), "name": "clock", "pool": 1,
                "confirm_timeout_ms": 5000}
    )  # fmt: skip
    job = here.session.publisher(ticking)
    here.publishers.append(job)
    until(lambda: job.sender.open_links == 1, 40, "the pool stands")
    job.start()
    until(lambda: job.sender.tally.confirmed >= 1, 20, "it ticks")

    with KillAllNodes().inject(site):
        until(lambda: job.sender.tally.told >= 1, 20, "a tick fails")
    until(lambda: job.sender.open_links == 1, 40, "the pool stands again")
    offered = job.offered.count  # Ticks that fell due while this process waited for the broker.
    until(lambda: job.offered.count > offered, 20, "it ticks on")
    job.stop()
    until(lambda: job.sender.tally.confirmed == job.offered.count, 20, "every tick arrived")

    job.close()
    rows = read_ledger(here.session.ledger.path).records
    invoked, confirmed = of_kind(rows, Kind.INVOKE), of_kind(rows, Kind.CONFIRMED)
    tries = Counter(invoked["sequence"].tolist())
    assert max(tries.values()) >= 2
    assert sum(tries.values()) - len(tries) == job.sender.tally.told
    assert len(confirmed) <= len(tries), "no tick was confirmed twice"
    healthy(site)


class Boss(NoTraffic):
    """Traffic of one publisher in this process."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher

    def replay(self, count: int) -> None:
        """Publish again, on gevent's loop."""
        self.publisher.replay(count)

    def replayed(self) -> int:
        """Return how many."""
        return self.publisher.replayed


def test_a_replay_takes_effect_once(here: Stand, cluster: LocalCluster) -> None:
    """Messages that were handled are published and delivered again, and have one effect each."""
    worker = here.worker()
    boss = publisher(here)
    boss.start()
    until(lambda: here.board.total("handled") >= 60, 40, "it works")
    boss.stop()
    until(lambda: not boss.unanswered, 20, "nothing is open")
    site = Site(cluster, Journal(here.folder / FILE_NAME), Boss(boss)).for_episode("e1", 10)
    handled = here.board.total("handled")

    with Replay(WORK, 30).inject(site):
        until(lambda: here.board.total("handled") >= handled + 30, 40, "they are handled again")
    healthy(site)
    gevent.sleep(0.5)
    worker.terminate()
    until(lambda: worker.poll() is not None, 20, "the worker ended")

    boss.close()
    here.close()
    rows, ledgers = records(here.folder)
    hand = next(each for each in ledgers if each.header.role == "hand")
    keys = of_kind(hand.records, Kind.EFFECT)["detail"].tolist()
    sequences = of_kind(rows, Kind.HANDLED)["sequence"].tolist()
    copies = len(of_kind(rows, Kind.INVOKE))  # Also what was tried again after half a second.
    assert len(sequences) == copies >= len(set(sequences)) + 30
    assert len(keys) == len(set(keys)) == len(set(sequences))
