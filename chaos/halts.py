"""Faults of nodes that are halted, not killed: stopped in good order, suspended.

A node stopped in good order takes leave of its peers and clients; one whose application stops
stays a member that runs no broker; a suspended one is there, and answers nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from chaos import probes, steps, watch
from chaos.fault import Site
from chaos.nodes import gone, struck
from chaos.revert import Revert, Seen
from chaos.victims import OnNode
from gameday.clusters.broker import Broker

APP_WITHIN_S = 60.0
NOTICED_WITHIN_S = 80.0
"""What the broker's default `net_ticktime`, 60 s, takes at most, and a little more."""


@dataclass(frozen=True)
class StopNode(OnNode):
    """Stop one node in good order, as by `systemctl stop`; it is started when the fault ends.

    It takes leave of its peers, so they notice at once. Seen: 3.10.8 takes 6 s to stop with short
    ticks, 4.3.6 a tenth of a second.
    """

    node: str
    kind: ClassVar[str] = "stop_node"
    fault_class: ClassVar[str] = "node_stop"
    takes_s: ClassVar[float] = 30.0

    def capture(self, site: Site) -> Revert:
        """Note the process that ends; undoing it is starting the node."""
        return Revert("start_nodes", struck(site, self.node))

    def apply(self, site: Site) -> None:
        """Ask it to end, and wait until it has."""
        site.cluster.stop(self.node)

    def observe(self, site: Site) -> Seen:
        """Its process is gone, its port refuses, and no node that answers sees it."""
        return gone(site, self.node)


@dataclass(frozen=True)
class StopApp(OnNode):
    """Stop RabbitMQ on one node as by `rabbitmqctl stop_app`; its Erlang goes on running.

    Clients are refused; peers stay connected and no longer count it as running. The queues that it
    led get another leader, on 4.3.6 after a moment in which it is still named.
    """

    node: str
    kind: ClassVar[str] = "stop_app"
    fault_class: ClassVar[str] = "node_stop"
    takes_s: ClassVar[float] = APP_WITHIN_S

    def capture(self, site: Site) -> Revert:
        """Note the process; undoing it is starting the application."""
        return Revert("start_app", struck(site, self.node))

    def apply(self, site: Site) -> None:
        """Stop the application, and wait until it has ended."""
        site.cluster.ctl(self.node, "stop_app", timeout_s=APP_WITHIN_S)

    def observe(self, site: Site) -> Seen:
        """Its process is there, its port refuses; its peers are connected, and none sees it run."""
        greeting = probes.greet(site.cluster.addresses(self.node).direct)
        found = probes.views(site.cluster)
        others = [view for node, view in found.items() if view and node != self.node]
        stopped = all(self.node in view.seen and self.node not in view.running for view in others)
        there = site.cluster.is_running(self.node)
        evidence = {"process": there, "greeting": greeting, "views": probes.running(found)}
        return Seen(there and greeting in probes.SHUT and stopped and bool(others), evidence)


@dataclass(frozen=True)
class PauseNode(OnNode):
    """Suspend one node's process, as a machine that swaps or migrates does; it goes on afterwards.

    With `noticed`, the fault counts as in force only once its peers have dropped it; without,
    as soon as it stands still, which may be over before anybody's failure detector is.

    A pause that is shorter than the tick time heals by itself. After a longer one, 3.10.8 noted a
    partition from both peers for good, all three nodes running and serving (`pause_minority` is of
    no help), in five of six runs: the node had to be restarted. 4.3.6 was whole again at once.
    """

    node: str
    noticed: bool = False
    kind: ClassVar[str] = "pause_node"
    fault_class: ClassVar[str] = "node_pause"

    @property
    def shows_after_s(self) -> float:  # type: ignore[override]
        """Peers notice after a `net_ticktime`, if that is waited for."""
        return NOTICED_WITHIN_S if self.noticed else 0.0

    @contextmanager
    def inject(self, site: Site) -> Iterator[None]:
        """Suspend it while the context is open; what the nodes make of it is noted."""
        with watch.views_noted(site), steps.carry_out(self, site):
            yield

    def capture(self, site: Site) -> Revert:
        """Note the process that stands still; undoing it is letting it go on."""
        return Revert("wake_nodes", struck(site, self.node))

    def apply(self, site: Site) -> None:
        """Suspend it."""
        site.cluster.pause(self.node)

    def observe(self, site: Site) -> Seen:
        """Its process stands still and its port answers nothing; who still sees it is noted."""
        greeting = probes.greet(site.cluster.addresses(self.node).direct)
        # The peers alone are asked: waiting for the node itself would make every pause a long one.
        broker, others = Broker(site.cluster), [n for n in site.cluster.nodes if n != self.node]
        seen_by = [each for each in others if self.node in broker.seen_nodes(each)]
        still = site.cluster.is_suspended(self.node) and greeting == probes.SILENT
        # Read after that look: the system takes a moment to stop a process with many threads.
        pid = site.cluster.process_id(self.node)
        state = probes.process_state(pid) if pid else "gone"
        evidence = {"state": state, "greeting": greeting, "seen_by": seen_by}
        return Seen(still and not (self.noticed and seen_by), evidence)
