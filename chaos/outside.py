"""Looks at a cluster that somebody else runs: only what can be seen from outside its machines.

A node's AMQP port is greeted, each node's management API is asked for that node's own view, and
the link from one node to another is tried by reading, through the one, a queue that lives on the
other: over a cut link that is answered late, or not at all. Those queues, one a node and always
empty, are in a virtual host of their own. Nothing needs a shell on a node.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from chaos import probes
from chaos.revert import TROUBLE, Seen
from gameday.clusters.cluster import Link
from gameday.clusters.commanded import CommandedCluster
from gameday.clusters.commanded_facts import CommandedFacts
from gameday.clusters.facts import NodeView
from gameday.clusters.management import ManagementError
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

ASK_WITHIN_S = 2.0
AGE_S = 6.0
"""How long a cluster must look whole where a partition may stay: that is told up to 5 s late."""
BOOTED_S = 2.0
"""The same otherwise: the API calls a node running, and it takes clients, when it is about to."""

NO_ANSWER = "its own node does not answer"


def views(cluster: CommandedCluster) -> dict[str, NodeView | None]:
    """Return every node's view of the cluster, none for one that does not answer."""
    found = CommandedFacts(cluster).views()
    return {node: view if isinstance(view, NodeView) else None for node, view in found.items()}


def greet(cluster: CommandedCluster, node: str) -> str:
    """Greet a node's AMQP port, by TLS where it speaks that."""
    return probes.greet(cluster.addresses(node).client)


def gone(cluster: CommandedCluster, nodes: Sequence[str]) -> Seen:
    """Whether these nodes' AMQP ports give no answer, and no node that answers sees them run.

    Who is left of a lost majority may have paused, so that nobody is left to say.
    """
    greetings = {node: greet(cluster, node) for node in nodes}
    found = views(cluster)
    answers = [view for node, view in found.items() if view and node not in nodes]
    unseen = all(not view.running & set(nodes) for view in answers)
    witnesses = bool(answers) or 2 * len(nodes) > len(cluster.nodes)
    dead = probes.ANSWERED not in greetings.values()
    return Seen(dead and unseen and witnesses, _evidence(greetings, found))


def still(cluster: CommandedCluster, node: str) -> Seen:
    """Whether a node's AMQP port says nothing at all, while the others' ports answer."""
    # Nobody is asked who runs: that question waits for the node, and would make the pause longer.
    greetings = {each: greet(cluster, each) for each in cluster.nodes}
    others = [greeting for each, greeting in greetings.items() if each != node]
    return Seen(
        greetings[node] == probes.SILENT and all(each == probes.ANSWERED for each in others),
        {"greeting": greetings},
    )


def prepare_links(cluster: CommandedCluster, vhost: str) -> None:
    """Make the queues by which links are tried; harmless when they are there."""
    CommandedFacts(cluster).make_vhost(vhost)
    for node in cluster.nodes:
        where = {"durable": True, "node": cluster.addresses(node).erlang_name}
        cluster.management(node).put(f"/api/queues/{quote(vhost, safe='')}/{node}", where)


def parted(cluster: CommandedCluster, links: Sequence[Link], vhost: str, *, closed: bool) -> Seen:
    """Whether nothing passes these links, while something passes those that were left whole.

    Where a cut closes connections, neither end may see the other run either.
    """
    every = {(a, b) for a in cluster.nodes for b in cluster.nodes if a != b}
    answers = over_links(cluster, sorted(every), vhost)
    cut = {_named(link): answers[_named(link)] for link in links}
    whole = {name: answer for name, answer in answers.items() if name not in cut}
    asked = [answer for answer in cut.values() if answer != NO_ANSWER]
    ends = {node for link in links for node in link}
    # A link that answers shows that silence is the cut's; who is refused was told so by a broker.
    passes = closed or not whole or probes.ANSWERED in whole.values()
    yes = bool(asked) and probes.ANSWERED not in asked and passes
    evidence: dict[str, object] = {"links": cut, "whole": whole}
    if closed:
        found = views(cluster)
        running = probes.running({node: view for node, view in found.items() if node in ends})
        yes = yes and not any(target in running[source] for source, target in links)
        evidence["views"] = running
    return Seen(yes, evidence)


