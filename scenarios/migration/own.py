"""A user's own application: its module, its tasks, and sides that take any queue that it uses.

It gets a virtual host and a Redis database of ours. What it is set to itself is what is compared;
only the addresses of brokers and results are ours, and nothing of the user's is ever connected.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gameday.clusters.redis_record import HARDENED
from gameday.contracts.model import Contract
from gameday.errors import HarnessError, UsageError
from gameday.traffic.celery.application import load_app, load_object
from gameday.traffic.celery.drain import (
    UNACKED,
    Left,
    drain_rabbitmq,
    drain_redis,
    is_of_tasks,
    redis_queues,
)
from gameday.traffic.celery.job import Load
from gameday.traffic.celery.ledger import TaskLedger
from gameday.traffic.celery.wiring import Wiring, redis_lists
from scenarios.migration.plans import NARROW, LegPlan, StepPlan, Suite, steps
from scenarios.migration.rabbit import RabbitSide
from scenarios.migration.rows import Row
from scenarios.migration.sides import RESULTS, Depth, RedisSide

REDIS_OWN = Row(
    "redis-own", "redis", "hardened", "Redis, as the application sets it", redis=HARDENED,
    comes_back_s=9.0,
)  # fmt: skip
RABBITMQ_OWN = Row(
    "rabbitmq-own", "rabbitmq", "classic-priority", "RabbitMQ, as the application sets it"
)
BACKLOG_OF_S = 12


@dataclass(frozen=True)
class Own:
    """An application by `module:app`, what is sent to it, and its settings for each broker."""

    app: str
    tasks: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Mapping[str, Any]]
    prefetch: int = 1
    """How many tasks its workers reserve for each that they do at once."""


def own_application(
    app: str, tasks: Sequence[str], redis: str | None, rabbitmq: str | None
) -> Own:  # fmt: skip
    """Import an application, and refuse tasks that it does not have."""
    known_app = load_app(app)
    known = sorted(name for name in known_app.tasks if not name.startswith("celery."))
    wanted = [_task(each) for each in tasks] or [{"name": name, "args": []} for name in known]
    for task in wanted:
        if task["name"] not in known:
            has = ", ".join(known) or "none"
            raise UsageError(f"--task {task['name']}: {app} has no such task; it has {has}.")
    if not wanted:
        raise UsageError(f"--app {app}: it has no task of its own; import them in its module.")
    settings = {
        name: _settings(option, given)
        for name, option, given in (
            ("redis", "--redis-settings", redis), ("rabbitmq", "--rabbitmq-settings", rabbitmq)
        )
    }  # fmt: skip
    prefetch = int(known_app.conf.worker_prefetch_multiplier)
    return Own(app, tuple(wanted), settings, prefetch)


def _task(word: str) -> dict[str, Any]:
    """Read `name` or `name=[arguments as JSON]`."""
    name, _, text = word.partition("=")
    try:
        args = json.loads(text or "[]")
    except ValueError as error:
        raise UsageError(f"--task {word}: its arguments are no JSON: {error}.") from error
    if not isinstance(args, list):
        raise UsageError(f"--task {word}: its arguments must be a list, such as {name}=[1].")
    return {"name": name, "args": args}


def _settings(option: str, given: str | None) -> Mapping[str, Any]:
    if given is None:
        return {}
    found = load_object(option, given)
    if not isinstance(found, dict):
        raise UsageError(f"{option} {given}: it is no dict of Celery's settings.")
    try:
        json.dumps(found)
    except TypeError as error:
        raise UsageError(f"{option} {given}: only plain values can be handed on: {error}.") from (
            error
        )
    return found


@dataclass
class OwnRedisSide(RedisSide):
    """Redis for a user's application: every queue in its database."""

    own: Mapping[str, Any] = field(default_factory=dict)

    def wiring(self, results: str = "", *, is_mapped: bool = True) -> Wiring:
        """Return the addresses, and what the application is set to for Redis."""
        results = results or self.results_url()
        return Wiring("redis", (self.server.url(),), results=results, is_mapped=is_mapped,
                      own=self.own)  # fmt: skip

    def depth(self) -> Depth:
        """Count every list, and the hash of what workers hold."""
        with self.server.connect() as client:
            names = [each for queue in redis_queues(client) for each in redis_lists(queue)]
            ready = sum(int(client.llen(name)) for name in names)
            return Depth(ready, int(client.hlen(UNACKED)))

    def drain(self, ledger: TaskLedger) -> Left:
        """Empty its lists and the hash, then both databases."""
        with self.server.connect() as client:
            left = drain_redis(client, redis_queues(client), ledger)
            client.flushdb()
        with self.server.connect(RESULTS) as client:
            client.flushdb()
        return left


