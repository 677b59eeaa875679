"""Publishing where no broker listens: three attempts, growing waits, then the caller is told."""

import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic_ns

import gevent
import numpy as np
import pytest

from gameday.history.ledger import LedgerWriter, read_ledger
from gameday.history.records import Flag, Kind, unpack_attempt
from gameday.traffic.comeback import Comeback
from gameday.traffic.lanes import Manners
from gameday.traffic.messages import Outgoing, Route
from gameday.traffic.purpose import Target
from gameday.traffic.sender import Sender

MANNERS = Manners("test", pool=2, attempts=3, backoff_ms=60, backoff_factor=2)


@pytest.fixture
def nowhere() -> Iterator[Target]:
    """Give an address that refuses connections: bound, and nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield Target("r1", f"amqp://guest:guest@127.0.0.1:{held.getsockname()[1]}/")


def test_refused_connections(nowhere: Target, tmp_path: Path) -> None:
    """A message is tried exactly three times, each wait longer, and then its caller is told."""
    heard: list[bool] = []
    with LedgerWriter(tmp_path, "run", 1, "test") as ledger:
        sender = Sender(ledger, [nowhere], MANNERS)
        route = Route(ledger.intern("route", "r"), "", "q", "t")
        message = Outgoing(1, 7, 0, 3, 0, 0, b"{}", 0, "m", route, done=heard.append)
        sender.send(message)
        with gevent.Timeout(20):
            while not heard:
                gevent.sleep(0.01)
        sender.close()

    records = read_ledger(ledger.path).records
    invoked = records[records["kind"] == Kind.INVOKE]
    waits = np.diff(invoked["time"].astype(np.int64)) / 1e6

    assert heard == [False]
    assert [unpack_attempt(int(each)) for each in invoked["attempt"]] == [(1, 0), (1, 1), (1, 2)]
    assert (records["kind"] == Kind.FAILED).sum() == 3
    assert (records["kind"] != Kind.CONNECT_FAILED).sum() == 6, "nothing else happened"
    assert waits[0] >= 59
    assert waits[1] >= 119
    assert (invoked["flags"][1:] & Flag.PUBLISH_HELD_DISCONNECTED).all()
    assert (sender.tally.told, sender.tally.confirmed, sender.tally.retried) == (1, 0, 2)


def test_a_limited_row_of_tries(nowhere: Target, tmp_path: Path) -> None:
    """Calls wait for a row of tries, and are told after its last; the next call begins another."""
    heard: list[tuple[int, bool]] = []
    row = Comeback(0.05, 0.05, 1.0, attempts=3)
    with LedgerWriter(tmp_path, "run", 1, "test") as ledger:
        sender = Sender(ledger, [nowhere], Manners("s", pool=2, comeback=row))
        route = Route(ledger.intern("route", "r"), "", "q", "t")

        def call(number: int) -> None:
            told = lambda arrived: heard.append((number, arrived))  # noqa: E731
            sender.send(
                Outgoing(1, number, monotonic_ns(), 3, 0, 0, b"{}", 0, "m", route, done=told)
            )

        with gevent.Timeout(20):
            call(1)
            call(2)
            while len(heard) < 2:
                gevent.sleep(0.01)
            gevent.sleep(0.3)
            call(3)
            while len(heard) < 3:
                gevent.sleep(0.01)
        sender.close()

    found = read_ledger(ledger.path)
    records = found.records
    tries = records[records["kind"] == Kind.CONNECT_FAILED]
    failed = records[records["kind"] == Kind.FAILED]

    assert heard == [(1, False), (2, False), (3, False)]
    assert sorted(tries["tag"].tolist()) == [1] * 4 + [2] * 4 + [3] * 4, "two rows of two links"
    assert (tries["extra"] == (tries["tag"] == 3)).all(), "the third is marked as the last"
    assert {found.tables["reason"][int(each)] for each in failed["detail"]} == {
        "gave up reconnecting"
    }
    assert (records["kind"] == Kind.INVOKE).sum() == 3, "no byte was tried in vain"
    assert failed["time"][0] > tries[tries["extra"] == 1]["time"][:2].max(), "told after the last"


def test_a_pool_gives_up_as_one(nowhere: Target, tmp_path: Path) -> None:
    """Calls that keep coming do not begin a new row while any link is still at its tries."""
    heard: list[bool] = []
    row = Comeback(0.1, 0.1, 1.0, attempts=4)
    with LedgerWriter(tmp_path, "run", 1, "test") as ledger:
        sender = Sender(ledger, [nowhere], Manners("s", pool=2, comeback=row))
        later = next(iter(sender._lanes))
        later._loop.kill()
        route = Route(ledger.intern("route", "r"), "", "q", "t")
        with gevent.Timeout(20):
            for number in range(40):
                sender.send(Outgoing(1, number, 0, 3, 0, 0, b"{}", 0, "m", route,
                                     done=heard.append))  # fmt: skip
                gevent.sleep(0.02)
            assert heard == [], "one link has given up, and the pool has not"
            later.gave_up = True
            while len(heard) < 40:
                gevent.sleep(0.01)
        sender.close()

    assert not any(heard)


@pytest.mark.parametrize("attempts", [None, 10])
def test_a_pool_that_is_all_on_its_way_home_does_not_spin(
    attempts: int | None, nowhere: Target, tmp_path: Path
) -> None:
    """While every open connection leaves for its first node, messages wait, and the loop runs."""
    comeback = Comeback(5.0, 5.0, 1.0, attempts=attempts)
    with LedgerWriter(tmp_path, "run", 1, "test") as ledger:
        sender = Sender(ledger, [nowhere], Manners("s", pool=2, comeback=comeback))
        route = Route(ledger.intern("route", "r"), "", "q", "t")
        with gevent.Timeout(5):
            for link, lane in sender._lanes.items():  # As after a rebalance.
                link.is_open = lane.leaving = True
            sender.send(Outgoing(1, 1, monotonic_ns(), 3, 0, 0, b"{}", 0, "m", route))
            gevent.sleep(0.3)
            for link in sender._lanes:
                link.is_open = False
        waiting = sender.unanswered
        sender.close()

    kinds = set(read_ledger(ledger.path).records["kind"].tolist())
    assert waiting == 1
    assert Kind.FAILED not in kinds, "no connection was missing"
