"""Which runs there are: a record in each run's folder, and a register of them in the state folder.

Both are written before a run starts anything, so that the watchdog needs nothing but the folder
and `gameday heal` needs nothing at all. A run's client processes carry `marker` in their
environment; that, a process id *and* its start time decide what belongs to a run.
"""

import json
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from gameday.clusters.processes import (
    ProcessRef,
    environment,
    is_alive,
    reference,
    send_signal,
)
from gameday.clusters.record import replace
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

FILE_NAME = "run.json"
VARIABLE = "GAMEDAY_RUN"
END_WITHIN_S = 15.0


@dataclass(frozen=True)
class RunRecord:
    """One run: its folder, its runner, and the cluster that it works on, by its block of ports.

    `port_base` is none when the cluster is somebody else's and cannot be broken.
    """

    run: str
    folder: Path
    state_dir: Path
    runner: ProcessRef
    token: str
    port_base: int | None = None
    started_at: str = ""

    @property
    def marker(self) -> str:
        """The value of `GAMEDAY_RUN` in the environment of every client of this run."""
        return f"{self.run}:{self.token}"

    @property
    def is_running(self) -> bool:
        """Whether the runner is alive, stopped or not."""
        return is_alive(self.runner)

    def client_environment(self) -> dict[str, str]:
        """Return what must be in the environment of every client that the run starts."""
        return {VARIABLE: self.marker}


def begin(run: str, folder: Path, state_dir: Path, port_base: int | None) -> RunRecord:
    """Record this process as a run's runner, before it starts or changes anything."""
    runner = reference(os.getpid())
    assert runner is not None
    record = RunRecord(
        run=run,
        folder=folder.resolve(),
        state_dir=state_dir.resolve(),
        runner=runner,
        token=secrets.token_hex(16),
        port_base=port_base,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    save(record)
    return record


def save(record: RunRecord) -> None:
    """Write the record into the run's folder and into the register."""
    text = json.dumps(asdict(record), default=str, indent=2)
    register = _register_path(record)
    try:
        register.parent.mkdir(parents=True, exist_ok=True)
        replace(register, text)
        replace(record.folder / FILE_NAME, text)
    except OSError as error:
        raise HarnessError(f"{error.filename}: {error.strerror}.") from error


def load(path: Path) -> RunRecord:
    """Read a record from a run's folder, or from its file."""
    file = path / FILE_NAME if path.is_dir() else path
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessError(f"{file} is no record of a run: {error}.") from error
    return RunRecord(
        **{
            **values,
            "folder": Path(values["folder"]),
            "state_dir": Path(values["state_dir"]),
            "runner": ProcessRef(**values["runner"]),
        },
    )


def registered(state_dir: Path) -> list[RunRecord]:
    """Return every run in the register, the oldest first."""
    found = [load(path) for path in (state_dir / "runs").glob("*.json")]
    return sorted(found, key=lambda record: record.started_at)


def strike_off(record: RunRecord) -> None:
    """Take a run out of the register: nothing of it is left."""
    _register_path(record).unlink(missing_ok=True)


def _register_path(record: RunRecord) -> Path:
    """Return where the register keeps the run."""
    return record.state_dir / "runs" / f"{record.run}.json"


def clients(record: RunRecord) -> Iterator[ProcessRef]:
    """Every living process that carries the run's marker, this one and its runner excepted."""
    wanted = f"{VARIABLE}={record.marker}".encode()
    spared = {os.getpid(), record.runner.pid}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) in spared:
            continue
        found = reference(int(entry.name))
        if found is not None and wanted in environment(found.pid):
            yield found


def end_clients(record: RunRecord) -> int:
    """Kill every client of a run whose runner is gone; return how many there were."""
    ended: set[ProcessRef] = set()

    def none_left() -> bool | NotYet:
        found = list(clients(record))
        ended.update(found)
        for process in found:
            send_signal(process, signal.SIGKILL)
        return NotYet([process.pid for process in found]) if found else True

    wait_until(none_left, END_WITHIN_S, f"every client of run {record.run} ended", poll_ms=20)
    return len(ended)
