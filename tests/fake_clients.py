"""The clients of the fakes: pools of publishers, workers with prefetch and retries, the drain.

Each writes to its `Tape` before it acts, as the real ones do. A client whose node is struck by a
reset notices at once; one whose node falls silent gives up after its confirm timeout.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gameday.history.records import (
    Disposition,
    Flag,
    Kind,
    pack_attempt,
)
from tests.fake_broker import MILLISECOND, NODES, Broker, Copy, Message
from tests.fake_tape import Tape

RECONNECT_NS = 300 * MILLISECOND
TIMEOUT_NS = 2_000 * MILLISECOND
SAFE = int(Flag.PUBLISH_MANDATORY | Flag.PUBLISH_PERSISTENT)
TRIES = 3


def disposition(message: Message) -> Disposition:
    """Return what must become of a message."""
    dead = message.fate in {"exhausted", "permanent"}
    return Disposition.REJECT if dead else Disposition.ACK


def route(queue: str, type_: str, client: str) -> dict[str, object]:
    """Return a route's interned value: the default exchange, straight to one queue."""
    value = {"exchange": "", "routing_key": queue, "type": type_, "queues": [queue]}
    return {**value, "producer": client}


class Link:
    """One connection with one channel, which comes back on another node when its own is struck."""

    role = "consume"

    def __init__(
        self, tape: Tape, broker: Broker, client: str, node: str, **channel: object
    ) -> None:
        self.tape, self.broker, self.client, self.node = tape, broker, client, node
        self.values = channel
        self.on_open: Callable[[], None] = lambda: None
        self.on_close: Callable[[], None] = lambda: None
        self.epoch = 0
        self.tag = 0
        self.blocked = False
        self.open()

    def open(self) -> None:
        """Connect, and open the channel: tags begin again."""
        who = {"client": self.client, "role": self.role, **self.values}
        value = {**who, "node": self.node, "heartbeat_s": 60}
        self.connection = self.tape.name("connection", value)
        channel = {**who, "connection": self.connection, "number": 1}
        self.channel = self.tape.name("channel", channel)
        now = self.broker.clock.now
        self.tape.add(Kind.CONNECTION_OPENED, now, channel=self.connection)
        self.tape.add(Kind.CHANNEL_OPENED, now, channel=self.channel)
        self.standing, self.blocked, self.tag = True, False, 0
        self.on_open()

    def close(self, code: int = 320, *, again: bool = True) -> None:
        """Lose or close the connection; open another one on another node after a while."""
        if not self.standing:
            return
        self.standing = False
        self.epoch += 1
        clock = self.broker.clock
        self.tape.add(Kind.CONNECTION_CLOSED, clock.now, channel=self.connection, detail=code)
        self.on_close()
        if again:
            candidates = [node for node in NODES if node not in self.broker.down]
            self.node = candidates[(NODES.index(self.node) + 1) % len(candidates)]
            clock.after(RECONNECT_NS, self.open)


@dataclass
class Pending:
    """A publish that waits for its answer."""

    copy: Copy
    queue: str
    settled: Callable[[bool], None]
    arrived: bool = False


