"""The clients of the fakes: pools of publishers, workers with prefetch and retries, the drain.

Each writes to its `Tape` before it acts, as the real ones do. A client whose node is struck by a
reset notices at once; one whose node falls silent gives up after its confirm timeout.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gameday.history.records import (
    NO_PRIORITY,
    Death,
    Disposition,
    Flag,
    Kind,
    Result,
    pack_attempt,
)
from tests.fake_broker import MILLISECOND, NODES, Broker, Copy, Message, Queue
from tests.fake_tape import Tape

RECONNECT_NS = 300 * MILLISECOND
TIMEOUT_NS = 2_000 * MILLISECOND
SAFE = int(Flag.PUBLISH_MANDATORY | Flag.PUBLISH_PERSISTENT)
TRIES = 3


def disposition(message: Message) -> Disposition:
    """Return what must become of a message."""
    dead = message.fate in {"exhausted", "permanent"}
    return Disposition.REJECT if dead else Disposition.ACK


def route(queue: str, type_: str) -> dict[str, object]:
    """Return a route's interned value: the default exchange, straight to one queue."""
    return {"exchange": "", "routing_key": queue, "type": type_, "queues": [queue]}


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
            queue=self.tape.name("route", route(queue, message.type)), priority=message.priority,
            flags=SAFE | held, extra=disposition(message),
        )  # fmt: skip
        self.pending[self.tag] = Pending(copy, queue, settled)
        clock.after(MILLISECOND, self._arrive, self.epoch, self.tag)
        clock.after(TIMEOUT_NS, self._time_out, self.epoch, self.tag)

    def _arrive(self, epoch: int, tag: int) -> None:
        if epoch != self.epoch or tag not in self.pending:
            return
        if self.node in self.broker.down:
            self.swallowed = True
            return
        if self.broker.alarmed:
            self._block(tag)
            return
        pending = self.pending[tag]
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
        """The alarm is over: what was parked goes through."""
        if self.blocked:
            self.blocked = False
            self.tape.add(Kind.UNBLOCKED, self.broker.clock.now, channel=self.connection)
            parked, self.parked = self.parked, []
            for tag in parked:
                self.broker.clock.after(MILLISECOND, self._arrive, self.epoch, tag)
            self.on_open()

    def _confirm(self, epoch: int, tag: int) -> None:
        if epoch != self.epoch or tag not in self.pending:
            return
        below = [each for each in self.pending if each <= tag]
        multiple = self.broker.random.random() < 0.3 and all(
            self.pending[each].arrived for each in below
        )
        flags = int(Flag.MULTIPLE) if multiple else 0
        now = self.broker.clock.now
        self.tape.add(Kind.CONFIRMED, now, channel=self.channel, tag=tag, flags=flags)
        for each in below if multiple else [tag]:
            self.pending.pop(each).settled(True)

    def _time_out(self, epoch: int, tag: int) -> None:
        if epoch != self.epoch or tag not in self.pending or self.blocked:
            return
        if self.swallowed:
            self.close(0)
        else:
            self._give_up(tag, "no confirm in time")

    def _give_up(self, tag: int, reason: str) -> None:
        pending = self.pending.pop(tag)
        message = pending.copy.message
        self.tape.add(
            Kind.UNKNOWN, self.broker.clock.now, channel=self.channel, tag=tag,
            sequence=message.sequence, producer=message.producer, attempt=pending.copy.attempt,
            queue=self.tape.name("route", route(pending.queue, message.type)),
            detail=self.tape.name("reason", reason),
        )  # fmt: skip
        pending.settled(False)

    def _give_up_all(self) -> None:
        self.parked, self.swallowed = [], False
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


