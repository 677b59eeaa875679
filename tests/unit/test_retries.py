"""When a producer tried again too soon, and when it gave up: by each try's own end."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gameday.history.checks.retries import given_up_early, hasty
from gameday.history.links import NEVER
from gameday.history.outcomes import Outcome

MILLISECOND = 1_000_000
PRODUCER: Any = SimpleNamespace(
    backoff_ms=100, backoff_factor=2, confirm_timeout_ms=1500, attempts=3
)
STOPPED_MS = 60_000


def tries(*rows: tuple[int, int, Outcome]) -> Any:
    """Return one message's tries, each made and ended at some ms."""
    made, ended, outcome = zip(*rows, strict=True)
    return SimpleNamespace(
        message=np.ones(len(rows), np.int64), count=np.arange(len(rows)),
        time_ns=np.array(made) * MILLISECOND, outcome_ns=np.array(ended) * MILLISECOND,
        outcome=np.array(outcome), ending=np.zeros(len(rows), np.int64),
        process=np.full(len(rows), 7),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ended_ms", "again_ms", "is_hasty"),
    [
        (300, 420, False),  # nacked, and the next 120 ms later
        (300, 340, True),
        (9000, 1610, False),  # timed out at 1500, answered long after the next was made
        (1605, 1610, False),  # timed out at 1500, answered just before the next was made
        (9000, 1000, True),  # never waited for its answer
    ],
)
def test_a_pause_counts_from_a_tries_end(ended_ms: int, again_ms: int, is_hasty: bool) -> None:
    """The end is the answer or the time-out, whichever came first."""
    made = tries((0, ended_ms, Outcome.NACK), (again_ms, again_ms + 10, Outcome.OK))

    found = hasty(SimpleNamespace(attempts=made), PRODUCER, np.arange(2))  # type: ignore[arg-type]

    assert found.tolist() == [is_hasty]


@pytest.mark.parametrize(
    ("blocked_ms", "accused"), [(None, 1), ((5_000, 9_000), 1), ((5_000, None), 0)]
)
def test_what_a_blocked_publisher_holds_is_not_given_up(
    blocked_ms: tuple[int, int | None] | None, accused: int
) -> None:
    """Who is blocked to the end may hold its next try; who was let go on has no excuse."""
    rows = []
    if blocked_ms is not None:
        since, until = blocked_ms
        rows = [(0, since * MILLISECOND, NEVER if until is None else until * MILLISECOND)]
    history = SimpleNamespace(
        attempts=tries((4_000, 5_500, Outcome.INFO)),
        links=SimpleNamespace(
            blocked=np.array(rows, np.int64).reshape(-1, 3), connection_values=[{"process": 7}]
        ),
    )
    run: Any = SimpleNamespace(history=history, stopped_ns=STOPPED_MS * MILLISECOND)

    assert len(given_up_early(run, PRODUCER, np.arange(1))) == accused
