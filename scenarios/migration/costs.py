"""What a leg costs: the processor time and the memory of broker, workers and publisher."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil


@dataclass
class Meter:
    """Measures processes by kind, from a begin to an end."""

    folder: Path
    before: dict[int, float] = field(default_factory=dict)
    used: dict[str, dict[int, float]] = field(default_factory=dict)
    peak: dict[str, int] = field(default_factory=dict)

    def begin(self, groups: Mapping[str, Iterable[int]]) -> None:
        """Note what the processes have used so far."""
        for pids in groups.values():
            for pid in pids:
                self.before[pid] = _seconds(pid)

    def look(self, groups: Mapping[str, Iterable[int]]) -> None:
        """Note what they have used since; one that ended keeps what was last seen of it."""
        for kind, pids in groups.items():
            of_kind = self.used.setdefault(kind, {})
            total = 0
            for pid in pids:
                seconds = _seconds(pid)
                if seconds:
                    of_kind[pid] = max(0.0, seconds - self.before.get(pid, 0.0))
                total += _bytes(pid)
            self.peak[kind] = max(self.peak.get(kind, 0), total)

    def write(self, leg: str) -> None:
        """Append a line for each kind to `metrics/costs.jsonl`."""
        with (self.folder / "metrics" / "costs.jsonl").open("a", encoding="utf-8") as file:
            for kind, used in self.used.items():
                line = {"leg": leg, "process": kind, "cpu_s": round(sum(used.values()), 3),
                        "rss_bytes": self.peak[kind]}  # fmt: skip
                file.write(json.dumps(line) + "\n")


def _seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _bytes(pid: int) -> int:
    """Return a process's memory, with its share of what it has in common with others.

    Children of a prefork worker share most of it; summed up whole, it would count many times.
    """
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = next((line for line in text.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
    return int(found.split()[1]) * 1024