@dataclass
class Worker:
    """One worker process: a consumer with its prefetch, and a publisher for retries."""

    tape: Tape
    broker: Broker
    queue: Queue
    consumer: str
    node: str
    service_ns: int
    prefetch: int = 10
    inbox: deque[tuple[int, int]] = field(default_factory=deque)
    unacked: dict[int, Copy] = field(default_factory=dict)
    busy: bool = False
    alive: bool = True
    hung: bool = False

    def __post_init__(self) -> None:
        """Connect twice, for consuming and for publishing, and register."""
        values = {"queue": self.queue.name, "prefetch": self.prefetch, "no_ack": False}
        self.link = Link(self.tape, self.broker, f"{self.consumer}-{self.tape.process}.0",
                         self.node, consumer=f"{self.consumer}-{self.tape.process}.0", **values)  # fmt: skip
        self.publisher = Publisher(
            self.tape, self.broker, f"{self.consumer}-{self.tape.process}", self.node
        )
        self.link.on_close = self._lost
        self.link.on_open = self._register
        self.counts: dict[tuple[int, int], int] = {}
        self._register()

    def _register(self) -> None:
        if self not in self.queue.consumers:
            self.queue.consumers.append(self)
        self.broker.deliver(self.queue)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def has_room(self) -> bool:
        """Whether the broker may send another."""
        limit = 3 * self.prefetch if self.broker.bug == "prefetch_ignored" else self.prefetch
        return self.link.standing and self.alive and len(self.unacked) < limit

    def receive(self, copy: Copy) -> None:
        """The broker sends one."""
        self.link.tag += 1
        self.unacked[self.link.tag] = copy
        silent = self.node_silent()
        if not silent:
            self.broker.clock.after(MILLISECOND, self._delivered, self.link.epoch, self.link.tag)

    def node_silent(self) -> bool:
        """Whether nothing reaches this worker."""
        return self.link.node in self.broker.down

    def _delivered(self, epoch: int, tag: int) -> None:
        if epoch != self.link.epoch or not self.alive:
            return
        copy = self.unacked[tag]
        self._record(Kind.DELIVERED, tag, copy, **seen(self.tape, copy))
        self.inbox.append((epoch, tag))
        self._work()

    def _record(self, kind: Kind, tag: int, copy: Copy, **fields: int) -> None:
        message = copy.message
        values = {
            "sequence": message.sequence,
            "producer": message.producer,
            "attempt": copy.attempt,
            "queue": self.tape.name("queue", self.queue.name),
        }
        self.tape.add(kind, self.broker.clock.now, channel=self.link.channel, tag=tag,
                      **{**values, **fields})  # fmt: skip

    def _work(self) -> None:
        if self.busy or not self.inbox or self.hung or not self.alive:
            return
        self.busy = True
        self.broker.clock.after(self.service_ns, self._handle, *self.inbox.popleft())

    def _handle(self, epoch: int, tag: int) -> None:
        if not self.alive:
            return
        if epoch != self.link.epoch:
            self._idle()
            return
        copy = self.unacked[tag]
        result = outcome(copy)
        self._record(Kind.HANDLED, tag, copy, extra=result)
        limit = 5 if self.broker.bug == "unlimited_retries" else TRIES
        if result is Result.TRANSIENT and copy.tries + 1 < limit:
            self._republish(epoch, tag, copy)
        elif result is Result.DONE or self.broker.bug == "poison_swallowed":
            self._settle(Kind.ACKED, epoch, tag)
        else:
            self._settle(Kind.REJECTED, epoch, tag)

    def _republish(self, epoch: int, tag: int, copy: Copy) -> None:
        if not self.alive:
            return
        if not self.publisher.standing or self.publisher.blocked:
            self.broker.clock.after(100 * MILLISECOND, self._republish, epoch, tag, copy)
            return
        key = (copy.message.producer, copy.message.sequence)
        count = self.counts.get(key, -1) + 1
        self.counts[key] = count
        again = Copy(copy.message, pack_attempt(self.tape.process, count), copy.tries + 1,
                     copy.message.priority)  # fmt: skip

        def settled(confirmed: bool) -> None:
            if not confirmed:
                self.broker.clock.after(100 * MILLISECOND, self._republish, epoch, tag, copy)
            elif epoch == self.link.epoch and self.alive:
                self._record(Kind.SUPERSEDED, tag, again)
                self._settle(Kind.ACKED, epoch, tag)
            else:
                self._idle()

        self.publisher.publish(again, self.queue.name, settled)

    def _settle(self, kind: Kind, epoch: int, tag: int) -> None:
        self.tape.add(kind, self.broker.clock.now, channel=self.link.channel, tag=tag)
        if epoch == self.link.epoch and not self.node_silent():
            copy = self.unacked.pop(tag)
            if kind is Kind.REJECTED:
                self.broker.reject(copy, self.queue)
            self.broker.deliver(self.queue)
        self._idle()

    def _idle(self) -> None:
        self.busy = False
        self._work()

    def _lost(self) -> None:
        copies, self.unacked = list(self.unacked.values()), {}
        self.inbox.clear()
        if self in self.queue.consumers:
            self.queue.consumers.remove(self)
        self.broker.requeue(copies, self.queue)

    def kill(self) -> None:
        """Kill -9: nothing more is written, and the broker takes back what it held."""
        self.alive = False
        self.link.standing = self.publisher.standing = False
        self.link.epoch += 1
        self.publisher.epoch += 1
        self.publisher.pending = {}
        self._lost()


def outcome(copy: Copy) -> Result:
    """Return how handling a copy ends, by its message's fate and the tries so far."""
    fate = copy.message.fate
    if fate == "permanent":
        return Result.PERMANENT
    if fate == "exhausted" or (fate == "transient" and copy.tries == 0):
        return Result.TRANSIENT
    return Result.DONE


def seen(tape: Tape, copy: Copy, *, whole: bool = False) -> dict[str, int]:
    """Return what a delivery shows beside the identity; `whole` keeps the whole x-death."""
    flags = (Flag.SEEN_REDELIVERED if copy.redelivered else 0) | (
        Flag.SEEN_BODY_DIFFERS if copy.body_differs else 0
    )
    fields = {"priority": copy.priority, "flags": int(flags)}
    if copy.message.producer == 999:  # The stray that no process of the run sent.
        fields["flags"] |= int(Flag.SEEN_FOREIGN)
    if copy.deaths:
        first = copy.deaths[-1]
        reasons = {"rejected": Death.REJECTED, "expired": Death.EXPIRED}
        total = sum(death["count"] for death in copy.deaths)
        fields["extra"] = int(reasons[first["reason"]])
        fields["detail"] = (tape.name("queue", first["queue"]) + 1) << 16 | total
        if whole:
            fields["detail"] = tape.name("deaths", copy.deaths) + 1
    return fields


__all__ = ["NO_PRIORITY", "Link", "Pool", "Publisher", "Worker", "disposition", "route", "seen"]
