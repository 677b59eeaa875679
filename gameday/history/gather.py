"""Ledgers to columns: the records of one scope, sorted out by kind, with names that all share.

    ledgers -> gather -> Rows by kind -> attempts, deliveries -> copies -> History

Each ledger interns names on its own; here queues, routes, reasons and so on get one number for all
processes of the scope. A channel's number counts its openings too: delivery and publish tags begin
again with every opening, even where a client interned the same channel twice.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.errors import HarnessError
from gameday.history.ledger import Ledger
from gameday.history.records import DTYPE, Kind

Array = npt.NDArray[Any]
Rows = dict[str, Array]

TAGGED = ("time", "channel", "tag", "flags")
NAMED = ("time", "channel", "tag", "sequence", "producer", "attempt")
FIELDS: dict[Kind, tuple[str, ...]] = {
    Kind.INVOKE: (*NAMED, "queue", "detail", "priority", "flags", "extra"),
    Kind.DROPPED: ("time", "sequence", "producer", "queue", "detail", "extra"),
    Kind.CALLED: ("time", "sequence", "producer", "queue", "detail", "extra"),
    Kind.SHED: ("time", "sequence", "producer", "queue", "detail", "extra"),
    Kind.CONFIRMED: TAGGED,
    Kind.NACKED: TAGGED,
    Kind.RETURNED: (*NAMED, "detail"),
    Kind.UNKNOWN: (*NAMED, "detail"),
    Kind.FAILED: (*NAMED, "detail"),
    Kind.DELIVERED: (*NAMED, "queue", "detail", "priority", "flags", "extra"),
    Kind.DRAINED: (*NAMED, "queue", "detail", "priority", "flags", "extra"),
    Kind.STARTED: ("time", "channel", "tag"),
    Kind.HANDLED: ("time", "channel", "tag", "extra"),
    Kind.SUPERSEDED: NAMED,
    Kind.ACKED: TAGGED,
    Kind.REQUEUED: TAGGED,
    Kind.REJECTED: TAGGED,
    Kind.CANCELLED: ("time", "channel", "queue"),
    Kind.CONNECT_FAILED: ("time", "tag", "detail", "extra"),
    Kind.CORRELATED: (*NAMED, "detail"),
    Kind.CAUSED: (*NAMED, "detail"),
    Kind.DRAIN_EMPTY: ("time", "queue"),
    Kind.EFFECT: ("time", "sequence", "producer", "attempt", "detail"),
    Kind.DECLARED: ("time", "channel", "tag", "detail"),
    Kind.POISONED: ("time", "sequence", "producer", "detail"),
    **dict.fromkeys(
        (
            Kind.CONNECTION_OPENED,
            Kind.CONNECTION_CLOSED,
            Kind.BLOCKED,
            Kind.UNBLOCKED,
            Kind.CHANNEL_OPENED,
            Kind.CHANNEL_CLOSED,
        ),
        ("time", "channel", "detail"),
    ),
}
"""The fields that a kind of record uses, and no others are kept."""

ROUTED = frozenset({Kind.INVOKE, Kind.DROPPED, Kind.CALLED, Kind.SHED})
OF_CONNECTION = frozenset(
    {Kind.CONNECTION_OPENED, Kind.CONNECTION_CLOSED, Kind.BLOCKED, Kind.UNBLOCKED}
)
TABLE_OF_DETAIL = {
    Kind.UNKNOWN: "reason",
    Kind.FAILED: "reason",
    Kind.EFFECT: "effect",
    Kind.CONNECT_FAILED: "link",
    Kind.POISONED: "poison",
}


@dataclass
class Names:
    """Values and their numbers, one table for all ledgers of a scope."""

    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    values: dict[str, list[Any]] = field(default_factory=dict)

    def number(self, table: str, value: Any) -> int:
        """Return a value's number, giving it one when it is new."""
        known = self.tables.setdefault(table, {})
        key = json.dumps(value, sort_keys=True)
        if key not in known:
            known[key] = len(known)
            self.values.setdefault(table, []).append(value)
        return known[key]

    def list(self, table: str) -> list[Any]:
        """Return the values of a table in the order of their numbers."""
        return self.values.get(table, [])

    def local(self, table: str, values: dict[int, Any]) -> Array:
        """Return an array that turns a ledger's own index into the shared number, -1 for none."""
        numbers = np.full(max(values, default=-1) + 2, -1, np.int32)
        for index, value in values.items():
            numbers[index] = self.number(table, value)
        return numbers


@dataclass(frozen=True)
class Gathered:
    """All records of a scope by kind, the names they use, and what each channel is.

    `channels` and `connections` hold one dict for each opening: its value in the ledger, and the
    process that wrote it.
    """

    rows: dict[Kind, Rows]
    names: Names
    channels: list[dict[str, Any]]
    connections: list[dict[str, Any]]
    processes: tuple[int, ...]

    def of(self, kind: Kind) -> Rows:
        """Return the rows of a kind; none is an empty column for each field."""
        return self.rows.get(kind) or {
            name: np.empty(0, np.int64) for name in (*FIELDS[kind], "process")
        }


