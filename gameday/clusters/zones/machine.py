"""The machine's own networks, as they are before zones are opened and after they are closed.

Zones change none of this; that they did not is looked at, not believed. What is not readable here
(the rules, without root) is none, and compared as such.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

from gameday.clusters.processes import with_token
from gameday.clusters.zones.record import ZonesRecord

FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
LIMIT_S = 10.0

State = dict[str, Any]


def machine_state() -> State:
    """Return interfaces, named namespaces, forwarding and rules of this machine."""
    return {
        "interfaces": _names(Path("/sys/class/net")),
        "namespaces": _names(Path("/run/netns")),
        "forwarding": {name.replace("/", "."): _value(name) for name in FORWARDING},
        "rules_sha256": _rules(),
    }


def left_of(record: ZonesRecord) -> list[str]:
    """Return what is left of closed zones: processes, and their folder."""
    found = [f"process {each.pid}" for each in with_token(record.token)]
    return [*found, *([f"folder {record.folder}"] if record.folder.exists() else [])]


def memory_mib(record: ZonesRecord) -> float:
    """Return how much memory the zones' processes take, each its share of what they share."""
    total_kib = sum(_share_kib(each.pid) for each in with_token(record.token))
    return round(total_kib / 1024, 1)


def free_mib() -> float:
    """Return how much memory the machine could still give."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    (line,) = (each for each in text.splitlines() if each.startswith("MemAvailable:"))
    return round(int(line.split()[1]) / 1024, 1)


def _share_kib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0  # It has ended, or it is nobody's whom we may look at.
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def _names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


def _value(name: str) -> str | None:
    try:
        return (Path("/proc/sys") / name).read_text(encoding="ascii").strip()
    except OSError:
        return None


def _rules() -> str | None:
    """Return a digest of the machine's own rules; they may name what is nobody's business."""
    if shutil.which("nft") is None:
        return None
    try:
        done = subprocess.run(
            ["nft", "--stateless", "list", "ruleset"], capture_output=True, check=False,
            timeout=LIMIT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    return hashlib.sha256(done.stdout).hexdigest() if done.returncode == 0 else None
