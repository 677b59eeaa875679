"""Connections and channels over time: when each opened, closed, and was blocked.

One entry for each opening. What a client never recorded (its process was killed) stays open: the
journal's process events say more, and `windows.py` has them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.gather import Gathered, Rows
from gameday.history.records import Kind

Array = npt.NDArray[Any]

NEVER = np.iinfo(np.int64).max
"""A time that does not come."""


@dataclass(frozen=True)
class Links:
    """Channels and connections, one row an opening; what they are is in `values`.

    `blocked` holds (connection, from, to) rows, sorted by connection and time.
    """

    channel_values: list[dict[str, Any]]
    channel_connection: Array
    channel_closed_ns: Array
    channel_closed_code: Array
    channel_ended_by_connection: Array
    connection_values: list[dict[str, Any]]
    connection_opened_ns: Array
    connection_closed_ns: Array
    connection_code: Array
    blocked: Array


def build_links(gathered: Gathered) -> Links:
    """Follow every connection and channel of a scope."""
    connections, channels = len(gathered.connections), len(gathered.channels)
    opened = _first(gathered.of(Kind.CONNECTION_OPENED), connections, "time")
    closed = _first(gathered.of(Kind.CONNECTION_CLOSED), connections, "time")
    code = _first(gathered.of(Kind.CONNECTION_CLOSED), connections, "detail", missing=-1)
    channel_opened = _first(gathered.of(Kind.CHANNEL_OPENED), channels, "time")
    connection = _connection_of(gathered, channel_opened, opened)
    by_connection = np.where(connection >= 0, closed[connection], NEVER)
    own = _first(gathered.of(Kind.CHANNEL_CLOSED), channels, "time")
    own_code = _first(gathered.of(Kind.CHANNEL_CLOSED), channels, "detail", missing=-1)
    of_connection = np.where(connection >= 0, code[connection], -1)
    return Links(
        gathered.channels, connection, np.minimum(own, by_connection),
        np.where(own <= by_connection, own_code, of_connection), by_connection < own,
        gathered.connections, opened, closed, code, _blocked(gathered, closed),
    )  # fmt: skip


def _first(rows: Rows, count: int, column: str, missing: int = NEVER) -> Array:
    """Return the first value of a column for each channel or connection."""
    values = np.full(count + 1, missing, np.int64)
    values[rows["channel"][::-1]] = rows[column][::-1]
    return values[:count] if count else values


def _connection_of(gathered: Gathered, channel_opened: Array, opened: Array) -> Array:
    """Return the connection that carries each channel: the last opened of that name by then."""
    openings: dict[tuple[int, int], list[int]] = {}
    first: dict[int, int] = {}
    for number, value in enumerate(gathered.connections):
        first.setdefault(value["process"], number)
    numbered = _local_indices(gathered.connections)
    for number, index in enumerate(numbered):
        process = gathered.connections[number]["process"]
        openings.setdefault((process, index), []).append(number)
    found = np.full(len(gathered.channels), -1, np.int64)
    for number, value in enumerate(gathered.channels):
        candidates = openings.get((value["process"], value.get("connection", -1)), [])
        before = [
            each
            for each in candidates
            if opened[each] != NEVER and opened[each] <= channel_opened[number]
        ]
        if before and channel_opened[number] != NEVER:
            found[number] = max(before, key=lambda each: opened[each])
    return found


def _local_indices(values: list[dict[str, Any]]) -> list[int]:
    """Return the ledger's own index of each connection, as `gather` put it beside the value."""
    return [value["index"] for value in values]


def _blocked(gathered: Gathered, closed: Array) -> Array:
    """Return (connection, from, to): blocked until unblocked, closed, or the end of time."""
    begins, ends = gathered.of(Kind.BLOCKED), gathered.of(Kind.UNBLOCKED)
    order = np.lexsort((begins["time"], begins["channel"]))
    connection, start = begins["channel"][order], begins["time"][order]
    by_end = np.lexsort((ends["time"], ends["channel"]))
    rows = []
    for each, since in zip(connection.tolist(), start.tolist(), strict=True):
        mine = ends["time"][by_end][ends["channel"][by_end] == each]
        after = mine[mine >= since]
        until = min(int(after[0]) if len(after) else NEVER, int(closed[each]))
        rows.append((each, since, until))
    return np.array(rows, np.int64).reshape(-1, 3)
