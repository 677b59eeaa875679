"""The stage: the cluster that a run plays on, started for it, or attached to and left as it was."""

import secrets
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from chaos.interrupts import Interrupts
from gameday.clusters.attached import AttachedCluster, attach
from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.broker import Broker, clients_user
from gameday.clusters.cluster import Door
from gameday.clusters.local import LocalCluster, start_local
from gameday.clusters.release import find_release
from gameday.contracts.model import Contract
from gameday.contracts.variables import Value
from gameday.traffic.link import Target
from scenarios.crew import ONE_CONSUMER, ONE_PRODUCER
from scenarios.needs import Needs, enable_other_flags, with_needs
from scenarios.options import Options
from scenarios.screen import Screen
from scenarios.settings import broker_settings

VHOST_PREFIX = "chaos-"
"""How the name of every run's virtual host begins: what is in such a one is a run's own."""

DOORS: dict[str, Door] = {
    "publisher": "producers",
    "worker": "consumers",
    ONE_PRODUCER: "one-producer",
    ONE_CONSUMER: "one-consumer",
}
"""Which door of a node the load processes of a role come by, so that faults can tell them apart."""


@dataclass(frozen=True)
class Stage:
    """Where a run plays: the cluster, how to reach it, and what the contract's variables are."""

    name: str
    folder: Path
    state_dir: Path
    contract: Contract
    cluster: LocalCluster | AttachedCluster
    broker: Broker | AttachedFacts
    vhost: str
    targets: tuple[Target, ...]
    doors: Mapping[str, tuple[Target, ...]]
    """By role of a load process, where it connects; all others use `targets`."""
    port_base: int | None
    interrupts: Interrupts
    values: tuple[Value, ...] = ()
    secrets: frozenset[str] = frozenset()
    clients: tuple[str, str] = ("", "")
    """The clients' user and its password, where they have one to themselves."""


def open_stage(
    stack: ExitStack,
    contract: Contract,
    options: Options,
    folder: Path,
    state_dir: Path,
    interrupts: Interrupts,
    screen: Screen,
    *,
    needs: Needs,
) -> Stage:
    """Start a cluster, or attach to one; the stack ends what was started."""
    vhost = f"{VHOST_PREFIX}{folder.name}"
    if options.cluster == "attached":
        return _attached(stack, contract, folder, state_dir, vhost, interrupts)
    version = find_release(options.broker).version
    settings = with_needs(broker_settings(contract, version, options.broker_settings), needs)
    cluster = start_local(
        settings, broker=options.broker, nodes=contract.nodes, state_dir=state_dir,
        clocks=needs.clocks, tls=options.tls, progress=screen.step,
    )  # fmt: skip
    stack.callback(_close, cluster, folder, interrupts, screen)
    enable_other_flags(cluster, needs)
    user = _clients(cluster, vhost)
    doors = {role: _targets(cluster, vhost, user, door) for role, door in DOORS.items()}
    base = cluster.record.ports.base
    return Stage(
        f"local-{base}", folder, state_dir, contract, cluster, Broker(cluster), vhost,
        _targets(cluster, vhost, user), doors, base, interrupts,
        secrets=frozenset({cluster.password, user[1]}), clients=user,
    )  # fmt: skip


def _clients(cluster: LocalCluster, vhost: str) -> tuple[str, str]:
    """Make the virtual host, and a user for the clients alone; return its name and password.

    So an operator's mistake with their user is felt by them, and not by whoever is to heal it.
    """
    broker, user = Broker(cluster), (clients_user(vhost), secrets.token_urlsafe(24))
    broker.make_vhost(vhost)
    broker.make_user(*user, vhost)
    return user


def _attached(
    stack: ExitStack,
    contract: Contract,
    folder: Path,
    state_dir: Path,
    vhost: str,
    interrupts: Interrupts,
) -> Stage:
    cluster = attach()
    broker = AttachedFacts(cluster)
    stack.callback(broker.drop_vhost, vhost)
    stack.callback(broker.drop_vhost, f"{vhost}-controls")
    node = cluster.nodes[0]
    target = Target(node, cluster.amqp_url(node, vhost))
    door = str(cluster.addresses(node).client)
    return Stage(
        f"attached-{door}", folder, state_dir, contract, cluster, broker, vhost, (target,), {},
        None, interrupts, secrets=frozenset({cluster.password}),
    )  # fmt: skip


def _targets(
    cluster: LocalCluster, vhost: str, user: tuple[str, str], door: Door = "clients"
) -> tuple[Target, ...]:
    """Return where clients connect that come by a door, and as whom."""
    return tuple(Target(node, cluster.amqp_url(node, vhost, door, user)) for node in cluster.nodes)


def _close(cluster: LocalCluster, folder: Path, interrupts: Interrupts, screen: Screen) -> None:
    """Keep what the nodes logged, and end the cluster, whatever signals come meanwhile."""
    with interrupts.shielded():
        screen.step("stopping the cluster")
        for path in sorted(cluster.record.logs.glob("*.log")):
            shutil.copyfile(path, folder / "logs" / f"broker-{path.name}")
        cluster.close()
