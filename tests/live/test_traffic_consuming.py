"""The consuming half on a real cluster: workers that end, retries, poison, the drain."""

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from traffic_stand import DEAD, LADDER, Stand, of_kind, records, stand, until

from gameday.clusters.local import LocalCluster
from gameday.history.ledger import Ledger
from gameday.history.records import (
    NO_PRIORITY,
    Death,
    Disposition,
    Flag,
    Kind,
    Result,
)
from gameday.traffic.identity import PERMANENT
from gameday.traffic.messages import ALWAYS, digest


@pytest.fixture
def here(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a run folder and clients on the session's cluster."""
    with stand(cluster, vhost, tmp_path / "run") as made:
        yield made


def deliveries(ledger: Ledger) -> list[tuple[int, int]]:
    """Return (channel, tag) of every delivery of a ledger."""
    rows = of_kind(ledger.records, Kind.DELIVERED)
    return list(zip(rows["channel"].tolist(), rows["tag"].tolist(), strict=True))


def settles(ledger: Ledger) -> list[tuple[int, int]]:
    """Return (channel, tag) of every settlement of a ledger."""
    rows = of_kind(ledger.records, Kind.ACKED, Kind.REJECTED, Kind.REQUEUED)
    return list(zip(rows["channel"].tolist(), rows["tag"].tolist(), strict=True))


def test_sigterm_drains(here: Stand) -> None:
    """On SIGTERM a worker settles all that it holds, once each, exits 0, and nothing is lost."""
    worker = here.worker()
    sender = here.sender()
    for _ in range(120):
        sender.send(here.message())
    until(lambda: len(here.heard) == 120, 40, "all are confirmed")
    until(lambda: here.board.total("handled") >= 10, 30, "it is in the middle of its work")

    worker.send_signal(signal.SIGTERM)
    until(lambda: worker.poll() is not None, 30, "it ended")

    assert worker.returncode == 0
    assert here.board.total("handled") < 120, "it was stopped before it was done"
    assert here.drain() == 0
    here.close()
    rows, ledgers = records(here.folder)
    hand = next(each for each in ledgers if each.header.role == "hand")
    settled = settles(hand)
    assert len(settled) == len(set(settled)), "nothing is acked twice"
    assert set(settled) == set(deliveries(hand)), "everything in hand was settled"
    acked = {int(e) for e in of_kind(hand.records, Kind.HANDLED)["sequence"]}
    drained = {int(e) for e in of_kind(rows, Kind.DRAINED)["sequence"]}
    assert acked | drained == set(range(120))
    assert not acked & drained


def test_a_killed_worker(here: Stand) -> None:
    """After kill -9 a worker's ledger is still read, and what it held comes back, marked so."""
    worker = here.worker()
    sender = here.sender()
    for _ in range(100):
        sender.send(here.message())
    until(lambda: here.board.total("handled") >= 5, 40, "it works")

    worker.kill()
    until(lambda: worker.poll() is not None, 10, "it ended")

    assert here.drain() == 0
    here.close()
    rows, ledgers = records(here.folder)
    hand = next(each for each in ledgers if each.header.role == "hand")
    held = set(deliveries(hand)) - set(settles(hand))
    got = of_kind(hand.records, Kind.DELIVERED)
    open_ = {int(r["sequence"]) for r in got if (int(r["channel"]), int(r["tag"])) in held}
    drained = of_kind(rows, Kind.DRAINED)
    assert 0 < len(held) <= 10
    assert {int(r["sequence"]) for r in got} | {int(r["sequence"]) for r in drained} == set(
        range(100)
    )
    again = drained[np.isin(drained["sequence"], list(open_))]
    assert len(again) >= len(open_) - 1, "an ack on its way at the kill may have arrived"
    assert (again["flags"] & Flag.SEEN_REDELIVERED > 0).all()


def test_retries_by_republish(here: Stand) -> None:
    """Failures are published again up to the limit; the last try and all poison reach the DLQ."""
    sender = here.sender()
    torn = b'{"id": torn'
    wanted = {
        "good": here.message(priority=0),
        "transient": here.message(fail=2, priority=7),
        "exhausted": here.message(fail=ALWAYS, expect=Disposition.REJECT),
        "permanent": here.message(fail=PERMANENT, expect=Disposition.REJECT),
        "bare": here.message(body=torn, bare=True, expect=Disposition.REJECT),
    }
    for message in wanted.values():
        sender.send(message)
    here.worker()
    until(lambda: here.board.total("rejected") == 3, 40, "three are rejected")
    until(lambda: here.board.total("handled") == 2, 20, "two are handled")
    here.processes[0].terminate()
    until(lambda: here.processes[0].poll() is not None, 20, "the worker ended")
    assert here.drain() == 0
    here.close()

    rows, ledgers = records(here.folder)
    hand = next(each for each in ledgers if each.header.role == "hand")
    seen = of_kind(hand.records, Kind.DELIVERED)
    named = seen[seen["flags"] & Flag.SEEN_BY_DIGEST == 0]
    tries = {
        name: int((named["sequence"] == each.sequence).sum())
        for name, each in wanted.items()
        if name != "bare"
    }
    assert tries == {"good": 1, "transient": 3, "exhausted": 3, "permanent": 1}
    assert len(of_kind(hand.records, Kind.SUPERSEDED)) == 4
    kept = named[named["sequence"] == wanted["transient"].sequence]
    assert set(kept["priority"].tolist()) == {7}, "a republish keeps the priority"
    nameless = seen[seen["flags"] & Flag.SEEN_BY_DIGEST > 0]
    assert [hand.tables["digest"][int(e)] for e in nameless["sequence"]] == [digest(torn)]

    drained = of_kind(rows, Kind.DRAINED)
    assert len(drained) == 3
    assert set((drained["extra"] & 15).tolist()) == {Death.REJECTED}
    assert set(drained["priority"].tolist()) == {NO_PRIORITY}, "an absent priority stays absent"
    reader = next(each for each in ledgers if each.header.role == "drain")
    deaths = [reader.tables["deaths"][int(each) - 1] for each in drained["detail"]]
    assert all(each[0]["queue"] == "work" and each[0]["count"] == 1 for each in deaths)
    assert {reader.tables["queue"][int(each)] for each in drained["queue"]} == {DEAD}


def test_retries_by_requeue(here: Stand) -> None:
    """On a quorum queue a failure is requeued, counted by the broker, and rejected at the limit."""
    sender = here.sender()
    transient = here.message(LADDER, fail=1)
    exhausted = here.message(LADDER, fail=ALWAYS, expect=Disposition.REJECT)
    for message in (transient, exhausted):
        sender.send(message)
    here.worker("climber")
    until(lambda: here.board.total("rejected") == 1, 40, "one is rejected")
    until(lambda: here.board.total("handled") == 1, 20, "the other is handled")
    here.close()

    _, ledgers = records(here.folder)
    climber = next(each for each in ledgers if each.header.role == "climber").records
    results = {
        each.sequence: of_kind(climber, Kind.HANDLED)["extra"][
            of_kind(climber, Kind.HANDLED)["sequence"] == each.sequence
        ].tolist()
        for each in (transient, exhausted)
    }
    assert results[transient.sequence] == [Result.TRANSIENT, Result.DONE]
    assert results[exhausted.sequence] == [Result.TRANSIENT] * 3
    assert len(of_kind(climber, Kind.REQUEUED)) == 3
    assert len(of_kind(climber, Kind.REJECTED)) == 1
