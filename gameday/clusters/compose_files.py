"""The files of three nodes in containers, and what their Toxiproxies lead to.

Each node lives in a network namespace of its own, so all of them use the same ports; only their
distribution ports and the loopback addresses of their links differ. A link to a peer, and the
question to the peer's epmd where it listens, leave through the node's own Toxiproxy:

    r1 ── 127.0.11.2:25672 ──> toxiproxy1 ──> host2:25672     (a link: cut and distorted)
    r1 ── 127.0.11.2:4369  ──> toxiproxy1 ──> host2:4370 ──> epmd of r2     (never cut)

`python -m gameday.clusters.compose_files` writes what `docker compose up` uses without a run.
"""

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

from gameday.clusters.cluster import Address, Door
from gameday.clusters.inetrc import control_inetrc, erlang_name, node_inetrc
from gameday.clusters.links import door_name, link_name
from gameday.clusters.ports import LOOPBACK, NODE_COUNT, Ports, link_host
from gameday.clusters.record import replace
from gameday.clusters.settings import (
    QUIET_SCHEDULERS,
    BrokerSettings,
    advanced_config,
    enabled_plugins,
)
from gameday.clusters.toxiproxy import ProxySpec

EVERYWHERE = "0.0.0.0"  # noqa: S104  # Within a container; only 127.0.0.1 is published.
AMQP, MANAGEMENT, PROMETHEUS, EPMD, NAMES = 5672, 15672, 15692, 4369, 4370

DOORS: Mapping[Door, int] = {
    "clients": 27010,
    "one-producer": 27013,
    "spare": 27020,
    "one-consumer": 27023,
    "producers": 27080,
    "consumers": 27090,
}
"""By door: the port in the container on which the node's Toxiproxy takes it."""

CONTROL = "control.escript"

FOLDER = Path(__file__).parent.parent.parent / "containers"
"""What the containers mount, beside `docker-compose.yml`."""


def published(ports: Ports, node: int) -> dict[Door, Address]:
    """Return where a node's doors are on this machine, as `docker-compose.yml` publishes them."""
    found: dict[Door, int] = {
        "clients": ports.client(node),
        "one-producer": ports.one_producer(node),
        "spare": ports.spare(node),
        "one-consumer": ports.one_consumer(node),
        "producers": ports.producers(node),
        "consumers": ports.consumers(node),
    }
    return {door: Address(LOOPBACK, port) for door, port in found.items()}


def control_address(ports: Ports, node: int) -> Address:
    """Return where a node's Toxiproxy takes orders; no distribution listens there on the host."""
    return Address(LOOPBACK, ports.distribution(node))


def distribution(node: int) -> int:
    """Return the port on which a node takes its peers, in its container."""
    return 25670 + node


def host(node: int) -> str:
    """Return the name of a node's machine for other containers."""
    return f"host{node}"


def proxies_of(node: int) -> Iterator[ProxySpec]:
    """Every proxy of one node's Toxiproxy, as it is seen from within."""
    own = f"r{node}"
    for peer in range(1, NODE_COUNT + 1):
        if peer == node:
            continue
        listen, link = link_host(node, peer), link_name((own, f"r{peer}"))
        port = distribution(peer)
        yield ProxySpec(link, Address(listen, port), Address(host(peer), port))
        yield ProxySpec(f"names-{link}", Address(listen, EPMD), Address(host(peer), NAMES))
    yield ProxySpec(f"names-{own}", Address(EVERYWHERE, NAMES), Address(LOOPBACK, EPMD))
    for door, port in DOORS.items():
        yield ProxySpec(door_name(door, own), Address(EVERYWHERE, port), Address(LOOPBACK, AMQP))


def toxiproxy_config(node: int) -> str:
    """Return the file from which a node's Toxiproxy begins."""
    proxies = [spec.as_json(enabled=True) for spec in proxies_of(node)]
    return json.dumps(proxies, indent=2) + "\n"


def rabbitmq_conf(
    settings: BrokerSettings, node: int, *, name: str, username: str, password: str
) -> str:
    """Return one node's `rabbitmq.conf`; with a run's password in it the file must be private."""
    lines = [
        f"listeners.tcp.default = {AMQP}",
        f"management.tcp.port = {MANAGEMENT}",
        f"cluster_name = {name}",
        "cluster_partition_handling = pause_minority",
        "cluster_formation.peer_discovery_backend = classic_config",
        *_peers(node),
        f"default_user = {username}",
        f"default_pass = {password}",
        *settings.rabbitmq_conf,
    ]
    return "\n".join([*lines, ""])


def _peers(node: int) -> list[str]:
    """How an empty node finds its cluster: the first forms it, the others wait for the first."""
    if node == 1:
        return []
    names = (erlang_name(1), erlang_name(node))
    nodes = [f"cluster_formation.classic_config.nodes.{i} = {n}" for i, n in enumerate(names, 1)]
    return [
        *nodes,
        "cluster_formation.discovery_retry_limit = 1000",
        "cluster_formation.discovery_retry_interval = 200",
    ]


def erlang_arguments(settings: BrokerSettings, node: int) -> str:
    """Return the node's additional Erlang arguments."""
    port = str(distribution(node))
    arguments = (
        *("-sname", erlang_name(node)),
        *("-kernel", "inet_dist_listen_min", port, "inet_dist_listen_max", port),
        *QUIET_SCHEDULERS,
        *settings.erlang_arguments,
    )
    return " ".join(arguments)


def node_files(
    settings: BrokerSettings, *, name: str, username: str, password: str, cookie: str
) -> dict[str, str]:
    """Return the files of all nodes by their names; two of them hold secrets."""
    script = resources.files("gameday.clusters").joinpath(CONTROL).read_text(encoding="utf-8")
    files = {
        "cookie": cookie,
        CONTROL: script,
        "control.inetrc": control_inetrc(),
        "enabled_plugins": enabled_plugins(settings),
        "advanced.config": advanced_config(settings),
    }
    for node in range(1, NODE_COUNT + 1):
        conf = rabbitmq_conf(settings, node, name=name, username=username, password=password)
        files[f"r{node}.conf"] = conf
        files[f"r{node}.inetrc"] = node_inetrc(node)
        files[f"r{node}.arguments"] = erlang_arguments(settings, node)
    return files


def by_hand() -> dict[str, str]:
    """Return what `docker compose up` uses without a run, by path below `containers`."""
    settings = BrokerSettings(plugins=("rabbitmq_management", "rabbitmq_prometheus"))
    # Known to everybody, as guest's password is: a cluster to play with, on this machine alone.
    files = node_files(
        settings,
        name="gameday",
        username="guest",
        password="guest",  # noqa: S106
        cookie="gameday",
    )
    del files[CONTROL]  # Only a run evaluates expressions.
    for node in range(1, NODE_COUNT + 1):
        files[f"r{node}.conf"] += "loopback_users = none\n"
    proxies = {f"toxiproxy{n}.json": toxiproxy_config(n) for n in range(1, NODE_COUNT + 1)}
    return {**{f"nodes/{file}": text for file, text in files.items()}, **proxies}


def main() -> None:
    """Write them."""
    for file, text in by_hand().items():
        path = FOLDER / file
        path.parent.mkdir(exist_ok=True)
        replace(path, text)
        path.chmod(0o644)


if __name__ == "__main__":
    main()
