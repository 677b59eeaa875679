"""Broken messages: each way is refused, or taken, as it says; nothing kills who must refuse it."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pamqp.decode
import pika.data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.contracts.load import load_contract
from gameday.contracts.model import Consumer
from gameday.contracts.poison import BREAKAGES, HEADERLESS, Breakage, breakages
from gameday.contracts.uses import sendings_of
from gameday.history.ledger import LedgerWriter, read_ledger
from gameday.history.records import Kind, Result
from gameday.traffic.bodies import prepare
from gameday.traffic.breaking import Breaker
from gameday.traffic.deliveries import Delivery, Reader
from gameday.traffic.frames import integer_entry, short_string, table_entry, time_entry
from gameday.traffic.handler import Handler
from gameday.traffic.identity import NAMES, Identity
from gameday.traffic.messages import digest
from gameday.traffic.tolerant import tolerate_pamqp, tolerate_pika
from gameday.traffic.validation import Form, validator

CONTRACT = load_contract("sparki")
BUILDS, _, NOTIFICATIONS = CONTRACT.consumers
MESSAGE = CONTRACT.messages[0]
SENDING = sendings_of(CONTRACT.producers[0])[0]
GOOD = prepare(MESSAGE, seed=1).body(0, "0000002a-0000-4000-8000-00000000002a")
WAYS = breakages(CONTRACT, SENDING, MESSAGE)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerWriter]:
    """Give a ledger to write what is seen into."""
    with LedgerWriter(tmp_path_factory.mktemp("run"), "test", 1, "reader") as writer:
        yield writer


def handler(contract: Consumer = BUILDS) -> Handler:
    """Return the handler of a consumer, with the validation of its queue."""
    return Handler(contract, validator(CONTRACT, contract.queue))


def who() -> Identity:
    """Return the headers of ours that say that all is well."""
    return Identity(1, 42, 64, 10**9, 5, 0, 0, 0)


def seen(
    ledger: LedgerWriter, body: bytes, headers: Any, message_type: Any = "build_job"
) -> Delivery:
    """Read a delivery as a consumer would, from a decoded header table."""
    method = SimpleNamespace(delivery_tag=1, redelivered=False)
    properties = SimpleNamespace(
        headers=headers, priority=5, type=message_type, message_id="m", delivery_mode=2,
        content_type="application/json",
    )  # fmt: skip
    return Reader(ledger, "builds").read(0, method, properties, body)


def decoded(entries: bytes) -> dict[str, Any]:
    """Decode header entries as a client does when they arrive."""
    table: dict[str, Any] = pika.data.decode_table(struct.pack(">I", len(entries)) + entries, 0)[0]
    return table


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_each_way_ends_as_it_says(way: Breakage, ledger: LedgerWriter) -> None:
    """A consumer that reads the message off the wire refuses it, or handles it, by its way."""
    tolerate_pika()
    broken = Breaker(CONTRACT, SENDING, MESSAGE, 1).make(way, GOOD, 7)
    entries = b"" if broken.bare else who().table() + broken.extra

    result = handler().handle(
        seen(ledger, broken.body, decoded(entries), broken.type or "build_job")
    )

    assert result == (Result.PERMANENT if way.refused else Result.DONE)


def test_sparki_can_be_broken_in_most_ways() -> None:
    """Every way that there is has a contract here that is broken so, or a reason why not."""
    assert {each.name for each in BREAKAGES} - {each.name for each in WAYS} == {"retries-unread"}


def test_a_count_that_nobody_reads_is_no_reason_to_refuse(ledger: LedgerWriter) -> None:
    """Where deliveries are counted by the broker, a text in the retry header changes nothing."""
    body = prepare(CONTRACT.messages[2], 1).body(0, "0000002a-0000-4000-8000-00000000002a")
    headers = {**who().headers(), NOTIFICATIONS.retry_header: "twice"}

    assert handler(NOTIFICATIONS).handle(seen(ledger, body, headers, "notification")) is Result.DONE


def test_a_queue_knows_the_types_that_are_sent_there() -> None:
    """A good message of another queue's type is refused, though the contract has the type."""
    other = CONTRACT.messages[1]
    body = prepare(other, 1).body(0, "0000002a-0000-4000-8000-00000000002a")

    assert validator(CONTRACT, "deployments")(other.name, body)
    assert not validator(CONTRACT, "builds")(other.name, body)


def test_no_two_bodies_without_headers_are_alike() -> None:
    """Each message that only its digest identifies has one of its own."""
    breaker = Breaker(CONTRACT, SENDING, MESSAGE, 1)

    digests = {digest(breaker.make(HEADERLESS, GOOD, number).body) for number in range(5000)}

    assert len(digests) == 5000


LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20)
    | st.binary(max_size=20) | st.floats(allow_nan=False) | st.decimals(allow_nan=False)
    | st.datetimes()
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
KNOWN = st.sampled_from(
    [*NAMES, "x-retry-count", "x-death", "x-first-death-reason", "x-first-death-queue",
     "x-delivery-count", "x-acquired-count"]
)  # fmt: skip
TABLES = st.none() | st.dictionaries(KNOWN | st.text(max_size=9), VALUES, max_size=8)
BODIES = (
    st.binary(max_size=200)
    | st.text(max_size=50).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.integers(0, len(GOOD)).map(lambda at: GOOD[:at])
    | st.sampled_from([GOOD, b"[" * 50_000, b"1" * 5000, b"NaN", b"1e999", b'{"a":' * 9000])
)


ANYTHING = given(body=BODIES, headers=TABLES, message_type=st.none() | st.text(max_size=20))


@settings(max_examples=120, deadline=None)
@ANYTHING
def test_nothing_kills_a_handler(
    ledger: LedgerWriter, body: bytes, headers: Any, message_type: str | None
) -> None:
    """Whatever body and headers arrive, each kind of consumer reads, records and answers."""
    survives(ledger, body, headers, message_type)


@pytest.mark.nightly
@settings(max_examples=3000, deadline=None)
@ANYTHING
def test_nothing_kills_a_handler_in_thousands(
    ledger: LedgerWriter, body: bytes, headers: Any, message_type: str | None
) -> None:
    """The same, looked for longer than a change may wait."""
    survives(ledger, body, headers, message_type)


def survives(ledger: LedgerWriter, body: bytes, headers: Any, message_type: str | None) -> None:
    """Let each kind of consumer handle it, with a sender that it can follow and without."""
    real = {**(headers or {}), **who().headers()}
    for table in (headers, real):
        delivery = seen(ledger, body, table, message_type)
        for contract in (BUILDS, NOTIFICATIONS):
            made = handler(contract)
            result = made.handle(delivery)

            assert result in Result
            assert made.is_last_try(delivery) in {True, False}
            assert made.is_used_up(delivery) in {True, False}
            if result is Result.TRANSIENT:
                assert delivery.who is not None, "only what can be followed is tried again"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_no_time_in_a_header_kills_a_client(seconds: int) -> None:
    """Both client libraries read any 64-bit time, as a moment or as the number that it is."""
    tolerate_pika()
    tolerate_pamqp()
    entry = time_entry("x-expires", seconds)

    _, table = pamqp.decode.field_table(struct.pack(">I", len(entry)) + entry)

    assert decoded(entry).keys() == table.keys() == {"x-expires"}


def test_what_the_tolerance_leaves_alone() -> None:
    """A real time is still a moment, and a table that is cut short is still an error."""
    tolerate_pika()

    assert decoded(time_entry("at", 0))["at"].year == 1970
    with pytest.raises((struct.error, ValueError, IndexError)):
        decoded(short_string("at") + b"T\0")


def test_a_nested_table_arrives_as_it_was_sent() -> None:
    """A table of tables is encoded as the client libraries read it."""
    entry = table_entry("outer", {"inner": {"count": 3, "name": "x"}}) + integer_entry("n", -1)

    assert decoded(entry) == {"outer": {"inner": {"count": 3, "name": "x"}}, "n": -1}


def test_numbers_that_are_no_json() -> None:
    """NaN and the infinities are refused: Python reads them, and no other language would."""
    form = Form(MESSAGE.model_copy(update={"body_schema": {"type": "number"}}))

    assert form.fits(b"1.5")
    assert not any(form.fits(text) for text in (b"NaN", b"Infinity", b"-Infinity"))


def test_a_complaint_names_the_field() -> None:
    """What is wrong with a value is told with the place where it is."""
    form = Form(MESSAGE)

    value = json.loads(GOOD)

    assert form.complaint(value) == ""
    assert form.complaint({**value, "priority": 11}).startswith("priority: ")


def test_the_way_is_recorded_before_the_message(tmp_path: Path) -> None:
    """A message that is broken on purpose says how in the ledger, once, before it is published."""
    from gameday.traffic.lanes import record  # noqa: PLC0415
    from gameday.traffic.messages import Outgoing, Route  # noqa: PLC0415

    route = Route(0, "", "builds", "build_job")
    message = Outgoing(1, 9, 0, None, 1, 0, b"", 0, "m", route, poison="empty", count=1)
    with LedgerWriter(tmp_path, "test", 1, "publisher") as writer:
        record(writer, Kind.INVOKE, message, 0, 10)
        message.count = 2
        record(writer, Kind.INVOKE, message, 0, 20)

    read = read_ledger(writer.path)

    assert [Kind(int(kind)) for kind in read.records["kind"]] == [
        Kind.POISONED, Kind.INVOKE, Kind.INVOKE
    ]  # fmt: skip
    assert read.tables["poison"] == {0: "empty"}
