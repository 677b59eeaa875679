"""How faults of nodes are undone, and what proves that they are: started, woken, taken in again."""

from contextlib import suppress

from chaos import copies, probes
from chaos.revert import Recipe, Seen, Target, Values
from gameday.clusters.broker import Broker
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

APP_WITHIN_S = 60.0
JOINS_WITHIN_S = 60.0


def start_nodes(cluster: Target, values: Values) -> None:
    """Start what does not run, and let what is suspended go on; without waiting."""
    for node in values["nodes"]:
        if cluster.is_running(node):
            cluster.resume(node)
        else:
            cluster.start(node, wait=False)


def restart_nodes(cluster: Target, values: Values) -> None:
    """Kill nodes that started and never joined, then start them once more.

    Where others do not serve it is those, and not the struck ones that wait for them: a minority
    that paused, and could not start again when its peers came back, stays so for good.
    """
    nodes = probes.at_fault(cluster) or values["nodes"]
    for node in nodes:
        if cluster.is_running(node):
            cluster.kill(node)
    start_nodes(cluster, {"nodes": [*nodes, *(n for n in values["nodes"] if n not in nodes)]})


def nodes_back(cluster: Target, values: Values) -> Seen:
    """Every node runs in every view, those that were struck included."""
    pids = {node: cluster.process_id(node) for node in values["nodes"]}
    if None in pids.values():
        start_nodes(cluster, values)
    seen = probes.whole(cluster)
    yes = seen.yes and None not in pids.values()
    return Seen(yes, {**seen.evidence, "pids": pids}, hopeless=seen.hopeless)


def start_app(cluster: Target, values: Values) -> None:
    """Start the application on a node whose Erlang runs; start the node where that is gone too."""
    for node in values["nodes"]:
        if cluster.is_running(node):
            cluster.ctl(node, "start_app", timeout_s=APP_WITHIN_S)
        else:
            cluster.start(node, wait=False)


def rejoin_node(cluster: Target, values: Values) -> None:
    """Take a node that lost its data, or its membership, into the cluster again.

    What the others still know of it is forgotten first, and what it knows of them is deleted, for
    either keeps it from joining; then its queues get their copies on it again. A node that was
    struck in part only, its data and membership whole, is just started.
    """
    node = values["node"]
    broker = Broker(cluster)
    peer = serving_peer(cluster, node)
    known = node in broker.members(peer)
    if not cluster.is_running(node):
        if known and not cluster.has_data(node):
            forget(cluster, peer, node)
            known = False
        if not known:
            cluster.wipe(node)
        cluster.start(node)
    if node not in broker.members(peer):
        join(cluster, peer, node)
    wait_until(
        lambda: node in broker.view(peer).running, JOINS_WITHIN_S, f"{node} runs in {peer}'s view"
    )
    copies.grow(cluster, node, values["queues"])
    copies.declare_again(cluster, values["lost"])


def rejoin_empty(cluster: Target, values: Values) -> None:
    """Begin again with a node that has nothing: what it had was to be lost in any case.

    Others that are stranded are restarted first, for it joins by them.
    """
    node = values["node"]
    others = [each for each in probes.stranded(cluster) if each != node]
    for each in others:
        cluster.kill(each)
    start_nodes(cluster, {"nodes": others})
    if cluster.is_running(node):
        cluster.kill(node)
    cluster.wipe(node)
    rejoin_node(cluster, values)


def serving_peer(cluster: Target, node: str) -> str:
    """Return another node that serves and sees a majority."""
    broker = Broker(cluster)
    for peer in cluster.nodes:
        with suppress(HarnessError):
            view = broker.view(peer) if peer != node else None
            if view and view.serving and 2 * len(view.running) > len(cluster.nodes):
                return peer
    raise HarnessError(f"no other node serves with a majority, so {node} cannot join any.")


def forget(cluster: Target, peer: str, node: str) -> None:
    """Take a node that does not run out of the cluster, and out of its quorum queues."""
    name = cluster.addresses(node).erlang_name
    cluster.ctl(peer, "forget_cluster_node", name, timeout_s=APP_WITHIN_S)


def join(cluster: Target, peer: str, node: str) -> None:
    """Let a node that formed a cluster of its own join the others, as an operator would."""
    name = cluster.addresses(peer).erlang_name
    for words in (("stop_app",), ("reset",), ("join_cluster", name), ("start_app",)):
        cluster.ctl(node, *words, timeout_s=APP_WITHIN_S)


def node_as_before(cluster: Target, values: Values) -> Seen:
    """Every node runs in every view, and each queue has its copies again, all in step."""
    seen = probes.whole(cluster)
    if not seen:
        return seen
    lacking = copies.behind(cluster, values["queues"]) + copies.missing(cluster, values["lost"])
    return Seen(not lacking, {**seen.evidence, **({"behind": lacking} if lacking else {})})


STARTING: dict[str, Recipe] = {
    "start_nodes": Recipe(start_nodes, nodes_back, 90, restart_nodes),
    "wake_nodes": Recipe(start_nodes, nodes_back, 30, restart_nodes),
    "start_app": Recipe(start_app, nodes_back, 60, restart_nodes),
    "rejoin_node": Recipe(rejoin_node, node_as_before, 60, rejoin_empty),
}
