"""What dead starters left behind, found by exact token and ended by exact process.

A cluster whose starter still lives is no leftover, and neither is one that was kept on purpose.
Everything else that is recorded in the state folder is: its processes are known by the token in
their environment, so nothing of anybody else's is ever touched. Cleaning twice is harmless.
"""

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gameday.clusters import clock, redis_record, spare_record
from gameday.clusters.processes import ProcessRef, is_alive, send_signal, with_token
from gameday.clusters.record import FILE_NAME, ClusterRecord, load_record
from gameday.clusters.wait import NotYet, wait_until
from gameday.clusters.zones import record as zones_record

END_LIMIT_S = 15.0


class Record(Protocol):
    """What is known of something that was started: a cluster, Redis, zones, or doors."""

    @property
    def folder(self) -> Path:
        """Where it keeps its state."""

    @property
    def token(self) -> str:
        """What its processes carry in their environment."""

    @property
    def owner(self) -> ProcessRef:
        """Who started it."""

    @property
    def kept(self) -> bool:
        """Whether it was left running on purpose."""

    @property
    def title(self) -> str:
        """What it is called."""


@dataclass(frozen=True)
class Leftover:
    """One cluster, Redis server, set of zones or doors without an owner, and what runs of it."""

    record: Record
    processes: tuple[ProcessRef, ...]

    def __str__(self) -> str:
        return f"{self.record.title}: {len(self.processes)} processes"


def find_leftovers(state_dir: Path) -> list[Leftover]:
    """Return every cluster, Redis server, set of zones and doors that nobody owns any more."""
    everything: list[Record] = [
        *recorded(state_dir), *redis_record.recorded(state_dir), *zones_record.recorded(state_dir),
        *spare_record.recorded(state_dir),
    ]  # fmt: skip
    return [
        Leftover(record, tuple(with_token(record.token)))
        for record in everything
        if not record.kept and not is_alive(record.owner)
    ]


def recorded(state_dir: Path) -> list[ClusterRecord]:
    """Return every cluster in the state folder, running or not."""
    folders = sorted((state_dir / "clusters").glob(f"*/{FILE_NAME}"))
    return [load_record(path.parent) for path in folders]


def clean(leftovers: list[Leftover]) -> list[str]:
    """End leftovers and remove their folders; return a sentence for each."""
    for leftover in leftovers:
        remove_cluster(leftover.record)
    return [f"ended {leftover}" for leftover in leftovers]


def remove_cluster(record: Record) -> None:
    """End every process of a cluster, suspended ones too, then remove its folder."""
    end_processes(record)
    shutil.rmtree(record.folder, ignore_errors=True)


def end_processes(record: Record) -> None:
    """End every process of a cluster; its folder stays, for its logs."""
    wait_until(
        lambda: _none_left(record.token),
        END_LIMIT_S,
        f"every process of {record.title} ended",
        poll_ms=20,
    )
    if isinstance(record, ClusterRecord):
        for number in range(1, record.node_count + 1):
            clock.sweep(record, f"r{number}")


def _none_left(token: str) -> bool | NotYet:
    """Kill what carries the token; true when nothing does."""
    found = list(with_token(token))
    for process in found:
        send_signal(process, signal.SIGKILL)
    return NotYet([process.pid for process in found]) if found else True
