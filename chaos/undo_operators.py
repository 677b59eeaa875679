"""How operators' faults are undone, from the journal alone: what was recorded is put back."""

from typing import Any

from chaos.revert import Recipe, Seen, Target, Values
from gameday.clusters import bindings


def keys_by_node(cluster: Target, vhost: str, exchange: str, queue: str) -> dict[str, list[str]]:
    """Return by which keys each node routes from an exchange to a queue."""
    return {
        node: bindings.keys_known(cluster, node, vhost, exchange, queue) for node in cluster.nodes
    }


def _place(values: Values) -> tuple[str, str, str]:
    """Return the virtual host, the exchange and the queue that a recipe names."""
    return values["vhost"], values["exchange"], values["queue"]


def restore_bindings(cluster: Target, values: Values) -> None:
    """Make the recorded bindings again."""
    for each in values["bindings"]:
        bindings.bind(cluster, *_place(values), each)


def bindings_back(cluster: Target, values: Values) -> Seen:
    """See each node route by the recorded keys, and the arguments be what they were."""
    keys = keys_by_node(cluster, *_place(values))
    wanted = [each["routing_key"] for each in values["bindings"]]
    routed = all(set(wanted) <= set(known) for known in keys.values())
    found: list[dict[str, Any]] = bindings.bindings_between(cluster, *_place(values))
    whole = all(each in found for each in values["bindings"])
    return Seen(routed and whole, {"keys": keys})


RECIPES: dict[str, Recipe] = {
    "restore_bindings": Recipe(restore_bindings, bindings_back, 15, restore_bindings),
}
