"""Faults of links between nodes that work badly: slow, jittery, narrow, stalling again and again.

Every byte arrives in the end and no connection is closed. What proves them is the time that a call
from node to node takes, over the nodes' own connections.
"""

import time
from dataclasses import dataclass
from typing import Any, ClassVar

from chaos import probes
from chaos.fault import Site, wait_for_time
from chaos.journal import read
from chaos.revert import Revert, Seen
from chaos.victims import OnNode, links_around
from gameday.clusters.cluster import Toxic, both_ways
from gameday.errors import HarnessError, UsageError

FOREVER_MS = 3_600_000
BULK_S = 2
"""How long a call takes at least that proves a narrow link."""
STALL_LEAST_MS = 1200
"""A greeting is taken for swallowed after a second: a stall must be longer to be proven."""


@dataclass(frozen=True)
class SlowLinks(OnNode):
    """Make all links of one node slow, jittery or narrow; nothing is lost and nothing is closed.

    Latency and jitter are of each direction, so a round trip takes twice as much; the rate is of
    each direction of each link.

    Nobody notices but by being slower: a confirm of a replicated queue waits for the slowest of the
    copies that it needs. Ticks pass as well, so nobody is dropped.
    """

    node: str
    latency_ms: int = 0
    jitter_ms: int = 0
    rate_kb: int = 0
    kind: ClassVar[str] = "slow_links"
    fault_class: ClassVar[str] = "link_degraded"

    def __post_init__(self) -> None:
        """Refuse what would do nothing, or could not be told from doing nothing."""
        values = (self.latency_ms, self.jitter_ms, self.rate_kb)
        if min(values) < 0 or not (self.latency_ms or self.rate_kb):
            raise UsageError("parameters.latency_ms: give slow_links a latency_ms or a rate_kb.")
        if self.jitter_ms > self.latency_ms:
            raise UsageError("parameters.jitter_ms: no more than latency_ms, for none is early.")

    def toxics(self) -> list[Toxic]:
        """Return what each link suffers."""
        found: list[Toxic] = []
        if self.latency_ms:
            found += both_ways("latency", latency=self.latency_ms, jitter=self.jitter_ms)
        if self.rate_kb:
            found += both_ways("bandwidth", rate=self.rate_kb)
        return found

    def capture(self, site: Site) -> Revert:
        """Name the links; undoing it is mending them, under their connections."""
        links = [list(link) for link in links_around(site, self.node)]
        return Revert("mend_links", {"node": self.node, "how": "slow", "links": links})

    def apply(self, site: Site) -> None:
        """Let every link around the node suffer, at once."""
        site.cluster.distort(dict.fromkeys(links_around(site, self.node), self.toxics()))

    def observe(self, site: Site) -> Seen:
        """Each call to a peer and back takes twice the latency, and a large one the rate's time."""
        links = [link for link in links_around(site, self.node) if link[0] == self.node]
        round_ms = {f"{a}-{b}": probes.call_ms(site.cluster, (a, b), 0) for a, b in links}
        least_ms = 2 * (self.latency_ms - self.jitter_ms)
        evidence: dict[str, Any] = {"round_trip_ms": round_ms, "least_ms": least_ms}
        slow = all(each >= least_ms for each in round_ms.values())
        if self.rate_kb:
            large = self.rate_kb * 1000 * BULK_S
            bulk_ms = {f"{a}-{b}": probes.call_ms(site.cluster, (a, b), large) for a, b in links}
            evidence.update(bulk_ms=bulk_ms, bulk_bytes=large)
            slow = slow and all(each >= 900 * BULK_S for each in bulk_ms.values())
        return Seen(slow, evidence)


@dataclass(frozen=True)
class FlapLinks(OnNode):
    """Stall all links of one node and let them go on, several times, faster than anybody notices.

    Bytes are held back and arrive late, as with lost packets that are sent again; a stall that is
    shorter than the nodes' tick time heals before it is detected, and no connection is closed.

    Seen on 3.10.8 and 4.3.6, with stalls of 1.3 s at a tick time of 3 s: every node kept all of its
    connections, and none was reported down.
    """

    node: str
    times: int = 4
    stall_ms: int = 1500
    whole_ms: int = 500
    kind: ClassVar[str] = "flap_links"
    fault_class: ClassVar[str] = "link_degraded"

    def __post_init__(self) -> None:
        """Refuse a stall that nobody could prove."""
        if self.stall_ms < STALL_LEAST_MS:
            raise UsageError(f"parameters.stall_ms: at least {STALL_LEAST_MS}, to be seen at all.")

    @property
    def takes_s(self) -> float:  # type: ignore[override]
        """All its times, and what proving each takes."""
        return self.times * ((self.stall_ms + self.whole_ms) / 1000 + 5)

    def capture(self, site: Site) -> Revert:
        """Name the links; undoing it is letting them go on."""
        links = [list(link) for link in links_around(site, self.node)]
        return Revert("mend_links", {"node": self.node, "how": "stall", "links": links})

    def apply(self, site: Site) -> None:
        """Stall and go on, again and again; a stall without effect is no fault."""
        links = links_around(site, self.node)
        for _ in range(self.times):
            begun = time.monotonic()
            site.cluster.distort(dict.fromkeys(links, both_ways("latency", latency=FOREVER_MS)))
            site.at("apply")
            answers = probes.over_links(site.cluster, links)
            if set(answers.values()) != {probes.SILENT}:
                raise HarnessError(f"the links of {self.node} did not stall: {answers}.")
            wait_for_time(begun + self.stall_ms / 1000, "the end of a stall")
            site.cluster.mend(links)
            stalled_s = time.monotonic() - begun
            site.journal.append(
                "stall", episode=site.episode, node=self.node, stalled_s=round(stalled_s, 2),
                connections=probes.connections(site.cluster, self.node),
            )  # fmt: skip
            wait_for_time(time.monotonic() + self.whole_ms / 1000, "the next stall")

    def observe(self, site: Site) -> Seen:
        """As often as meant, no greeting passed any link; afterwards each answers again."""
        stalls = [
            each
            for each in read(site.journal.path)
            if each["event"] == "stall" and each["episode"] == site.episode
        ]
        answers = probes.over_links(site.cluster, links_around(site, self.node))
        passing = all(answer == probes.ANSWERED for answer in answers.values())
        kept = len({str(each["connections"]) for each in stalls}) == 1
        evidence = {"stalled_s": [each["stalled_s"] for each in stalls], "unnoticed": kept}
        return Seen(len(stalls) == self.times and passing, {**evidence, "links": answers})