@dataclass
class OwnRabbitSide(RabbitSide):
    """RabbitMQ for a user's application: every queue that it declares in its virtual host."""

    own: Mapping[str, Any] = field(default_factory=dict)
    results: str = ""

    def declare(self, contract: Contract) -> None:
        """Make the virtual host; the application declares what it needs."""
        del contract
        self.broker.make_vhost(self.vhost)
        self.wait_ready()

    def wiring(self, results: str = "", *, is_mapped: bool = True) -> Wiring:
        """Return the addresses, and what the application is set to for RabbitMQ."""
        urls = tuple(self.cluster.amqp_url(node, self.vhost) for node in self.cluster.nodes)
        return Wiring("rabbitmq", urls, results=results or self.results, is_mapped=is_mapped,
                      own=self.own)  # fmt: skip

    def depth(self) -> Depth:
        """Count every queue of tasks."""
        counts = self.broker.message_counts(self.vhost)
        mine = [count for name, count in counts.items() if is_of_tasks(name)]
        return Depth(sum(ready for ready, _ in mine), sum(held for _, held in mine))

    def busiest(self) -> str:
        """Return the queue of tasks that holds the most."""
        counts = self.broker.message_counts(self.vhost)
        mine = {name: sum(count) for name, count in counts.items() if is_of_tasks(name)}
        if not mine:
            raise HarnessError("the application has declared no queue")
        return max(mine, key=lambda name: mine[name])

    def drain(self, ledger: TaskLedger) -> Left:
        """Take what lies in every queue of tasks."""
        url = self.cluster.amqp_url(self.broker.serving_node(), self.vhost, "spare")
        names = [each for each in self.broker.message_counts(self.vhost) if is_of_tasks(each)]
        return drain_rabbitmq(url, names, ledger)


def own_suite(suite: str, seed: int, rate_per_s: float) -> Suite:
    """Return what is played with somebody's own tasks, of which nobody knows how long they take."""
    size = 1.0 if suite == "smoke" else 2.0
    rows = (REDIS_OWN, RABBITMQ_OWN)
    count = int(rate_per_s * BACKLOG_OF_S)
    light = Load(rate_per_s / 2, 8.0 * size, seed)
    backlog = Load(rate_per_s / 2, 8.0 * size, seed + 1, ((0.5, count, 0.5),))
    twice = ((0.5, count, 0.6), (4.5, count, 0.6))
    struck = Load(rate_per_s, 8.0, seed + 10, ((2.7, 80, 0.2),))
    loads = {"light": light, "saturation": backlog, "burst": Load(1.0, 7.0, seed + 2, twice)}
    batches = [
        tuple(LegPlan(row.id, kind, load, *NARROW) for row in rows) for kind, load in loads.items()
    ]
    batches += [
        tuple(LegPlan(row.id, "fault", struck, *NARROW, fault, 3.0) for row in rows)
        for fault in ("worker_kill", "broker_kill", "cut_link")
    ]
    faults = (None,) if suite == "smoke" else (None, "worker_kill", "broker_kill", "cut_link")
    moves = tuple(
        StepPlan(each.step, each.fault, Load(rate_per_s / 2, each.load.for_s, seed + 40))
        for each in steps(seed, faults, 8.0)
    )
    return Suite(tuple(batches), moves)
