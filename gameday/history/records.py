"""The record: 32 bytes that say one thing that one client did or saw.

A ledger is a row of these behind a header, one file a process, written *before* the bytes that it
records leave. NumPy maps it directly with `DTYPE`. This module names the kinds, flags and codes and
says which field means what for each kind; `ledger.py` writes and reads the files.

Identity: a *message* is (producer, sequence), where producer is the number of the process that
first published it. An *attempt* is one publish of a message, packed by `pack_attempt` from the
publishing process and its count of publishes of that message: a producer's second try and a
consumer's republish never share a name. A *copy* is an attempt in one queue.

| kind | channel | tag | sequence, producer, attempt | queue | priority | detail | extra |
|---|---|---|---|---|---|---|---|
| INVOKE | publishing | publish tag or 0 | the attempt's | route | sent | lag, us | disposition |
| RETURNED | publishing | 0 | the attempt's | route | 0 | reply code | 0 |
| CONFIRMED, NACKED | publishing | publish tag | 0 | 0 | 0 | 0 | 0 |
| UNKNOWN, FAILED | publishing | publish tag | the attempt's | route | 0 | reason (names) | 0 |
| DROPPED | 0 | 0 | sequence, producer | route | due's | lag, us | disposition |
| CALLED | 0 | 0 | sequence, producer | route | 0 | the call's duration, us | 1: dropped at once |
| SHED | 0 | 0 | sequence, producer | route | 0 | waited, us | 1: logged as an error |
| CONNECTION_* , *BLOCKED | **connection** | 0 | 0 | 0 | 0 | reply code | 0 |
| CONNECT_FAILED | 0 | which try of its row | 0 | 0 | 0 | link (names) | 1: the last |
| CHANNEL_* | channel | 0 | 0 | 0 | 0 | reply code | 0 |
| DECLARED | channel | took, us | 0 | 0 | 0 | reply code, 200 | 0 |
| POISONED | 0 | 0 | sequence, producer | 0 | 0 | kind (names) | 0 |
| DELIVERED | consuming | delivery tag | the attempt's | queue | seen | deaths | death, count |
| STARTED | consuming | delivery tag | the attempt's | queue | 0 | 0 | 0 |
| HANDLED | consuming | delivery tag | the attempt's | queue | 0 | 0 | Result |
| SUPERSEDED | consuming | delivery tag of the old | message; **new** attempt | queue | 0 | 0 | 0 |
| ACKED, REQUEUED, REJECTED | consuming | delivery tag | 0 | 0 | 0 | 0 | 0 |
| CANCELLED | consuming | 0 | 0 | queue | 0 | reply code | 0 |
| DRAINED | draining | delivery tag | the attempt's | queue | seen | deaths + 1 | death, count |
| DRAIN_EMPTY | draining | 0 | 0 | queue | 0 | 0 | 0 |
| CORRELATED | consuming | delivery tag | the attempt's | 0 | 0 | correlation's | 0 |
| CAUSED | consuming, 0 | parent's delivery tag, 0 | the child's | 0 | 0 | correlation's | 0 |
| EFFECT | 0 | 0 | the message's | 0 | 0 | key (names) | 0 |

Lag is the time since the message was due. `channel`, `queue` and `detail` (where it says *names*
or *table*) are indices into the side file's tables: see `ledger.py`. In DELIVERED,
deaths is the sum of the death counts in the low 16 bits and
the queue index of the first death + 1 in the high ones; extra is the first death's reason in the
low four bits and the delivery count, at most 15, in the high ones. CAUSED says of a message with
a correlation id which delivery made its process send it; tag 0 is none: it begins a chain. The
detail of the two is the CRC-32 of that id.

A message whose headers are destroyed is SEEN_BY_DIGEST: its `sequence` is then the index of the
body's SHA-256 in the reader's own `digest` table and `producer` is 0; the publisher's `digest`
table says which attempt it is.
"""

from enum import IntEnum, IntFlag
from struct import Struct

import numpy as np

LAYOUT = Struct("<QIIIHHHHBBBB")
DTYPE = np.dtype(
    [
        ("time", "<u8"),
        ("sequence", "<u4"),
        ("tag", "<u4"),
        ("detail", "<u4"),
        ("producer", "<u2"),
        ("channel", "<u2"),
        ("queue", "<u2"),
        ("attempt", "<u2"),
        ("priority", "u1"),
        ("flags", "u1"),
        ("extra", "u1"),
        ("kind", "u1"),
    ]
)
RECORD_BYTES = LAYOUT.size
assert RECORD_BYTES == DTYPE.itemsize == 32

