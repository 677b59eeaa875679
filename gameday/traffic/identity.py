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


def identify(headers: Mapping[str, Any] | None) -> Identity | None:
    """Read our headers back; None when they are missing or destroyed."""
    if not headers:
        return None
    try:
        message = headers[ID]
        return Identity(
            message >> 32,
            message & 0xFFFFFFFF,
            headers[ATTEMPT],
            headers[DUE],
            headers[PRIORITY],
            headers[EXPECT],
            headers[SUM],
            headers[FAIL],
        )
    except (KeyError, TypeError):
        return None
