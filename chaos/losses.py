"""Faults of nodes that lose what makes them members: their data, or their place in the cluster.

Both end in the same way: forgotten by the others, emptied, joined anew, and given its copies of
queues again (`rabbitmq-queues grow`; mirrors fill themselves). Queues whose only copy was on the
node are lost with their messages, and are declared again, empty.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from chaos import copies
from chaos.fault import Site
from chaos.nodes import gone, running_pids
from chaos.revert import Revert, Seen
from chaos.starting import forget, serving_peer
from chaos.victims import OnNode
from gameday.clusters.broker import Broker

FORGET_S = 60.0


def memberships(site: Site, node: str) -> dict[str, Any]:
    """Return what a node has to get back: its place, its copies of queues, and its own queues."""
    pids = running_pids(site, (node,))
    return {
        "node": node,
        "pids": pids,
        "queues": copies.copies_of(site.cluster, node),
        "lost": copies.alone_on(site.cluster, node),
    }


def members_of_queues(site: Site, node: str) -> list[str]:
    """Return the quorum queues that count a node among their members, running or not."""
    broker = Broker(site.cluster)
    return sorted(
        name
        for vhost in broker.vhosts()
        for name, queue in broker.queues(vhost).items()
        if queue.type == "quorum" and node in queue.members
    )


@dataclass(frozen=True)
class WipeNode(OnNode):
    """Kill one node and delete all that it has stored, as a lost disk does.

    It comes back empty under its old name, which the others still have as a member.

    Seen on 3.10.8 and 4.3.6: such a node is let in again even when nobody forgot it, and its quorum
    queues then count a member that has forgotten what it voted for. So it is forgotten first, by
    `rabbitmqctl forget_cluster_node`, which takes it out of its quorum queues too, and grown again.
    """

    node: str
    kind: ClassVar[str] = "wipe_node"
    fault_class: ClassVar[str] = "node_loss"

    def capture(self, site: Site) -> Revert:
        """Note which queues had copies on it; undoing it is taking it in again, empty."""
        return Revert("rejoin_node", memberships(site, self.node))

    def apply(self, site: Site) -> None:
        """Kill it, and delete its data."""
        site.cluster.kill(self.node)
        site.at("apply")
        site.cluster.wipe(self.node)

    def observe(self, site: Site) -> Seen:
        """Gone: its process and all of its data; its peers still count it as a member."""
        seen = gone(site, self.node)
        data = site.cluster.has_data(self.node)
        peer = serving_peer(site.cluster, self.node)
        members = sorted(Broker(site.cluster).members(peer))
        evidence = {**seen.evidence, "data": data, "members": members}
        return Seen(seen.yes and not data and self.node in members, evidence)


@dataclass(frozen=True)
class ForgetNode(OnNode):
    """Stop one node and take it out of the cluster, as by `rabbitmqctl forget_cluster_node`.

    It keeps its data, in which the others are still its peers: so it cannot simply come back.

    Started all the same, 3.10.8 ends at once (`Node r3@mq3 thinks it's clustered with node r2@mq2,
    but r2@mq2 disagrees`), and 4.3.6 stands in its boot and serves nobody. It is emptied and joins.
    """

    node: str
    kind: ClassVar[str] = "forget_node"
    fault_class: ClassVar[str] = "node_loss"
    takes_s: ClassVar[float] = FORGET_S

    def capture(self, site: Site) -> Revert:
        """Note which queues had copies on it; undoing it is taking it in again, empty."""
        return Revert("rejoin_node", memberships(site, self.node))

    def apply(self, site: Site) -> None:
        """Stop it, and let its peers forget it."""
        site.cluster.stop(self.node)
        site.at("apply")
        forget(site.cluster, serving_peer(site.cluster, self.node), self.node)

    def observe(self, site: Site) -> Seen:
        """Gone: its process, and its place among the members of cluster and quorum queues."""
        seen = gone(site, self.node)
        peer = serving_peer(site.cluster, self.node)
        members = sorted(Broker(site.cluster).members(peer))
        queues = members_of_queues(site, self.node)
        evidence = {**seen.evidence, "members": members, "queues": queues}
        return Seen(seen.yes and self.node not in members and not queues, evidence)
