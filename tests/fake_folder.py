"""The rest of a fake run's folder: manifest, plan, journal with its chain, metrics.

`FakeRun` is the whole run in memory. A mutant changes it; `write` makes the folder, so that what is
judged always went through files, as a real run does.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gameday.history.records import Kind
from tests.fake_broker import SECOND, ZERO_NS
from tests.fake_episodes import EPISODE_S, EPISODES, FAULT_AFTER_S, FAULT_S, STEADY_S
from tests.fake_tape import Row, Tape

if TYPE_CHECKING:
    from tests.fakes import Simulation


@dataclass
class Journal:
    """The journal's lines before they are chained; `write` sorts them by time."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def add(self, time_ns: int, event: str, **fields: Any) -> None:
        """Note an event."""
        self.lines.append({"time_ns": time_ns, "event": event, **fields})

    def of(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the lines of an event whose fields are as given."""
        wanted = {"event": event, **fields}.items()
        return [
            line for line in self.lines if all(line.get(name) == value for name, value in wanted)
        ]

    def write(self, path: Path) -> None:
        """Write the lines, each with the hash of the one before it."""
        previous = "0" * 64
        with path.open("w") as file:
            ordered = sorted(self.lines, key=lambda line: line["time_ns"])
            for number, line in enumerate(ordered, start=1):
                whole = {
                    "n": number,
                    "time_ns": line["time_ns"],
                    "wall": "2030-01-01T00:00:00.000+00:00",
                    **line,
                    "previous": previous,
                }
                text = json.dumps(whole)
                previous = hashlib.sha256(text.encode()).hexdigest()
                file.write(f'{text[:-1]}, "hash": "{previous}"}}\n')


@dataclass
class FakeRun:
    """A whole run, in memory."""

    manifest: dict[str, Any]
    plan: dict[str, Any]
    journal: Journal
    tapes: list[Tape]
    samples: list[dict[str, Any]]
    generator: list[dict[str, Any]]
    ledgers_of: str | None = None
    probes: list[dict[str, Any]] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, simulation: "Simulation") -> "FakeRun":
        """Gather what a simulation left."""
        return cls(
            _manifest(simulation), _plan(simulation.seed), simulation.journal, simulation.tapes,
            _samples(simulation.tapes), _generator(simulation.tapes[0]),
        )  # fmt: skip

    def rows(self, *kinds: Kind, scope: str = "work") -> list[Row]:
        """Return all rows of some kinds in one scope, in the order of time."""
        found = [row for tape in self.tapes if tape.scope == scope for row in tape.of(*kinds)]
        return sorted(found, key=lambda row: row.time_ns)

    def write(self, folder: Path) -> Path:
        """Write the run folder, and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        _json(folder / "manifest.json", self.manifest)
        _json(folder / "plan.json", self.plan)
        self.journal.write(folder / "journal.jsonl")
        for tape in self.tapes:
            tape.write(folder / "history", self.ledgers_of or self.manifest["run"])
        if self.log:
            (folder / "logs").mkdir(exist_ok=True)
            _lines(folder / "logs" / "services.jsonl", self.log)
        metrics = folder / "metrics"
        metrics.mkdir(exist_ok=True)
        _lines(metrics / "samples.jsonl", self.samples)
        if self.probes:
            _lines(metrics / "health.jsonl", self.probes)
        _lines(metrics / "generator-0001.jsonl", self.generator)
        return folder


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1))


def _lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _manifest(simulation: "Simulation") -> dict[str, Any]:
    contract = simulation.contract
    kinds = {"builds": "classic", "builds.failed": "classic"}
    return {
        "run": f"fake-sparki-{simulation.seed}", "system": "sparki", "suite": "smoke",
        "seed": simulation.seed, "contract": contract.model_dump(mode="json", by_alias=True),
        "alternative": None, "broker_settings": "tuned", "settings_used": [],
        "cluster": {"kind": "local", "version": "3.10.8", "erlang": "25",
                    "nodes": ["r1", "r2", "r3"], "powers": ["kill_node", "partition"]},
        "claimed": [each.id for each in contract.requirements], "dropped_claims": [],
        "host": {"cores": 2}, "libraries": {}, "python": "3.11", "git": "0000000",
        "command": "gameday run sparki --suite smoke", "started_at": "2030-01-01T00:00:00+00:00",
        "monotonic_zero_ns": ZERO_NS, "configuration_sha256": "0" * 64,
        "expectations": {
            queue.name: kinds.get(queue.name, "fifo") for queue in contract.topology.queues
        },
    }  # fmt: skip


def _plan(seed: int) -> dict[str, Any]:
    episodes = [
        {"id": each.id, "name": each.name, "at_s": STEADY_S + EPISODE_S * number + FAULT_AFTER_S,
         "for_s": FAULT_S, "recover_s": EPISODE_S - FAULT_S - FAULT_AFTER_S,
         "faults": [{"kind": each.kind, "target": "r1", "parameters": {}}], "control": None}
        for number, each in enumerate(EPISODES)
    ]  # fmt: skip
    return {"seed": seed, "episodes": episodes}


def _per_second(tapes: list[Tape], *kinds: Kind) -> dict[int, int]:
    counts: dict[int, int] = {}
    for tape in tapes:
        for row in tape.of(*kinds):
            second = (row.time_ns - ZERO_NS) // SECOND
            counts[second] = counts.get(second, 0) + 1
    return counts


def _samples(tapes: list[Tape]) -> list[dict[str, Any]]:
    """Depth of the whole vhost under the name of its busiest queue: confirmed less settled."""
    confirmed, settled = _per_second(tapes, Kind.CONFIRMED), _per_second(tapes, Kind.ACKED)
    depth, lines = 0, []
    for second in range(max(confirmed) + 1):
        depth = max(0, depth + confirmed.get(second, 0) - settled.get(second, 0))
        lines.append({
            "time_ns": ZERO_NS + second * SECOND, "depth": {"builds": depth, "deployments": 0},
            "unacked": {"builds": min(depth, 20)}, "connections": 36, "alarms": [],
            "load": 1.0, "broker_cpu": 40.0,
        })  # fmt: skip
    return lines


def _generator(tape: Tape) -> list[dict[str, Any]]:
    offered, confirmed = _per_second([tape], Kind.INVOKE), _per_second([tape], Kind.CONFIRMED)
    return [
        {"time_ns": ZERO_NS + second * SECOND, "offered": offered.get(second, 0),
         "sent": offered.get(second, 0), "confirmed": confirmed.get(second, 0),
         "lag_max_ms": 1.0, "cpu_percent": 30.0, "blocked": 0, "connected": 30}
        for second in range(max(offered) + 1)
    ]  # fmt: skip
