"""How faults of links and of clients' doors are undone, and what proves that they are."""

import time
from collections.abc import Callable
from contextlib import suppress

from chaos import probes
from chaos.revert import Recipe, Seen, Target, Values
from gameday.clusters.broker import Broker
from gameday.clusters.cluster import CLIENT_DOORS, Door, Link
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

NOTICED_WITHIN_S = 6.0
PAUSES_WITHIN_S = 2.0


def links_of(values: Values) -> list[Link]:
    """Return the links that a recipe names."""
    return [(source, target) for source, target in values["links"]]


def mend_links(cluster: Target, values: Values) -> None:
    """Mend the links that were cut; a silent cut that nobody noticed is first made known.

    Toxiproxy closes a silent connection when it is mended, and the nodes dial again at once. When
    neither side had missed the other before, the minority may find its peers again before it has
    paused, and stay parted: seen once in ten such cuts on 3.10.8.
    """
    links = links_of(values)
    if values.get("how") == "silent":
        cluster.cut(links, "reset")
        with suppress(HarnessError):
            wait_until(
                _noticed(cluster, values["node"], links), NOTICED_WITHIN_S, "the cut was noticed"
            )
    cluster.mend(links)


def _noticed(cluster: Target, node: str, links: list[Link]) -> Callable[[], bool]:
    """Whether both ends of every link have lost each other, and the node paused if it ever will."""
    broker = Broker(cluster)
    parted_at: list[float] = []

    def noticed() -> bool:
        views = {each: broker.view(each) for each in {node, *(source for source, _ in links)}}
        if any(target in views[source].seen for source, target in links):
            return False
        parted_at.append(time.monotonic())
        return not views[node].serving or parted_at[-1] - parted_at[0] > PAUSES_WITHIN_S

    return noticed


def mend_everything(cluster: Target, _values: Values) -> None:
    """Mend every link; Toxiproxy is restarted when it does not answer."""
    cluster.mend_all()


def rejoin(cluster: Target, values: Values) -> None:
    """Mend every link and restart the node: what an operator does when a partition stays.

    Where others do not serve it is those: their application is down, and may be so for good.
    """
    cluster.mend_all()
    for node in probes.at_fault(cluster) or [values["node"]]:
        if cluster.is_running(node):
            try:
                cluster.stop(node)
            except HarnessError:
                cluster.kill(node)
        cluster.start(node, wait=False)


def links_back(cluster: Target, values: Values) -> Seen:
    """Bytes pass over each link again, no toxic is left, and every node runs in every view."""
    answers = probes.over_links(cluster, links_of(values))
    left = probes.toxics_on(cluster, {f"{source}-{target}" for source, target in links_of(values)})
    seen = probes.whole(cluster)
    passing = all(answer == probes.ANSWERED for answer in answers.values())
    evidence = {"links": answers, **({"toxics": left} if left else {}), **seen.evidence}
    return Seen(passing and not left and seen.yes, evidence, hopeless=seen.hopeless)


def doors_of(values: Values) -> tuple[Door, ...]:
    """Return the doors that a recipe names, all of the clients' when it names none."""
    return tuple(values.get("doors", CLIENT_DOORS))


def mend_doors(cluster: Target, values: Values) -> None:
    """Let clients reach the node again."""
    cluster.mend_doors(values["node"], doors_of(values))


def doors_back(cluster: Target, values: Values) -> Seen:
    """See the node answer at every door of its clients, and no toxic left on one."""
    node, doors = values["node"], doors_of(values)
    answers = {door: probes.greet(cluster.door_address(node, door)) for door in doors}
    left = probes.toxics_on(cluster, {f"{door}-{node}" for door in doors})
    yes = not left and all(answer == probes.ANSWERED for answer in answers.values())
    return Seen(yes, {"greeting": answers, **({"toxics": left} if left else {})})


MENDING: dict[str, Recipe] = {
    "mend_links": Recipe(mend_links, links_back, 45, rejoin),
    "mend_doors": Recipe(mend_doors, doors_back, 15, mend_everything),
}
