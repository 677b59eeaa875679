"""The stage: the cluster that a run plays on, started for it, or attached to and left as it was."""

import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from chaos.by_command import links_vhost
from chaos.guard import allow
from chaos.interrupts import Interrupts
from gameday.clusters.attached import AttachedCluster, attach
from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.balancer import BALANCER
from gameday.clusters.broker import Broker, clients_user
from gameday.clusters.cluster import Door
from gameday.clusters.cluster_file import ClusterFile
from gameday.clusters.commanded import CommandedCluster, attach_by_file
from gameday.clusters.commanded_facts import CommandedFacts
from gameday.clusters.compose import ComposeCluster, start_composed
from gameday.clusters.compose_images import find_images
from gameday.clusters.local import LocalCluster, start_local
from gameday.clusters.release import find_release
from gameday.clusters.spare_doors import open_doors
from gameday.contracts.model import Contract
from gameday.contracts.variables import Value
from gameday.traffic.purpose import Target
from scenarios.allowed import Allowed, file_of, owned_hosts
from scenarios.crew import ONE_CONSUMER, ONE_PRODUCER
from scenarios.lacks import lacks
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
    cluster: LocalCluster | ComposeCluster | AttachedCluster
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
    reasons: Mapping[str, str] = field(default_factory=dict)
    """By power that the cluster lacks, why, where more is known than that it does."""


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
    file = file_of(options)
    if file is not None:
        return _commanded(stack, contract, options, file, folder, state_dir, vhost, interrupts)
    if options.cluster == "attached":
        return _attached(stack, contract, options, folder, state_dir, vhost, interrupts)
    cluster = _started(contract, options, state_dir, needs, screen)
    stack.callback(_close, cluster, folder, interrupts, screen)
    enable_other_flags(cluster, needs)
    user = _clients(cluster, vhost)
    doors = {role: _targets(cluster, vhost, user, door) for role, door in DOORS.items()}
    base = cluster.record.ports.base
    return Stage(
        f"{options.cluster}-{base}", folder, state_dir, contract, cluster, Broker(cluster), vhost,
        _targets(cluster, vhost, user), doors, base, interrupts,
        secrets=frozenset({cluster.password, user[1]}), clients=user,
        reasons=lacks(contract, options),
    )  # fmt: skip


def _started(
    contract: Contract, options: Options, state_dir: Path, needs: Needs, screen: Screen
) -> LocalCluster | ComposeCluster:
    """Start the cluster that was asked for, with the contract's settings for its version."""
    composed = options.cluster == "compose"
    images = find_images(options.broker) if composed else None
    version = images.version if images else find_release(options.broker).version
    settings = with_needs(broker_settings(contract, version, options.broker_settings), needs)
    if images:
        return start_composed(
            settings, images, nodes=contract.nodes, state_dir=state_dir, progress=screen.step
        )
    return start_local(
        settings, broker=options.broker, nodes=contract.nodes, state_dir=state_dir,
        clocks=needs.clocks, tls=options.tls, balancer=contract.behind is not None,
        progress=screen.step,
    )  # fmt: skip


def _clients(cluster: LocalCluster | ComposeCluster, vhost: str) -> tuple[str, str]:
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
    options: Options,
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
        reasons=lacks(contract, options),
    )  # fmt: skip


def _commanded(
    stack: ExitStack,
    contract: Contract,
    options: Options,
    file: ClusterFile,
    folder: Path,
    state_dir: Path,
    vhost: str,
    interrupts: Interrupts,
) -> Stage:
    """Attach to a cluster that its owner lets be broken, after all its addresses are allowed."""
    owned = owned_hosts(options, file)
    for node in file.nodes:
        allow(node.amqp, owned)
        allow(node.management, owned)
    assert options.cluster_file is not None
    found = attach_by_file(file, options.cluster_file, folder)
    doors = open_doors(state_dir, {node: found.addresses(node).client for node in found.nodes})
    stack.callback(doors.close)
    vhosts = (vhost, f"{vhost}-controls", links_vhost(vhost))
    cluster = replace(found, vhosts=vhosts, spare=doors)
    cluster.save()
    broker = CommandedFacts(cluster)
    for each in cluster.vhosts:
        stack.callback(broker.drop_vhost, each)
    targets = tuple(Target(node, cluster.amqp_url(node, vhost)) for node in cluster.nodes)
    return Stage(
        f"attached-{file.cluster}", folder, state_dir, contract, cluster, broker, vhost, targets,
        {}, None, interrupts, secrets=frozenset({cluster.password}),
    )  # fmt: skip


def on_allowed(stage: Stage, found: Allowed) -> Stage:
    """Return the stage with the powers that the cluster's owner gives this run, and no others."""
    assert isinstance(stage.cluster, CommandedCluster)
    cluster = replace(stage.cluster, powers=found.powers)
    return replace(stage, cluster=cluster, reasons=found.reasons)


def _targets(
    cluster: LocalCluster | ComposeCluster,
    vhost: str,
    user: tuple[str, str],
    door: Door = "clients",
) -> tuple[Target, ...]:
    """Return where clients connect that come by a door, and as whom."""
    if isinstance(cluster, LocalCluster) and "balancer" in cluster.powers:
        return (Target(BALANCER, cluster.balanced_url(vhost, door, user)),)
    return tuple(Target(node, cluster.amqp_url(node, vhost, door, user)) for node in cluster.nodes)


def _close(
    cluster: LocalCluster | ComposeCluster, folder: Path, interrupts: Interrupts, screen: Screen
) -> None:
    """Keep what the nodes logged, and end the cluster, whatever signals come meanwhile."""
    with interrupts.shielded():
        screen.step("stopping the cluster")
        cluster.keep_logs(folder / "logs")
        cluster.close()