def over_links(cluster: CommandedCluster, links: Sequence[Link], vhost: str) -> dict[str, str]:
    """Ask over several links at once, for each silent one takes seconds."""
    with ThreadPoolExecutor(max_workers=max(1, len(links))) as pool:
        answers = pool.map(lambda link: over_link(cluster, link, vhost), links)
        return {_named(link): each for link, each in zip(links, answers, strict=True)}


def over_link(cluster: CommandedCluster, link: Link, vhost: str) -> str:
    """Read a queue on a node's peer through the node: empty, but it answers.

    `answered`; `timeout` when nothing came; `refused` when it has no connection to that peer.
    """
    source, target = link
    path = f"/api/queues/{quote(vhost, safe='')}/{target}/get"
    api = cluster.management(source, limit_s=ASK_WITHIN_S)
    try:
        api.get("/api/whoami")  # It asks no other node.
    except ManagementError:
        return NO_ANSWER
    try:
        api.post(path, {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"})
    except ManagementError as error:
        return probes.SILENT if error.status is None else "refused"
    return probes.ANSWERED


def whole(cluster: CommandedCluster, *, for_s: float = 0.0) -> Seen:
    """Whether every node answers, sees every node run, and notes no partition, for so long."""
    since = time.monotonic()
    last = _whole(cluster)

    def held() -> bool | NotYet:
        nonlocal last
        last = _whole(cluster)
        return not last or time.monotonic() - since >= for_s or NotYet("not for long enough")

    if last and for_s:
        wait_until(held, for_s + 5, "it stays whole", poll_ms=500, errors=TROUBLE)
    return last


def _whole(cluster: CommandedCluster) -> Seen:
    greetings = {node: greet(cluster, node) for node in cluster.nodes}
    found, everybody = views(cluster), frozenset(cluster.nodes)
    noted = {node: view.partitions for node, view in found.items() if view and view.partitions}
    yes = all(each == probes.ANSWERED for each in greetings.values()) and not noted
    yes = yes and all(view and view.running == everybody for view in found.values())
    return Seen(yes, {**_evidence(greetings, found), **({"partitions": noted} if noted else {})})


def alarmed(cluster: CommandedCluster, kind: str, nodes: Sequence[str]) -> Seen:
    """Whether every node that answers knows this alarm of each of these nodes."""
    known = {node: _alarms(view) for node, view in views(cluster).items() if view}
    wanted = {f"{kind} on {node}" for node in nodes}
    yes = bool(known) and all(wanted <= set(each) for each in known.values())
    return Seen(yes, {"alarms": known})


def quiet(cluster: CommandedCluster, kind: str, nodes: Sequence[str]) -> Seen:
    """Whether every node answers, and none knows this alarm of one of these nodes any more."""
    found = views(cluster)
    known = {node: _alarms(view) for node, view in found.items() if view}
    unwanted = {f"{kind} on {node}" for node in nodes}
    yes = len(known) == len(cluster.nodes) and not any(unwanted & set(a) for a in known.values())
    return Seen(yes, {"alarms": known})


def limit_bytes(cluster: CommandedCluster, kind: str, node: str) -> int:
    """Return the limit in bytes at which a node raises an alarm, up to 5 s old."""
    return _figure(cluster, node, "disk_free_limit" if kind == "disk" else "mem_limit")


def disk_free_bytes(cluster: CommandedCluster, node: str) -> int:
    """Return how much disk a node has free, in bytes, up to 5 s old."""
    return _figure(cluster, node, "disk_free")


def _figure(cluster: CommandedCluster, node: str, name: str) -> int:
    """Return one of a node's figures; one that has just started has none for some seconds."""
    found = CommandedFacts(cluster).about(node).get(name)
    if not isinstance(found, int):
        raise HarnessError(f"{node} does not say its {name} yet: {found}")
    return found


def _alarms(view: NodeView) -> list[str]:
    return [f"{alarm.kind} on {alarm.node}" for alarm in view.alarms]


def _evidence(
    greetings: dict[str, str], found: dict[str, NodeView | None]
) -> dict[str, dict[str, object]]:
    return {"greeting": dict(greetings), "views": dict(probes.running(found))}


def _named(link: Link) -> str:
    return f"{link[0]}-{link[1]}"