def gather(ledgers: Iterable[Ledger]) -> Gathered:
    """Sort the records of some ledgers out by kind, with shared names."""
    names = Names()
    parts: dict[Kind, list[Rows]] = {}
    channels: list[dict[str, Any]] = []
    connections: list[dict[str, Any]] = []
    processes = []
    for ledger in ledgers:
        processes.append(ledger.header.process)
        for kind, rows in _of_ledger(ledger, names, channels, connections).items():
            parts.setdefault(kind, []).append(rows)
    joined = {kind: _joined(each) for kind, each in parts.items()}
    return Gathered(joined, names, channels, connections, tuple(processes))


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _of_ledger(
    ledger: Ledger, names: Names, channels: list[dict[str, Any]], connections: list[dict[str, Any]]
) -> dict[Kind, Rows]:
    """Return one ledger's rows by kind; add its channels and connections to the shared lists."""
    kinds = np.ascontiguousarray(ledger.records["kind"])
    present = np.flatnonzero(np.bincount(kinds, minlength=1))
    words = np.ascontiguousarray(ledger.records).view("<u8").reshape(-1, DTYPE.itemsize // 8)
    local = {
        table: names.local(table, ledger.tables.get(table, {}))
        for table in ("queue", "route", "reason", "effect", "deaths", "link", "poison")
    }
    digests = _digests(ledger, names)
    opened = {
        "channel": _Openings(ledger, kinds, words, Kind.CHANNEL_OPENED, len(channels)),
        "connection": _Openings(ledger, kinds, words, Kind.CONNECTION_OPENED, len(connections)),
    }
    found: dict[Kind, Rows] = {}
    for number in present:
        if number not in {kind.value for kind in FIELDS}:
            continue
        kind = Kind(int(number))
        at = np.flatnonzero(kinds == number)
        picked = words[at].view(DTYPE).reshape(-1)
        rows = {name: np.ascontiguousarray(picked[name]) for name in FIELDS[kind]}
        rows["time"] = rows["time"].view("<i8")
        rows["process"] = np.full(len(at), ledger.header.process, np.uint16)
        _rename(kind, rows, local, digests)
        if "channel" in rows:
            table = "connection" if kind in OF_CONNECTION else "channel"
            rows["channel"] = opened[table].numbers(rows["channel"], at)
        found[kind] = rows
    _describe(ledger, opened, channels, connections)
    return found


def _rename(kind: Kind, rows: Rows, local: dict[str, Array], digests: Array) -> None:
    """Turn the ledger's own indices into the shared numbers."""
    if "queue" in rows:
        rows["queue"] = _take(local["route" if kind in ROUTED else "queue"], rows["queue"])
    if kind in TABLE_OF_DETAIL:
        rows["detail"] = _take(local[TABLE_OF_DETAIL[kind]], rows["detail"])
    if kind is Kind.DRAINED:
        rows["deaths"] = _take(local["deaths"], rows["detail"].astype(np.int64) - 1)
    if kind is Kind.DELIVERED:
        first = _take(local["queue"], (rows["detail"] >> 16).astype(np.int64) - 1)
        rows["first_queue"], rows["deaths"] = first, (rows["detail"] & 0xFFFF).astype(np.int32)
    if kind in {Kind.DELIVERED, Kind.DRAINED}:
        none = len(digests) == 1
        count = len(rows["sequence"])
        rows["digest"] = np.full(count, -1, np.int32) if none else _take(digests, rows["sequence"])


def _take(numbers: Array, indices: Array) -> Array:
    """Look indices up; what is out of the table is -1, as its last place holds."""
    return numbers[np.where(indices < len(numbers) - 1, indices, len(numbers) - 1)]


def _digests(ledger: Ledger, names: Names) -> Array:
    """Return the shared numbers of the digests in this ledger's table.

    A publisher's table says which attempt a digest is, a reader's only names the digest.
    """
    table = ledger.tables.get("digest", {})
    plain = {
        index: value["digest"] if isinstance(value, dict) else value
        for index, value in table.items()
    }
    for value in table.values():
        if isinstance(value, dict):
            names.number("bare", value)
    return names.local("digest", plain)


class _Openings:
    """Numbers the channels, or connections, of one ledger by their openings."""

    def __init__(self, ledger: Ledger, kinds: Array, words: Array, kind: Kind, first: int) -> None:
        at = np.flatnonzero(kinds == kind)
        self.where = f"ledger {ledger.header.process}"
        table = "channel" if kind is Kind.CHANNEL_OPENED else "connection"
        self.highest = max(ledger.tables.get(table, {}), default=0)
        self.first = first
        self.index = words[at].view(DTYPE).reshape(-1)["channel"].astype(np.int64)
        self.keys = np.sort(self.index << 40 | at)
        self.once = len(np.unique(self.index)) == len(self.index)

    def numbers(self, index: Array, at: Array) -> Array:
        """Return the number of each record's channel: its index, and how often it was opened."""
        wide = index.astype(np.int64)
        if len(index) and int(index.max()) > self.highest:
            raise HarnessError(f"{self.where} names a channel that it never described")
        if self.once:
            return (wide + self.first).astype(np.int32)
        openings = np.searchsorted(self.keys, wide << 40 | at, side="right")
        return (wide + openings + self.first).astype(np.int32)

    def values(self, table: dict[int, Any]) -> list[int]:
        """Return, for each number from the first, the index in the ledger's table."""
        indices = range(max(table, default=-1) + 1)
        if self.once:
            return list(indices)
        times = np.bincount(self.index, minlength=len(indices))
        return [index for index in indices for _ in range(int(times[index]) + 1)]


def _describe(
    ledger: Ledger,
    opened: dict[str, _Openings],
    channels: list[dict[str, Any]],
    connections: list[dict[str, Any]],
) -> None:
    """Add what this ledger's tables say of its channels and connections."""
    who = {"process": ledger.header.process, "process_role": ledger.header.role}
    for name, described in (("channel", channels), ("connection", connections)):
        table = ledger.tables.get(name, {})
        indices = opened[name].values(table)
        described += [{**table.get(index, {}), **who, "index": index} for index in indices]
        if not indices:
            described.append({**who, "index": -1})  # A place for records of channel 0.
