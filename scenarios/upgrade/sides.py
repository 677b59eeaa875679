"""The two clusters of an upgrade, and who works on each: blue is the old one, green the new one."""

import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaos.interrupts import Interrupts
from chaos.journal import Journal
from gameday.clusters.broker import Broker, clients_user
from gameday.clusters.local import LocalCluster, start_local
from gameday.clusters.release import Release
from gameday.contracts.model import Contract
from gameday.history.sides import node_of
from gameday.traffic.purpose import Target
from scenarios.crew import Crew
from scenarios.screen import Screen
from scenarios.settings import broker_settings


@dataclass
class Side:
    """One cluster, the system's design on it, and the processes that work there."""

    name: str
    cluster: LocalCluster
    broker: Broker
    vhost: str
    contract: Contract
    crew: Crew
    password: str

    @property
    def base(self) -> int:
        """Its block of ports."""
        return self.cluster.record.ports.base

    @property
    def version(self) -> str:
        """Its broker's version."""
        return self.cluster.version

    def processes(self, role: str) -> frozenset[int]:
        """Return the ids of its living processes of a role."""
        mine = (each for each in self.crew.members if each.role == role)
        return frozenset(each.process.pid for each in mine if each.process.poll() is None)

    def held(self) -> dict[str, int]:
        """Return how many messages each of its queues holds, unacknowledged ones included."""
        counts = self.broker.message_counts(self.vhost)
        return {name: sum(count) for name, count in counts.items()}


@dataclass(frozen=True)
class Start:
    """What starting a side needs to know of its run."""

    stack: ExitStack
    folder: Path
    state_dir: Path
    vhost: str
    seed: int
    journal: Callable[[], Journal]
    marker: Mapping[str, str]
    interrupts: Interrupts
    screen: Screen


def start_cluster(
    start: Start,
    name: str,
    release: Release,
    contract: Contract,
    *,
    beside: int | None = None,
    plugins: tuple[str, ...] = (),
) -> LocalCluster:
    """Start a side's cluster; when it ends, what its nodes logged is kept under the side's name."""
    settings = broker_settings(contract, release.version, "tuned")
    settings = replace(settings, plugins=(*settings.plugins, *plugins))
    cluster = start_local(
        settings, broker=release, nodes=contract.nodes, state_dir=start.state_dir, beside=beside,
        progress=start.screen.step,
    )  # fmt: skip

    def close() -> None:
        with start.interrupts.shielded():
            start.screen.step(f"stopping {name}")
            for path in sorted(cluster.record.logs.glob("*.log")):
                shutil.copyfile(path, start.folder / "logs" / f"broker-{name}-{path.name}")
            cluster.close()

    start.stack.callback(close)
    return cluster


def side_of(start: Start, name: str, cluster: LocalCluster, contract: Contract) -> Side:
    """Make a side's virtual host with a user for its clients, and the crew that will work there."""
    broker = Broker(cluster)
    user = clients_user(start.vhost), secrets.token_urlsafe(24)
    broker.make_vhost(start.vhost)
    broker.make_user(*user, start.vhost)
    targets = tuple(
        Target(node_of(name, node), cluster.amqp_url(node, start.vhost, "clients", user))
        for node in cluster.nodes
    )
    crew = Crew(start.folder, contract, targets, start.seed, start.journal(), start.marker)
    start.stack.callback(crew.kill_all)
    return Side(name, cluster, broker, start.vhost, contract, crew, user[1])


class Both(Broker):
    """What is seen of an upgrade from outside: blue, and what both hold once green is there."""

    def __init__(self, blue: Side) -> None:
        super().__init__(blue.cluster)
        self._first, self._second = blue.broker, blue.broker

    def go_on(self, green: Side) -> None:
        """Look at green, and count what both hold."""
        super().__init__(green.cluster)
        self._second = green.broker

    def message_counts(self, vhost: str) -> dict[str, tuple[int, int]]:
        """Return what each queue holds, on both together."""
        found: dict[str, Any] = self._first.message_counts(vhost)
        if self._second is self._first:
            return found
        for name, (ready, held) in self._second.message_counts(vhost).items():
            before = found.get(name, (0, 0))
            found[name] = before[0] + ready, before[1] + held
        return found
