"""The journal: what was done to the target, written before it is done.

One JSON object a line, in the run folder's `journal.jsonl`. A line is on the disk when `append`
returns, and carries the hash of the line before it, so that nobody changes or removes one later
unnoticed. The runner and the watchdog both append; a lock orders them. A crash leaves at most one
torn line at the end, which was never acknowledged: readers stop before it, the next writer cuts
it off. Nothing else holds the faults; what a line's fields mean is written where it is appended.
"""

import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaos.redaction import Redactor
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

Line = Mapping[str, Any]

FILE_NAME = "journal.jsonl"
FIRST = "0" * 64
"""What the first line names as the hash before it."""
LOCK_WITHIN_S = 5.0
_HASH_FIELD = ', "hash": "'
_WINDOW_BYTES = 65_536


class Journal:
    """Appends lines to one file; several processes may, each with a journal of its own."""

    def __init__(self, path: Path, redactor: Redactor | None = None) -> None:
        self.path = path
        self.broken = ""
        self._redactor = redactor or Redactor()
        self._threads = threading.Lock()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise HarnessError(f"{path} cannot be written: {error.strerror}.") from error

    def append(self, event: str, **fields: Any) -> Line:
        """Write one line, and return it once it is on the disk.

        `HarnessError` when it cannot be written; `broken` then says why, from then on.
        """
        try:
            return self._append(event, self._redactor.value(fields))
        except (OSError, HarnessError) as error:
            self.broken = f"{self.path} cannot be written: {error}"
            raise HarnessError(self.broken) from error

    def _append(self, event: str, content: Mapping[str, Any]) -> Line:
        with self._threads, self._locked():
            number, previous = self._last()
            line = {
                "n": number + 1,
                "time_ns": time.monotonic_ns(),
                "wall": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "event": event,
                **content,
                "previous": previous,
            }
            self._write(_sealed(line))
        os.fsync(self._file)
        return line

    def masks(self, value: Any) -> bool:
        """Whether a value would not be written down as it is, because of a secret in it."""
        return bool(self._redactor.value(value) != value)

    def close(self) -> None:
        """Give the file back; nothing is pending, for every line is written when appended."""
        os.close(self._file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the writers' lock; a writer that was stopped while it held it must not hold us."""
        wait_until(self._try_lock, LOCK_WITHIN_S, f"the lock of {self.path}", poll_ms=5)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _try_lock(self) -> bool:
        """Take the lock unless somebody holds it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _last(self) -> tuple[int, str]:
        """Return the last line's number and hash, after cutting a torn line off."""
        end = os.fstat(self._file).st_size
        tail = _tail(self._file, end)
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            os.ftruncate(self._file, end - len(tail) + whole)
        if not whole:
            return 0, FIRST
        last = json.loads(tail[:whole].splitlines()[-1])
        return last["n"], last["hash"]

    def _write(self, text: str) -> None:
        """Write the line whole, or not at all."""
        data = text.encode()
        written = os.write(self._file, data)
        if written != len(data):
            raise HarnessError("it took half a line: is the disk full?")


def _tail(file: int, end: int) -> bytes:
    """Return the end of the file, the last whole line included, or the whole file."""
    window = _WINDOW_BYTES
    while True:
        start = max(0, end - window)
        tail = os.pread(file, end - start, start)
        if start == 0 or tail.count(b"\n") > 1:
            return tail
        window *= 4


def _sealed(line: Line) -> str:
    """Render a line, with the hash over everything before the hash."""
    text = json.dumps(line, default=str)
    return f'{text[:-1]}{_HASH_FIELD}{_digest(text)}"}}\n'


def _digest(text: str) -> str:
    """Return the hash of a rendered line without its own hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def read(path: Path) -> tuple[dict[str, Any], ...]:
    """Return all lines to the last whole one; none when there is no journal yet."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    whole = data[: data.rfind(b"\n") + 1]
    return tuple(json.loads(each) for each in whole.splitlines())


def verify(path: Path) -> list[str]:
    """Return what is wrong with the chain, in sentences; empty when nobody touched it."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1].decode(errors="replace")
    wrong: list[str] = []
    previous = FIRST
    for number, text in enumerate(whole.splitlines(), start=1):
        before, _, seal = text.rpartition(_HASH_FIELD)
        hash_ = seal.removesuffix('"}')
        unsealed = before + "}"
        if not before or _digest(unsealed) != hash_:
            wrong.append(f"{path.name}, line {number}: changed after it was written.")
        elif (line := json.loads(unsealed))["previous"] != previous or line["n"] != number:
            wrong.append(f"{path.name}, line {number}: a line before it is missing or was changed.")
        previous = hash_
    return wrong
