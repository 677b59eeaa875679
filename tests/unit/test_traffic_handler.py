"""Handlers: what hangs is stopped at its timeout, and told apart from what fails."""

from time import monotonic
from types import SimpleNamespace

import pytest

from gameday.contracts.model import Consumer
from gameday.history.records import Result
from gameday.traffic.deliveries import Delivery
from gameday.traffic.handler import Handler
from gameday.traffic.identity import HANGS, PERMANENT, Identity


def handler(**contract: float) -> Handler:
    """Return a handler that takes every body for valid."""
    service = Consumer.model_validate({"name": "hand", "queue": "work", **contract})
    return Handler(service, lambda *_: True)


def delivery(fail: int) -> Delivery:
    """Return a delivery of a message that shall end in this way."""
    who = Identity(1, 2, 3, 0, 0, 0, 0, fail)
    properties = SimpleNamespace(type="job", headers={})
    return Delivery(1, who, 2, 1, 3, properties, b"{}", 0)


def timed(hand: Handler, fail: int, delay_ms: float = 0.0) -> tuple[Result, float]:
    """Work on a message; return how it ended, and after how many milliseconds."""
    one, since = delivery(fail), monotonic()
    stopped = hand.work(one, delay_ms)
    return hand.handle(one, timed_out=stopped), (monotonic() - since) * 1000


@pytest.mark.parametrize("fail", [0, PERMANENT, 2])
def test_what_ends_in_time_is_not_stopped(fail: int) -> None:
    """Success and failures take the service time, and none of them is a timeout."""
    result, took_ms = timed(handler(service_ms=10, timeout_ms=500), fail)

    assert result is {0: Result.DONE, PERMANENT: Result.PERMANENT, 2: Result.TRANSIENT}[fail]
    assert 10 <= took_ms < 400


def test_what_hangs_is_stopped_at_its_timeout() -> None:
    """A handler that never ends by itself is stopped at the timeout, not before."""
    result, took_ms = timed(handler(service_ms=1, timeout_ms=60), HANGS)

    assert result is Result.TIMED_OUT
    assert 59 <= took_ms < 1000


def test_a_worker_that_is_slowed_down_times_out_too() -> None:
    """A good message times out when its handler takes longer than it may, for whatever reason."""
    result, took_ms = timed(handler(service_ms=10, timeout_ms=50), 0, delay_ms=500)

    assert result is Result.TIMED_OUT
    assert took_ms < 400


def test_without_a_timeout_nothing_is_stopped() -> None:
    """A contract without a timeout lets a handler take its time."""
    result, took_ms = timed(handler(service_ms=30), 0, delay_ms=30)

    assert result is Result.DONE
    assert took_ms >= 60
