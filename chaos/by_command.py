"""A fault on a cluster that somebody else runs: the same fault, done by its owner's commands.

What it is, whom it strikes and how it is judged stay the fault's own; how it is applied, seen and
undone is replaced. Which commands a fault needs, and what proves it: `proofs.py`. One whose
template the owner's file lacks is declined.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from typing import Any

from chaos import outside, steps
from chaos.alarms import MORE_BYTES
from chaos.fault import Fault, Nothing, Site
from chaos.nodes import KillAllNodes, KillFollower, KillNodes
from chaos.proofs import peers_of, struck_nodes, template_of
from chaos.revert import TROUBLE, Revert, Seen
from chaos.steps import FALLBACK_WITHIN_S
from chaos.wrapped import Wrapped
from gameday.clusters.cluster import Link
from gameday.clusters.commanded import CommandedCluster
from gameday.clusters.commanded_facts import CommandedFacts
from gameday.clusters.templates import Ready
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

SILENT_SHOWS_AFTER_S = 5.0
WITHIN_S = 120.0
HEALED_WITHIN_S = {"pause": 45.0}
"""How long healing may take, by template, where the owner says nothing of it."""
FIGURES_WITHIN_S = 12.0
"""How long a node that has just started may say nothing of its limits; usually up to 5 s."""

MASKED = (
    "faults.{template}.revert: a secret or a user in a URL stands in a command, which would be "
    "masked where it is written down, so that nobody could undo by it: take it out."
)


def may_take_s(
    commands: Sequence[Ready], restart: Iterable[Ready], healed_within_s: float
) -> float:
    """Return how long undoing may take at most: twice the commands, a restart, and both looks."""
    twice = 2 * sum(each.within_s for each in commands)
    return twice + sum(each.within_s for each in restart) + healed_within_s + FALLBACK_WITHIN_S


def commands_now(
    cluster: CommandedCluster, template: str, way: str, node: str, peer: str = ""
) -> tuple[Ready, ...]:
    """Return a template's commands for a node, with the limits of now where it names them."""
    peers = peers_of(template, node, peer, cluster.nodes)
    return cluster.commands(template, way, node, peers, _measured(cluster, template, node))


def _measured(cluster: CommandedCluster, template: str, node: str) -> dict[str, str]:
    """Return the limit in force and, of the disk, more than is free."""
    kind = template.removesuffix("_alarm")
    if kind == template:
        return {}

    def known() -> dict[str, str]:
        limit = str(outside.limit_bytes(cluster, kind, node))
        if kind == "memory":
            return {"memory_limit_bytes": limit}
        beyond = outside.disk_free_bytes(cluster, node) + MORE_BYTES
        return {"disk_free_limit_bytes": limit, "beyond_free_bytes": str(beyond)}

    return wait_until(known, FIGURES_WITHIN_S, f"{node} says its limits", errors=TROUBLE)


def links_vhost(vhost: str) -> str:
    """Return the virtual host in which a run tries links between nodes."""
    return f"{vhost}-links"


