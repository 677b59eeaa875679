"""When to stop breaking things: conditions of the machine, not of the broker.

The run looks between steps, the site's guard before each injection. The functions are pure; only
`look_at_host` asks the machine. The stop file is the safety lever: whoever makes it, stops all.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gameday.errors import HarnessError

STOP_NAME = "STOP"
BUDGET_SHARE = 0.5
"""The share of all callers that may have been told of failure before nothing more is broken."""
BUDGET_LEAST = 50
"""Of so few callers no share is taken."""


@dataclass(frozen=True)
class Limits:
    """What the machine must still have to give."""

    disk_free_bytes: int = 512 * 2**20
    load_per_core: float = 25.0


@dataclass(frozen=True)
class Host:
    """What the machine has to give now; `stop_reason` is the stop file's text, if there is one."""

    disk_free_bytes: int
    load: float
    cores: int
    stop_reason: str | None = None


def reasons(host: Host, limits: Limits) -> list[str]:
    """Return why to stop, in sentences; empty when the run may go on."""
    found = []
    if host.stop_reason is not None:
        found.append(f"the stop file is there: {host.stop_reason or 'no reason given'}.")
    if host.disk_free_bytes < limits.disk_free_bytes:
        free, floor = host.disk_free_bytes // 2**20, limits.disk_free_bytes // 2**20
        found.append(f"only {free} MiB of disk space are free, and {floor} MiB must stay free.")
    if host.load > limits.load_per_core * host.cores:
        found.append(
            f"the machine's load is {host.load:.0f} on {host.cores} cores: "
            f"more than {limits.load_per_core:g} a core.",
        )
    return found


def refuse_beyond_budget(told: int, offered: int) -> None:
    """Refuse to break more of a system that fails already: what follows would tell nothing new."""
    if offered >= BUDGET_LEAST and told > BUDGET_SHARE * offered:
        raise HarnessError(
            f"nothing more is broken: {told} of {offered} callers were told that they failed, and "
            f"the error budget is {BUDGET_SHARE:.0%}."
        )


def look_at_host(folders: Sequence[Path], state_dir: Path) -> Host:
    """Ask the machine: the least free space of the folders, its load, and the stop file."""
    return Host(
        disk_free_bytes=min(shutil.disk_usage(folder).free for folder in folders),
        load=os.getloadavg()[0],
        cores=os.cpu_count() or 1,
        stop_reason=_stop_reason(state_dir / STOP_NAME),
    )


def _stop_reason(path: Path) -> str | None:
    """Return the stop file's first line, none when there is no stop file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip().partition("\n")[0]
    except OSError:
        return None


def guard(
    folders: Sequence[Path], state_dir: Path, limits: Limits | None = None
) -> Callable[[], None]:
    """Return a guard for a site: it refuses when there is a reason to stop."""

    def refuse_if_needed() -> None:
        found = reasons(look_at_host(folders, state_dir), limits or Limits())
        if found:
            raise HarnessError(f"nothing more is broken: {' '.join(found)}")

    return refuse_if_needed
