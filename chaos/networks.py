"""A node's whole machine off its network, as by `docker network disconnect`.

Nothing is closed and nothing is refused: the interface is gone, so peers and clients hear nothing
more, whatever they use. Only clusters in containers can do it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from chaos import probes, steps, undo_networks, watch
from chaos.fault import Site
from chaos.revert import Revert, Seen
from chaos.victims import OnNode, known_node, links_around


@dataclass(frozen=True)
class DisconnectNetwork(OnNode):
    """Take one node's machine off the network: its peers and all its clients are cut off at once.

    Neither side is told, as in a silent partition, and clients are parted with the peers. The node
    is asked through its container, which needs no network.
    """

    node: str
    kind: ClassVar[str] = "disconnect_network"
    fault_class: ClassVar[str] = "partition_silent"
    takes_s: ClassVar[float] = 10.0

    @contextmanager
    def inject(self, site: Site) -> Iterator[None]:
        """Disconnect it while the context is open; what the nodes make of it is noted."""
        with watch.views_noted(site), steps.carry_out(self, site):
            yield

    def capture(self, site: Site) -> Revert:
        """Name the node and its links; undoing it is putting its machine on the network again."""
        node = known_node(site, self.node)
        undo_networks.networked(site.cluster)
        links = [list(link) for link in links_around(site, node)]
        return Revert("reconnect_network", {"node": node, "links": links})

    def apply(self, site: Site) -> None:
        """Take its machine off the network."""
        undo_networks.networked(site.cluster).disconnect(self.node)

    def observe(self, site: Site) -> Seen:
        """No greeting passes between it and a peer, either way, and none to a door of its own."""
        answers = undo_networks.answers(site.cluster, links_around(site, self.node))
        greeting = probes.greet(site.cluster.addresses(self.node).client)
        off = not undo_networks.networked(site.cluster).is_connected(self.node)
        parted = probes.ANSWERED not in {greeting, *answers.values()}
        return Seen(off and parted, {"links": answers, "greeting": greeting, "off": off})
