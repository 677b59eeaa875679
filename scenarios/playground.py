"""A cluster to play with: `gameday up`, `status`, `down`.

`current.json` in the state folder says where it is, for `locust -f loadtests`; it holds the
password, so nobody else may read it. With TLS every address in it names the authority.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from chaos.heal import heal_or_refuse
from gameday import secured
from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster, default_state_dir, start_local
from gameday.clusters.record import replace
from gameday.clusters.release import find_release
from gameday.clusters.residue import find_leftovers, recorded
from gameday.clusters.tls import authority_of
from gameday.contracts.load import load_contract
from gameday.errors import HarnessError, UsageError
from gameday.traffic.address import CURRENT
from scenarios.options import SettingsChoice, parse_variables
from scenarios.prepare import declare
from scenarios.settings import broker_settings


def start(
    system: str,
    variables: Sequence[str],
    broker: str | None,
    choice: SettingsChoice,
    *,
    tls: bool = False,
) -> None:
    """Start a cluster with a system's settings and topology, and leave it running."""
    console = Console()
    contract = load_contract(system, parse_variables(variables))
    state_dir = default_state_dir()
    for sentence in heal_or_refuse(state_dir).sentences:
        console.print(sentence, highlight=False)
    if _kept(state_dir) is not None:
        raise UsageError("a cluster of `gameday up` runs already: see `gameday status`.")
    settings = broker_settings(contract, find_release(broker).version, choice)
    cluster = start_local(
        settings, broker=broker, tls=tls, state_dir=state_dir, progress=console.print
    )
    vhost = contract.system
    declare(Broker(cluster), vhost, contract)
    cluster.keep()
    targets = [[node, cluster.amqp_url(node, vhost)] for node in cluster.nodes]
    current = {"targets": targets, "management_url": _management_url(cluster, "r1")}
    replace(state_dir / CURRENT, json.dumps(current))
    cluster.close_control()
    _describe(console, cluster, vhost)


def stop() -> None:
    """Stop the cluster that `gameday up` started."""
    state_dir = default_state_dir()
    cluster = _kept(state_dir)
    if cluster is None:
        Console().print("no cluster of `gameday up` is running.")
        return
    (state_dir / CURRENT).unlink(missing_ok=True)
    cluster.close()
    Console().print("stopped.")


def show() -> None:
    """Show the cluster of `gameday up`, its nodes, and leftovers of dead runs."""
    console = Console()
    state_dir = default_state_dir()
    cluster = _kept(state_dir)
    if cluster is None:
        console.print("no cluster of `gameday up` is running: start one with `gameday up`.")
    else:
        _show_nodes(console, cluster)
        cluster.close_control()
    for leftover in find_leftovers(state_dir):
        console.print(f"left over: {leftover}; end it with `gameday heal`", highlight=False)


def _show_nodes(console: Console, cluster: LocalCluster) -> None:
    console.print(f"RabbitMQ {cluster.version} on the ports from {cluster.record.ports.base}")
    for node, view in Broker(cluster).views().items():
        if isinstance(view, HarnessError):
            console.print(f"  {node}: {view}", highlight=False)
            continue
        seen = ", ".join(sorted(view.running))
        alarms = ", ".join(f"{each.kind} alarm on {each.node}" for each in view.alarms)
        console.print(f"  {node}: sees {seen} running{'; ' + alarms if alarms else ''}")


def _describe(console: Console, cluster: LocalCluster, vhost: str) -> None:
    for node in cluster.nodes:
        api = _management_url(cluster, node)
        console.print(f"  {node}: management {api}", highlight=False, soft_wrap=True)
    console.print(f"  user {cluster.username}, password in {cluster.record.folder}/password",
                  highlight=False, soft_wrap=True)  # fmt: skip
    # In double quotes, since a URL of TLS has a question mark and an ampersand in it.
    console.print(f'export AMQP_URL="{_address(cluster, vhost)}"', highlight=False, soft_wrap=True)
    console.print("next: locust -f loadtests, then gameday down", highlight=False)


def _address(cluster: LocalCluster, vhost: str) -> str:
    """Return the URL as a shell reads it, with the password's file in place of the password."""
    url = cluster.amqp_url("r1", vhost, user=(cluster.username, "PASSWORD"))
    return url.replace(":PASSWORD@", f":$(cat {cluster.record.folder}/password)@", 1)


def _management_url(cluster: LocalCluster, node: str) -> str:
    """Return the URL of a node's management API, with the authority that vouches for it."""
    authority = authority_of(cluster.record)
    url = cluster.management_url(node)
    return url if authority is None else f"{url}/{secured.query(authority)}"


def _kept(state_dir: Path) -> LocalCluster | None:
    for record in recorded(state_dir):
        if record.kept:
            return LocalCluster(record)
    return None
