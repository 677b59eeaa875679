"""The lease: the runner's sign of life, which the watchdog reads.

A thread of the runner writes a growing number into `lease` in the run folder several times a
second. A runner that was stopped, or a machine that stands still, stops writing; whoever reads
counts by its own clock since the number last changed, so no clock is compared with another.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_NAME = "lease"
BEAT_S = 0.5
EXPIRES_S = 5.0


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Beat for as long as the context is open."""
    done = threading.Event()
    path = folder / FILE_NAME
    path.write_text("0", encoding="ascii")
    thread = threading.Thread(target=_beat, args=(path, done), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(path: Path, done: threading.Event) -> None:
    """Write a growing number until told to stop."""
    number = 0
    while not done.wait(BEAT_S):
        number += 1
        path.write_text(str(number), encoding="ascii")


class Reader:
    """Watches a lease, and says for how long it has not changed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._last = ""
        self._changed_at = time.monotonic()

    def silent_s(self) -> float:
        """Return the time since the last sign of life, as far as this reader has seen."""
        now = time.monotonic()
        try:
            text = self._path.read_text(encoding="ascii")
        except OSError:
            text = self._last
        # A reader that catches the file between truncation and write sees no sign of death.
        if text and text != self._last:
            self._last, self._changed_at = text, now
        return now - self._changed_at

    @property
    def expired(self) -> bool:
        """Whether the runner has been silent for too long."""
        return self.silent_s() > EXPIRES_S
