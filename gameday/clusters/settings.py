"""How the nodes are configured: what the harness needs, and what a contract adds.

The base is ours: where a node listens, who its peers are, `pause_minority` (the broker's default
splits a cluster), and one administrator. `BrokerSettings` is a contract's part, each line of
which goes into the node's own configuration unchanged; the broker refuses what it does not know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gameday.clusters.inetrc import erlang_name
from gameday.clusters.ports import LOOPBACK, NODE_COUNT, Ports
from gameday.clusters.terms import merged

QUIET_SCHEDULERS = ("+S", "1:1", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none")
"""One scheduler a node that never spins: three idle nodes cost a small machine nothing."""


@dataclass(frozen=True)
class BrokerSettings:
    """What a contract wants the broker to be set to; empty is the broker's own defaults."""

    rabbitmq_conf: tuple[str, ...] = ()
    advanced: str = ""
    erlang_arguments: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ("rabbitmq_management",)

    @property
    def net_ticktime_s(self) -> int:
        """The tick time among the Erlang arguments; a control node must use the same."""
        arguments = self.erlang_arguments
        for name, value in pairwise(arguments):
            if name == "net_ticktime":
                return int(value)
        return 60


def rabbitmq_conf(
    settings: BrokerSettings,
    ports: Ports,
    node: int,
    *,
    username: str,
    password: str,
    first_forms: bool,
    listeners: Sequence[str] = (),
    node_count: int = NODE_COUNT,
) -> str:
    """Return one node's `rabbitmq.conf`; it holds the password, so the file must be private.

    `listeners` says by which lines it listens, where that is otherwise than by plain TCP.
    """
    lines = [
        *(listeners or plain_listeners(ports, node)),
        f"cluster_name = gameday-{ports.base}",
        "cluster_partition_handling = pause_minority",
        *_peer_lines(node, node_count, first_forms=first_forms),
        f"default_user = {username}",
        f"default_pass = {password}",
        *_prometheus_lines(settings, ports, node),
        *settings.rabbitmq_conf,
    ]
    return "\n".join([*lines, ""])


def plain_listeners(ports: Ports, node: int) -> list[str]:
    """Return the lines by which a node listens without TLS."""
    return [
        f"listeners.tcp.1 = {LOOPBACK}:{ports.amqp(node)}",
        f"management.tcp.ip = {LOOPBACK}",
        f"management.tcp.port = {ports.management(node)}",
    ]


def _peer_lines(node: int, node_count: int, *, first_forms: bool) -> list[str]:
    """How an empty node finds its cluster.

    Before 4.0 three empty nodes race for a lock with a random back-off of up to 8 s and wait 5 s
    for peers that are not there yet. So the first forms the cluster alone, without looking for
    anybody, and the others wait for it for as long as it takes.
    """
    lines = ["cluster_formation.peer_discovery_backend = classic_config"]
    if first_forms and node == 1:
        return lines
    peers = sorted({1, node}) if first_forms else range(1, node_count + 1)
    lines += [f"cluster_formation.classic_config.nodes.{i} = {erlang_name(i)}" for i in peers]
    if first_forms:
        lines += [
            "cluster_formation.discovery_retry_limit = 1000",
            "cluster_formation.discovery_retry_interval = 200",
        ]
    return lines


def _prometheus_lines(settings: BrokerSettings, ports: Ports, node: int) -> list[str]:
    """Where the metrics listen; the keys are unknown to a node without the plugin."""
    if "rabbitmq_prometheus" not in settings.plugins:
        return []
    return [
        f"prometheus.tcp.ip = {LOOPBACK}",
        f"prometheus.tcp.port = {ports.prometheus(node)}",
    ]


def advanced_config(settings: BrokerSettings) -> str:
    """Return `advanced.config`: one list, with one entry for each application."""
    return f"[\n{merged(settings.advanced.strip().rstrip(','))}\n].\n"


def enabled_plugins(settings: BrokerSettings) -> str:
    """Return the file that names the enabled plugins."""
    return f"[{','.join(settings.plugins)}].\n"


def erlang_arguments(settings: BrokerSettings, ports: Ports, node: int) -> str:
    """Return the node's additional Erlang arguments, distribution on loopback included."""
    port = str(ports.distribution(node))
    arguments = (
        *("-sname", erlang_name(node)),
        *("-start_epmd", "false"),
        *("-kernel", "inet_dist_use_interface", "{127,0,0,1}"),
        *("inet_dist_listen_min", port, "inet_dist_listen_max", port),
        *QUIET_SCHEDULERS,
        *settings.erlang_arguments,
    )
    return " ".join(arguments)
