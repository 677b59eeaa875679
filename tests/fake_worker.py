"""The workers of the fakes: a consumer with its prefetch, and a publisher for retries.

A worker handles one message after another, or several at once; what it cannot handle for the moment
it republishes with its count raised, and acks the old one once the new one is confirmed.
"""

from collections import deque
from dataclasses import dataclass, field

from gameday.history.records import Death, Flag, Kind, Result, pack_attempt
from tests.fake_broker import MILLISECOND, Broker, Copy, Queue
from tests.fake_clients import TRIES, Link, Publisher
from tests.fake_tape import Tape


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
    parallel: int = 1
    inbox: deque[tuple[int, int]] = field(default_factory=deque)
    unacked: dict[int, Copy] = field(default_factory=dict)
    busy: int = 0
    alive: bool = True
    hung: bool = False

    def __post_init__(self) -> None:
        """Connect twice, for consuming and for publishing, and register."""
        values = {"queue": self.queue.name, "prefetch": self.prefetch, "no_ack": False}
        name = f"{self.consumer}-{self.tape.process}.0"
        self.link = Link(self.tape, self.broker, name, self.node, consumer=name, **values)
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
        """Take one that the broker sends."""
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
        while self.busy < self.parallel and self.inbox and not self.hung and self.alive:
            self.busy += 1
            epoch, tag = self.inbox.popleft()
            if self.parallel > 1 and epoch == self.link.epoch:
                self._record(Kind.STARTED, tag, self.unacked[tag])
            self.broker.clock.after(self.service_ns, self._handle, epoch, tag)

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
        self.busy -= 1
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
