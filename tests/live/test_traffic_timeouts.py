"""Many at once, and timeouts told apart, on a real cluster, over the death of a worker."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from traffic_stand import Stand, stand, until

from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Contract, Mix
from gameday.history.checks.timeouts import causes, endings
from gameday.history.history import History, build_history
from gameday.history.ledger import read_history
from gameday.history.records import Kind, Result
from gameday.history.serving import starts
from gameday.history.states import message_of, read_states
from tests.fake_timeouts import CHANNELS, contract

MANY, AT_ONCE, TIMEOUT_MS = 160, 20, 500


def busy() -> Contract:
    """Return the contract of the fake run, its worker with twenty in hand."""
    plain = contract()
    worker = plain.consumers[0].model_copy(
        update={"prefetch": AT_ONCE, "parallel": AT_ONCE, "service_ms": 150}
    )
    return plain.model_copy(update={"consumers": (worker, *plain.consumers[1:])})


CONTRACT = busy()


@pytest.fixture
def here(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a run folder and clients on the session's cluster."""
    with stand(cluster, vhost, tmp_path / "run", CONTRACT) as made:
        yield made


def test_timeouts_are_told_apart_over_a_killed_worker(here: Stand) -> None:
    """Each task ends once in the store, by its own channel, and twenty are in hand at once."""
    mixed = CONTRACT.producers[0].model_copy(update={"mix": Mix(timed_out=0.3, permanent=0.1)})
    publisher = here.session.publisher(mixed)
    until(lambda: publisher.sender.open_links == 1, 40, "the pool stands")
    for when in CHANNELS:
        here.worker(f"storage-{when}")
    first = here.worker("worker")
    publisher.surge(MANY)
    until(lambda: len(stored(here)) >= MANY // 4, 40, "a quarter has ended")
    first.kill()
    first.wait(10)
    here.worker("worker")
    until(lambda: len(stored(here)) == MANY, 60, "all have ended")
    until(lambda: not working(here), 10, "no working state is left")
    for process in here.processes[:3] + here.processes[4:]:
        process.terminate()
        until(lambda ended=process: ended.poll() is not None, 20, "the worker ended")
    publisher.sender.close()
    assert here.drain() == 0
    here.close()

    history = build_history(
        "work", read_history(here.folder / "history"), CONTRACT, drain_complete=True
    )
    deliveries = history.deliveries
    timed, other = endings(history, "tasks")
    found = {message_of(each): status for each, status in stored(here).items()}
    begun = starts(history)
    stopped = deliveries.result == Result.TIMED_OUT
    took_ms = (deliveries.handled_ns - begun)[stopped] / 1e6

    assert len(timed) > MANY * 0.15
    assert {found[int(each)] for each in timed} == {"timed_out"}
    assert "timed_out" not in {found[int(each)] for each in other}
    assert TIMEOUT_MS - 2 <= took_ms.min() <= np.median(took_ms) < TIMEOUT_MS + 300
    began = history.gathered.of(Kind.STARTED)
    mine = began["process"].min()
    ended = deliveries.handled_ns[deliveries.process == mine]
    assert in_hand(began["time"][began["process"] == mine], ended) == AT_ONCE
    assert (deliveries.redelivered & (deliveries.queue == history.queue_number("tasks"))).any()
    child, parent = causes(history)
    told = {queue: parent[np.isin(child, keys_in(history, queue))] for queue in CHANNELS.values()}
    assert np.isin(timed, told[CHANNELS["timed_out"]]).all()
    assert not np.isin(timed, [*told[CHANNELS["failed"]], *told[CHANNELS["done"]]]).any()


def keys_in(history: History, queue: str) -> np.ndarray:
    """Return the messages that were seen in a queue."""
    seen: np.ndarray = history.deliveries.key[
        history.deliveries.queue == history.queue_number(queue)
    ]
    return seen >> 16


def stored(here: Stand) -> dict[str, str]:
    """Return the endings that the services have stored so far."""
    states = read_states(here.folder)
    return dict(states.stored) if states else {}


def working(here: Stand) -> frozenset[str]:
    """Return whose working state stands."""
    states = read_states(here.folder)
    return states.working if states else frozenset()


def in_hand(begun: np.ndarray, ended: np.ndarray) -> int:
    """Return how many were in hand at once at most, leaving out what never ended."""
    ended = ended[ended > 0]
    times = np.concatenate([begun, ended])
    steps = np.concatenate([np.ones(len(begun)), -np.ones(len(ended))])
    return int(np.cumsum(steps[np.argsort(times, kind="stable")]).max())
