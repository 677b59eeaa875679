"""A producing service under load: its schedule decides when, its sender how.

What falls due is handed over at once, however the broker fares; how late that was stands in each
record. One greenlet wakes for whatever is due by now, so that no message costs a timer of its own.
"""

from collections import deque
from dataclasses import dataclass
from functools import partial
from time import monotonic_ns
from typing import TYPE_CHECKING, Protocol

import gevent

from gameday.traffic.arrivals import Schedule
from gameday.traffic.eventbus import EventBus
from gameday.traffic.messages import Blend, Outgoing, Source
from gameday.traffic.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_S = 1.0
TICK_S = 0.002
YIELD_EVERY = 50
EACH_WAY_OVER_S = 10.0
"""In the first seconds of a load each way of breaking a message comes once, however short it is."""
REMEMBERED = 500
"""Of how many messages that were handed over last it knows enough to publish them again."""


class Front(Protocol):
    """Whatever takes a message that falls due: the sender, or what stands in front of it."""

    def send(self, message: Outgoing) -> None:
        """Take a message, now."""


@dataclass(slots=True)
class Offered:
    """What fell due, and the worst lag since it was last read, in ms."""

    count: int = 0
    lag_max_ms: float = 0.0


class Publisher:
    """Sends a source's messages by a schedule until stopped; can be started again."""

    def __init__(
        self, source: Source | Blend, schedule: Schedule, sender: Sender, front: Front | None = None
    ) -> None:
        self.offered = Offered()
        self.replayed = 0
        self.on_done: Callable[[Outgoing, bool], None] | None = None
        self.sender = sender
        self.front = front or sender
        self._source = source
        self._schedule = schedule
        self._zero_ns = 0
        self._running = False
        self._stopped = False
        self._flood: gevent.Greenlet | None = None
        self._recent: deque[Outgoing] = deque(maxlen=REMEMBERED)

    @property
    def unanswered(self) -> int:
        """How many messages are on their way: to their confirm, or to be given up."""
        waiting = self.front.waiting if isinstance(self.front, EventBus) else 0
        return max(self.sender.unanswered, waiting)

    def start(self) -> None:
        """Begin the schedule now, or go on with it: what fell due meanwhile is left out."""
        if self._running:
            return
        if not self._zero_ns:
            self._zero_ns = monotonic_ns()
            gevent.spawn(self._burst, self._source.ways, EACH_WAY_OVER_S, self._broken)
        self._running, self._stopped = True, False
        gevent.spawn(self._run, self._schedule, self._now_s())

    def stop(self) -> None:
        """Let nothing more fall due, of a burst either."""
        self._running, self._stopped = False, True

    def flood(self, schedule: Schedule) -> None:
        """Let what a second schedule says fall due besides, until the ebb."""
        self.ebb()
        self._flood = gevent.spawn(self._run, schedule, self._now_s())

    def ebb(self) -> None:
        """End the second schedule; harmless where there is none."""
        if self._flood is not None:
            self._flood.kill(block=False)
        self._flood = None

    def surge(self, count: int, over_s: float = 0.5) -> None:
        """Let `count` further messages fall due, spread over a short time."""
        gevent.spawn(self._burst, count, over_s, self._good)

    def poison(self, count: int, over_s: float = 1.0) -> None:
        """Let `count` messages fall due that must end in the DLQ."""
        gevent.spawn(self._burst, count, over_s, self._source.poison)

    def replay(self, count: int) -> None:
        """Publish the last `count` confirmed messages once more, each with its own id."""
        arrived = [message for message in self._recent if message.arrived]
        for message in arrived[-count:]:
            message.tries = 0
            self.replayed += 1
            self.sender.send(message)

    def close(self) -> None:
        """Close the pool, and whatever stands in front of it."""
        if isinstance(self.front, EventBus):
            self.front.close()
        self.sender.close()

    def _now_s(self) -> float:
        """How long the load has been going on: the time that schedules count in."""
        return (monotonic_ns() - self._zero_ns) / 1e9

    def _run(self, schedule: Schedule, start_s: float) -> None:
        while self._running:
            end_s = start_s + WINDOW_S
            for due_s in schedule.due(start_s, end_s).tolist():
                due_ns = self._zero_ns + int(due_s * 1e9)
                _sleep_until(due_ns)
                if not self._running:
                    return
                self._hand_over(self._source.next(due_ns))
            _sleep_until(self._zero_ns + int(end_s * 1e9))
            start_s = end_s

    def _burst(self, count: int, over_s: float, make: "Callable[[int, int], Outgoing]") -> None:
        start_ns = monotonic_ns()
        for number in range(count):
            due_ns = start_ns + int(number * over_s / count * 1e9)
            _sleep_until(due_ns)
            if self._stopped:
                return
            self._hand_over(make(due_ns, number))

    def _good(self, due_ns: int, _: int) -> Outgoing:
        return self._source.next(due_ns)

    def _broken(self, due_ns: int, _: int) -> Outgoing:
        return self._source.broken(due_ns)

    def _hand_over(self, message: Outgoing) -> None:
        lag_ms = (monotonic_ns() - message.due_ns) / 1e6
        self.offered.count += 1
        self.offered.lag_max_ms = max(self.offered.lag_max_ms, lag_ms)
        if self.on_done is not None:
            message.done = partial(self.on_done, message)
        self._recent.append(message)
        self.front.send(message)
        if self.offered.count % YIELD_EVERY == 0:
            gevent.sleep(0)  # A schedule that is behind must not keep confirms from being read.


def _sleep_until(due_ns: int) -> None:
    """Sleep to within a tick of a time; what is due within it goes out together."""
    while (wait_s := (due_ns - monotonic_ns()) / 1e9) > TICK_S / 2:
        gevent.sleep(wait_s)
