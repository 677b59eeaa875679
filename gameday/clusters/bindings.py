"""Bindings between an exchange and a queue: read, removed and put back, and what each node routes.

They are changed through the management API, by which an operator would do it. What is in force is
asked of every node on its own: each routes by a table that it has itself.
"""

import json
from typing import Any
from urllib.parse import quote

from gameday.clusters.broker import Broker
from gameday.clusters.cluster import ControlledCluster
from gameday.clusters.expressions import binary
from gameday.clusters.management import ManagementError

NOT_FOUND = 404


def bindings_between(
    cluster: ControlledCluster, vhost: str, exchange: str, queue: str
) -> list[dict[str, Any]]:
    """Return the bindings from an exchange to a queue, each with its key and its arguments."""
    api = cluster.management(Broker(cluster).serving_node())
    found = api.get(_path(vhost, exchange, queue))
    names = ("routing_key", "arguments", "properties_key")
    return [{name: each[name] for name in names} for each in found]


def unbind(
    cluster: ControlledCluster, vhost: str, exchange: str, queue: str, properties_key: str
) -> None:
    """Remove one binding; harmless when it is not there."""
    api = cluster.management(Broker(cluster).serving_node())
    try:
        api.delete(f"{_path(vhost, exchange, queue)}/{quote(properties_key, safe='')}")
    except ManagementError as error:
        if error.status != NOT_FOUND:
            raise


def bind(
    cluster: ControlledCluster, vhost: str, exchange: str, queue: str, binding: dict[str, Any]
) -> None:
    """Make one binding; harmless when it is there."""
    api = cluster.management(Broker(cluster).serving_node())
    body = {name: binding[name] for name in ("routing_key", "arguments")}
    api.post(_path(vhost, exchange, queue), body)


def keys_known(
    cluster: ControlledCluster, node: str, vhost: str, exchange: str, queue: str
) -> list[str]:
    """Return the routing keys by which a node routes from an exchange to a queue."""
    names = [f"rabbit_misc:r({binary(vhost)}, {kind}, {binary(name)})"
             for kind, name in (("exchange", exchange), ("queue", queue))]  # fmt: skip
    # The second field of the broker's record is the key: {binding, Source, Key, Destination, ...}.
    question = (
        "iolist_to_binary(rabbit_json:encode([element(3, Binding) || Binding <- "
        f"rabbit_binding:list_for_source_and_destination({', '.join(names)})]))"
    )
    return sorted(json.loads(cluster.evaluate(node, question)))


def _path(vhost: str, exchange: str, queue: str) -> str:
    """Return the API's path of all bindings between the two."""
    parts = [quote(part, safe="") for part in (vhost, exchange, queue)]
    return f"/api/bindings/{parts[0]}/e/{parts[1]}/q/{parts[2]}"
