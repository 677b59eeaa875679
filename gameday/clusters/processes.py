"""Processes that we start, and how to be sure that one is ours.

A process is known by its id *and* its start time, because ids are used again. Everything that a
cluster starts carries a random token in its environment; a scan for that token finds what a dead
starter left, and nothing else. Linux only: it reads `/proc`.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

OWNER_VARIABLE = "GAMEDAY_OWNER"

_CHILDREN: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class ProcessRef:
    """One process, told apart from a later one with the same id by its start time."""

    pid: int
    start_ticks: int


def reference(pid: int) -> ProcessRef | None:
    """Return the living process with this id; a zombie is not alive."""
    fields = _stat(pid)
    if not fields or fields[0] in {"Z", "X"}:
        return None
    return ProcessRef(pid, int(fields[19]))


def is_suspended(process: ProcessRef) -> bool:
    """Whether exactly this process is there, stopped by a signal."""
    fields = _stat(process.pid)
    return bool(fields) and fields[0] == "T" and int(fields[19]) == process.start_ticks


def _stat(pid: int) -> list[str]:
    """Return what the system says of a process after its name, nothing when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    # The second field, the name in brackets, may hold anything, brackets and spaces included.
    return stat.rpartition(")")[2].split()


def is_alive(process: ProcessRef) -> bool:
    """Whether exactly this process is still there."""
    return reference(process.pid) == process


def send_signal(process: ProcessRef, number: signal.Signals) -> bool:
    """Signal exactly this process; false when it is gone."""
    with suppress(OSError):
        descriptor = os.pidfd_open(process.pid)
        try:
            # The descriptor pins the process: if it is ours now, the signal reaches no other.
            if is_alive(process):
                signal.pidfd_send_signal(descriptor, number)
                return True
        finally:
            os.close(descriptor)
    return False


def kill(process: ProcessRef, *, within_s: float = 10) -> None:
    """Kill the process, suspended or not, and return when it is gone."""
    send_signal(process, signal.SIGKILL)
    wait_until(
        lambda: not is_alive(process),
        within_s,
        f"process {process.pid} ended after SIGKILL",
        poll_ms=10,
    )


def end(process: ProcessRef, *, within_s: float = 5) -> None:
    """Ask the process to end, then kill it."""
    send_signal(process, signal.SIGCONT)
    send_signal(process, signal.SIGTERM)
    with suppress(HarnessError):
        wait_until(lambda: not is_alive(process), within_s, "ended", poll_ms=20)
    kill(process)


def with_token(token: str) -> Iterator[ProcessRef]:
    """Every living process whose environment carries the token, this process excepted."""
    wanted = f"{OWNER_VARIABLE}={token}".encode()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        found = reference(int(entry.name))
        if found is not None and wanted in environment(found.pid):
            yield found


def environment(pid: int) -> list[bytes]:
    """Return the environment with which a process was started; empty when it cannot be read."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def clean_environment(token: str, home: Path) -> dict[str, str]:
    """Return an environment of our own making: nothing of the caller's configures the broker."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        OWNER_VARIABLE: token,
    }


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    *,
    pass_descriptors: Sequence[int] = (),
) -> ProcessRef:
    """Start a process in a session of its own, so that Ctrl-C in a terminal does not reach it."""
    _reap()
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            pass_fds=pass_descriptors,
        )
    _CHILDREN.append(child)
    started = reference(child.pid)
    if started is None:
        raise HarnessError(f"{command[-1]} ended at once: {tail(log)}")
    return started


def tail(log: Path, characters: int = 800) -> str:
    """Return the end of a log, for the sentence that says why something ended."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-characters:].strip()
    except OSError:
        return "(nothing logged)"


def _reap() -> None:
    """Take leave of children that have ended, so that they do not stay as zombies."""
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