class Publisher(Link):
    """A publishing channel in confirm mode."""

    role = "publish"

    def __init__(self, tape: Tape, broker: Broker, client: str, node: str, link: int = 0) -> None:
        self.pending: dict[int, Pending] = {}
        self.late: dict[int, Pending] = {}
        self.parked: list[int] = []
        self.swallowed = False
        super().__init__(tape, broker, client, node, link=link)
        self.on_close = self._give_up_all

    def publish(
        self, copy: Copy, queue: str, settled: Callable[[bool], None], held: int = 0
    ) -> None:
        """Record the invoke, then send; `settled` hears whether it was confirmed."""
        clock, message = self.broker.clock, copy.message
        self.tag += 1
        lag_us = (clock.now - message.due_ns) // 1000
        self.tape.add(
            Kind.INVOKE, clock.now, sequence=message.sequence, producer=message.producer,
            attempt=copy.attempt, channel=self.channel, tag=self.tag, detail=lag_us,
            queue=self.tape.name("route", route(queue, message.type, self.client)),
            priority=message.priority, flags=SAFE | held, extra=disposition(message),
        )  # fmt: skip
        self.pending[self.tag] = Pending(copy, queue, settled)
        clock.after(MILLISECOND, self._arrive, self.epoch, self.tag)
        clock.after(TIMEOUT_NS, self._time_out, self.epoch, self.tag)

    def _arrive(self, epoch: int, tag: int) -> None:
        pending = self.pending.get(tag, self.late.get(tag))
        if epoch != self.epoch or pending is None:
            return
        if self.node in self.broker.down:
            self.swallowed = True
            return
        if self.broker.alarmed:
            self._block(tag)
            return
        pending.arrived = True
        self.broker.accept(pending.copy, pending.queue)
        if self.broker.bug == "stuck_confirm" and self.broker.sticks(self.tape.role):
            pending.arrived = False
            return
        at = self.broker.answers_at(pending.queue) + MILLISECOND
        self.broker.clock.at(at, self._confirm, epoch, tag)

    def _block(self, tag: int) -> None:
        self.parked.append(tag)
        if not self.blocked:
            self.blocked = True
            self.tape.add(Kind.BLOCKED, self.broker.clock.now, channel=self.connection)

    def unblock(self) -> None:
        """Let through what was parked, for the alarm is over."""
        if self.blocked:
            self.blocked = False
            self.tape.add(Kind.UNBLOCKED, self.broker.clock.now, channel=self.connection)
            parked, self.parked = self.parked, []
            for tag in parked:
                self.broker.clock.after(MILLISECOND, self._arrive, self.epoch, tag)
            self.on_open()

    def _confirm(self, epoch: int, tag: int) -> None:
        now = self.broker.clock.now
        if epoch == self.epoch and tag in self.late:  # Given up; a confirm is proof all the same.
            del self.late[tag]
            self.tape.add(Kind.CONFIRMED, now, channel=self.channel, tag=tag)
        if epoch != self.epoch or tag not in self.pending:
            return
        below = [each for each in self.pending if each <= tag]
        answered = all(self.pending[each].arrived for each in below)
        answered &= all(each > tag for each in self.late)
        multiple = self.broker.random.random() < 0.3 and answered
        flags = int(Flag.MULTIPLE) if multiple else 0
        self.tape.add(Kind.CONFIRMED, now, channel=self.channel, tag=tag, flags=flags)
        for each in below if multiple else [tag]:
            self.pending.pop(each).settled(True)

    def _time_out(self, epoch: int, tag: int) -> None:
        if epoch != self.epoch or tag not in self.pending or self.blocked:
            return
        if self.swallowed:
            self.close(0)
        else:
            self.late[tag] = self.pending[tag]
            self._give_up(tag, "no confirm in time")

    def _give_up(self, tag: int, reason: str) -> None:
        pending = self.pending.pop(tag)
        message = pending.copy.message
        self.tape.add(
            Kind.UNKNOWN, self.broker.clock.now, channel=self.channel, tag=tag,
            sequence=message.sequence, producer=message.producer, attempt=pending.copy.attempt,
            queue=self.tape.name("route", route(pending.queue, message.type, self.client)),
            detail=self.tape.name("reason", reason),
        )  # fmt: skip
        pending.settled(False)

    def _give_up_all(self) -> None:
        self.parked, self.swallowed, self.late = [], False, {}
        for tag in list(self.pending):
            self._give_up(tag, "connection lost")


class Pool:
    """One producer's connections, and its retries with backoff."""

    def __init__(self, tape: Tape, broker: Broker, name: str, size: int) -> None:
        self.broker = broker
        self.publishers = [
            Publisher(tape, broker, name, NODES[number % 3], number) for number in range(size)
        ]
        self.held: deque[tuple[Message, int, int]] = deque()
        self._next = 0
        for publisher in self.publishers:
            publisher.on_open = self._flush

    def send(self, message: Message, count: int = 0) -> None:
        """Publish on the next free connection, or hold until there is one."""
        usable = [each for each in self.publishers if each.standing and not each.blocked]
        if not usable:
            blocked = any(each.blocked for each in self.publishers)
            why = Flag.PUBLISH_HELD_BLOCKED if blocked else Flag.PUBLISH_HELD_DISCONNECTED
            self.held.append((message, count, int(why)))
            return
        self._publish(usable, message, count, 0)

    def _publish(self, usable: list[Publisher], message: Message, count: int, held: int) -> None:
        self._next += 1
        attempt = pack_attempt(message.producer, count)
        copy = Copy(message, attempt, priority=message.priority)

        def settled(confirmed: bool) -> None:
            if not confirmed and count + 1 < TRIES:
                backoff = 100 * MILLISECOND * 2**count
                self.broker.clock.after(backoff, self.send, message, count + 1)

        usable[self._next % len(usable)].publish(copy, message.queue, settled, held)

    def _flush(self) -> None:
        waiting, self.held = self.held, deque()
        usable = [each for each in self.publishers if each.standing and not each.blocked]
        for message, count, why in waiting:
            if usable:
                self._publish(usable, message, count, why)
            else:
                self.held.append((message, count, why))
