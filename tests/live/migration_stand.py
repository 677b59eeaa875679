"""A small stand for the migration's live tests: one node of RabbitMQ, one hardened Redis."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos import runs
from chaos.journal import FILE_NAME, Journal
from gameday.clusters.local import local_cluster
from gameday.clusters.redis import redis_server
from gameday.clusters.settings import BrokerSettings
from gameday.contracts.load import load
from gameday.contracts.topology import for_version
from gameday.history.folder import create_run_folder, write_manifest
from gameday.history.migration.folder import Migration, load_migration
from gameday.history.migration.rules import RULES
from scenarios.migration.crew import Crew
from scenarios.migration.rows import CLASSIC, REDIS_HARDENED
from scenarios.migration.sides import RabbitSide, RedisSide
from scenarios.migration.stand import Stand
from scenarios.screen import Screen

ROWS = (REDIS_HARDENED, CLASSIC)


@dataclass
class Played:
    """A stand, and what was played on it so far."""

    stand: Stand
    legs: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def judge(self) -> Migration:
        """Write the manifest, and read the folder back as the judge does."""
        write_manifest(self.stand.folder, {
            "kind": "migration", "run": self.stand.run, "system": "evaluations",
            "suite": "smoke", "seed": 1, "rules": dict(RULES), "legs": self.legs,
            "rows": [row.as_json({}) for row in ROWS], "rehearsal": self.steps,
        })  # fmt: skip
        return load_migration(self.stand.folder)


@contextmanager
def small_stand(folder: Path) -> Iterator[Played]:
    """Run both brokers for the time of a block, and leave nothing of what was played on them."""
    state_dir = folder / "state"
    run = create_run_folder(folder / "runs", "migrate-test", 1)
    record = runs.begin(run.name, run, state_dir, None)
    with ExitStack() as stack:
        stack.callback(runs.strike_off, record)
        cluster = stack.enter_context(
            local_cluster(BrokerSettings(), nodes=1, state_dir=state_dir)
        )  # fmt: skip
        base = cluster.record.ports.base
        server = stack.enter_context(
            redis_server(REDIS_HARDENED.redis, state_dir=state_dir, beside=base)  # type: ignore[arg-type]
        )
        contract = for_version(load("evaluations", {}).contract, cluster.version)
        rabbit = RabbitSide(CLASSIC, cluster, "migrate-test")
        rabbit.declare(contract.model_copy(update={"nodes": 1}))
        journal = Journal(run / FILE_NAME)
        stack.callback(journal.close)
        crew = Crew(run, record.client_environment())
        stack.callback(crew.close)
        sides = {REDIS_HARDENED.id: RedisSide(REDIS_HARDENED, server), CLASSIC.id: rabbit}
        yield Played(Stand(run, sides, crew, journal, Screen()))
        assert list(runs.clients(record)) == []
