"""The ledger: one append-only file of records a process, and its side file of names.

`<number>-<role>.ledger` is a page of header (JSON, padded) and then records of 32 bytes; what lies
behind the last whole one is zero. Blocks are allocated before they are mapped, so that a full disk
is an error and not a signal. A record is in the page cache once `append` returns: it survives
kill -9 of its writer, not the loss of power.

`<number>-<role>.names.jsonl` has one line for each interned value, written before the first record
that uses it: `{"table": "queue", "index": 3, "value": "builds"}`. Tables: `queue` (name), `route`
(exchange, routing_key, type, and the queues that the bindings reach), `connection` (node, role,
client), `channel` (connection, number, role, and for a consumer queue, prefetch, no_ack,
consumer), `reason` (text), `effect` (key), `deaths` (a whole x-death), `digest` (digest, and for
a publisher the sequence and attempt of a body that carries no headers).
"""

import json
import mmap
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from gameday.errors import HarnessError
from gameday.history.records import DTYPE, LAYOUT, RECORD_BYTES, Kind

MAGIC = "gameday-ledger"
FORMAT = 1
HEADER_BYTES = 4096
CHUNK_BYTES = 4 * 1024 * 1024

type_of_table = dict[str, dict[int, Any]]


@dataclass(frozen=True)
class Header:
    """Who wrote a ledger: process number in the run, its role, its pid and both clocks in ns.

    `scope` is `work` for the system's own clients, else the name of the control it belongs to.
    """

    run: str
    process: int
    role: str
    process_id: int
    monotonic_ns: int
    wall_ns: int
    scope: str = "work"
    magic: str = MAGIC
    format: int = FORMAT


class LedgerWriter:
    """Appends records and interns names. One writer, one thread, one process."""

    def __init__(
        self, folder: Path, run: str, process: int, role: str, scope: str = "work"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{process:04d}-{role}"
        self.process = process
        self.path = folder / f"{stem}.ledger"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = _open_new(self.path, flags)
        names = folder / f"{stem}.names.jsonl"
        self._names_file = _open_new(names, flags | os.O_APPEND)
        self._tables: dict[str, dict[str, int]] = {}
        self._map: mmap.mmap | None = None
        self._mapped_at = 0
        self._position = 0
        self._end = 0
        header = Header(run, process, role, os.getpid(), time.monotonic_ns(), time.time_ns(), scope)
        self._allocate(0, HEADER_BYTES)
        text = json.dumps(asdict(header)).encode()
        os.pwrite(self._file, text.ljust(HEADER_BYTES - 1) + b"\n", 0)
        self._map_chunk(HEADER_BYTES)

    def append(
        self,
        kind: int,
        time_ns: int,
        sequence: int = 0,
        tag: int = 0,
        detail: int = 0,
        producer: int = 0,
        channel: int = 0,
        queue: int = 0,
        attempt: int = 0,
        priority: int = 0,
        flags: int = 0,
        extra: int = 0,
    ) -> None:
        """Write one record; the kind goes last, so that a torn record is no record."""
        position = self._position
        if position == self._end:
            self._map_chunk(self._mapped_at + self._end)
            position = 0
        LAYOUT.pack_into(
            self._map,  # type: ignore[arg-type]  # It is mapped from the constructor to close().
            position, time_ns, sequence, tag, detail, producer, channel, queue, attempt,
            priority, flags, extra, kind,
        )  # fmt: skip
        self._position = position + RECORD_BYTES

    def intern(self, table: str, value: object) -> int:
        """Return the index of a value (anything JSON) in a table, writing it down when new."""
        key = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        known = self._tables.setdefault(table, {})
        index = known.get(key)
        if index is None:
            index = self.add(table, value, index=len(known))
            known[key] = index
        return index

    def add(self, table: str, value: object, *, index: int) -> int:
        """Write down a value under an index that the caller counts himself."""
        line = json.dumps({"table": table, "index": index, "value": value}) + "\n"
        try:
            os.write(self._names_file, line.encode())
        except OSError as error:
            raise HarnessError(f"{self.path}: cannot write the ledger's names: {error}") from error
        return index

    def close(self) -> None:
        """Cut the file to its records. Closing twice does nothing."""
        if self._map is None:
            return
        self._map.close()
        self._map = None
        os.ftruncate(self._file, self._mapped_at + self._position)
        os.close(self._file)
        os.close(self._names_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _map_chunk(self, offset: int) -> None:
        self._allocate(offset, CHUNK_BYTES)
        if self._map is not None:
            self._map.close()
        self._map = mmap.mmap(self._file, CHUNK_BYTES, offset=offset)
        self._mapped_at, self._position, self._end = offset, 0, CHUNK_BYTES

    def _allocate(self, offset: int, length: int) -> None:
        try:
            os.posix_fallocate(self._file, offset, length)
        except OSError as error:
            raise HarnessError(
                f"{self.path}: no room for the ledger ({error.strerror}); what happens from here "
                "on cannot be recorded"
            ) from error


@dataclass(frozen=True)
class Ledger:
    """One process's ledger as read: header, records (`DTYPE`) and tables of names."""

    header: Header
    records: np.ndarray
    tables: type_of_table


def read_ledger(path: Path) -> Ledger:
    """Read a ledger to its last whole record, also while it is being written, or after a crash."""
    try:
        raw = path.read_bytes()[:HEADER_BYTES]
        header = Header(**json.loads(raw))
    except (OSError, ValueError, TypeError) as error:
        raise HarnessError(f"{path}: not a ledger: {error}") from error
    if header.magic != MAGIC or header.format != FORMAT:
        raise HarnessError(f"{path}: not a ledger of format {FORMAT}")
    return Ledger(header, read_records(path), read_tables(path.with_suffix(".names.jsonl")))


def read_records(path: Path, start: int = 0) -> np.ndarray:
    """Read the records from number `start` on, without the header, up to the first that is none.

    They are read and not mapped: a writer that closes cuts the file to its records, and whoever
    touches a map behind the end dies of a bus error.
    """
    with path.open("rb") as file:
        file.seek(HEADER_BYTES + start * RECORD_BYTES)
        raw = file.read()
    records = np.frombuffer(raw, DTYPE, count=len(raw) // RECORD_BYTES)
    missing = records["kind"] == 0
    return records[: int(missing.argmax())] if missing.any() else records


def read_tables(path: Path) -> type_of_table:
    """Read the interned names; a last line that a crash cut off is left out."""
    tables: type_of_table = {}
    for line in path.read_bytes().split(b"\n")[:-1]:
        row = json.loads(line)
        tables.setdefault(row["table"], {})[row["index"]] = row["value"]
    return tables


def read_history(folder: Path) -> list[Ledger]:
    """Read every ledger of a run, by process number; two files of one number are an error."""
    ledgers = [read_ledger(path) for path in sorted(folder.glob("*.ledger"))]
    numbers = [ledger.header.process for ledger in ledgers]
    if len(numbers) != len(set(numbers)):
        raise HarnessError(f"{folder}: two ledgers with one process number: {sorted(numbers)}")
    return ledgers


def _open_new(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags, 0o644)
    except OSError as error:
        raise HarnessError(f"{path}: cannot create: {error.strerror}") from error


assert Kind.INVOKE  # Zero is no kind: `read_records` relies on it.
