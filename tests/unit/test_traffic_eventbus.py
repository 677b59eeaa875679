"""The event bus where no broker listens: calls return, tries back off, drops are logged."""

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from typing import Any

import gevent
import numpy as np
import pytest

from gameday.contracts.model import Degraded
from gameday.history.ledger import LedgerWriter, read_ledger
from gameday.history.records import COUNT_MAX, Kind
from gameday.traffic.eventbus import AT_ONCE, IN_VAIN, EventBus
from gameday.traffic.lanes import Manners
from gameday.traffic.messages import Outgoing, Route
from gameday.traffic.purpose import Target
from gameday.traffic.sender import Sender
from gameday.traffic.service_log import ServiceLog

MANNERS = Manners(
    "bus", pool=1, attempts=COUNT_MAX, backoff_ms=40, backoff_factor=2, backoff_most_ms=160
)


@dataclass
class Stand:
    """A bus with its sender, ledger and log, towards an address that refuses."""

    folder: Path
    ledger: LedgerWriter
    sender: Sender
    bus: EventBus

    def message(self, sequence: int, done: Callable[[bool], None] | None = None) -> Outgoing:
        """Make a message that is due now."""
        route = Route(self.ledger.intern("route", "r"), "", "jobs", "job", queues=("jobs",))
        return Outgoing(1, sequence, monotonic_ns(), None, 0, 0, b"{}", 0, f"m-{sequence}", route,
                        done=done)  # fmt: skip

    def log(self) -> list[dict[str, Any]]:
        """Return what the service has logged."""
        path = self.folder / "logs" / "bus-0001.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


def wait_for(predicate: Callable[[], object]) -> None:
    """Let greenlets run until a condition holds."""
    with gevent.Timeout(20):
        while not predicate():
            gevent.sleep(0.01)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Give a bus that gives up after half a second, in front of nothing."""
    with socket.socket() as held, LedgerWriter(tmp_path, "run", 1, "test") as ledger:
        held.bind(("127.0.0.1", 0))
        target = Target("r1", f"amqp://guest:guest@127.0.0.1:{held.getsockname()[1]}/")
        sender = Sender(ledger, [target], MANNERS)
        log = ServiceLog(tmp_path, 1, "bus")
        promised = Degraded(after_ms=500, log_level="error")
        bus = EventBus(sender, promised, ledger, log)
        yield Stand(tmp_path, ledger, sender, bus)
        bus.close()
        sender.close()


def test_an_event_is_tried_and_dropped_aloud(stand: Stand) -> None:
    """A call returns at once; its event is tried with growing pauses, then dropped and logged."""
    heard: list[bool] = []

    stand.bus.send(stand.message(7, heard.append))
    took_from = monotonic_ns()
    wait_for(lambda: heard)
    waited_s = (monotonic_ns() - took_from) / 1e9

    assert heard == [False]
    assert stand.bus.is_degraded
    assert 0.5 <= waited_s < 1.5
    rows = read_ledger(stand.ledger.path).records
    called, shed = rows[rows["kind"] == Kind.CALLED], rows[rows["kind"] == Kind.SHED]
    assert (called["extra"].tolist(), shed["sequence"].tolist()) == ([0], [7])
    assert called["detail"][0] < 100_000, "the call took less than 100 ms"
    assert shed["detail"][0] >= 500_000
    invoked = rows[rows["kind"] == Kind.INVOKE]["time"].astype(np.int64)
    pauses = np.diff(invoked) / 1e6
    assert len(pauses) >= 3
    assert (pauses[:3] >= [39, 79, 159]).all()
    assert (pauses < 400).all(), "no pause grows beyond its most"


def test_while_degraded_calls_are_dropped_at_once(stand: Stand) -> None:
    """Each is in the ledger and in the log, once, at the level that was chosen; none is tried."""
    stand.bus.send(stand.message(1))
    wait_for(lambda: stand.bus.is_degraded)
    heard: list[bool] = []

    for sequence in (2, 3):
        stand.bus.send(stand.message(sequence, heard.append))

    assert heard == [False, False]
    rows = read_ledger(stand.ledger.path).records
    invoked = rows[rows["kind"] == Kind.INVOKE]
    assert set(invoked["sequence"].tolist()) == {1}
    dropped = [line for line in stand.log() if line["event"] == "dropped"]
    assert [(line["message"], line["reason"]) for line in dropped] == [
        ("1:1", IN_VAIN), ("1:2", AT_ONCE), ("1:3", AT_ONCE),
    ]  # fmt: skip
    assert {line["level"] for line in dropped} == {"error"}
    assert dropped[0]["queues"] == ["jobs"]
    assert stand.bus.shed == 3


def test_an_answer_ends_degraded_mode(stand: Stand) -> None:
    """The first sign of life that a probe hears lets the next event through again."""
    stand.bus.send(stand.message(1))
    wait_for(lambda: stand.bus.is_degraded)
    stand.sender.probe = lambda answered: answered()  # type: ignore[method-assign]  # It answers.

    wait_for(lambda: not stand.bus.is_degraded)
    stand.bus.send(stand.message(2))

    assert stand.bus.waiting == 1
    assert [line["event"] for line in stand.log()] == ["degraded", "dropped", "recovered"]


def test_what_was_dropped_is_not_tried_again(stand: Stand) -> None:
    """An event that was given up makes no further attempt, whatever its backoff had planned."""
    stand.bus.send(stand.message(1))
    wait_for(lambda: stand.bus.is_degraded)
    before = (read_ledger(stand.ledger.path).records["kind"] == Kind.INVOKE).sum()

    gevent.sleep(0.5)

    after = (read_ledger(stand.ledger.path).records["kind"] == Kind.INVOKE).sum()
    assert before == after
    assert stand.bus.waiting == 0
