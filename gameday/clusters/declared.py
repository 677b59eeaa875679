"""What is declared in a broker, thing by thing: read as it is, changed, and put back as it was.

A thing is named by its path in the management API, by which an operator would change it:
`/api/queues/VHOST/NAME`, and so for exchanges, policies, permissions, users, limits. `read` keeps
just what has to be sent to make the same thing again. Every node can be asked on its own.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from gameday.clusters.broker import Broker
from gameday.clusters.cluster import ControlledCluster
from gameday.clusters.management import ManagementError

KEYS: dict[str, tuple[str, ...]] = {
    "queues": ("durable", "auto_delete", "arguments"),
    "exchanges": ("type", "durable", "auto_delete", "internal", "arguments"),
    "policies": ("pattern", "definition", "priority", "apply-to"),
    "permissions": ("configure", "write", "read"),
    "users": ("password_hash", "hashing_algorithm", "tags"),
}
"""By the API's word for a kind of thing, the fields that make it what it is."""

HASH = "salted"
"""What a password's salted hash is called here: under its own name a journal would mask it, and
whoever restores the user from the journal would give it a mask for a password."""

LIMITS, USER_LIMITS = "vhost-limits", "user-limits"
NOT_FOUND = 404
Thing = dict[str, Any]


def path_of(kind: str, *names: str) -> str:
    """Return the API's path of a thing."""
    return "/".join(["/api", kind, *(quote(name, safe="") for name in names)])


def read(cluster: ControlledCluster, node: str, path: str) -> Thing | None:
    """Return a thing as a node knows it, none where there is none."""
    kind = path.split("/")[2]
    api = cluster.management(node)
    if kind in {LIMITS, USER_LIMITS}:
        return _limit(api.get(path.rpartition("/")[0]), path.rpartition("/")[2])
    try:
        found = api.get(path)
    except ManagementError as error:
        if error.status == NOT_FOUND:
            return None
        raise
    thing = {name: found[name] for name in KEYS[kind]}
    if kind == "queues" and found.get("type", "classic") != "classic":
        thing["arguments"] = {"x-queue-type": found["type"], **thing["arguments"]}
    if kind == "users":
        tags = thing["tags"]
        thing["tags"] = tags if isinstance(tags, str) else ",".join(tags)
        thing[HASH] = thing.pop("password_hash")
    return thing


def _limit(rows: Iterable[Mapping[str, Any]], name: str) -> Thing | None:
    """Return one limit of a virtual host or a user, from the row that has them all."""
    values = [row["value"][name] for row in rows if name in row["value"]]
    return {"value": values[0]} if values else None


def write(cluster: ControlledCluster, path: str, thing: Thing | None) -> None:
    """Make a thing what it shall be, or remove it; harmless when it is so already."""
    node = Broker(cluster).serving_node()
    if read(cluster, node, path) == thing:
        return
    api = cluster.management(node)
    if thing is not None:
        names = {HASH: "password_hash"}
        api.put(path, {names.get(name, name): value for name, value in thing.items()})
        return
    try:
        api.delete(path)
    except ManagementError as error:
        if error.status != NOT_FOUND:
            raise


def everywhere(cluster: ControlledCluster, path: str) -> dict[str, Thing | None]:
    """Return a thing as each node knows it."""
    return {node: read(cluster, node, path) for node in cluster.nodes}


def bindings_around(cluster: ControlledCluster, path: str) -> list[Thing]:
    """Return what binds a queue, or an exchange both ways, but for the default exchange."""
    api = cluster.management(Broker(cluster).serving_node())
    is_queue = path.split("/")[2] == "queues"
    parts = ("bindings",) if is_queue else ("bindings/source", "bindings/destination")
    rows = [row for part in parts for row in api.get(f"{path}/{part}")]
    names = ("vhost", "source", "destination_type", "destination", "routing_key", "arguments")
    return [{name: row[name] for name in names} for row in rows if row["source"]]


def bind(cluster: ControlledCluster, binding: Thing) -> None:
    """Make one binding; harmless when it is there."""
    api = cluster.management(Broker(cluster).serving_node())
    api.post(_between(binding), {name: binding[name] for name in ("routing_key", "arguments")})


def is_bound(cluster: ControlledCluster, node: str, binding: Thing) -> bool:
    """Whether a node knows a binding of this key and these arguments."""
    try:
        rows = cluster.management(node).get(_between(binding))
    except ManagementError as error:
        if error.status == NOT_FOUND:
            return False
        raise
    wanted = (binding["routing_key"], binding["arguments"])
    return any((row["routing_key"], row["arguments"]) == wanted for row in rows)


def _between(binding: Thing) -> str:
    """Return the API's path of all bindings between the two."""
    names = (quote(binding[each], safe="") for each in ("vhost", "source", "destination"))
    vhost, source, destination = names
    return f"/api/bindings/{vhost}/e/{source}/{binding['destination_type'][0]}/{destination}"
