"""The two sides of a migration behind one interface: what a leg may ask of a broker or do to it.

A side belongs to one row. Both are reached by their clients through Toxiproxy, and by us over a
control path that no fault cuts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gameday.clusters.cluster import How
from gameday.clusters.redis import RedisServer
from gameday.clusters.redis_disk import fill_disk, free_disk
from gameday.clusters.redis_doors import WORKERS
from gameday.traffic.celery.drain import UNACKED, Left, drain_redis
from gameday.traffic.celery.ledger import TaskLedger
from gameday.traffic.celery.wiring import QUEUE, TIMEOUTS, Wiring, redis_lists
from scenarios.migration.rows import Row

READY_WITHIN_S = 40.0
HEALTHY_WITHIN_S = 60.0
DEAD = "evaluations.dead"
RESULTS = 1
"""The Redis database of results."""


@dataclass(frozen=True)
class Depth:
    """How many tasks nobody has taken, and how many a worker holds."""

    ready: int
    unacked: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to do."""
        return not self.ready and not self.unacked


class Side(Protocol):
    """One broker in one setting."""

    @property
    def row(self) -> Row:
        """Which row it plays."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the queue of tasks, as they stand."""

    def wiring(self, results: str = "", *, is_mapped: bool = True) -> Wiring:
        """Return how the application is wired to it."""

    def worker_urls(self) -> tuple[str, ...]:
        """Return where workers connect: by a door of their own, so that they can be cut alone."""

    def depth(self) -> Depth:
        """Count what is there, over the control path."""

    def kill(self) -> dict[str, Any]:
        """Kill the broker, or of a cluster the node that leads the queue; return what was seen."""

    def start(self) -> None:
        """Start what was killed, and wait until it serves."""

    def cut(self, how: How) -> dict[str, Any]:
        """Cut all clients off; return what was seen."""

    def silence_workers(self) -> dict[str, Any]:
        """Let the workers' links swallow all, while publishers go on; return what was seen."""

    def mend(self) -> None:
        """Let the clients through again."""

    def fill(self) -> dict[str, Any]:
        """Let the memory be full; return what was seen."""

    def make_room(self) -> None:
        """Lift that again."""

    def fill_disk(self) -> dict[str, Any]:
        """Let the disk be full; return what was seen."""

    def free_disk(self) -> None:
        """Lift that again."""

    def restore(self) -> None:
        """Put everything right, whatever was done to it."""

    def drain(self, ledger: TaskLedger) -> Left:
        """Read and remove whatever is left."""

    def process_ids(self) -> list[int]:
        """Return the broker's processes, for what they cost."""


@dataclass
class RedisSide:
    """Redis in one setting."""

    row: Row
    server: RedisServer
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def wiring(self, results: str = "", *, is_mapped: bool = True) -> Wiring:
        """Return how the application is wired to it."""
        return Wiring(
            "redis", (self.server.url(),), {}, self.row.options, results=results,
            is_mapped=is_mapped,
        )  # fmt: skip

    def worker_urls(self) -> tuple[str, ...]:
        """Return where workers connect."""
        return (self.server.url(door=WORKERS),)

    def depth(self) -> Depth:
        """Count the lists of all steps, and the hash of what workers hold."""
        with self.server.connect() as client:
            ready = sum(int(client.llen(name)) for name in redis_lists(QUEUE))
            return Depth(ready, int(client.hlen(UNACKED)))

    def kill(self) -> dict[str, Any]:
        """Kill the server."""
        pid = self.server.process_id
        before = self.depth()
        self.server.kill()
        return {"killed": "redis-server", "pid": pid, "ready_before": before.ready,
                "unacked_before": before.unacked}  # fmt: skip

    def start(self) -> None:
        """Start it again: it reads back what it had saved."""
        if self.server.process_id is None:
            self.server.start()

    def cut(self, how: How) -> dict[str, Any]:
        """Cut its clients off."""
        self.server.cut(how)
        return {"cut": self.server.is_cut(), "how": how, "where": "redis"}

    def silence_workers(self) -> dict[str, Any]:
        """Swallow what goes to and from its workers."""
        self.server.cut("silent", (WORKERS,))
        return {"cut": self.server.cut_doors() == [WORKERS], "how": "silent", "where": WORKERS}

    def mend(self) -> None:
        """Let its clients through again."""
        self.server.mend()

    def fill(self) -> dict[str, Any]:
        """Allow it less memory than it uses."""
        used = self.server.fill()
        return {"used_memory": used, "maxmemory": int(self.server.setting("maxmemory")),
                "policy": self.server.setting("maxmemory-policy")}  # fmt: skip

    def make_room(self) -> None:
        """Lift the limit."""
        self.server.make_room()

    def fill_disk(self) -> dict[str, Any]:
        """Let no file of it grow any more."""
        return {"disk": fill_disk(self.server)}

    def free_disk(self) -> None:
        """Lift that, and start it if it has ended."""
        free_disk(self.server)

    def restore(self) -> None:
        """Start it, let it answer, let its clients through, and lift its limit."""
        self.free_disk()
        self.server.mend()
        self.server.make_room()

    def drain(self, ledger: TaskLedger) -> Left:
        """Empty its lists and the hash, then the database."""
        with self.server.connect() as client:
            left = drain_redis(client, (QUEUE, TIMEOUTS), ledger)
            client.flushdb()
        with self.server.connect(RESULTS) as client:
            client.flushdb()
        return left

    def results_url(self) -> str:
        """Return where the results of tasks lie, whichever broker they come by."""
        return self.server.url(RESULTS)

    def process_ids(self) -> list[int]:
        """Return the server's process."""
        pid = self.server.process_id
        return [] if pid is None else [pid]
