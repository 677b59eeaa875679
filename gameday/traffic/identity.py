"""The harness's own headers: how a message says who it is.

They travel beside the contract's properties and never replace one. All are 64-bit integers, so
that a prepared header can be filled in by one `struct` call. `x-gameday-fail` tells the consumer's
simulated handler how this message shall end: 0 at once well, n > 0 a transient error in the first
n tries, -1 a permanent error, -2 a handler that hangs until it is stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any

ID = "x-gameday-id"
ATTEMPT = "x-gameday-attempt"
DUE = "x-gameday-due"
PRIORITY = "x-gameday-priority"
EXPECT = "x-gameday-expect"
SUM = "x-gameday-sum"
FAIL = "x-gameday-fail"
NAMES = (ID, ATTEMPT, DUE, PRIORITY, EXPECT, SUM, FAIL)

PERMANENT = -1
"""`x-gameday-fail` of a message whose handling fails permanently."""
HANGS = -2
"""`x-gameday-fail` of a message whose handling never ends by itself."""

_BOUNDS = (
    (0, 2**48 - 1), (0, 2**16 - 1), (0, 2**63 - 1), (-1, 255), (0, 255), (0, 2**32 - 1),
    (HANGS, 2**31 - 1),
)  # fmt: skip
"""By header, what its values can be: whatever lies outside fits no record of a ledger."""


def _entry(name: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"l"


_PATTERN = ">" + "".join(f"{len(_entry(name))}sq" for name in NAMES)
_TABLE = Struct(_PATTERN)
_KEYS = tuple(_entry(name) for name in NAMES)
TABLE_BYTES = _TABLE.size


@dataclass(frozen=True, slots=True)
class Identity:
    """Message (producer, sequence), attempt as packed, due in monotonic ns, checksum (CRC-32)."""

    producer: int
    sequence: int
    attempt: int
    due_ns: int
    priority: int
    expect: int
    checksum: int
    fail: int

    def table(self) -> bytes:
        """Return the AMQP field table's entries, without its length."""
        id_, attempt, due, priority, expect, checksum, fail = _KEYS
        message = self.producer << 32 | self.sequence
        return _TABLE.pack(
            id_, message, attempt, self.attempt, due, self.due_ns, priority, self.priority,
            expect, self.expect, checksum, self.checksum, fail, self.fail,
        )  # fmt: skip

    def headers(self) -> dict[str, int]:
        """Return the same as a mapping, for libraries that encode it themselves."""
        message = self.producer << 32 | self.sequence
        values = (
            message, self.attempt, self.due_ns, self.priority, self.expect, self.checksum, self.fail
        )  # fmt: skip
        return dict(zip(NAMES, values, strict=True))


def is_whole(value: object) -> bool:
    """Tell whether a header's value is a whole number; pika's long ones have their own class."""
    return isinstance(value, int) and not isinstance(value, bool)


def identify(headers: Mapping[str, Any] | None) -> Identity | None:
    """Read our headers back; None when they are missing, destroyed, or none that we wrote."""
    if not headers:
        return None
    values: list[Any] = [headers.get(name) for name in NAMES]
    if not all(
        is_whole(value) and least <= value <= most
        for value, (least, most) in zip(values, _BOUNDS, strict=True)
    ):
        return None
    message, *rest = values
    return Identity(message >> 32, message & 0xFFFFFFFF, *rest)
