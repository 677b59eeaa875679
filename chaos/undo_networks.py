"""How a node's machine comes back on its network, and what proves that it is there."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from chaos import probes
from chaos.mending import links_of, rejoin
from chaos.revert import Recipe, Seen, Target, Values
from gameday.clusters.cluster import Link
from gameday.errors import HarnessError


@runtime_checkable
class Networked(Protocol):
    """The power over the network of a node's machine."""

    def disconnect(self, node: str) -> None:
        """Take the node's machine off the network."""

    def reconnect(self, node: str) -> None:
        """Put it on the network again; harmless when it is there."""

    def is_connected(self, node: str) -> bool:
        """Whether it is on the network."""


def networked(cluster: Target) -> Networked:
    """Return the cluster if its nodes' machines have networks of their own."""
    if not isinstance(cluster, Networked):
        raise HarnessError("the nodes have no network of their own: use --cluster compose.")
    return cluster


def answers(cluster: Target, links: Sequence[Link]) -> dict[str, str]:
    """Greet over links, all at once; a node that cannot even look its peer up is told nothing."""

    def answer(link: Link) -> str:
        try:
            return probes.over_link(cluster, link)
        except HarnessError:
            return probes.SILENT

    with ThreadPoolExecutor(max_workers=len(links)) as pool:
        return {
            f"{a}-{b}": told for (a, b), told in zip(links, pool.map(answer, links), strict=True)
        }


def reconnect(cluster: Target, values: Values) -> None:
    """Put the machine on the network again."""
    networked(cluster).reconnect(values["node"])


def reconnect_and_restart(cluster: Target, values: Values) -> None:
    """Put it on the network again and restart who does not serve, as an operator would."""
    reconnect(cluster, values)
    rejoin(cluster, values)


def is_back(cluster: Target, values: Values) -> Seen:
    """See the node greeted by each peer and by clients, and every node run in every view."""
    told = answers(cluster, links_of(values))
    greeting = probes.greet(cluster.addresses(values["node"]).client)
    seen = probes.whole(cluster)
    passing = {greeting, *told.values()} == {probes.ANSWERED}
    evidence = {"links": told, "greeting": greeting, **seen.evidence}
    return Seen(passing and seen.yes, evidence, hopeless=seen.hopeless)


RECIPES: dict[str, Recipe] = {
    "reconnect_network": Recipe(reconnect, is_back, 60, reconnect_and_restart),
}
