"""Faults of nodes that are killed as by `kill -9`: one that leads, one that follows, most, all.

The page cache survives a killed process, so these prove what survives a process's death, never a
power failure.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from chaos import probes
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from chaos.victims import OnNode, known_node, roles_of
from gameday.errors import HarnessError


def running_pids(site: Site, nodes: tuple[str, ...]) -> dict[str, int]:
    """Return the nodes' process ids; a node that does not run cannot be struck."""
    pids = {}
    for node in nodes:
        pid = site.cluster.process_id(known_node(site, node))
        if pid is None:
            raise HarnessError(f"{node} is not running, so it cannot be struck.")
        pids[node] = pid
    return pids


def is_dead(site: Site, node: str) -> bool:
    """Whether the node's process is gone and nothing answers on its own client port."""
    gone = site.cluster.process_id(node) is None
    return gone and probes.greet(site.cluster.addresses(node).direct) in probes.SHUT


def gone(site: Site, node: str) -> Seen:
    """Whether the node's process is gone, its port refuses, and no node that answers sees it."""
    dead = is_dead(site, node)
    found = probes.views(site.cluster)
    answers = [view for other, view in found.items() if view and other != node]
    unseen = all(node not in view.running | view.seen for view in answers)
    return Seen(dead and unseen and bool(answers), {"dead": dead, "views": probes.running(found)})


def struck(site: Site, *nodes: str) -> dict[str, Any]:
    """Return what it takes to start nodes again, with the processes that end."""
    return {"nodes": list(nodes), "pids": running_pids(site, nodes)}


@dataclass(frozen=True)
class KillNode(OnNode):
    """Kill one node at once; it is started again when the fault ends.

    Its connections are closed by its machine, so its peers and clients notice at once. The queues
    that it led elect another leader; which those were stands in the fault's intent.
    """

    node: str
    kind: ClassVar[str] = "kill_node"
    fault_class: ClassVar[str] = "node_kill"

    def capture(self, site: Site) -> Revert:
        """Note the process that dies; undoing it is starting the node."""
        return Revert("start_nodes", struck(site, self.node))

    def apply(self, site: Site) -> None:
        """Kill it."""
        site.cluster.kill(self.node)

    def observe(self, site: Site) -> Seen:
        """Its process is gone, its port refuses, and no node that answers sees it."""
        return gone(site, self.node)


@dataclass(frozen=True)
class KillFollower(OnNode):
    """Kill a node that holds a copy of a queue and does not lead it: no failover is to be seen.

    With a queue named, a node that leads that queue is refused; without, one that leads any. The
    leader keeps a majority of quorum queues, and the mirrors that are left of mirrored ones.
    """

    node: str
    queue: str = ""
    kind: ClassVar[str] = "kill_follower"
    fault_class: ClassVar[str] = "follower_kill"

    def capture(self, site: Site) -> Revert:
        """Make sure that it follows, and note the process that dies."""
        roles = roles_of(site, self.node) or {"leads": [], "follows": []}
        led = [name for name in roles["leads"] if self.queue in {"", name}]
        if led:
            raise HarnessError(
                f"{self.node} leads {', '.join(led)}: killing it would be a failover; name a "
                "follower, or use kill_node."
            )
        if self.queue and self.queue not in roles["follows"]:
            raise HarnessError(f"{self.node} holds no copy of {self.queue}, so it follows nobody.")
        return Revert("start_nodes", struck(site, self.node))

    def apply(self, site: Site) -> None:
        """Kill it."""
        site.cluster.kill(self.node)

    def observe(self, site: Site) -> Seen:
        """Its process is gone, its port refuses, and no node that answers sees it."""
        return gone(site, self.node)


@dataclass(frozen=True)
class KillNodes(Single):
    """Kill several nodes at once, the majority with them, which a plan must say with `majority`.

    `nodes` names them, parted by commas.

    Who is left sees no majority: on 3.10.8 it pauses; on 4.3.6 it goes on, and confirms nothing on
    quorum queues.
    """

    nodes: str
    majority: bool = False
    kind: ClassVar[str] = "kill_nodes"
    fault_class: ClassVar[str] = "outage"

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes that die, each once."""
        return tuple(dict.fromkeys(each.strip() for each in self.nodes.split(",")))

    def capture(self, site: Site) -> Revert:
        """Note the processes that die; a majority that nobody meant to lose is kept."""
        taken, all_of_them = len(self.names), len(site.cluster.nodes)
        if 2 * taken <= all_of_them:
            raise HarnessError(f"{self.nodes} are no majority: use kill_node, one at a time.")
        if not self.majority:
            raise HarnessError(
                f"{self.nodes} are {taken} of {all_of_them} nodes, and the majority with them: say "
                "`majority: true` if that is meant."
            )
        return Revert("start_nodes", struck(site, *self.names))

    def apply(self, site: Site) -> None:
        """Kill them, one right after the other."""
        for node in self.names:
            site.cluster.kill(node)
            site.at("apply")

    def observe(self, site: Site) -> Seen:
        """Every process is gone and every port refuses; nobody who is left sees a majority."""
        dead = {node: is_dead(site, node) for node in self.names}
        found = probes.views(site.cluster)
        running = probes.running(found)
        few = all(2 * len(each) <= len(site.cluster.nodes) for each in running.values())
        serving = [node for node, view in found.items() if view and view.serving]
        evidence = {"dead": dead, "views": running, "serving": serving}
        return Seen(all(dead.values()) and few, evidence)


@dataclass(frozen=True)
class KillAllNodes(Single):
    """Kill every node at once; all are started again together.

    On Mnesia versions each waits for the nodes that were alive when it died; all come up together.
    """

    kind: ClassVar[str] = "kill_all_nodes"
    fault_class: ClassVar[str] = "outage"
    target: ClassVar[str] = "all nodes"

    def capture(self, site: Site) -> Revert:
        """Note the processes that die."""
        return Revert("start_nodes", struck(site, *site.cluster.nodes))

    def apply(self, site: Site) -> None:
        """Kill them, one right after the other."""
        for node in site.cluster.nodes:
            site.cluster.kill(node)
            site.at("apply")

    def observe(self, site: Site) -> Seen:
        """Every process is gone, and every port refuses."""
        dead = {node: is_dead(site, node) for node in site.cluster.nodes}
        return Seen(all(dead.values()), {"dead": dead})
