"""Faults of nodes that go and come back: rolling, flapping, all in the wrong order.

The first two are carried out whole before they count as applied: each restart is journalled as
it is done (`restart` lines), and what proves them are those processes and who runs now.
"""

import time
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaos import copies, probes
from chaos.fault import Single, Site
from chaos.journal import read
from chaos.nodes import is_dead, struck
from chaos.revert import Revert, Seen
from chaos.victims import OnNode, known_node
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

RESTART_S = 60.0
"""What one restart may take, the wait for all copies in step included."""
WAITS_S = 12.0
"""How long a node that waits for its peers has been up when that is believed."""


def restart(site: Site, node: str, kind: str, *, kill: bool) -> None:
    """Let a node go and come back, and journal which process followed which."""
    begun = time.monotonic()
    before = site.cluster.process_id(node)
    if before is None:
        raise HarnessError(f"{node} is not running, so it cannot be restarted.")
    if kill:
        site.cluster.kill(node)
    else:
        site.cluster.stop(node)
    site.at("apply")
    wait_until(lambda: is_dead(site, node), RESTART_S, f"{node} was gone")
    site.cluster.start(node)
    site.journal.append(
        "restart", episode=site.episode, kind=kind, node=node, before=before,
        after=site.cluster.process_id(node), took_s=round(time.monotonic() - begun, 1),
    )  # fmt: skip


def restarts_of(site: Site, kind: str) -> list[dict[str, Any]]:
    """Return the restarts that this episode's fault of a kind has journalled."""
    return [
        {name: each[name] for name in ("node", "before", "after", "took_s")}
        for each in read(site.journal.path)
        if each["event"] == "restart" and each["episode"] == site.episode and each["kind"] == kind
    ]


def restarted(site: Site, kind: str, nodes: list[str]) -> Seen:
    """Whether exactly these nodes were restarted, in order, and each runs as its last process."""
    made = restarts_of(site, kind)
    last = {each["node"]: each["after"] for each in made}
    as_noted = all(site.cluster.process_id(node) == pid for node, pid in last.items())
    fresh = all(each["before"] != each["after"] for each in made)
    seen = probes.whole(site.cluster)
    done = [each["node"] for each in made] == nodes and as_noted and fresh
    return Seen(done and seen.yes, {"restarts": made, **seen.evidence})


@dataclass(frozen=True)
class RollingRestart(Single):
    """Restart all nodes one after another, as an upgrade does, beginning with one.

    The next goes only when every node runs in every view and every queue of every virtual host has
    as many copies as before, all in step. `how: kill` restarts them less gently.

    Each node in its turn is missed, comes back as a follower, and catches up. A mirrored queue that
    is synchronised by hand never is in step again: the fault then ends as one that could not be.
    """

    first: str
    how: Literal["stop", "kill"] = "stop"
    kind: ClassVar[str] = "rolling_restart"
    fault_class: ClassVar[str] = "node_rolling"
    takes_s: ClassVar[float] = 3 * RESTART_S

    def order(self, site: Site) -> list[str]:
        """Return the nodes in their turn."""
        nodes = list(site.cluster.nodes)
        at = nodes.index(known_node(site, self.first))
        return nodes[at:] + nodes[:at]

    def capture(self, site: Site) -> Revert:
        """Note the processes that end; undoing it is starting what does not run."""
        return Revert("start_nodes", struck(site, *site.cluster.nodes))

    def apply(self, site: Site) -> None:
        """Restart each, and wait until it is safe to restart the next."""
        before = copies.copies_of(site.cluster)
        for node in self.order(site):
            restart(site, node, self.kind, kill=self.how == "kill")
            wait_until(
                lambda: copies.in_step(site.cluster, before),
                RESTART_S,
                f"all was in step after {node} came back",
                errors=(HarnessError,),
            )

    def observe(self, site: Site) -> Seen:
        """Each node, in its turn, was followed by another process, and all run in every view."""
        return restarted(site, self.kind, self.order(site))


@dataclass(frozen=True)
class FlapNode(OnNode):
    """Kill one node and start it again, several times, each time as soon as it serves.

    What it led moves at the first death and does not come back by itself; its copies are hardly in
    step when it dies again.
    """

    node: str
    times: int = 3
    kind: ClassVar[str] = "flap_node"
    fault_class: ClassVar[str] = "node_rolling"

    @property
    def takes_s(self) -> float:  # type: ignore[override]
        """Each time takes a start."""
        return self.times * RESTART_S

    def capture(self, site: Site) -> Revert:
        """Note the process that dies first; undoing it is starting the node."""
        return Revert("start_nodes", struck(site, self.node))

    def apply(self, site: Site) -> None:
        """Kill it and start it, again and again."""
        for _ in range(self.times):
            restart(site, self.node, self.kind, kill=True)

    def observe(self, site: Site) -> Seen:
        """As often as meant, another process followed, and the last one runs in every view."""
        return restarted(site, self.kind, [self.node] * self.times)


@dataclass(frozen=True)
class RestartInOrder(Single):
    """Stop all nodes in good order, one node first, and start them again with that one first.

    It was the first to go, so it knows least of what came after. While the fault lasts it is the
    only one that was started; the others follow when the fault ends.

    3.10.8 waits for its tables from the nodes that went later (`Waiting for Mnesia tables for 30000
    ms, 9 retries left`), 4.3.6 for a majority, without a word; neither opens a port, and both come
    up seconds after the others are started.
    """

    first: str
    kind: ClassVar[str] = "restart_in_order"
    fault_class: ClassVar[str] = "outage"
    takes_s: ClassVar[float] = 60.0
    shows_after_s: ClassVar[float] = 20.0

    def order(self, site: Site) -> list[str]:
        """Return the nodes in the order in which they are stopped."""
        known = known_node(site, self.first)
        return [known, *(each for each in site.cluster.nodes if each != known)]

    def capture(self, site: Site) -> Revert:
        """Note the processes that end; undoing it is starting what does not run."""
        return Revert("start_nodes", struck(site, *site.cluster.nodes))

    def apply(self, site: Site) -> None:
        """Stop all, then start the one that was stopped first, and do not wait for it."""
        for node in self.order(site):
            site.cluster.stop(node)
            site.at("apply")
        site.cluster.start(self.first, wait=False)

    def observe(self, site: Site) -> Seen:
        """Only the one that was started is up, has been for a while, and serves nobody."""
        dead = {node: is_dead(site, node) for node in self.order(site)[1:]}
        up_s = int(site.cluster.evaluate(self.first, "element(1, erlang:statistics(wall_clock))"))
        serving = site.cluster.evaluate(self.first, "rabbit:is_running()")
        greeting = probes.greet(site.cluster.addresses(self.first).direct)
        waits = up_s / 1000 >= WAITS_S and serving == "false" and greeting in probes.SHUT
        evidence = {"dead": dead, "up_s": up_s / 1000, "serving": serving, "greeting": greeting}
        return Seen(all(dead.values()) and waits, evidence)
