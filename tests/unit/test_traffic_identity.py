"""Identity: what is written into headers is read back, and what is destroyed is nobody."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import data

from gameday.history.records import pack_attempt, unpack_attempt
from gameday.traffic.identity import HANGS, NAMES, TABLE_BYTES, Identity, identify

IDENTITIES = st.builds(
    Identity,
    producer=st.integers(1, 1023),
    sequence=st.integers(0, 2**32 - 1),
    attempt=st.builds(pack_attempt, st.integers(1, 1023), st.integers(0, 63)),
    due_ns=st.integers(0, 2**62),
    priority=st.integers(-1, 255),
    expect=st.integers(0, 4),
    checksum=st.integers(0, 2**32 - 1),
    fail=st.integers(HANGS, 1_000_000),
)


@given(IDENTITIES)
def test_round_trip_of_bytes(identity: Identity) -> None:
    """What the prepared table says, pika's own decoder reads, and `identify` understands."""
    table = identity.table()

    decoded, end = data.decode_table(len(table).to_bytes(4, "big") + table, 0)

    assert len(table) == TABLE_BYTES == end - 4
    assert identify(decoded) == identity


@given(IDENTITIES)
def test_round_trip_of_mapping(identity: Identity) -> None:
    """The mapping for other libraries says the same as the bytes."""
    assert identify(identity.headers()) == identity


@given(IDENTITIES, st.sampled_from(NAMES))
def test_a_missing_header_is_nobody(identity: Identity, name: str) -> None:
    """One header less, and the message has no identity: a half identity would be a guess."""
    headers = identity.headers()
    del headers[name]

    assert identify(headers) is None


@pytest.mark.parametrize("headers", [None, {}, {"x-death": []}, dict.fromkeys(NAMES, "torn")])
def test_destroyed_headers_are_nobody(headers: dict[str, Any] | None) -> None:
    """No headers, foreign headers and headers of another type are all nobody's."""
    assert identify(headers) is None


@given(st.integers(1, 1023), st.integers(0, 63))
def test_attempts_unpack(process: int, count: int) -> None:
    """A packed attempt says again which process made it and which of its publishes it was."""
    assert unpack_attempt(pack_attempt(process, count)) == (process, count)
