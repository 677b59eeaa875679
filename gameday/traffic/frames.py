"""A publish as bytes: what stays the same for a route is prepared once.

pika marshals a method, a header and a body frame for every publish and hands each to the socket on
its own. Here the three are one `bytes` whose constant parts are prepared, so that the generator
never is what limits a result. The layout is AMQP 0-9-1's, sections 4.2.3 to 4.2.6.
"""

from struct import Struct

from gameday.traffic.identity import TABLE_BYTES

FRAME_END = b"\xce"
BASIC = 60
PUBLISH = 40
ACK = 80
PERSISTENT = 2
_FRAME = Struct(">BHI")
_HEADER = Struct(">HHQH")
_LENGTH = Struct(">I")
_ACK = Struct(">BHIHHQBB")

CONTENT_TYPE = 1 << 15
HEADERS = 1 << 13
DELIVERY_MODE = 1 << 12
PRIORITY = 1 << 11
CORRELATION_ID = 1 << 10
MESSAGE_ID = 1 << 7
TIMESTAMP = 1 << 6
TYPE = 1 << 5


def short_string(text: str) -> bytes:
    """Encode a short string: at most 255 bytes behind their count."""
    data = text.encode()
    assert len(data) < 256, f"too long for a short string: {text[:40]}"
    return bytes([len(data)]) + data


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Wrap a payload: type, channel, size, payload, end."""
    return _FRAME.pack(kind, channel, len(payload)) + payload + FRAME_END


class Template:
    """All that publishes of one route on one channel share.

    `persistent` sets delivery mode 2, else 1; `extra` is an encoded run of further header entries
    (the contract's own), the same for every message of the route.
    """

    def __init__(
        self,
        channel: int,
        exchange: str,
        routing_key: str,
        *,
        message_type: str,
        mandatory: bool = True,
        persistent: bool = True,
        body_max: int = 131_064,
    ) -> None:
        method = Struct(">HHH").pack(BASIC, PUBLISH, 0)
        method += short_string(exchange) + short_string(routing_key) + bytes([mandatory])
        self._method = frame(1, channel, method)
        self._channel = channel
        self._content_type = short_string("application/json")
        self._mode = bytes([PERSISTENT if persistent else 1])
        self._type = short_string(message_type)
        constant = (self._content_type, self._mode, self._type)
        self._fixed_bytes = _HEADER.size + _LENGTH.size + 8 + sum(map(len, constant))
        self._body_max = body_max

    def publish(
        self,
        body: bytes,
        table: bytes,
        message_id: str,
        timestamp_s: int,
        priority: int | None,
        extra: bytes = b"",
    ) -> bytes:
        """Return the frames of one publish; `table` and `extra` are encoded header entries."""
        flags = CONTENT_TYPE | HEADERS | DELIVERY_MODE | MESSAGE_ID | TIMESTAMP | TYPE
        rank = b""
        if priority is not None:
            flags |= PRIORITY
            rank = bytes([priority])
        identifier = short_string(message_id)
        entries = len(table) + len(extra)
        size = self._fixed_bytes + entries + len(rank) + len(identifier)
        return b"".join(
            (
                self._method,
                _FRAME.pack(2, self._channel, size),
                _HEADER.pack(BASIC, 0, len(body), flags),
                self._content_type,
                _LENGTH.pack(entries),
                table,
                extra,
                self._mode,
                rank,
                identifier,
                timestamp_s.to_bytes(8, "big"),
                self._type,
                FRAME_END,
                *self._body_frames(body),
            )
        )

    def _body_frames(self, body: bytes) -> tuple[bytes, ...]:
        """Cut a body into frames; an empty one has none, and the broker refuses an empty frame."""
        if not body:
            return ()
        if len(body) <= self._body_max:
            return _FRAME.pack(3, self._channel, len(body)), body, FRAME_END
        parts = range(0, len(body), self._body_max)
        return tuple(frame(3, self._channel, body[at : at + self._body_max]) for at in parts)


def ack(channel: int, tag: int) -> bytes:
    """Return the frame that acknowledges one delivery."""
    return _ACK.pack(1, channel, 13, BASIC, ACK, tag, 0, 0xCE)


def integer_entry(name: str, value: int) -> bytes:
    """Encode one header entry with a 32-bit integer, such as a retry count."""
    return short_string(name) + b"I" + value.to_bytes(4, "big", signed=True)


def long_entry(name: str, value: int) -> bytes:
    """Encode one header entry with a 64-bit integer."""
    return short_string(name) + b"l" + value.to_bytes(8, "big", signed=True)


def text_entry(name: str, text: str) -> bytes:
    """Encode one header entry with a long string."""
    data = text.encode()
    return short_string(name) + b"S" + _LENGTH.pack(len(data)) + data


def time_entry(name: str, seconds: int) -> bytes:
    """Encode one header entry with a time in seconds since 1970, which need not be a real one."""
    return short_string(name) + b"T" + seconds.to_bytes(8, "big")


def table_entry(name: str, table: dict[str, object]) -> bytes:
    """Encode one header entry with a table of tables, texts and 32-bit integers."""
    entries = b"".join(
        table_entry(key, value) if isinstance(value, dict)
        else integer_entry(key, value) if isinstance(value, int)
        else text_entry(key, str(value))
        for key, value in table.items()
    )  # fmt: skip
    return short_string(name) + b"F" + _LENGTH.pack(len(entries)) + entries


assert TABLE_BYTES < 4096, "our own headers must stay far below the smallest frame size"
