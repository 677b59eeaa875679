"""What dead starters left behind, found by exact token and ended by exact process.

A cluster whose starter still lives is no leftover, and neither is one that was kept on purpose.
Everything else that is recorded in the state folder is: its processes are known by the token in
their environment, so nothing of anybody else's is ever touched. Cleaning twice is harmless.
"""

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from gameday.clusters import clock
from gameday.clusters.processes import ProcessRef, is_alive, send_signal, with_token
from gameday.clusters.record import FILE_NAME, ClusterRecord, load_record
from gameday.clusters.wait import NotYet, wait_until

END_LIMIT_S = 15.0


@dataclass(frozen=True)
class Leftover:
    """One cluster without an owner, and what still runs of it."""

    record: ClusterRecord
    processes: tuple[ProcessRef, ...]

    def __str__(self) -> str:
        count = len(self.processes)
        return f"cluster on the ports from {self.record.ports.base}: {count} processes"


def find_leftovers(state_dir: Path) -> list[Leftover]:
    """Return every cluster that nobody owns any more."""
    return [
        Leftover(record, tuple(with_token(record.token)))
        for record in recorded(state_dir)
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


def remove_cluster(record: ClusterRecord) -> None:
    """End every process of a cluster, suspended ones too, then remove its folder."""
    end_processes(record)
    shutil.rmtree(record.folder, ignore_errors=True)


def end_processes(record: ClusterRecord) -> None:
    """End every process of a cluster; its folder stays, for its logs."""
    wait_until(
        lambda: _none_left(record.token),
        END_LIMIT_S,
        f"every process of the cluster on the ports from {record.ports.base} ended",
        poll_ms=20,
    )
    for number in range(1, record.node_count + 1):
        clock.sweep(record, f"r{number}")


def _none_left(token: str) -> bool | NotYet:
    """Kill what carries the token; true when nothing does."""
    found = list(with_token(token))
    for process in found:
        send_signal(process, signal.SIGKILL)
    return NotYet([process.pid for process in found]) if found else True
