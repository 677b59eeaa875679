"""Faults of the balancer before the nodes: the one address that all clients have.

The nodes are not touched. How it is started again stands in `undo_balancing.py`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from chaos.undo_balancing import balancer_of
from gameday.clusters.balancer import greeted
from gameday.clusters.cluster import CLIENT_DOORS
from gameday.errors import HarnessError


@dataclass(frozen=True)
class RestartBalancer(Single):
    """End the balancer, with every connection that it carries; start it again at the end.

    Killed, it says nothing, and the system resets what it held; told to end (`how: stop`), it
    closes. Until it is back nobody's connection is taken, and the nodes themselves serve whoever
    comes by another way. Then it knows nothing of what it carried: all come anew.
    """

    balancer: str = "balancer"
    how: Literal["kill", "stop"] = "kill"
    kind: ClassVar[str] = "restart_balancer"
    fault_class: ClassVar[str] = "balancer"

    def capture(self, site: Site) -> Revert:
        """Note its process and what it carries; undoing it is starting it again."""
        cluster = balancer_of(site.cluster)
        process = cluster.balancer_process()
        if process is None:
            raise HarnessError("the balancer does not run: it cannot be ended.")
        carried = sum(each.sessions for each in cluster.balancer_servers())
        return Revert("start_balancer", {"pid": process.pid, "carried": carried})

    def apply(self, site: Site) -> None:
        """End it."""
        cluster = balancer_of(site.cluster)
        if self.how == "kill":
            cluster.kill_balancer()
        else:
            cluster.stop_balancer()

    def observe(self, site: Site) -> Seen:
        """See its process gone, no door of it answer, and every node answer by another way."""
        cluster = balancer_of(site.cluster)
        doors = {door: greeted(cluster.balanced_address(door)) for door in CLIENT_DOORS}
        nodes = {node: greeted(cluster.addresses(node).direct) for node in site.cluster.nodes}
        gone = cluster.balancer_process() is None
        return Seen(gone and not any(doors.values()) and all(nodes.values()),
                    {"gone": gone, "doors": doors, "nodes": nodes})  # fmt: skip
