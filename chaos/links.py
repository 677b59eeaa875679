"""Faults of links: one node parted from the others, or clients parted from their node.

`reset` closes and refuses connections, which both ends notice at once. `silent` swallows every
byte of connections that stay open, which nobody notices until a time-out of his own: its proof is
a greeting that stays unanswered, and the views of both sides are noted when the fault ends.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from chaos import probes, steps, watch
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from chaos.victims import OnNode, links_around
from gameday.clusters.broker import Broker
from gameday.clusters.cluster import How
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

REFUSALS = {"econnrefused", "closed", "econnreset", "refused"}


@dataclass(frozen=True)
class Isolate(OnNode):
    """Part one node from all others; its clients still reach it."""

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
        answers = probes.over_links(site.cluster, links_around(site, self.node))
        if self.how == "silent":
            swallowed = all(answer == probes.SILENT for answer in answers.values())
            return Seen(swallowed, {"links": answers})
        refused = all(answer in REFUSALS for answer in answers.values())
        broker = Broker(site.cluster)
        seen = {node: sorted(broker.seen_nodes(node)) for node in site.cluster.nodes}
        parted = not seen[self.node] and all(self.node not in view for view in seen.values())
        return Seen(refused and parted, {"links": answers, "connected": seen})


@dataclass(frozen=True)
class CutClients(Single):
    """Part the clients of one node from it; the nodes still reach each other."""

    node: str
    how: How = "reset"
    kind: ClassVar[str] = "cut_clients"
    fault_class: ClassVar[str] = "client"

    def capture(self, _site: Site) -> Revert:
        """Undoing it is letting clients through."""
        return Revert("mend_clients", {"node": self.node})

    def apply(self, site: Site) -> None:
        """Cut the way by which clients come."""
        site.cluster.cut_clients(self.node, self.how)

    def observe(self, site: Site) -> Seen:
        """See a client refused, or not answered, while the node itself answers."""
        addresses = site.cluster.addresses(self.node)
        greeting, direct = probes.greet(addresses.client), probes.greet(addresses.direct)
        expected = greeting == probes.SILENT if self.how == "silent" else greeting in REFUSALS
        return Seen(
            expected and direct == probes.ANSWERED, {"greeting": greeting, "direct": direct}
        )


@dataclass(frozen=True)
class SwallowThenClose(Single):
    """Swallow what the clients of a node's second address send, for a while, and then close.

    For the control without confirms: what it wrote meanwhile went nowhere, and it cannot know.
    Nobody else uses that address.
    """

    node: str
    swallow_s: float = 2.0
    kind: ClassVar[str] = "swallow_then_close"
    fault_class: ClassVar[str] = "control"

    def capture(self, _site: Site) -> Revert:
        """Undoing it is letting those clients through."""
        return Revert("mend_spare", {"node": self.node})

    def apply(self, site: Site) -> None:
        """Swallow, prove it by an unanswered greeting, and close when the time is up."""
        begun = time.monotonic()
        site.cluster.cut_spare(self.node, "silent")
        site.at("apply")
        greeting = probes.greet(site.cluster.spare_address(self.node))
        if greeting != probes.SILENT:
            raise HarnessError(f"the spare link of {self.node} swallows nothing: {greeting}.")
        wait_until(
            lambda: time.monotonic() - begun >= self.swallow_s,
            self.swallow_s + 1,
            "the time to swallow is over",
            poll_ms=20,
        )
        site.cluster.cut_spare(self.node, "reset")

    def observe(self, site: Site) -> Seen:
        """See the address refuse."""
        greeting = probes.greet(site.cluster.spare_address(self.node))
        return Seen(greeting in REFUSALS, {"greeting": greeting, "swallowed_s": self.swallow_s})
