"""What a Celery process of ours is told: the part of a run that it plays, by its environment.

Addresses hold passwords, so all of it travels in `GAMEDAY_CELERY`, never in arguments or files.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gameday.errors import HarnessError
from gameday.traffic.celery.wiring import Wiring, from_json

VARIABLE = "GAMEDAY_CELERY"
READY = "gameday: worker ready"
"""What a worker prints when it consumes; whoever started it waits for that."""


@dataclass(frozen=True)
class Load:
    """An open-model schedule, by its seed; spikes are (at_s, count, over_s).

    `eta_share`, `retried`, `failing`, `timed_out` and `revoked` are the shares of tasks that are
    sent for later, fail once, fail for good, hang until their time limit, and are revoked.
    """

    rate_per_s: float
    for_s: float
    seed: int
    spikes: tuple[tuple[float, int, float], ...] = ()
    service_ms: tuple[int, int] = (50, 200)
    priorities: Mapping[str, float] = field(default_factory=dict)
    eta_share: float = 0.0
    eta_s: float = 2.0
    retried: float = 0.0
    failing: float = 0.0
    timed_out: float = 0.0
    revoked: float = 0.0


@dataclass(frozen=True)
class Job:
    """One process's part: which scope its ledger has, and how the application is wired.

    A worker has one wiring; a publisher of a rehearsal has one for each broker, by name. `app` is
    a user's own application, as `module:app`, and `tasks` the names of its tasks.
    """

    scope: str
    run: str
    wirings: Mapping[str, Wiring]
    app: str = ""
    tasks: tuple[Mapping[str, Any], ...] = ()
    load: Load | None = None
    route: str = ""
    concurrency: int = 4
    pool: str = "prefork"

    @property
    def wiring(self) -> Wiring:
        """The one wiring of a worker."""
        return next(iter(self.wirings.values()))

    def environment(self) -> dict[str, str]:
        """Return what hands this job down."""
        return {VARIABLE: json.dumps(asdict(self))}


def job_from_environment() -> Job:
    """Return the job of this process."""
    try:
        values = json.loads(os.environ[VARIABLE])
    except (KeyError, ValueError) as error:
        raise HarnessError(f"{VARIABLE} does not say what this process shall do") from error
    load = values["load"]
    if load is not None:
        load = Load(
            **{
                **load,
                "spikes": tuple(tuple(each) for each in load["spikes"]),
                "service_ms": tuple(load["service_ms"]),
            }
        )
    wirings = {name: from_json(each) for name, each in values["wirings"].items()}
    return Job(**{**values, "load": load, "wirings": wirings, "tasks": tuple(values["tasks"])})
