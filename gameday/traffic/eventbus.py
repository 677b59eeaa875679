"""An event bus in front of a sender: its callers never wait, whatever the broker does.

    call -> taken -> tried in the background, with growing pauses -> confirmed
      |                 | has waited as long as the contract allows
      |                 +-> dropped, aloud; the bus is degraded
      +-> degraded: dropped at once, aloud, until the broker answers again

Nothing is dropped silently: each message that is given up has its SHED record and its line in the
service's log. What was on its way when it was given up may still arrive; the ledger tells.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic_ns

import gevent
from gevent.event import Event

from gameday.contracts.model import Degraded
from gameday.history.ledger import LedgerWriter
from gameday.history.records import DETAIL_MAX, Kind
from gameday.traffic.messages import Outgoing
from gameday.traffic.sender import Sender
from gameday.traffic.service_log import ServiceLog

LOOK_EVERY_S = 0.1
PROBE_EVERY_S = 0.5

AT_ONCE = "the event bus is degraded"
IN_VAIN = "not confirmed in time"
REFUSED = "no queue took it, or its tries are used up"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that was taken, since when, and who wants to hear how it ends."""

    message: Outgoing
    since_ns: int
    told: Callable[[bool], None] | None


class EventBus:
    """Takes a service's messages over; `waiting` of them are neither confirmed nor given up."""

    def __init__(
        self, sender: Sender, promised: Degraded, ledger: LedgerWriter, log: ServiceLog
    ) -> None:
        self.is_degraded = False
        self.shed = 0
        self._sender = sender
        self._after_ns = promised.after_ms * 1_000_000
        self._level = promised.log_level
        self._ledger = ledger
        self._log = log
        self._waiting: dict[tuple[int, int], Waiting] = {}
        self._inbox: deque[Outgoing] = deque()
        self._arrived = Event()
        self._greenlets = [gevent.spawn(each) for each in (self._carry, self._look, self._probe)]

    @property
    def waiting(self) -> int:
        """How many messages it has taken, and neither seen confirmed nor given up."""
        return len(self._waiting)

    def send(self, message: Outgoing) -> None:
        """Take a message over, or drop it while degraded; return at once in either case."""
        begun_ns = monotonic_ns()
        told, message.done = message.done, None
        dropped = self.is_degraded
        if dropped:
            self._give_up(message, begun_ns, AT_ONCE)
        else:
            message.done = partial(self._done, message)
            self._waiting[message.producer, message.sequence] = Waiting(message, begun_ns, told)
            self._inbox.append(message)
            self._arrived.set()
        self._note(Kind.CALLED, message, monotonic_ns() - begun_ns, int(dropped))
        if dropped and told is not None:
            told(False)

    def close(self) -> None:
        """Carry nothing more."""
        gevent.killall(self._greenlets, block=False)

    def _carry(self) -> None:
        """Hand over in the background what was taken: no caller ever waits for a socket."""
        while True:
            self._arrived.wait()
            self._arrived.clear()
            while self._inbox:
                self._sender.send(self._inbox.popleft())

    def _done(self, message: Outgoing, arrived: bool) -> None:
        waiting = self._waiting.pop((message.producer, message.sequence))
        if not arrived:
            self._give_up(message, waiting.since_ns, REFUSED)
        if waiting.told is not None:
            waiting.told(arrived)

    def _look(self) -> None:
        """Give up what has waited too long, the oldest first; being blocked counts as waiting."""
        while True:
            gevent.sleep(LOOK_EVERY_S)
            limit_ns = monotonic_ns() - self._after_ns
            for key, waiting in list(self._waiting.items()):
                if waiting.since_ns > limit_ns:
                    break
                self._degrade()
                del self._waiting[key]
                self._give_up(waiting.message, waiting.since_ns, IN_VAIN)
                if waiting.told is not None:
                    waiting.told(False)

    def _degrade(self) -> None:
        if not self.is_degraded:
            self.is_degraded = True
            self._log.write(self._level, "degraded", IN_VAIN)

    def _probe(self) -> None:
        """Look for the broker while degraded: its first answer ends that, without a restart."""
        while True:
            gevent.sleep(PROBE_EVERY_S)
            if self.is_degraded:
                self._sender.probe(self._is_back)

    def _is_back(self) -> None:
        if self.is_degraded:
            self.is_degraded = False
            self._log.write("info", "recovered", "the broker answered a probe")

    def _give_up(self, message: Outgoing, since_ns: int, reason: str) -> None:
        """Drop a message: first its record, then its line in the log."""
        message.is_over, message.done = True, None
        self.shed += 1
        waited_ns = monotonic_ns() - since_ns
        self._note(Kind.SHED, message, waited_ns, int(self._level == "error"))
        self._log.write(self._level, "dropped", reason, message)

    def _note(self, kind: Kind, message: Outgoing, took_ns: int, extra: int) -> None:
        self._ledger.append(
            kind, monotonic_ns(), sequence=message.sequence, producer=message.producer,
            queue=message.route.index, detail=min(took_ns // 1000, DETAIL_MAX), extra=extra,
        )  # fmt: skip
