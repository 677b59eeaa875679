"""What faults of a node share: who the victim is to the queues, noted when the fault begins.

Killing a node that leads a queue is a failover; killing one that follows is none. Leaders move, so
what counts is the moment before the strike: it stands in the fault's own intent, and is judged by.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chaos.fault import Single, Site
from chaos.revert import TROUBLE
from gameday.clusters.cluster import Link
from gameday.errors import HarnessError


@dataclass(frozen=True)
class OnNode(Single):
    """A fault that strikes the node that it targets."""

    def roles(self, site: Site, /) -> Mapping[str, Any] | None:
        """Return which queues the node leads now, and of which it holds another copy."""
        return roles_of(site, self.target)


def roles_of(site: Site, node: str) -> dict[str, Any] | None:
    """Return which queues of the site's virtual host a node leads and follows, if anybody knows."""
    with suppress(*TROUBLE):
        queues = site.broker.queues(site.vhost).values()
        return {
            "leads": sorted(each.name for each in queues if each.leader == node),
            "follows": sorted(
                each.name for each in queues if node in each.members and each.leader != node
            ),
        }
    return None


def known_node(site: Site, node: str) -> str:
    """Return the node's name, if there is such a node."""
    if node not in site.cluster.nodes:
        known = ", ".join(site.cluster.nodes)
        raise HarnessError(f"there is no node {node}; there are {known}.")
    return node


def between(one: str, other: str) -> list[Link]:
    """Return both directed links between two nodes."""
    return [(one, other), (other, one)]


def links_around(site: Site, node: str) -> list[Link]:
    """Return every directed link of a node, both ways."""
    others = [each for each in site.cluster.nodes if each != known_node(site, node)]
    return [link for other in others for link in between(node, other)]
