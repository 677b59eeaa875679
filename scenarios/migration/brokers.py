"""The brokers of a migration: one RabbitMQ cluster, a Redis server a row, and their sides."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from chaos.interrupts import Interrupts
from gameday.clusters.local import LocalCluster, start_local
from gameday.clusters.redis import RedisServer, start_redis
from gameday.contracts.topology import for_version
from scenarios.migration.options import Ready
from scenarios.migration.own import OwnRabbitSide, OwnRedisSide
from scenarios.migration.rabbit import RabbitSide
from scenarios.migration.rows import Row
from scenarios.migration.sides import RedisSide, Side
from scenarios.screen import Screen
from scenarios.settings import broker_settings


@dataclass
class Brokers:
    """What was started; the stack that it was started on ends it."""

    cluster: LocalCluster
    servers: dict[str, RedisServer]

    @property
    def secrets(self) -> frozenset[str]:
        """What must stand in no journal."""
        return frozenset({self.cluster.password, *(s.password for s in self.servers.values())})


def start_cluster(
    stack: ExitStack,
    ready: Ready,
    folder: Path,
    state_dir: Path,
    interrupts: Interrupts,
    screen: Screen,
) -> LocalCluster:
    """Start RabbitMQ; when it ends, what it logged is kept."""
    settings = broker_settings(ready.contract, ready.release.version, "tuned")
    cluster = start_local(
        settings, broker=ready.release, nodes=ready.asked.nodes, state_dir=state_dir,
        progress=screen.step,
    )  # fmt: skip

    def close() -> None:
        with interrupts.shielded():
            screen.step("stopping the brokers")
            for path in sorted(cluster.record.logs.glob("*.log")):
                shutil.copyfile(path, folder / "logs" / f"broker-{path.name}")
            cluster.close()

    stack.callback(close)
    return cluster


def start_servers(
    stack: ExitStack, ready: Ready, beside: int, state_dir: Path, interrupts: Interrupts
) -> dict[str, RedisServer]:
    """Start a Redis server for each row that has one."""
    servers: dict[str, RedisServer] = {}
    for row in ready.rows:
        if row.redis is None:
            continue
        server = start_redis(row.redis, state_dir=state_dir, beside=beside)

        def close(server: RedisServer = server) -> None:
            with interrupts.shielded():
                server.close()

        stack.callback(close)
        servers[row.id] = server
    return servers


def sides_of(ready: Ready, brokers: Brokers) -> dict[str, Side]:
    """Return each row's side, with its virtual host made and its topology in it."""
    return {row.id: _side(row, ready, brokers) for row in ready.rows}


def _side(row: Row, ready: Ready, brokers: Brokers) -> Side:
    own = ready.own
    if row.redis is not None:
        server = brokers.servers[row.id]
        if own is not None:
            return OwnRedisSide(row, server, own=own.settings["redis"])
        return RedisSide(row, server)
    vhost, cluster = f"migrate-{row.id}", brokers.cluster
    if own is None:
        side = RabbitSide(row, cluster, vhost)
    else:
        results = RedisSide(ready.redis, brokers.servers[ready.redis.id]).results_url()
        side = OwnRabbitSide(row, cluster, vhost, own=own.settings["rabbitmq"], results=results)
    contract = for_version(ready.contract, cluster.version)
    side.declare(contract.model_copy(update={"nodes": len(cluster.nodes)}))
    return side
