"""Faults of whole nodes: killed as by `kill -9`, one or all.

The page cache survives a killed process, so these prove what survives a process's death, never a
power failure.
"""

from dataclasses import dataclass
from typing import ClassVar

from chaos import probes
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from chaos.victims import OnNode
from gameday.errors import HarnessError


def _running_pids(site: Site, nodes: tuple[str, ...]) -> dict[str, int]:
    """Return the nodes' process ids; a node that does not run cannot be killed."""
    pids = {}
    for node in nodes:
        pid = site.cluster.process_id(node)
        if pid is None:
            raise HarnessError(f"{node} is not running, so it cannot be killed.")
        pids[node] = pid
    return pids


def _dead(site: Site, node: str) -> bool:
    """Whether the node's process is gone and nothing answers on its own client port."""
    gone = site.cluster.process_id(node) is None
    return gone and probes.greet(site.cluster.addresses(node).direct) == "refused"


@dataclass(frozen=True)
class KillNode(OnNode):
    """Kill one node at once; it is started again when the fault ends."""

    node: str
    kind: ClassVar[str] = "kill_node"
    fault_class: ClassVar[str] = "node_kill"

    def capture(self, site: Site) -> Revert:
        """Note the process that dies; undoing it is starting the node."""
        return Revert(
            "start_nodes", {"nodes": [self.node], "pids": _running_pids(site, (self.node,))}
        )

    def apply(self, site: Site) -> None:
        """Kill it."""
        site.cluster.kill(self.node)

    def observe(self, site: Site) -> Seen:
        """Its process is gone, its port refuses, and no node that answers sees it."""
        dead = _dead(site, self.node)
        found = probes.views(site.cluster)
        answers = [view for node, view in found.items() if view and node != self.node]
        unseen = all(self.node not in view.running | view.seen for view in answers)
        evidence = {"dead": dead, "views": probes.running(found)}
        return Seen(dead and unseen and bool(answers), evidence)


@dataclass(frozen=True)
class KillAllNodes(Single):
    """Kill every node at once; all are started again together."""

    kind: ClassVar[str] = "kill_all_nodes"
    fault_class: ClassVar[str] = "outage"
    target: ClassVar[str] = "all nodes"

    def capture(self, site: Site) -> Revert:
        """Note the processes that die."""
        nodes = site.cluster.nodes
        return Revert("start_nodes", {"nodes": list(nodes), "pids": _running_pids(site, nodes)})

    def apply(self, site: Site) -> None:
        """Kill them, one right after the other."""
        for node in site.cluster.nodes:
            site.cluster.kill(node)
            site.at("apply")

    def observe(self, site: Site) -> Seen:
        """Every process is gone, and every port refuses."""
        dead = {node: _dead(site, node) for node in site.cluster.nodes}
        return Seen(all(dead.values()), {"dead": dead})
