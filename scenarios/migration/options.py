"""What somebody asked of a migration, as a value, refused before anything is started."""

from dataclasses import dataclass
from pathlib import Path

from gameday.clusters.redis import find_redis
from gameday.clusters.release import Release, find_release
from gameday.contracts.load import load
from gameday.contracts.model import Contract
from gameday.errors import UsageError
from scenarios.migration.own import RABBITMQ_OWN, REDIS_OWN, Own, own_application, own_suite
from scenarios.migration.plans import SUITES, Suite
from scenarios.migration.rows import REDIS_HARDENED, Row, candidate_of, rows_for

SYSTEM = "evaluations"
"""The one system that runs Celery on Redis, and plans to move."""
OWN_SYSTEM = "application"
"""What a user's own application is called where a system has its name."""


@dataclass(frozen=True)
class Asked:
    """One migration: which suite, on which broker, with which seed, and where its folder goes.

    `app`, `tasks` and the settings are a user's own application; `rate_per_s` is what it gets.
    """

    system: str = SYSTEM
    suite: str = "smoke"
    broker: str | None = None
    nodes: int = 3
    seed: int = 1
    out: Path | None = None
    app: str | None = None
    tasks: tuple[str, ...] = ()
    redis_settings: str | None = None
    rabbitmq_settings: str | None = None
    rate_per_s: float = 10.0


@dataclass(frozen=True)
class Ready:
    """What was asked for, what this machine has for it, and what is played on what."""

    asked: Asked
    contract: Contract
    release: Release
    rows: tuple[Row, ...]
    candidate: Row
    redis: Row
    suite: Suite
    own: Own | None = None

    @property
    def system(self) -> str:
        """What moves."""
        return self.asked.system if self.own is None else OWN_SYSTEM


def ready(asked: Asked) -> Ready:
    """Return what is needed, or refuse in a sentence."""
    if asked.system != SYSTEM:
        raise UsageError(
            f"{asked.system} does not move from Celery on Redis: only {SYSTEM} can be migrated, or "
            "your own application with --app module:app."
        )
    if asked.nodes not in {1, 3}:
        raise UsageError(f"--nodes {asked.nodes}: a cluster here has 1 node or 3.")
    own = _own(asked)
    find_redis()
    release = find_release(asked.broker)
    contract = load(asked.system, {}).contract
    if own is not None:
        suite = own_suite(asked.suite, asked.seed, asked.rate_per_s)
        both = (REDIS_OWN, RABBITMQ_OWN)
        return Ready(asked, contract, release, both, RABBITMQ_OWN, REDIS_OWN, suite, own)
    rows = rows_for(release.version)
    candidate = candidate_of(rows)
    suite = SUITES[asked.suite](rows, candidate.id, asked.seed)
    return Ready(asked, contract, release, rows, candidate, REDIS_HARDENED, suite)


def _own(asked: Asked) -> Own | None:
    if asked.app is not None:
        return own_application(
            asked.app, asked.tasks, asked.redis_settings, asked.rabbitmq_settings
        )  # fmt: skip
    given = {"--task": asked.tasks, "--redis-settings": asked.redis_settings,
             "--rabbitmq-settings": asked.rabbitmq_settings}  # fmt: skip
    for option, value in given.items():
        if value:
            raise UsageError(f"{option} is about your own application: name it with --app.")
    return None
