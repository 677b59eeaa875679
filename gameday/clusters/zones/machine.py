"""The machine's own networks and memory, before zones are opened and after they are closed.

Zones change none of this; that they did not is looked at, not believed. What is not readable here
(the rules, without root) is none, and compared as such. `python -m gameday.clusters.zones.machine`
does it for scripts: `forecast`, `note FILE`, `compare FILE`.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from gameday.clusters.processes import with_token
from gameday.clusters.zones.record import ZonesRecord

FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
LIMIT_S = 10.0
FORECAST_MIB = 260
"""What zones take at most, as `gameday isolation` measures it in each run, with room to spare."""

State = dict[str, Any]


def machine_state() -> State:
    """Return interfaces, named namespaces, forwarding and tables of rules of this machine."""
    return {
        "interfaces": [name for name in _names(Path("/sys/class/net")) if not _is_passing(name)],
        "namespaces": _names(Path("/run/netns")),
        "forwarding": {name.replace("/", "."): _value(name) for name in FORWARDING},
        "tables": _tables(),
    }


def differences(before: State, after: State) -> list[str]:
    """Return what is not as it was, in sentences."""
    return [
        f"the machine's {name} changed, by whoever: {before[name]} before, {after.get(name)} now"
        for name in sorted(before)
        if before[name] != after.get(name)
    ]


def forecast() -> str:
    """Return the warning: how much memory zones take, and how much there is."""
    free = free_mib()
    text = f"network zones with a broker in one of them take up to {FORECAST_MIB} MiB of memory"
    if free < FORECAST_MIB:
        return f"WARNING: {text}, and only {free:.0f} MiB are free here"
    return f"{text}; {free:.0f} MiB are free"


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


def _is_passing(interface: str) -> bool:
    """Whether an interface comes and goes with somebody's containers; ours have other names."""
    return interface.startswith(("veth", "br-"))


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


def _tables() -> list[str] | None:
    """Return the machine's tables of rules; what is in them may be nobody's business."""
    nft = shutil.which("nft") or shutil.which("nft", path="/usr/sbin:/sbin")
    if nft is None:
        return None
    try:
        done = subprocess.run(
            [nft, "list", "tables"], capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return None
    return sorted(done.stdout.splitlines()) if done.returncode == 0 else None


def main(words: list[str]) -> int:
    """Serve a script: say what zones take, note the state, or compare with what was noted."""
    if words == ["forecast"]:
        sys.stdout.write(f"{forecast()}\n")
        return 0
    if len(words) == 2 and words[0] == "note":
        Path(words[1]).write_text(json.dumps(machine_state()), encoding="utf-8")
        return 0
    if len(words) == 2 and words[0] == "compare":
        before = json.loads(Path(words[1]).read_text(encoding="utf-8"))
        found = differences(before, machine_state())
        said = found or [f"the machine's {', '.join(sorted(before))} are as they were"]
        sys.stdout.write("".join(f"{sentence}\n" for sentence in said))
        return 1 if found else 0
    sys.stderr.write("give forecast, note FILE or compare FILE\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
