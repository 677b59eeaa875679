"""One run per target: a lock that ends with its holder, however that ends."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gameday.errors import UsageError


@contextmanager
def target_lock(state_dir: Path, target: str, run: str) -> Iterator[None]:
    """Hold the target for as long as the context is open, or say who holds it."""
    folder = state_dir / "targets"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', target)}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 300, 0).decode(errors="replace").strip()
            raise UsageError(
                f"{target} is in use by {holder or 'another run'}: wait until it has ended, or "
                "end it with Ctrl-C.",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"run {run}, process {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
