"""When message *n* is due: an open model, pure arithmetic, no clock and no sleep.

A schedule answers with the due times of a window, in seconds after the load began. The same seed
and the same windows give the same times, whatever the broker does meanwhile: a stalled broker does
not lower the offered load. Latency counts from these times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]


class Schedule(Protocol):
    """Due times, in seconds, ascending, of the window [start_s, end_s)."""

    def due(self, start_s: float, end_s: float) -> Times:
        """Return the due times in the window."""
        ...


def _first_from(when: Callable[[int], float], at_s: float, near: float) -> int:
    """Return the first message that is due at a time or later; `near` is its number, rounded off.

    By the due times themselves: a rounded number would put a message into the window before or
    after its own, and two schedules joined would then be out of order.
    """
    number = max(0, round(near))
    while number > 0 and when(number - 1) >= at_s:
        number -= 1
    while when(number) < at_s:
        number += 1
    return number


@dataclass(frozen=True)
class Constant:
    """One message each 1 / rate seconds."""

    rate_per_s: float

    def due(self, start_s: float, end_s: float) -> Times:
        """Message n is due at n / rate."""
        first, last = (self._first(at_s) for at_s in (start_s, end_s))
        return np.arange(first, last) / self.rate_per_s

    def _first(self, at_s: float) -> int:
        return _first_from(lambda n: n / self.rate_per_s, at_s, at_s * self.rate_per_s)


@dataclass(frozen=True)
class Poisson:
    """Independent arrivals at a mean rate; every second has a seed of its own."""

    rate_per_s: float
    seed: int

    def due(self, start_s: float, end_s: float) -> Times:
        """Return the arrivals of each whole second that the window touches, cut to the window."""
        seconds = range(int(start_s), int(np.ceil(end_s)))
        times = np.concatenate([self._second(second) for second in seconds] or [np.empty(0)])
        return times[(times >= start_s) & (times < end_s)]

    def _second(self, second: int) -> Times:
        generator = np.random.default_rng((self.seed, second))
        count = generator.poisson(self.rate_per_s)
        return second + np.sort(generator.random(count))


@dataclass(frozen=True)
class Ramp:
    """A rate that rises or falls in a straight line, then stays at its end."""

    from_per_s: float
    to_per_s: float
    over_s: float

    def due(self, start_s: float, end_s: float) -> Times:
        """Message n is due when n messages' worth of rate has passed."""
        first, last = (
            _first_from(self._when, at_s, self._passed(at_s)) for at_s in (start_s, end_s)
        )
        return np.array([self._when(n) for n in range(first, last)], dtype=np.float64)

    def _passed(self, at_s: float) -> float:
        climbing = min(at_s, self.over_s)
        slope = (self.to_per_s - self.from_per_s) / self.over_s
        climbed = self.from_per_s * climbing + slope * climbing**2 / 2
        return climbed + self.to_per_s * max(0.0, at_s - self.over_s)

    def _when(self, number: int) -> float:
        climbed = self._passed(self.over_s)
        if number >= climbed:
            return self.over_s + (number - climbed) / self.to_per_s
        slope = (self.to_per_s - self.from_per_s) / self.over_s
        if slope == 0:
            return number / self.from_per_s
        root = np.sqrt(max(0.0, self.from_per_s**2 + 2 * slope * number))
        return float((root - self.from_per_s) / slope)


@dataclass(frozen=True)
class Spike:
    """A number of messages spread evenly over a short time, once."""

    at_s: float
    count: int
    over_s: float

    def due(self, start_s: float, end_s: float) -> Times:
        """Return those of the spike's times that lie in the window."""
        step_s = self.over_s / max(1, self.count)
        times: Times = np.arange(self.count, dtype=np.float64) * step_s + self.at_s
        return times[(times >= start_s) & (times < end_s)]


@dataclass(frozen=True)
class Replay:
    """Times that were recorded before."""

    times_s: tuple[float, ...]

    def due(self, start_s: float, end_s: float) -> Times:
        """Return those of the recorded times that lie in the window."""
        times = np.array(self.times_s)
        return times[(times >= start_s) & (times < end_s)]


@dataclass(frozen=True)
class Together:
    """Several schedules at once."""

    schedules: tuple[Schedule, ...]

    def due(self, start_s: float, end_s: float) -> Times:
        """Return all their times, in order."""
        return np.sort(np.concatenate([each.due(start_s, end_s) for each in self.schedules]))
