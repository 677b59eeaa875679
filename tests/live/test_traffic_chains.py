"""Chains and ladders on a real cluster: what consumers emit, and failures that wait their steps."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic_ns

import numpy as np
import pytest
from traffic_stand import Stand, stand, until

from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Mix
from gameday.history.history import History, build_history
from gameday.history.ledger import read_history
from gameday.history.records import Kind
from gameday.history.verdicts import Verdict
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


def waits_ms(history: History, queue: str) -> np.ndarray:
    """Return how long each retry was away in a wait queue, from its publish to its delivery."""
    copies = history.copies
    here = (copies.queue == history.queue_number(queue)) & (copies.delivered_ns >= 0)
    sent = history.attempts.time_ns[copies.attempt[here]]
    waited: np.ndarray = (copies.delivered_ns[here] - sent) / 1e6
    return waited
