"""Prepared frames: pika's own decoder reads from them exactly what was asked to be sent."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from gameday.traffic.frames import Template, ack, integer_entry
from gameday.traffic.identity import Identity, identify

WHO = Identity(7, 42, 449, 1_000_000, 3, 1, 99, -1)
SHORT = st.text(st.characters(codec="utf-8"), max_size=60)


def decode(raw: bytes) -> list[Any]:
    """Return the frames in `raw`, by pika's decoder; nothing may be left over."""
    frames = []
    while raw:
        used, value = frame.decode_frame(raw)
        assert value is not None, "the decoder waits for more bytes"
        frames.append(value)
        raw = raw[used:]
    return frames


def body_of(frames: list[Any]) -> bytes:
    """Return the body that the frames behind method and header carry."""
    return b"".join(each.fragment for each in frames[2:])


@given(
    channel=st.integers(1, 65535),
    names=st.tuples(SHORT, SHORT, SHORT, SHORT),
    body=st.binary(max_size=3000),
    priority=st.none() | st.integers(0, 255),
    timestamp_s=st.integers(0, 2**40),
    mandatory=st.booleans(),
    persistent=st.booleans(),
)
def test_decodes_to_what_was_asked(
    channel: int,
    names: tuple[str, str, str, str],
    body: bytes,
    priority: int | None,
    timestamp_s: int,
    mandatory: bool,
    persistent: bool,
) -> None:
    """Method, properties, headers and body come out as they were put in."""
    exchange, key, kind, message_id = names
    template = Template(
        channel, exchange, key, message_type=kind, mandatory=mandatory, persistent=persistent
    )

    raw = template.publish(body, WHO.table(), message_id, timestamp_s, priority)
    frames = decode(raw)

    method, header = frames[0].method, frames[1].properties
    assert isinstance(method, spec.Basic.Publish)
    assert {each.channel_number for each in frames} == {channel}
    assert (method.exchange, method.routing_key) == (exchange, key)
    assert (method.mandatory, method.immediate) == (mandatory, False)
    assert (header.content_type, header.type) == ("application/json", kind)
    assert (header.message_id, header.timestamp) == (message_id, timestamp_s)
    assert (header.priority, header.delivery_mode) == (priority, 2 if persistent else 1)
    assert identify(header.headers) == WHO
    assert frames[1].body_size == len(body)
    assert body_of(frames) == body


@given(st.integers(0, 1000), st.integers(40, 64))
def test_a_large_body_is_cut(length: int, body_max: int) -> None:
    """A body larger than a frame arrives whole, in frames no larger than allowed."""
    body = bytes(each % 251 for each in range(length))
    template = Template(1, "", "q", message_type="t", body_max=body_max)

    frames = decode(template.publish(body, WHO.table(), "m", 0, None))

    assert body_of(frames) == body
    assert all(0 < len(each.fragment) <= body_max for each in frames[2:] if length)


def test_extra_headers_stand_beside_ours() -> None:
    """The contract's own header is read beside the identity, and replaces nothing of it."""
    template = Template(1, "", "q", message_type="t")

    raw = template.publish(b"{}", WHO.table(), "m", 0, 5, integer_entry("x-retry-count", 2))
    headers = decode(raw)[1].properties.headers

    assert headers["x-retry-count"] == 2
    assert identify(headers) == WHO


def test_poison_has_no_headers() -> None:
    """Without a table the message has an empty one, and everything behind it still reads."""
    raw = Template(1, "", "q", message_type="t").publish(b"torn", b"", "m", 9, None)

    header = decode(raw)[1].properties

    assert (header.headers, header.message_id, header.timestamp) == ({}, "m", 9)


@given(st.integers(1, 65535), st.integers(1, 2**63))
def test_an_ack_is_pikas_own(channel: int, tag: int) -> None:
    """A prepared acknowledgement is, to the byte, what pika would have sent."""
    assert ack(channel, tag) == frame.Method(channel, spec.Basic.Ack(tag)).marshal()


def test_an_empty_body_has_no_frame() -> None:
    """Method and header alone: a broker closes the connection (505) at an empty body frame."""
    raw = Template(3, "", "builds", message_type="job").publish(b"", b"", "m-1", 0, None)

    assert len(decode(raw)) == 2
