"""A small stand for the migration's live tests: one node of RabbitMQ, one hardened Redis."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chaos import runs
from chaos.journal import FILE_NAME, Journal
from gameday.clusters.local import local_cluster
from gameday.clusters.redis import redis_server
from gameday.clusters.redis_record import HARDENED
from gameday.clusters.settings import BrokerSettings
from gameday.history.folder import create_run_folder, write_manifest
from gameday.history.migration.folder import Migration, load_migration
from gameday.history.migration.rules import RULES
from scenarios.migration.brokers import Brokers, sides_of
from scenarios.migration.crew import Crew
from scenarios.migration.options import Asked, ready
from scenarios.migration.own import RABBITMQ_OWN, REDIS_OWN, Own
from scenarios.migration.rows import CLASSIC, REDIS_HARDENED, Row
from scenarios.migration.stand import Stand
from scenarios.screen import Screen


@dataclass
class Played:
    """A stand, and what was played on it so far."""

    stand: Stand
    rows: tuple[Row, ...]
    legs: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def judge(self) -> Migration:
        """Write the manifest, and read the folder back as the judge does."""
        write_manifest(self.stand.folder, {
            "kind": "migration", "run": self.stand.run, "system": "evaluations",
            "suite": "smoke", "seed": 1, "rules": dict(RULES), "legs": self.legs,
            "rows": [row.as_json({}) for row in self.rows], "rehearsal": self.steps,
        })  # fmt: skip
        return load_migration(self.stand.folder)


@contextmanager
def small_stand(folder: Path, own: Own | None = None) -> Iterator[Played]:
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
        server = stack.enter_context(redis_server(HARDENED, state_dir=state_dir, beside=base))
        asked = Asked(nodes=1)
        found = ready(asked)
        both = (REDIS_HARDENED, CLASSIC) if own is None else (REDIS_OWN, RABBITMQ_OWN)
        played = replace(found, rows=both, redis=both[0], candidate=both[1], own=own)
        brokers = Brokers(cluster, {both[0].id: server})
        journal = Journal(run / FILE_NAME)
        stack.callback(journal.close)
        crew = Crew(run, record.client_environment())
        stack.callback(crew.close)
        stand = Stand(run, sides_of(played, brokers), crew, journal, Screen(), own=own)
        yield Played(stand, both)
        assert list(runs.clients(record)) == []
