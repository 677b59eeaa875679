"""Messages: priorities by weight, fates by share, one seed one stream."""

from collections import Counter

import pytest

from gameday.contracts.load import load_contract
from gameday.contracts.model import Consumer, Contract, MessageType, Producer
from gameday.contracts.poison import breakages
from gameday.contracts.uses import sendings_of
from gameday.history.records import Disposition
from gameday.traffic.breaking import Breaker
from gameday.traffic.identity import PERMANENT
from gameday.traffic.messages import ALWAYS, Outgoing, Route, Sequences, Source
from gameday.traffic.validation import validator

CONTRACT: Contract = load_contract("sparki")
MANY = 20_000
MESSAGE = CONTRACT.messages[0]


def producer(name: str) -> Producer:
    """Return a producer of sparki's contract."""
    return next(each for each in CONTRACT.producers if each.name == name)


def source(name: str = "api-engine", seed: int = 1, sequences: Sequences | None = None) -> Source:
    """Return a producer's stream."""
    service = producer(name)
    message: MessageType = next(each for each in CONTRACT.messages if each.name == service.message)
    queue = service.routing_key
    consumer: Consumer = next(each for each in CONTRACT.consumers if each.queue == queue)
    sending = sendings_of(service)[0]
    return Source(
        service, message, consumer, Route(0, "", queue, message.name), process=3, seed=seed,
        sequences=sequences or Sequences(), breaker=Breaker(CONTRACT, sending, message, seed),
        validate=validator(CONTRACT),
    )  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> list[Outgoing]:
    """Give many messages of the busiest producer."""
    stream = source()
    return [stream.next(due_ns) for due_ns in range(MANY)]


def test_priorities_by_weight(drawn: list[Outgoing]) -> None:
    """Each priority comes as often as its weight says, within a tenth and a little."""
    weights = producer("api-engine").priorities
    counts = Counter(message.priority for message in drawn)

    assert set(counts) == set(weights)
    for priority, weight in weights.items():
        expected = MANY * weight / sum(weights.values())
        assert abs(counts[priority] - expected) < expected * 0.1 + 30


def test_fates_by_share(drawn: list[Outgoing]) -> None:
    """Messages that must fail come as often as the contract's mix says, the rest succeed."""
    mix = producer("api-engine").mix
    dead = sum(message.expect == Disposition.REJECT for message in drawn)
    transient = sum(0 < message.fail < ALWAYS for message in drawn)
    exhausted = sum(message.fail == ALWAYS for message in drawn)

    for found, share in ((dead, mix.dead), (transient, mix.transient), (exhausted, mix.exhausted)):
        assert abs(found - MANY * share) < MANY * share * 0.2 + 30


def test_a_transient_message_succeeds_within_the_limit(drawn: list[Outgoing]) -> None:
    """What fails for a while fails at least once and fewer times than the consumer tries."""
    limit = next(each for each in CONTRACT.consumers if each.queue == "builds").attempts
    tries = {message.fail for message in drawn if 0 < message.fail < ALWAYS}

    assert tries
    assert all(0 < each < limit for each in tries)


def test_what_is_broken_is_broken_each_way_in_its_turn() -> None:
    """A poison order breaks messages each way that a consumer refuses, and says which it was."""
    service = producer("api-engine")
    ways = {
        each.name for each in breakages(CONTRACT, sendings_of(service)[0], MESSAGE) if each.refused
    }
    stream = source()

    poison = [stream.poison(0, number) for number in range(300)]
    broken = [message for message in poison if message.poison]

    assert {message.poison for message in broken} == ways
    assert {message.poison for message in broken if message.bare} == {"headerless"}
    assert {message.fail for message in broken} == {0}, "refused for what it is"
    assert len(broken) < len(poison)


def test_poison_must_be_rejected() -> None:
    """Every message of a poison order must end in the DLQ, and each kind has its turn."""
    stream = source()
    poison = [stream.poison(0, number) for number in range(30)]

    assert {message.expect for message in poison} == {Disposition.REJECT}
    assert {message.fail for message in poison} == {ALWAYS, PERMANENT, 0}


def test_one_seed_one_stream() -> None:
    """The same seed gives the same messages at other times; another seed gives others."""
    one, same, other = source(seed=1), source(seed=1), source(seed=2)

    def stream(each: Source, zero: int) -> list[tuple[int | None, int, bytes]]:
        found = [each.next(zero + number) for number in range(2000)]
        return [(message.priority, message.fail, message.body) for message in found]

    first = stream(one, 0)
    assert first == stream(same, 10**9)
    assert first != stream(other, 0)


def test_sequences_are_the_processes_own() -> None:
    """Two producers of one process never give two messages one number or one message id."""
    sequences = Sequences()
    streams = [source("api-engine", 1, sequences), source("deploy-loco", 1, sequences)]

    messages = [stream.next(0) for _ in range(500) for stream in streams]

    assert sorted(message.sequence for message in messages) == list(range(1000))
    assert len({message.message_id for message in messages}) == 1000


def test_no_priority_stays_none() -> None:
    """A producer without priorities sends messages without one, not with zero."""
    assert source("deploy-loco").next(0).priority is None
