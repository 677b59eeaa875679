"""Copies of queues over restarts: what there was, and whether all of it is there and in step again.

Over all virtual hosts, for a node that restarts serves them all. What is captured goes into the
journal, so that whoever undoes a fault knows what has to come back.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from chaos.revert import Target
from gameday.clusters import expressions
from gameday.clusters.broker import Broker
from gameday.clusters.facts import QueueState
from gameday.clusters.wait import NotYet

GROWS_WITHIN_S = 60.0

Copies = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By virtual host and queue: its type, its members, and those in step."""


def copies_of(cluster: Target, node: str | None = None) -> dict[str, dict[str, dict[str, Any]]]:
    """Return where the queues have their copies now; of those with one on a node, if it is named.

    A queue whose only copy is on the node is left out: it goes and comes with it, or is lost and
    declared again, empty (`alone_on`).
    """
    broker = Broker(cluster)
    return {
        vhost: {
            name: {
                "type": queue.type,
                "members": sorted(queue.members),
                "in_step": sorted(queue.in_step),
            }
            for name, queue in broker.queues(vhost).items()
            if node is None or (node in queue.members and len(queue.members) > 1)
        }
        for vhost in broker.vhosts()
    }


def alone_on(cluster: Target, node: str) -> dict[str, dict[str, list[Any]]]:
    """Return, by virtual host, the definitions of the queues whose only copy is on a node."""
    broker = Broker(cluster)
    api = cluster.management(broker.serving_node())
    found = {}
    for vhost in broker.vhosts():
        alone = {n for n, queue in broker.queues(vhost).items() if queue.members == {node}}
        if alone:
            known = api.get(_definitions(vhost))
            bound = [each for each in known["bindings"] if each["destination_type"] == "queue"]
            found[vhost] = {
                "queues": [each for each in known["queues"] if each["name"] in alone],
                "bindings": [each for each in bound if each["destination"] in alone],
            }
    return found


def declare_again(cluster: Target, lost: Mapping[str, Mapping[str, list[Any]]]) -> None:
    """Declare queues anew that went with their only copy, empty, with their bindings."""
    broker = Broker(cluster)
    node = broker.serving_node()
    for vhost in sorted(lost.keys() & set(broker.vhosts())):
        cluster.management(node).post(_definitions(vhost), dict(lost[vhost]))


def missing(cluster: Target, lost: Mapping[str, Mapping[str, list[Any]]]) -> list[str]:
    """Return which of the queues that went with their only copy are not declared again."""
    broker = Broker(cluster)
    return [
        f"{each['name']} is not there"
        for vhost in sorted(lost.keys() & set(broker.vhosts()))
        for each in lost[vhost]["queues"]
        if each["name"] not in broker.queues(vhost)
    ]


def _definitions(vhost: str) -> str:
    return f"/api/definitions/{quote(vhost, safe='')}"


def behind(cluster: Target, before: Copies) -> list[str]:
    """Return which queues lack copies that they had, or have some that are not in step."""
    broker = Broker(cluster)
    there = set(broker.vhosts())
    found = []
    for vhost in sorted(there & before.keys()):
        queues = broker.queues(vhost)
        found += [
            f"{name} in step on {', '.join(sorted(queues[name].in_step)) or 'no node'}"
            for name, copies in before[vhost].items()
            if name in queues and _lags(queues[name], copies)
        ]
    return found


def _lags(queue: QueueState, before: Mapping[str, Any]) -> bool:
    return len(queue.in_step) < len(before["in_step"]) or queue.in_step != queue.members


def in_step(cluster: Target, before: Copies) -> bool | NotYet:
    """Whether every node runs in every view and every queue has its copies, all in step."""
    problems = Broker(cluster).problems() or behind(cluster, before)
    return NotYet("; ".join(problems)) if problems else True


def grow(cluster: Target, node: str, before: Copies) -> None:
    """Give a node the copies of quorum queues that it had; let its mirrors be filled again."""
    broker = Broker(cluster)
    peer = next(each for each in cluster.nodes if each != node and cluster.is_running(each))
    for vhost in broker.vhosts():
        queues = broker.queues(vhost)
        mine = {name: queues[name] for name in before.get(vhost, {}) if name in queues}
        lacking = [n for n, q in mine.items() if q.type == "quorum" and node not in q.members]
        if lacking:
            _grow(cluster, peer, node, vhost, lacking)
        for name, queue in mine.items():
            if queue.type == "classic" and len(queue.in_step) < len(before[vhost][name]["in_step"]):
                cluster.evaluate(peer, expressions.synchronise_mirrors(vhost, name))


def _grow(cluster: Target, peer: str, node: str, vhost: str, queues: list[str]) -> None:
    """Add the node to quorum queues, as an operator does with `rabbitmq-queues grow`."""
    names = "|".join(re.escape(each) for each in queues)
    cluster.ctl(
        peer, "grow", cluster.addresses(node).erlang_name, "all",
        "--vhost-pattern", f"^{re.escape(vhost)}$", "--queue-pattern", f"^({names})$",
        timeout_s=GROWS_WITHIN_S, tool="rabbitmq-queues",
    )  # fmt: skip
