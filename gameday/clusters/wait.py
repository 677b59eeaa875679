"""Waiting for conditions, never for time.

`wait_until` is the one place where the harness sleeps outside the load: everybody who has to
wait names the condition and its limit, and a wait that runs out says what was last seen. It
does not retry actions; it only looks again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gameday.errors import HarnessError

T = TypeVar("T")


@dataclass(frozen=True)
class NotYet:
    """A predicate's way to say no and what it saw instead."""

    last_seen: object

    def __bool__(self) -> bool:
        return False


def wait_until(
    predicate: Callable[[], T | NotYet],
    within_s: float,
    what: str,
    *,
    poll_ms: float = 100,
    errors: tuple[type[Exception], ...] = (),
) -> T:
    """Return the predicate's first truthy value, or raise `HarnessError` with what was last seen.

    The listed errors count as "not yet"; the predicate is asked at least once, and once more
    when the time is up.
    """
    deadline = time.monotonic() + within_s
    while True:
        late = time.monotonic() >= deadline
        seen = _ask(predicate, errors)
        if seen and not isinstance(seen, NotYet):
            return seen
        if late:
            last = seen.last_seen if isinstance(seen, NotYet) else seen
            raise HarnessError(f"{what}: not within {within_s:g} s; last seen: {last}")
        time.sleep(max(0.0, min(poll_ms / 1000, deadline - time.monotonic())))


def _ask(predicate: Callable[[], T | NotYet], errors: tuple[type[Exception], ...]) -> T | NotYet:
    """One look; a listed error becomes what was seen."""
    try:
        return predicate()
    except errors as error:
        return NotYet(error)
