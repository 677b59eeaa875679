"""Faults of links between nodes that are cut: one node parted from all, or a few links only.

`reset` closes and refuses connections, which both ends notice at once. `silent` swallows every
byte of connections that stay open, which nobody notices until a time-out of his own: its proof is
a greeting that stays unanswered, and the views of both sides are noted until the fault is healed.
With three nodes a ring is every link there is, so cutting one out of it is `single`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaos import probes, steps, watch
from chaos.fault import Site
from chaos.revert import Revert, Seen
from chaos.victims import OnNode, between, known_node, links_around
from gameday.clusters.broker import Broker
from gameday.clusters.cluster import How, Link, Toxic
from gameday.errors import HarnessError, UsageError

REFUSALS = {"econnrefused", "closed", "econnreset", "refused"}

Shape = Literal["isolate", "single", "bridge", "one_way"]
"""Which links are cut: all of the node's; the one to a peer; all but its own, so that it alone sees
everybody; or, of the link to a peer, what it sends and nothing that it is sent."""


@dataclass(frozen=True)
class Isolate(OnNode):
    """Part one node from all others; its clients still reach it.

    On Mnesia versions the lonely node pauses (`pause_minority`); with Khepri it goes on serving
    what needs no majority. A silent cut is noticed after a `net_ticktime`, by both sides.
    """

    node: str
    how: How = "reset"
    kind: ClassVar[str] = "isolate"

    @property
    def fault_class(self) -> str:
        """The two ways are judged apart."""
        return f"partition_{self.how}"

    @contextmanager
    def inject(self, site: Site) -> Iterator[None]:
        """Part it while the context is open; what the nodes make of it is noted until it healed."""
        with watch.views_noted(site), steps.carry_out(self, site):
            yield

    def capture(self, site: Site) -> Revert:
        """Name the links; undoing it is mending them."""
        links = [list(link) for link in links_around(site, self.node)]
        return Revert("mend_links", {"node": self.node, "how": self.how, "links": links})

    def apply(self, site: Site) -> None:
        """Cut every link around the node, both ways, at once."""
        site.cluster.cut(links_around(site, self.node), self.how)

    def observe(self, site: Site) -> Seen:
        """No greeting passes any link; after a reset, neither side is connected to the other."""
        return cut_seen(site, links_around(site, self.node), self.how)


def cut_seen(site: Site, links: list[Link], how: How) -> Seen:
    """Whether no greeting passes these links and, after a reset, nobody is connected over them."""
    answers = probes.over_links(site.cluster, links)
    if how == "silent":
        swallowed = all(answer == probes.SILENT for answer in answers.values())
        return Seen(swallowed, {"links": answers})
    refused = all(answer in REFUSALS for answer in answers.values())
    broker = Broker(site.cluster)
    seen = {node: sorted(broker.seen_nodes(node)) for node in site.cluster.nodes}
    parted = not any(target in seen[source] for source, target in links)
    return Seen(refused and parted, {"links": answers, "connected": seen})


@dataclass(frozen=True)
class CutLinks(OnNode):
    """Cut some links between nodes only: one link, all but one node's, or one direction of one.

    A node of a Mnesia version that misses a peer which a third still sees calls that a partial
    partition, and pauses until the whole cluster is back (`pause_minority`). Seen on 3.10.8 with
    one link of three cut: both its ends paused, and the third, which saw both, served alone; a
    quorum queue led there still confirmed, for Raft goes on where a broker pauses. On 4.3.6 all
    three went on: the two ends saw one peer each, the third both. One way comes to the same: who
    hears nothing closes the connection after a tick time. Both versions healed by themselves.
    """

    node: str
    shape: Shape = "single"
    how: How = "reset"
    peer: str = ""
    kind: ClassVar[str] = "cut_links"

    def __post_init__(self) -> None:
        """Refuse what cannot be: one direction of a connection is swallowed, never closed."""
        if self.shape == "one_way" and self.how == "reset":
            raise UsageError(
                "parameters.how: one_way is silent: a closed link is closed both ways."
            )
        if self.peer and self.shape in {"isolate", "bridge"}:
            raise UsageError(f"parameters.peer: {self.shape} is about all peers, so it names none.")

    @property
    def fault_class(self) -> str:
        """A node that is cut off whole is judged as such, all others as partly parted."""
        return f"partition_{self.how}" if self.shape == "isolate" else "partition_partial"

    @contextmanager
    def inject(self, site: Site) -> Iterator[None]:
        """Cut them while the context is open; what the nodes make of it is noted until healed."""
        with watch.views_noted(site), steps.carry_out(self, site):
            yield

    def links(self, site: Site) -> list[Link]:
        """Return the links that are cut, both directions of each."""
        others = [each for each in site.cluster.nodes if each != known_node(site, self.node)]
        if self.shape == "isolate":
            return links_around(site, self.node)
        if self.shape == "bridge":
            pairs = [(a, b) for a in others for b in others if a < b]
            return [link for a, b in pairs for link in between(a, b)]
        peer = known_node(site, self.peer) if self.peer else others[0]
        if peer == self.node:
            raise HarnessError(f"{peer} has no link to itself: name another peer.")
        return between(self.node, peer)

    def capture(self, site: Site) -> Revert:
        """Name the links; undoing it is mending them."""
        links = [list(link) for link in self.links(site)]
        return Revert("mend_links", {"node": self.node, "how": self.how, "links": links})

    def apply(self, site: Site) -> None:
        """Cut them, all at once; one way, swallow what the node sends and let pass what it gets."""
        links = self.links(site)
        if self.shape != "one_way":
            site.cluster.cut(links, self.how)
            return
        # Either side may have dialled the one connection of a pair: so both proxies swallow.
        ours, theirs = links
        site.cluster.distort(
            {
                ours: [Toxic("timeout", "upstream", {"timeout": 0})],
                theirs: [Toxic("timeout", "downstream", {"timeout": 0})],
            }
        )

    def observe(self, site: Site) -> Seen:
        """No greeting passes a cut link, and each link beside it still answers."""
        cut = self.links(site)
        every = {link for node in site.cluster.nodes for link in links_around(site, node)}
        seen = cut_seen(site, cut, self.how)
        whole = probes.over_links(site.cluster, sorted(every - set(cut)))
        passing = all(answer == probes.ANSWERED for answer in whole.values())
        return Seen(seen.yes and passing, {**seen.evidence, "whole": whole})
