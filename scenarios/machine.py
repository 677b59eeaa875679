"""The doctor's probes of the machine: addresses, ports, cores, memory, disk, what was left.

The figures are what a smoke run of sparki took on two cores, with room to spare.
"""

import os
import shutil
import socket
from pathlib import Path

import psutil

from chaos import runs
from gameday.clusters import residue
from gameday.clusters.local import default_state_dir
from gameday.clusters.ports import VARIABLE, claim_block, link_host, pairs
from gameday.errors import UsageError
from scenarios.finding import Finding, limited, missing, ready

CORES = 2
MEMORY_BYTES = 2 * 2**30
DISK_BYTES = 2 * 2**30
CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")


def loopback() -> Finding:
    """Bind every loopback address that stands for a link between nodes."""
    for source, target in pairs():
        host = link_host(source, target)
        with socket.socket() as probe:
            try:
                probe.bind((host, 0))
            except OSError as error:
                found = f"{host} cannot be bound: {error.strerror}"
                return missing("loopback", found, "Run on Linux; the whole of 127.0.0.0/8 is used.")
    return ready("loopback", "each link between nodes has an address of its own")


def ports() -> Finding:
    """Claim the block that a run would take, and give it back."""
    try:
        claim = claim_block()
    except UsageError as error:
        return missing("ports", str(error), f"Or set {VARIABLE} to another block.")
    claim.release()
    return ready("ports", f"the block from {claim.ports.base} is free")


def cores() -> Finding:
    """Count the cores that this process may use."""
    count = len(os.sched_getaffinity(0))
    if count >= CORES:
        return ready("cores", str(count))
    remedy = f"With less than {CORES} the generator may fall behind: INCONCLUSIVE."
    return limited("cores", str(count), remedy)


def memory() -> Finding:
    """Look at the memory that is free, within the container's limit."""
    free = psutil.virtual_memory().available
    text = CGROUP_MEMORY.read_text().strip() if CGROUP_MEMORY.exists() else "max"
    if text != "max":
        free = min(free, int(text))
    return _enough("memory", free, MEMORY_BYTES, "End other programs: three brokers need room.")


def disk() -> Finding:
    """Look at the space where runs and clusters' state go."""
    places = (Path.cwd(), _existing(default_state_dir()))
    free = min(shutil.disk_usage(place).free for place in places)
    return _enough("disk", free, DISK_BYTES, "Free some, or set GAMEDAY_REPORT_DIR elsewhere.")


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _enough(name: str, free_bytes: int, wanted_bytes: int, remedy: str) -> Finding:
    """Compare what is free with what a run takes."""
    found = f"{free_bytes / 2**30:.1f} GiB free"
    if free_bytes >= wanted_bytes:
        return ready(name, found)
    return limited(name, f"{found}, {wanted_bytes / 2**30:.0f} wanted", remedy)


def leftovers() -> Finding:
    """Find what earlier runs left, without touching it."""
    state_dir = default_state_dir()
    left = [str(each) for each in residue.find_leftovers(state_dir)]
    left += [f"run {each.run}" for each in runs.registered(state_dir) if not each.is_running]
    if not left:
        return ready("leftovers", "nothing is left of earlier runs")
    return limited("leftovers", "; ".join(left), "gameday heal (the next run does it, too)")