@dataclass(frozen=True)
class ByCommand(Wrapped):
    """One fault, done by the owner's commands."""

    cluster: CommandedCluster
    template: str

    @property
    def fault_class(self) -> str:
        """The class that checks judge it by."""
        return self.fault.fault_class

    @property
    def takes_s(self) -> float:
        """How long its commands may take."""
        return sum(each.within_s for each in self._commands("apply"))

    @property
    def shows_after_s(self) -> float:
        """How long it may be in force before it can be seen."""
        return self.fault.shows_after_s + SILENT_SHOWS_AFTER_S

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it strikes."""
        return struck_nodes(self.kind, self.target, self.cluster.nodes)

    @property
    def links(self) -> list[Link]:
        """The links that it cuts, both ways."""
        [node] = self.nodes
        peer = str(self.parameters.get("peer", ""))
        pairs = [(node, each) for each in peers_of(self.template, node, peer, self.cluster.nodes)]
        return [link for a, b in pairs for link in ((a, b), (b, a))]

    def roles(self, site: Site, /) -> Mapping[str, Any] | None:
        """Return which queues its victim leads and follows now; none where it has no victim."""
        if self.template.endswith("_alarm") or len(self.nodes) != 1:
            return None
        try:
            queues = CommandedFacts(self.cluster).queues(site.vhost).values()
        except TROUBLE:
            return None
        [node] = self.nodes
        return {
            "leads": sorted(each.name for each in queues if each.leader == node),
            "follows": sorted(
                each.name for each in queues if node in each.members and each.leader != node
            ),
        }

    def capture(self, site: Site, /) -> Revert:
        """Write down the commands that undo it, with the values of now filled in."""
        self._refuse_what_it_is_not(site)
        for node in self.nodes:
            if node not in self.cluster.nodes:
                known = ", ".join(self.cluster.nodes)
                raise HarnessError(f"there is no node {node}; there are {known}.")
        commands, restart = self._commands("revert"), self._restart()
        written = [each.as_json() for each in commands]
        in_reserve = {node: [each.as_json() for each in made] for node, made in restart.items()}
        if site.journal.masks([written, in_reserve]):
            raise HarnessError(MASKED.format(template=self.template))
        given = self.cluster.own.faults.given()[self.template].healed_within_s
        healed_within_s = given or HEALED_WITHIN_S.get(self.template, WITHIN_S)
        values: dict[str, Any] = {
            "template": self.template,
            "nodes": list(self.nodes),
            "commands": written,
            "restart": in_reserve,
            "healed_within_s": healed_within_s,
            "may_take_s": may_take_s(commands, chain(*restart.values()), healed_within_s),
        }
        if self.template.endswith("_alarm"):
            values["limits"] = {node: self._limit(node) for node in self.nodes}
        elif self.template.startswith(("isolate", "cut_link")):
            values["links"] = [list(link) for link in self.links]
            values["vhost"] = links_vhost(site.vhost)
            outside.prepare_links(self.cluster, values["vhost"])
        return Revert("run_commands", values)

    def apply(self, site: Site, /) -> None:
        """Run the owner's commands, one after another; the first failure ends it."""
        for command in self._commands("apply"):
            self.cluster.run([command])
            site.at("apply")

    def observe(self, site: Site, /) -> Seen:
        """Look from outside whether it is in force."""
        if self.template.endswith("_alarm"):
            return outside.alarmed(self.cluster, self._resource, self.nodes)
        if self.template.startswith(("isolate", "cut_link")):
            closed = self.template.endswith("_reset")
            vhost = links_vhost(site.vhost)
            return outside.parted(self.cluster, self.links, vhost, closed=closed)
        if self.template == "pause":
            return outside.still(self.cluster, *self.nodes)
        return outside.gone(self.cluster, self.nodes)

    def inject(self, site: Site) -> AbstractContextManager[None]:
        """Break it for as long as the context is open."""
        return steps.carry_out(self, site)

    @property
    def _resource(self) -> str:
        return self.template.removesuffix("_alarm")

    def _limit(self, node: str) -> int:
        return outside.limit_bytes(self.cluster, self._resource, node)

    def _commands(self, way: str) -> list[Ready]:
        """Return the commands for every node that it strikes, with the values of now."""
        peer = str(self.parameters.get("peer", ""))
        return [
            command
            for node in self.nodes
            for command in commands_now(self.cluster, self.template, way, node, peer)
        ]

    def _restart(self) -> dict[str, list[Ready]]:
        """Return the commands that restart each node: what an operator does when all else fails."""
        given = self.cluster.own.faults.given()
        name = next((each for each in ("stop", "kill") if each in given), None)
        if name is None or self.template.endswith("_alarm"):
            return {}
        ways = ("apply", "revert")
        return {
            node: [command for way in ways for command in self.cluster.commands(name, way, node)]
            for node in self.cluster.nodes
        }

    def _refuse_what_it_is_not(self, site: Site) -> None:
        """Refuse a follower that leads, and a majority that nobody meant to lose."""
        fault = self.fault
        if isinstance(fault, KillFollower):
            led = [name for name in (self.roles(site) or {}).get("leads", ())
                   if fault.queue in {"", name}]  # fmt: skip
            if led:
                raise HarnessError(f"{fault.node} leads {', '.join(led)}: that is no follower.")
        if isinstance(fault, KillNodes) and not fault.majority:
            raise HarnessError(f"{fault.nodes}: say `majority: true` if they are to go at once.")
        most = isinstance(fault, KillNodes | KillAllNodes)
        if not most and 2 * len(self.nodes) > len(self.cluster.nodes) > 1 and not self._is_alarm:
            raise HarnessError(f"{fault.target}: that takes the majority, which nobody asked for.")

    @property
    def _is_alarm(self) -> bool:
        return self.template.endswith("_alarm")


@dataclass(frozen=True)
class Owner:
    """Turns faults into those that a cluster's owner lets be done."""

    cluster: CommandedCluster

    def adapted(self, fault: Fault) -> Fault:
        """Return the fault done by commands; one that touches no cluster stays as it is."""
        template = template_of(fault.kind, getattr(fault, "parameters", {}))
        if isinstance(fault, Nothing) or template is None:
            return fault
        if self.cluster.template_lacks(template):
            raise HarnessError(f"the cluster file has no {template}, so {fault.kind} is not done.")
        return ByCommand(fault, self.cluster, template)  # type: ignore[arg-type]  # Its kind says so.
