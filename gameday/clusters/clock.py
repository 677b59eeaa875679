"""Clocks of their own: nodes that can be told another time than the machine's.

Debian's libfaketime is loaded into a node when it starts (LD_PRELOAD), and reads how far its
clock is off from a file of the node's, anew every second. Only what the system calls the time of
day is changed; the monotonic clock, by which Erlang measures how long things take, goes on. Only
clusters that are asked to start their nodes so: others run the broker as it is installed.
"""

import shutil
from pathlib import Path

from gameday.clusters.processes import is_alive
from gameday.clusters.record import ClusterRecord, replace
from gameday.errors import UsageError

NAME = "libfaketimeMT.so.1"
FOLDERS = ("usr/lib", "usr/lib64", "usr/local/lib")
SHARED = Path("/dev/shm")  # noqa: S108  # Where POSIX shared memory is; nothing is made here.
SEEN_AFTER_S = 1
"""How old a node's reading of its file may be."""


def find_library(root: Path = Path("/")) -> Path | None:
    """Return where libfaketime is, none on a machine without it."""
    places = [root / folder for folder in FOLDERS]
    found = [path for place in places for path in (*place.glob(f"faketime/{NAME}"),
                                                    *place.glob(f"*/faketime/{NAME}"))]  # fmt: skip
    return found[0] if found else None


def required_library() -> Path:
    """Return where libfaketime is, or say in one sentence how to get it."""
    found = find_library()
    if found is None:
        raise UsageError(
            "jump_clock: libfaketime is not installed, so no node can be told another time — "
            "run with: sudo apt-get install libfaketime"
        )
    return found


def prepare(record: ClusterRecord) -> None:
    """Put the library where the nodes find it, a broker of another tree too, and set all right."""
    shutil.copyfile(required_library(), record.folder / NAME)
    for number in range(1, record.node_count + 1):
        set_offset(record, f"r{number}", 0)


def environment(record: ClusterRecord, node: str) -> dict[str, str]:
    """Return what a node's environment needs so that its clock can be set."""
    if not record.clocks:
        return {}
    return {
        "LD_PRELOAD": record.inside(record.folder / NAME),
        "FAKETIME_TIMESTAMP_FILE": record.inside(_file(record, node)),
        "FAKETIME_CACHE_DURATION": str(SEEN_AFTER_S),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def set_offset(record: ClusterRecord, node: str, offset_s: float) -> None:
    """Let a node's clock be so far ahead of the machine's; behind it where that is negative."""
    replace(_file(record, node), f"{offset_s:+.3f}\n")


def offset_s(record: ClusterRecord, node: str) -> float:
    """Return how far a node's clock was told to be off."""
    return float(_file(record, node).read_text(encoding="utf-8"))


def sweep(record: ClusterRecord, node: str) -> None:
    """Remove what libfaketime shares within a node's processes: a killed node leaves it behind."""
    process = record.process(node) if record.clocks else None
    if process is not None and not is_alive(process):
        for name in (f"faketime_shm_{process.pid}", f"sem.faketime_sem_{process.pid}"):
            (SHARED / name).unlink(missing_ok=True)


def _file(record: ClusterRecord, node: str) -> Path:
    return record.folder / f"{node}.clock"
