"""What a producer sends: seeded priorities, fates and bodies, one message after another.

A producer's messages depend on the seed and their number alone, not on time or on the broker.
"""

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from time import monotonic_ns

import numpy as np

from gameday.contracts.model import Consumer, MessageType, Producer
from gameday.errors import HarnessError
from gameday.history.ledger import LedgerWriter
from gameday.history.records import Disposition, Kind
from gameday.traffic import bodies
from gameday.traffic.breaking import Breaker
from gameday.traffic.identity import HANGS, PERMANENT
from gameday.traffic.validation import Validate

BLOCK = 1024
ALWAYS = 1_000_000
"""How many tries a message fails that must never succeed: more than any limit."""


@dataclass(slots=True)
class Outgoing:
    """One message on its way: who it is, what it carries, and how often it was published.

    `count` is the number of publishes of it by this process; `bare` leaves our headers out;
    `type` stands in place of the route's message type; `poison` is the way in which it was broken
    on purpose. `done` hears once how it ended: True when confirmed and not returned; `arrived`
    keeps that. One that `is_over` was given up by who handed it in, and is not tried again.
    """

    producer: int
    sequence: int
    due_ns: int
    priority: int | None
    expect: int
    fail: int
    body: bytes
    checksum: int
    message_id: str
    route: "Route"
    bare: bool = False
    extra: bytes = b""
    count: int = 0
    tries: int = 0
    held: int = 0
    correlation: str | None = None
    type: str = ""
    poison: str = ""
    done: Callable[[bool], None] | None = None
    arrived: bool = False
    is_over: bool = False


@dataclass(frozen=True)
class Route:
    """Where a publish goes, and with what promise; `index` is its place in the ledger's names."""

    index: int
    exchange: str
    routing_key: str
    message_type: str
    mandatory: bool = True
    persistent: bool = True
    queues: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fate:
    """How one message's handling shall end, and what the contract makes of it."""

    name: str
    expect: Disposition
    fail: int
    invalid: bool = False


class Source:
    """The seeded stream of one type of a producer's messages.

    `sequences` numbers them over the process. A type that carries a correlation id begins a chain
    with each message of its own, which `ledger` notes, unless it is made within another's chain.
    """

    def __init__(
        self,
        producer: Producer,
        message: MessageType,
        consumer: Consumer | None,
        route: Route,
        *,
        process: int,
        seed: int,
        sequences: "Sequences",
        ledger: LedgerWriter | None = None,
        breaker: Breaker | None = None,
        validate: Validate | None = None,
    ) -> None:
        self._route = route
        self._correlates = message.correlation is not None
        self._ledger = ledger
        self._breaker = breaker
        self._validate = validate
        self._process = process
        self._sequences = sequences
        self._bodies = bodies.prepare(message, seed)
        name = producer.name if message.name == producer.message else (
            f"{producer.name}:{message.name}"
        )  # fmt: skip
        self._chance = np.random.default_rng((seed, zlib.crc32(name.encode())))
        self._priorities: list[int | None] = list(producer.priorities) or [None]
        weights = np.array(list(producer.priorities.values()) or [1.0])
        self._weights = weights / weights.sum()
        self._fates, self._shares = _fates(producer, consumer)
        self._drawn: list[tuple[int | None, Fate]] = []

    def next(self, due_ns: int) -> Outgoing:
        """Return the producer's next message."""
        if not self._drawn:
            self._draw()
        priority, fate = self._drawn.pop()
        return self.make(due_ns, priority, fate)

    def poison(self, due_ns: int, number: int) -> Outgoing:
        """Return a message that must end in the DLQ, of each kind in turn."""
        bad = [fate for fate in self._fates if fate.expect is Disposition.REJECT]
        priority = self._priorities[number % len(self._priorities)]
        return self.make(due_ns, priority, bad[number % len(bad)] if bad else GOOD, sure=True)

    @property
    def is_poisonous(self) -> bool:
        """Whether it has messages that must end in the DLQ."""
        return any(fate.expect is Disposition.REJECT for fate in self._fates)

    @property
    def ways(self) -> int:
        """In how many ways its messages are broken on purpose."""
        breaks = any(fate.invalid for fate in self._fates)
        return len(self._breaker.ways) if breaks and self._breaker is not None else 0

    def broken(self, due_ns: int) -> Outgoing:
        """Return a message that is broken in the way whose turn it is."""
        return self.make(due_ns, self._priorities[0], BROKEN)

    def make(
        self,
        due_ns: int,
        priority: int | None,
        fate: Fate,
        correlation: str | None = None,
        *,
        sure: bool = False,
    ) -> Outgoing:
        """Build a message of a given fate, within a chain or as the first of its own.

        `sure` that what is broken is refused for it.
        """
        sequence = self._sequences.next()
        identifier = self._identifier(sequence)
        if self._correlates and correlation is None:
            correlation = self._begin_chain(sequence)
        body = self._bodies.body(sequence, identifier, correlation)
        self._vouch_for(body)
        made = Outgoing(
            self._process, sequence, due_ns, priority, fate.expect, fate.fail, body,
            zlib.crc32(body), identifier, self._route,
            correlation=correlation if self._correlates else None,
        )  # fmt: skip
        if fate.invalid:
            self._break(made, sure=sure)
        return made

    def _vouch_for(self, body: bytes) -> None:
        """Refuse to send what does not fit its own schema: here it would be our samples' fault."""
        if self._validate is not None and not self._validate(self._route.message_type, body):
            raise HarnessError(
                f"a sample of {self._route.message_type} does not fit its schema and was not sent: "
                f"{body[:80]!r}"
            )

    def _break(self, message: Outgoing, *, sure: bool) -> None:
        """Break a message in the way whose turn it is; `sure` that its consumer refuses it."""
        assert self._breaker is not None, "a producer that breaks messages needs to know how"
        way = self._breaker.next(refused=sure)
        broken = self._breaker.make(way, message.body, message.sequence)
        message.poison, message.bare = way.name, broken.bare
        message.body, message.checksum = broken.body, zlib.crc32(broken.body)
        message.type, message.extra = broken.type, broken.extra
        message.expect = Disposition.REJECT if way.refused else Disposition.ACK

    def _identifier(self, sequence: int, variant: str = "8") -> str:
        """Name a message, or with another variant digit the chain that it begins, by a UUID."""
        return f"{self._process:08x}-{sequence >> 16:04x}-4000-{variant}000-{sequence:012x}"

    def _begin_chain(self, sequence: int) -> str:
        correlation = self._identifier(sequence, "9")
        if self._ledger is not None:
            self._ledger.append(
                Kind.CAUSED, monotonic_ns(), sequence=sequence, producer=self._process,
                detail=zlib.crc32(correlation.encode()),
            )  # fmt: skip
        return correlation

    def _draw(self) -> None:
        ranks = self._chance.choice(len(self._priorities), BLOCK, p=self._weights)
        fates = self._chance.choice(len(self._fates), BLOCK, p=self._shares)
        drawn = zip(ranks.tolist(), fates.tolist(), strict=True)
        self._drawn = [(self._priorities[rank], self._fates[fate]) for rank, fate in drawn]