NO_PRIORITY = 255
DETAIL_MAX = 2**32 - 1
PROCESS_MAX = 1023
COUNT_BITS = 6
COUNT_MAX = 2**COUNT_BITS - 1


class Kind(IntEnum):
    """What a record says. Zero is no record: the file's end, or one that a crash cut off."""

    INVOKE = 1
    RETURNED = 2
    CONFIRMED = 3
    NACKED = 4
    UNKNOWN = 5
    FAILED = 6
    DROPPED = 7  # It fell due, and the client never handed it to the library.
    CALLED = 8  # An event bus took a message, or dropped it at once, and its caller went on.
    SHED = 9  # An event bus gave a message up: its side effect is lost, unless it arrived unseen.
    CONNECTION_OPENED = 10
    BLOCKED = 11
    UNBLOCKED = 12
    CONNECTION_CLOSED = 13
    CHANNEL_OPENED = 14
    CHANNEL_CLOSED = 15
    CONNECT_FAILED = 16
    DECLARED = 17  # A connection declared what it uses; a reply code other than 200 refused it.
    POISONED = 19  # A message was broken on purpose, in this way.
    DELIVERED = 20
    HANDLED = 21
    SUPERSEDED = 22  # The consumer has published a new attempt, and acks this delivery next.
    ACKED = 23
    REQUEUED = 24  # basic.nack or basic.reject with requeue.
    REJECTED = 25  # basic.nack or basic.reject without requeue.
    CANCELLED = 26
    CORRELATED = 27  # The correlation id that a consumer saw in a body.
    CAUSED = 28  # What made a process send a message, and the correlation id that it carries.
    STARTED = 29  # Its handler begins; written where several work beside each other.
    DRAINED = 30
    DRAIN_EMPTY = 31
    EFFECT = 40


class Flag(IntFlag):
    """One byte of flags; which of them a kind uses is told by their first word."""

    PUBLISH_MANDATORY = 1
    PUBLISH_PERSISTENT = 2
    PUBLISH_HELD_BLOCKED = 4  # Due while its publishers were blocked; sent late, and marked so.
    PUBLISH_HELD_DISCONNECTED = 8  # Due while no connection of the pool stood.
    PUBLISH_UNSAFE = 16  # No confirms: this client records ok at the socket write (a control).
    SEEN_REDELIVERED = 1
    SEEN_NO_ACK = 2
    SEEN_BODY_DIFFERS = 4
    SEEN_PROPERTY_DIFFERS = 8
    SEEN_FOREIGN = 16  # Neither our headers nor a known digest.
    SEEN_BY_DIGEST = 32  # Headers destroyed; identified by the body's digest.
    MULTIPLE = 64


class Disposition(IntEnum):
    """What the contract says must become of a message."""

    ACK = 0
    REJECT = 1
    EXPIRE = 2
    OVERFLOW = 3
    DELIVERY_LIMIT = 4


class Death(IntEnum):
    """Why a message died, in the broker's words (`x-death` reason)."""

    NONE = 0
    REJECTED = 1
    EXPIRED = 2
    MAXLEN = 3
    DELIVERY_LIMIT = 4
    OTHER = 15


class Result(IntEnum):
    """How a consumer's handler ended."""

    DONE = 0
    TRANSIENT = 1
    PERMANENT = 2
    TIMED_OUT = 3  # It was stopped at its timeout.


DEATH_REASONS = {
    "rejected": Death.REJECTED,
    "expired": Death.EXPIRED,
    "maxlen": Death.MAXLEN,
    "delivery_limit": Death.DELIVERY_LIMIT,
}


def pack_attempt(process: int, count: int) -> int:
    """Name the count-th publish (from 0) of one message by one process, in 16 bits."""
    assert 0 < process <= PROCESS_MAX, f"process number {process} does not fit 1..{PROCESS_MAX}"
    assert 0 <= count <= COUNT_MAX, f"count {count} does not fit 0..{COUNT_MAX}"
    return process << COUNT_BITS | count


def unpack_attempt(attempt: int) -> tuple[int, int]:
    """Return (process, count) of a packed attempt."""
    return attempt >> COUNT_BITS, attempt & COUNT_MAX
