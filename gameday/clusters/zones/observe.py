"""Probe every path of a contract, with the rules and without them, around a real broker.

    zones ── broker up ── own zone ── rules on: every path ── rules off: every path ── own zone

What is returned is what was seen, and no judgement: `gameday/history/checks/isolation.py` judges
it. The ports that are probed are the contract's and every other one on which anything listens in
the broker's zone, as its kernel lists them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import monotonic_ns
from typing import Any

from gameday.clusters.release import Release
from gameday.clusters.zones.able import detect
from gameday.clusters.zones.layout import Net
from gameday.clusters.zones.machine import (
    FORECAST_MIB,
    free_mib,
    left_of,
    machine_state,
    memory_mib,
)
from gameday.clusters.zones.node import BrokerNode
from gameday.clusters.zones.probe import Target
from gameday.clusters.zones.rules import rules_of
from gameday.clusters.zones.zones import Zones, open_zones
from gameday.contracts.isolation import BROKER, PLACES, PORTS, Isolation

LOOK_EACH_S = 0.2
"""How often it is looked how much memory the probes take; a probe ends by itself."""

Json = dict[str, Any]
Outcomes = list[tuple[str, str]]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What to look at: whose zones, which broker, and whose rules; none are the contract's own."""

    isolation: Isolation
    release: Release
    rules: str | None = None
    rules_from: str = "the contract"


@dataclass(frozen=True)
class _Path:
    """One way to the broker: a door, at an address."""

    door: str
    port: int
    place: str
    family: str
    host: str

    @property
    def target(self) -> Target:
        return self.host, self.port, self.door if self.door in PORTS else "tcp"

    def as_json(self) -> Json:
        return {"door": self.door, "port": self.port, "place": self.place, "family": self.family}


def observe(wanted: Wanted, state_dir: Path, progress: Progress = lambda _: None) -> Json:
    """Open the zones, probe, close them, and return everything that was seen."""
    begun_ns, before, free = monotonic_ns(), machine_state(), free_mib()
    progress("detecting whether rules are enforced here")
    detection = {
        "with_rules": detect(state_dir).enforced,
        "without_rules": detect(state_dir, rules="").enforced,
    }
    progress("opening zones and starting a broker in one of them")
    with open_zones(wanted.isolation, state_dir) as zones:
        record = zones.record
        node = BrokerNode(zones, wanted.isolation, wanted.release)
        node.start()
        seen = probe_paths(zones, wanted, progress)
        took_mib = seen.pop("took_mib")
    return {
        "version": wanted.release.version, "rules_from": wanted.rules_from,
        "detection": detection, **seen,
        "memory": {"forecast_mib": FORECAST_MIB, "free_mib": free, "took_mib": took_mib},
        "before": before, "after": machine_state(), "left": left_of(record),
        "begun_ns": begun_ns, "seconds": round((monotonic_ns() - begun_ns) / 1e9, 1),
    }  # fmt: skip


def probe_paths(zones: Zones, wanted: Wanted, progress: Progress = lambda _: None) -> Json:
    """Probe with the rules and without; before and after, look from the broker's own zone."""
    paths = _paths(zones)
    own = _own(zones, paths, "before")
    rules = wanted.rules if wanted.rules is not None else rules_of(wanted.isolation, zones.plan)
    progress(f"probing {len(paths) * (len(zones.plan.zones) - 1)} paths with the rules of "
             f"{wanted.rules_from}, and without")  # fmt: skip
    kernel = zones.enforce(rules)
    enforced, took_mib = _from_everywhere(zones, paths)
    zones.lift()
    lifted, _ = _from_everywhere(zones, paths)
    own += _own(zones, paths, "after")
    return {
        "ipv6": zones.has_ipv6, "rules": kernel, "own": own, "took_mib": took_mib,
        "paths": [
            {"zone": zone, **path.as_json(), "enforced": held[0], "lifted": free[0],
             "said": held[1]}
            for zone in enforced
            for path, held, free in zip(paths, enforced[zone], lifted[zone], strict=True)
        ],
    }  # fmt: skip


def _from_everywhere(zones: Zones, paths: list[_Path]) -> tuple[dict[str, Outcomes], float]:
    """Probe from every zone at once, and look meanwhile how much memory all of it takes."""
    others = zones.plan.zones[1:]
    with ThreadPoolExecutor(len(others)) as pool:
        tasks = [pool.submit(_outcomes, zones, zone, paths) for zone in others]
        took_mib = memory_mib(zones.record)
        while wait(tasks, LOOK_EACH_S).not_done:
            took_mib = max(took_mib, memory_mib(zones.record))
        return {zone: task.result() for zone, task in zip(others, tasks, strict=True)}, took_mib


def _outcomes(zones: Zones, zone: str, paths: list[_Path]) -> Outcomes:
    return zones.probe(zone, [path.target for path in paths])


def _own(zones: Zones, paths: list[_Path], when: str) -> list[Json]:
    """Look from the broker's own zone: what answers there, loopback included, and what does not."""
    loopback = [_Path(door, port, "loopback", "IPv4", "127.0.0.1") for door, port in PORTS.items()]
    every = [*paths, *loopback]
    return [
        {"when": when, **path.as_json(), "outcome": outcome, "said": said}
        for path, (outcome, said) in zip(every, _outcomes(zones, BROKER, every), strict=True)
    ]


def _paths(zones: Zones) -> list[_Path]:
    """Return every way: the known doors and whatever else listens, at each address."""
    doors: list[tuple[str, int]] = [(str(name), port) for name, port in PORTS.items()]
    doors += [(f"port {port}", port) for port in _listening(zones) if port not in PORTS.values()]
    nets = [zones.plan.broker(place) for place in PLACES]
    return [
        _Path(door, port, net.place, family, host)
        for (door, port), net in product(doors, nets)
        for family, host in _addresses(net, ipv6=zones.has_ipv6)
    ]


def _addresses(net: Net, *, ipv6: bool) -> list[tuple[str, str]]:
    return [("IPv4", net.address), *([("IPv6", net.address_6)] if ipv6 else [])]


def _listening(zones: Zones) -> list[int]:
    """Return the ports on which anything listens in the broker's zone, by its kernel's list."""
    text = zones.output(BROKER, ["sh", "-c", "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null || :"])
    rows = [line.split() for line in text.splitlines()]
    # The second field is address:port, the fourth the state; 0A is listening.
    ports = {int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and row[3] == "0A"}
    return sorted(ports)