class Blend:
    """The messages of a producer that sends several types over one pool, each by its weight."""

    def __init__(self, sources: Sequence[Source], weights: Sequence[float], seed: int) -> None:
        self._sources = tuple(sources)
        self._shares = np.array(weights) / sum(weights)
        self._chance = np.random.default_rng((seed, len(sources)))
        self._poisonous = [each for each in sources if each.is_poisonous] or [sources[0]]
        self._breaking = cycle([each for each in sources for _ in range(each.ways)])
        self._drawn: list[int] = []

    def next(self, due_ns: int) -> Outgoing:
        """Return the producer's next message."""
        if not self._drawn:
            chosen = self._chance.choice(len(self._sources), BLOCK, p=self._shares)
            self._drawn = chosen.tolist()
        return self._sources[self._drawn.pop()].next(due_ns)

    def poison(self, due_ns: int, number: int) -> Outgoing:
        """Return a message that must end in the DLQ, of each type and kind in turn."""
        turns = len(self._poisonous)
        return self._poisonous[number % turns].poison(due_ns, number // turns)

    @property
    def ways(self) -> int:
        """In how many ways its messages are broken on purpose, over all its types."""
        return sum(each.ways for each in self._sources)

    def broken(self, due_ns: int) -> Outgoing:
        """Return a message that is broken in the way whose turn it is, of each type in turn."""
        return next(self._breaking).broken(due_ns)


class Sequences:
    """Numbers the messages of a process, whatever producer they come from."""

    def __init__(self) -> None:
        self._last = -1

    def next(self) -> int:
        """Return the next number, from 0."""
        self._last += 1
        return self._last


GOOD = Fate("good", Disposition.ACK, 0)
BROKEN = Fate("invalid", Disposition.REJECT, 0, invalid=True)
UNHANDLED = {"expired": Disposition.EXPIRE, "maxlen": Disposition.OVERFLOW}
"""What becomes of messages that no consumer is to handle, by what their producer expects."""


def _fates(producer: Producer, consumer: Consumer | None) -> tuple[list[Fate], np.ndarray]:
    """Return the fates of a producer's mix with their shares, which sum up to 1."""
    if producer.expects != "handled":
        return [Fate(producer.expects, UNHANDLED[producer.expects], 0)], np.array([1.0])
    limit = consumer.attempts if consumer and consumer.retry != "none" else 1
    mix = producer.mix
    fails = range(1, limit) if consumer and consumer.retry == "ladder" else [max(0, limit - 1)]
    bad = {
        **{Fate("transient", Disposition.ACK, n): mix.transient / len(fails) for n in fails},
        Fate("exhausted", Disposition.REJECT, ALWAYS): mix.exhausted,
        Fate("permanent", Disposition.REJECT, PERMANENT): mix.permanent,
        BROKEN: mix.invalid,
        Fate("timed_out", Disposition.ACK, HANGS): mix.timed_out,
    }
    chosen = {fate: share for fate, share in bad.items() if share > 0}
    chosen = {GOOD: 1.0 - sum(chosen.values()), **chosen}
    return list(chosen), np.array(list(chosen.values()))


def digest(body: bytes) -> str:
    """Return the SHA-256 that identifies a body without headers."""
    return hashlib.sha256(body).hexdigest()
