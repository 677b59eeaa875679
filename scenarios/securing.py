"""Trying every way in, where the cluster speaks TLS: before anything is broken, and at the end.

What each try met goes into the journal; the check `secured` says whether that is what it should be.
"""

from gameday.clusters.handshakes import client_connections, try_doors
from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Contract
from gameday.errors import HarnessError
from scenarios.game import Game


def is_asked(contract: Contract) -> bool:
    """Whether a contract promises TLS."""
    return any(each.check == "secured" for row in contract.requirements for each in row.criteria)


def note_secured(game: Game, at: str) -> None:
    """Try each node's doors, right and wrong, and journal what was met and how clients came."""
    cluster = game.cluster
    if not isinstance(cluster, LocalCluster) or "tls" not in cluster.powers:
        return
    if not is_asked(game.contract):
        return
    try:
        come = client_connections(cluster, game.vhost)
    except HarnessError as error:
        game.journal.append("note", text=str(error))  # The check `secured` misses the line.
        return
    for node in cluster.nodes:
        doors = try_doors(cluster, node, game.clients, game.vhost)
        game.journal.append("secured", at=at, node=node, doors=doors, connections=come)
