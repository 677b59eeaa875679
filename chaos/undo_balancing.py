"""How the balancer is started again, and how one sees that it serves, from the journal alone."""

from contextlib import suppress

from chaos.revert import Recipe, Seen, Target, Values
from gameday.clusters.balancer import LocalBalancer, greeted
from gameday.clusters.cluster import CLIENT_DOORS
from gameday.errors import HarnessError


def balancer_of(cluster: Target) -> LocalBalancer:
    """Return the cluster as one with a balancer, or say that it has none."""
    if not isinstance(cluster, LocalBalancer) or "balancer" not in cluster.powers:
        raise HarnessError(
            "no balancer stands before these nodes: play a contract with `behind: haproxy`."
        )
    return cluster


def start_balancer(cluster: Target, _values: Values) -> None:
    """Start it, unless it runs."""
    balancer_of(cluster).start_balancer(cluster.nodes)


def restart_balancer(cluster: Target, _values: Values) -> None:
    """Kill one that hangs, and start another."""
    found = balancer_of(cluster)
    with suppress(HarnessError):
        found.kill_balancer()
    found.start_balancer(cluster.nodes)


def balancer_serves(cluster: Target, values: Values) -> Seen:
    """See another process than before, which believes in every node and leads to one."""
    found = balancer_of(cluster)
    process = found.balancer_process()
    if process is None:
        return Seen(yes=False, evidence={"process": "gone"})
    doors = {door: greeted(found.balanced_address(door)) for door in CLIENT_DOORS}
    servers = found.balancer_servers()
    down = [f"{each.door}/{each.node}: {each.status}" for each in servers if each.status != "UP"]
    evidence = {"pid": process.pid, "was": values["pid"], "doors": doors, "down": down}
    return Seen(all(doors.values()) and not down, evidence)


RECIPES: dict[str, Recipe] = {
    "start_balancer": Recipe(start_balancer, balancer_serves, 30, restart_balancer)
}
