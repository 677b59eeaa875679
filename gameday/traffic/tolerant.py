"""Client libraries taught to read what anybody may write into headers, and to be cancelled.

Seen with pika 1.4.4 and pamqp (under aio-pika): a header with a time that no calendar has raises
out of the library's reader. The connection is lost, the broker delivers the message again, and so
on for ever: one such message locks up every consumer of its queue. RabbitMQ passes it on, since a
time is a 64-bit number to it. Here such a value stays the number that it is.
"""

from collections.abc import Callable
from struct import Struct
from typing import Any

_TIME = b"T"
_NUMBER = Struct(">Q")

Decode = Callable[[bytes, int], tuple[Any, int]]


def tolerate_pika() -> None:
    """Let pika read times that no calendar has; doing it twice does nothing."""
    import pika.data  # noqa: PLC0415  # Only what is used is taught.

    if getattr(pika.data.decode_value, "tolerant", False):
        return
    strict: Decode = pika.data.decode_value

    def decode_value(encoded: bytes, offset: int) -> tuple[Any, int]:
        try:
            return strict(encoded, offset)
        except (ValueError, OverflowError, OSError):
            if encoded[offset : offset + 1] != _TIME:
                raise
            return _NUMBER.unpack_from(encoded, offset + 1)[0], offset + 9

    decode_value.tolerant = True  # type: ignore[attr-defined]
    pika.data.decode_value = decode_value


def tolerate_cancelled() -> None:
    """Let a look-up of an address that was cancelled end in nothing.

    pika 1.4.4 on gevent: one that has its answer when its connection is given up reports it to a
    loop that it has no more, which ends the greenlet with an error, and with it a load process.
    """
    from pika.adapters import gevent_connection  # noqa: PLC0415  # Only what is used is taught.

    resolver = gevent_connection._GeventAddressResolver  # noqa: SLF001  # It has no public name.
    strict = resolver._resolve  # noqa: SLF001
    if getattr(strict, "tolerant", False):
        return

    def resolve(self: Any) -> None:
        try:
            strict(self)
        except AttributeError:
            if self._loop is not None:
                raise

    resolve.tolerant = True  # type: ignore[attr-defined]
    resolver._resolve = resolve  # noqa: SLF001


def tolerate_pamqp() -> None:
    """Let pamqp, and so aio-pika, do the same."""
    import pamqp.decode  # noqa: PLC0415  # Only what is used is taught.

    strict = pamqp.decode.timestamp
    if getattr(strict, "tolerant", False):
        return

    def timestamp(value: bytes) -> tuple[int, Any]:
        try:
            return strict(value)
        except (ValueError, OverflowError, OSError):
            return 8, _NUMBER.unpack_from(value, 0)[0]

    timestamp.tolerant = True  # type: ignore[attr-defined]
    pamqp.decode.timestamp = timestamp
    pamqp.decode.TABLE_MAPPING[_TIME] = timestamp
