"""Chains and ladders on a real cluster: what consumers emit, and failures that wait their steps."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic_ns

import numpy as np
import pytest
from traffic_stand import Stand, of_kind, records, stand, until

from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Mix
from gameday.history.history import History, build_history
from gameday.history.ledger import read_history
from gameday.history.records import Kind
from gameday.history.verdicts import Verdict
from gameday.traffic.comeback import Comeback
from tests.fake_chain import STEPS, contract

MANY = 60
CONTRACT = contract()


@pytest.fixture
def here(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a run folder and clients of a system with chains on the session's cluster."""
    with stand(cluster, vhost, tmp_path / "run", CONTRACT) as made:
        yield made


def test_chains_and_ladders(here: Stand) -> None:
    """Each request is answered in its chain or climbs both steps and dies; each step waits."""
    mixed = CONTRACT.producers[0].model_copy(update={"mix": Mix(transient=0.3, exhausted=0.2)})
    publisher = here.session.publisher(mixed)
    until(lambda: publisher.sender.open_links == 1, 40, "the pool stands")
    here.worker("worker")
    here.worker("teller")
    begun_ns = monotonic_ns()
    publisher.surge(MANY)
    until(lambda: publisher.sender.tally.confirmed == MANY, 40, "all requests are confirmed")
    done = lambda: here.board.total("handled") + 2 * here.board.total("rejected")  # noqa: E731
    until(lambda: done() == 2 * MANY, 60, "each request is answered and told, or has died")
    for process in here.processes:
        process.terminate()
        until(lambda ended=process: ended.poll() is not None, 20, "the worker ended")
    publisher.sender.close()
    assert here.drain() == 0
    here.close()

    history = build_history(
        "work", read_history(here.folder / "history"), CONTRACT, drain_complete=True
    )
    verdicts = {Verdict(int(each)) for each in history.copies.verdict}
    caused = history.gathered.of(Kind.CAUSED)
    seen = history.gathered.of(Kind.CORRELATED)
    chains = {
        (int(p), int(s)): int(c)
        for p, s, c in zip(caused["producer"], caused["sequence"], caused["detail"], strict=True)
    }

    assert verdicts == {Verdict.DELIVERED, Verdict.RETRIED, Verdict.DEAD_LETTERED}
    assert len(caused["tag"]) - MANY == (caused["tag"] > 0).sum() > 0
    for p, s, c in zip(seen["producer"], seen["sequence"], seen["detail"], strict=True):
        assert chains[int(p), int(s)] == int(c), "an id arrives as it was sent"
    assert set(caused["detail"][caused["tag"] > 0]) <= set(caused["detail"][caused["tag"] == 0])
    for queue, delay_ms in STEPS.items():
        waited = waits_ms(history, queue)
        assert len(waited) > 5
        assert delay_ms <= waited.min() < waited.max() < delay_ms + 3000, queue
    assert (history.attempts.time_ns >= begun_ns).all()


def test_a_row_of_tries(here: Stand) -> None:
    """Cut off from every node, calls are told after the last try; the next one begins a new row."""
    sender = here.sender(pool=4, comeback=Comeback(0.4, 0.4, 2.0, attempts=4))
    for node in here.cluster.nodes:
        here.cluster.cut_clients(node, "reset")
    until(lambda: sender.open_links == 0, 20, "the pool is gone")
    for number in range(100):
        sender.send(here.message("work"))
        until(lambda wanted=number: len(here.heard) >= wanted - 90, 10, "calls are told")
    until(lambda: len(here.heard) == 100, 20, "the last call is told after another row at most")
    assert not any(here.heard.values())
    for node in here.cluster.nodes:
        here.cluster.mend_clients(node)
    sender.send(here.message("work"))
    until(lambda: len(here.heard) == 101, 20, "the next call finds the broker again")
    here.close()

    rows, ledgers = records(here.folder, "test")
    tries = of_kind(rows, Kind.CONNECT_FAILED)
    failed = of_kind(rows, Kind.FAILED)
    reasons = {ledgers[0].tables["reason"][int(each)] for each in failed["detail"]}
    assert here.heard.popitem()[1], "and is confirmed"
    assert reasons == {"gave up reconnecting"}
    assert ((tries["tag"] == 4) == (tries["extra"] == 1)).all()
    assert 4 <= (tries["extra"] == 1).sum() <= 8, "each link of the pool ended a row or two"
    assert failed["time"].min() >= np.sort(tries["time"][tries["extra"] == 1])[3]


def waits_ms(history: History, queue: str) -> np.ndarray:
    """Return how long each retry was away in a wait queue, from its publish to its delivery."""
    copies = history.copies
    here = (copies.queue == history.queue_number(queue)) & (copies.delivered_ns >= 0)
    sent = history.attempts.time_ns[copies.attempt[here]]
    waited: np.ndarray = (copies.delivered_ns[here] - sent) / 1e6
    return waited
