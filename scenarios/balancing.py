"""What the balancer carries, beside what the broker has: journalled before and after the faults."""

from gameday.clusters.cluster import CLIENT_DOORS
from gameday.clusters.connections import count_named
from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError
from scenarios.game import Game

EVEN_WITHIN_S = 5.0
BELIEVES_WITHIN_S = 10.0
KILLS = frozenset({"kill_node", "kill_follower"})
"""Kinds that take one node away for certain: one that is parted may serve on, or pause later."""


def is_balanced(game: Game) -> bool:
    """Whether a balancer stands before the nodes."""
    return isinstance(game.cluster, LocalCluster) and "balancer" in game.cluster.powers


def note_balanced(game: Game, at: str) -> None:
    """Journal, by node, what the balancer carries and who of the load is connected there."""
    if not is_balanced(game):
        return
    seen: tuple[dict[str, int], dict[str, int]] = ({}, {})

    def agree() -> bool | NotYet:
        """Count on both sides; between the two a client may come or go."""
        nonlocal seen
        seen = carried(game), connected(game)
        return seen[0] == seen[1] or NotYet(seen)

    try:
        wait_until(
            agree, EVEN_WITHIN_S, "the balancer and the broker count alike", errors=(HarnessError,)
        )
    except HarnessError as error:
        game.journal.append("note", text=str(error))  # The check `balanced` judges it.
    game.journal.append("balanced", at=at, carried=seen[0], connected=seen[1])


def await_balancer(game: Game, episode: str, gone: frozenset[str]) -> None:
    """Wait until the balancer believes what is so: these nodes are down, all others are up.

    Until then it still leads clients to a node that is dead, or to none that is back. How long it
    took is journalled.
    """
    if not is_balanced(game):
        return
    assert isinstance(game.cluster, LocalCluster)
    cluster, begun = game.cluster, game.screen.now()
    if cluster.balancer_process() is None:
        return

    def believes() -> bool | NotYet:
        wrong = [
            f"{each.door}/{each.node}: {each.status}"
            for each in cluster.balancer_servers()
            if (each.status == "UP") == (each.node in gone)
        ]
        return NotYet(wrong) if wrong else True

    what = f"the balancer knows that {', '.join(sorted(gone)) or 'no node'} is down"
    try:
        wait_until(believes, BELIEVES_WITHIN_S, what, poll_ms=50, errors=(HarnessError,))
    except HarnessError as error:
        game.journal.append("note", text=str(error))
        return
    took_s = round(game.screen.now() - begun, 2)
    game.journal.append("balancer_believes", episode=episode, down=sorted(gone), after_s=took_s)


def carried(game: Game) -> dict[str, int]:
    """Return how many connections the balancer carries to each node."""
    assert isinstance(game.cluster, LocalCluster)
    count = dict.fromkeys(game.cluster.nodes, 0)
    for server in game.cluster.balancer_servers():
        if server.door in CLIENT_DOORS:
            count[server.node] += server.sessions
    return count


def connected(game: Game) -> dict[str, int]:
    """Return how many connections of the run's virtual host each node has."""
    assert isinstance(game.cluster, LocalCluster)
    cluster = game.cluster
    return {node: count_named(cluster, node, game.vhost) for node in cluster.nodes}


def clients_on(game: Game, node: str) -> tuple[int, int]:
    """Count the publishing connections and the main queue's consumers that a node has.

    By the broker's own list: behind a balancer a client does not know where it is.
    """
    assert isinstance(game.cluster, LocalCluster)
    contract = game.contract
    services = [each.name for each in contract.consumers if each.queue == game.main_queue]
    publishing, consuming = (
        count_named(game.cluster, node, game.vhost, names)
        for names in ([each.name for each in contract.producers], services)
    )
    return publishing, consuming
