"""Attempts: every publish of a scope, with how it ended and when.

The ending is found by `outcomes.py`'s table alone. Of several that a ledger holds for one attempt
the surest counts: a return, then a confirm, a nack, a failure before any byte, a reason that the
client wrote down, and last the loss of its channel or connection.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.gather import Gathered, Rows
from gameday.history.join import Finder, Tags, answered, attempt_keys, message_keys
from gameday.history.links import NEVER, Links
from gameday.history.outcomes import ENDINGS, NUMBER, by_code, by_reason
from gameday.history.records import COUNT_BITS, Flag, Kind

Array = npt.NDArray[Any]

OUTCOME_OF = np.array([ending.outcome for ending in ENDINGS], np.uint8)


@dataclass(frozen=True)
class Attempts:
    """One row a publish. `outcome_ns` is when its ending was known, -1 if it never was."""

    key: Array
    message: Array
    process: Array
    time_ns: Array
    due_ns: Array
    route: Array
    priority: Array
    disposition: Array
    flags: Array
    channel: Array
    tag: Array
    ending: Array
    outcome: Array
    outcome_ns: Array

    @cached_property
    def finder(self) -> Finder:
        """Finds attempts by their key."""
        return Finder(self.key)

    @cached_property
    def count(self) -> Array:
        """Which of its process's publishes of the message each is, from 0."""
        return (self.key & ((1 << COUNT_BITS) - 1)).astype(np.uint8)

    @cached_property
    def producer(self) -> Array:
        """The process that first published the message."""
        return (self.message >> 32).astype(np.uint16)

    def __len__(self) -> int:
        return len(self.key)


def build_attempts(gathered: Gathered, links: Links, *, unsafe_is_ok: bool) -> Attempts:
    """Join the publishes of a scope with their endings."""
    rows = gathered.of(Kind.INVOKE)
    key = attempt_keys(rows["producer"], rows["sequence"], rows["attempt"])
    finder = Finder(key)
    ending = np.full(len(key), NUMBER["open"], np.uint8)
    time = np.full(len(key), -1, np.int64)
    has_channel = rows["tag"] > 0
    _closings(rows, links, ending, time)
    if unsafe_is_ok:
        unsafe = (rows["flags"] & Flag.PUBLISH_UNSAFE) > 0
        ending[unsafe], time[unsafe] = NUMBER["unsafe write"], rows["time"][unsafe]
    gave_up = _reasons(gathered, Kind.UNKNOWN, "unknown", finder, ending, time)
    _reasons(gathered, Kind.FAILED, "failed", finder, ending, time)
    tags = Tags(np.where(has_channel, rows["channel"], 0), np.where(has_channel, rows["tag"], 0))
    _answers(gathered, tags, ending, time, gave_up)
    _returns(gathered, finder, ending, time)
    return Attempts(
        key, message_keys(rows["producer"], rows["sequence"]), rows["process"], rows["time"],
        rows["time"] - rows["detail"].astype(np.int64) * 1000, rows["queue"], rows["priority"],
        rows["extra"], rows["flags"], rows["channel"], rows["tag"], ending, OUTCOME_OF[ending],
        time,
    )  # fmt: skip


def _closings(rows: Rows, links: Links, ending: Array, time: Array) -> None:
    """Let a channel or connection that closes end all its publishes without an answer."""
    if not len(links.channel_closed_ns):
        return
    closed = links.channel_closed_ns[rows["channel"]]
    lost = (rows["tag"] > 0) & (closed != NEVER) & (closed >= rows["time"])
    numbers = [
        by_code("connection" if by_connection else "channel", int(code))
        for by_connection, code in zip(
            links.channel_ended_by_connection, links.channel_closed_code, strict=True
        )
    ]
    ending[lost] = np.array(numbers, np.uint8)[rows["channel"][lost]]
    time[lost] = closed[lost]


def _reasons(
    gathered: Gathered, kind: Kind, otherwise: str, finder: Finder, ending: Array, time: Array
) -> Array:
    """Take the endings that clients wrote down with a reason; return the attempts they name."""
    rows = gathered.of(kind)
    at = finder.find(attempt_keys(rows["producer"], rows["sequence"], rows["attempt"]))
    known = at >= 0
    names = [by_reason(str(reason), otherwise) for reason in gathered.names.list("reason")]
    numbers = np.array([*names, NUMBER[otherwise]], np.uint8)
    ending[at[known]] = numbers[rows["detail"][known]]
    time[at[known]] = rows["time"][known]
    return at[known]


def _answers(gathered: Gathered, tags: Tags, ending: Array, time: Array, gave_up: Array) -> None:
    """Take the broker's acks and nacks; a confirm that came after the client gave up counts."""
    acks, nacks = gathered.of(Kind.CONFIRMED), gathered.of(Kind.NACKED)
    both = {name: np.concatenate([acks[name], nacks[name]]) for name in ("channel", "tag", "time")}
    flags = np.concatenate([acks["flags"], nacks["flags"]])
    both["multiple"] = (flags.astype(np.uint8) & Flag.MULTIPLE) > 0
    found = answered(tags, both)
    nacked = found.by >= len(acks["time"])
    confirmed = (found.by >= 0) & ~nacked
    late = np.zeros(len(ending), bool)
    late[gave_up] = True
    ending[nacked] = NUMBER["nacked"]
    ending[confirmed] = NUMBER["confirmed"]
    ending[confirmed & late] = NUMBER["confirmed late"]
    time[found.by >= 0] = found.time[found.by >= 0]


def _returns(gathered: Gathered, finder: Finder, ending: Array, time: Array) -> None:
    """Take the broker's returns: whatever else an attempt has, it was not routed."""
    rows = gathered.of(Kind.RETURNED)
    at = finder.find(attempt_keys(rows["producer"], rows["sequence"], rows["attempt"]))
    known = at >= 0
    codes = [by_code("returned", int(code)) for code in rows["detail"][known]]
    ending[at[known]] = np.array(codes, np.uint8)
    time[at[known]] = rows["time"][known]
