"""Signals that end a run: they may interrupt a fault's body, never its revert.

The first SIGINT, SIGTERM or SIGHUP raises `KeyboardInterrupt` where the run stands, so that every
open context is left. While a fault is being reverted a signal is held back until that is done; a
second one makes the waits short (`hurry`), and still everything is reverted. Main thread only.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HURRIED_S = 3.0
"""How long a wait may last once somebody is in a hurry."""


class Interrupts:
    """Counts the signals that ask for an end, and holds them back where they would do harm."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self._shields = 0
        self._held_back = False

    @property
    def hurry(self) -> bool:
        """Whether somebody asked twice."""
        return len(self.received) > 1

    def limit_s(self, within_s: float) -> float:
        """Return how long a wait may last now."""
        return min(within_s, HURRIED_S) if self.hurry else within_s

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Take the signals over for as long as the context is open."""
        before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Hold signals back; one that came meanwhile interrupts at the end of the outermost."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self._held_back and not self._shields:
            self._held_back = False
            raise KeyboardInterrupt

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        """Note the signal; interrupt, unless a revert is under way or the end has begun."""
        self.received.append(number)
        if len(self.received) > 1:
            return
        if self._shields:
            self._held_back = True
        else:
            raise KeyboardInterrupt
