"""Tick jobs and effects: once at the next tick, and once for each key."""

import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from gameday.contracts.load import load_contract
from gameday.contracts.model import Tick
from gameday.history.ledger import LedgerWriter, read_ledger
from gameday.history.records import Kind
from gameday.traffic.arrivals import Constant, Poisson
from gameday.traffic.effects import EffectStore
from gameday.traffic.lanes import finish
from gameday.traffic.messages import Outgoing, Route
from gameday.traffic.service_log import ServiceLog
from gameday.traffic.session import manners_of, schedule_of
from gameday.traffic.ticks import TickJob

if TYPE_CHECKING:
    from gameday.traffic.sender import Sender

ROUTE = Route(0, "", "digests", "digest", queues=("digests",))


def message(sequence: int) -> Outgoing:
    """Make one digest."""
    return Outgoing(1, sequence, 0, None, 0, 0, b"{}", 0, f"m-{sequence}", ROUTE)


class Broker:
    """A sender whose broker is there or not; what was sent, in order."""

    def __init__(self) -> None:
        self.is_up = True
        self.is_silent = False
        self.sent: list[int] = []

    def send(self, message: Outgoing) -> None:
        """Confirm or refuse a message at once, or leave it open."""
        self.sent.append(message.sequence)
        message.tries += 1
        if not self.is_silent:
            finish(message, arrived=self.is_up)


@pytest.fixture
def broker() -> Broker:
    """Give a broker that is up."""
    return Broker()


@pytest.fixture
def job(broker: Broker, tmp_path: Path) -> TickJob:
    """Give a tick job in front of it."""
    return TickJob(cast("Sender", broker), ServiceLog(tmp_path, 1, "digest"))


def test_what_failed_is_sent_at_the_next_tick_once(broker: Broker, job: TickJob) -> None:
    """A digest of an outage goes out at the next tick, before that tick's own, and not again."""
    job.send(message(1))
    broker.is_up = False
    job.send(message(2))
    assert job.owed == 1
    broker.is_up = True

    job.send(message(3))
    job.send(message(4))

    assert broker.sent == [1, 2, 2, 3, 4]
    assert job.owed == 0


def test_an_outage_of_several_ticks_owes_them_all(broker: Broker, job: TickJob) -> None:
    """Every digest that failed is tried at each tick until it arrives, the oldest first."""
    broker.is_up = False
    job.send(message(1))
    job.send(message(2))
    broker.is_up = True

    job.send(message(3))

    assert broker.sent == [1, 1, 2, 1, 2, 3]


def test_what_is_not_answered_yet_is_not_sent_again(broker: Broker, job: TickJob) -> None:
    """A digest whose confirm is still to come is left alone by the next tick."""
    broker.is_silent = True
    job.send(message(1))

    job.send(message(2))

    assert broker.sent == [1, 2]


def test_a_failed_tick_is_logged(broker: Broker, job: TickJob, tmp_path: Path) -> None:
    """The log names the digest whose publish failed."""
    broker.is_up = False

    job.send(message(5))

    [line] = (tmp_path / "logs" / "digest-0001.jsonl").read_text().splitlines()
    assert json.loads(line).items() >= {
        "event": "publish_failed", "level": "warn", "message": "1:5", "queues": ["digests"],
    }.items()  # fmt: skip


def test_a_tick_is_the_schedule_and_tries_once() -> None:
    """A producer with a tick sends by it, not by its rate, and leaves trying again to the tick."""
    plain = load_contract("sparki").producers[0]
    ticking = plain.model_copy(update={"tick": Tick(every_s=8)})

    assert schedule_of(ticking, 1) == Constant(1 / 8)
    assert schedule_of(plain, 1) == Poisson(plain.rate_per_s, 1)
    assert (manners_of(ticking).attempts, manners_of(plain).attempts) == (1, 3)


def delivery(key: str) -> Any:
    """Make a delivery as far as effects look at it."""
    properties = SimpleNamespace(message_id=key)
    return SimpleNamespace(sequence=1, producer=1, attempt=64, properties=properties)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerWriter]:
    """Give a worker's ledger."""
    with LedgerWriter(tmp_path, "run", 1, "test") as writer:
        yield writer


def test_a_key_takes_effect_once(ledger: LedgerWriter, tmp_path: Path) -> None:
    """The second delivery of a key takes no effect, and only the first is on record."""
    store = EffectStore(tmp_path, "worker", ledger)

    assert [store.take(delivery(key)) for key in ("a", "b", "a")] == [True, True, False]

    store.close()
    rows = read_ledger(ledger.path)
    assert rows.records["kind"].tolist() == [Kind.EFFECT, Kind.EFFECT]
    assert rows.tables["effect"] == {0: "a", 1: "b"}


def test_a_key_outlives_its_worker(ledger: LedgerWriter, tmp_path: Path) -> None:
    """A store that was killed, and not closed, still knows its keys when it is opened again."""
    child = multiprocessing.get_context("forkserver").Process(
        target=_take_and_die, args=(tmp_path,)
    )
    child.start()
    child.join(30)
    assert child.exitcode == 9

    store = EffectStore(tmp_path, "worker", ledger)

    assert [store.take(delivery(key)) for key in ("a", "b")] == [False, True]
    store.close()


def _take_and_die(folder: Path) -> None:

    store = EffectStore(folder, "worker", LedgerWriter(folder / "child", "run", 2, "test"))
    store.take(delivery("a"))
    os._exit(9)
