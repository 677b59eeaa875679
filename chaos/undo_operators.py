"""How operators' faults are undone, from the journal alone: what was recorded is put back."""

import json
import re
from typing import Any

from chaos.journal import Journal, read
from chaos.revert import Recipe, Seen, Target, Values
from gameday.clusters import bindings, declared, expressions, limits, plugins
from gameday.clusters.broker import Broker
from gameday.clusters.connections import close_connections


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


def is_nowhere(cluster: Target, path: str) -> Seen:
    """See no node know a thing."""
    known = declared.everywhere(cluster, path)
    return Seen(not any(known.values()), {"known_by": [node for node in known if known[node]]})


def purged(journal: Journal, episode: str, queue: str) -> int:
    """Return how many messages the broker said it dropped, by the journal."""
    lines = [line for line in read(journal.path) if line["event"] == "purged"]
    mine = [line for line in lines if (line["episode"], line["queue"]) == (episode, queue)]
    return int(mine[-1]["messages"]) if mine else 0


def under_policy(cluster: Target, vhost: str, policy: str) -> list[str]:
    """Return the queues for which a policy is in force, by the broker's tables.

    What the management API lists of a queue is seconds old.
    """
    node = Broker(cluster).serving_node()
    return sorted(json.loads(cluster.evaluate(node, expressions.under_policy(vhost, policy))))


def policy_in_force(cluster: Target, vhost: str, queue: str) -> tuple[dict[str, Any], int]:
    """Return what the policy in force for a queue says, and its priority; nothing without one."""
    api = cluster.management(Broker(cluster).serving_node())
    rows = api.get(declared.path_of("policies", vhost))
    fitting = [row for row in rows if row["apply-to"] != "exchanges"
               and re.search(row["pattern"], queue)]  # fmt: skip
    best = max(fitting, key=lambda row: int(row["priority"]), default=None)
    return (dict(best["definition"]), int(best["priority"])) if best else ({}, 0)


def declare_again(cluster: Target, values: Values) -> None:
    """Make, or remove, each thing as it was recorded, and bind again what was bound."""
    for path, thing in values["things"].items():
        declared.write(cluster, path, thing)
    for binding in values["bindings"]:
        declared.bind(cluster, binding)


def declared_again(cluster: Target, values: Values) -> Seen:
    """See every node know each thing as it was, and each binding."""
    wrong = [
        f"{path} on {node}"
        for path, thing in values["things"].items()
        for node, known in declared.everywhere(cluster, path).items()
        if known != thing
    ]
    wrong += [
        f"{each['source']} -> {each['destination']} by {each['routing_key']} on {node}"
        for each in values["bindings"]
        for node in cluster.nodes
        if not declared.is_bound(cluster, node, each)
    ]
    return Seen(not wrong, {"not_as_before": wrong})


def enable_plugins(cluster: Target, values: Values) -> None:
    """Enable on each node exactly what was enabled."""
    for node, names in values["enabled"].items():
        active = plugins.active_plugins(cluster, node)
        if plugins.enabled_plugins(cluster, node) != names or values["plugin"] not in active:
            plugins.set_plugins(cluster, node, names)


def plugins_back(cluster: Target, values: Values) -> Seen:
    """See every node run the plugin, and its file name what it named."""
    active = {node: plugins.active_plugins(cluster, node) for node in values["enabled"]}
    named = {node: plugins.enabled_plugins(cluster, node) for node in values["enabled"]}
    yes = named == values["enabled"] and all(values["plugin"] in each for each in active.values())
    return Seen(yes, {"active": active})


def restore_message_size(cluster: Target, values: Values) -> None:
    """Set each node's recorded size, and close what was opened with another, once."""
    changed = [
        node for node, size in values["sizes"].items()
        if limits.max_message_size(cluster, node) != size
    ]  # fmt: skip
    for node in changed:
        limits.set_max_message_size(cluster, node, values["sizes"][node])
    close_connections(cluster, values["vhost"], changed)


def message_size_back(cluster: Target, values: Values) -> Seen:
    """See every node take what it took before."""
    sizes = {node: limits.max_message_size(cluster, node) for node in values["sizes"]}
    return Seen(sizes == values["sizes"], {"max_bytes": sizes})


RECIPES: dict[str, Recipe] = {
    "declare_again": Recipe(declare_again, declared_again, 20, declare_again),
    "enable_plugins": Recipe(enable_plugins, plugins_back, 30, enable_plugins),
    "restore_message_size": Recipe(
        restore_message_size, message_size_back, 15, restore_message_size
    ),
    "restore_bindings": Recipe(restore_bindings, bindings_back, 15, restore_bindings),
}
