"""Being on call: during each fault a host probes the broker, and what it concludes is journalled.

Only where the contract asks for it, by a criterion `diagnosis` or `first_moves`. The host comes as
the system's clients do, through the proxies, and asks the management API by another way.
"""

from dataclasses import replace
from urllib.parse import unquote, urlsplit

from chaos.fault import Site
from chaos.hosts import NOBODY, door_of
from chaos.plan import Episode
from gameday import secured
from gameday.clusters import first_moves
from gameday.clusters.diagnosis import Door, diagnose
from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Contract
from scenarios.game import Game

ASKED_BY = frozenset({"diagnosis", "first_moves"})


def is_asked(contract: Contract) -> bool:
    """Whether a contract wants its faults diagnosed."""
    checks = {each.check for row in contract.requirements for each in row.criteria}
    return bool(checks & ASKED_BY)


def note_diagnosis(game: Game, episode: Episode, at: str) -> None:
    """Diagnose the broker from the host, make the first moves, and journal both."""
    if not is_asked(game.contract) or not isinstance(game.cluster, LocalCluster):
        return
    node = next((each for each in game.cluster.nodes if game.cluster.is_running(each)), "r1")
    door = _door(game.site, game.crew.targets[0].url, episode if at == "during" else None, node)
    found = diagnose(door, game.cluster.management(node))
    running = [(member.name, member.process.pid) for member in game.crew.members]
    brokers = [(each, game.cluster.process_id(each)) for each in game.cluster.nodes]
    running += [(name, pid) for name, pid in brokers if pid is not None]
    moves = {
        "changed": first_moves.changed(running),
        "disk": first_moves.disk(game.cluster.record.folder),
    }
    if found.verdict == "up":
        moves["greetings"] = first_moves.greetings(door.host, door.port, door.authority)
    game.journal.append(
        "diagnosis", episode=episode.id, at=at, verdict=found.verdict,
        probes=dict(found.probes), moves=moves,
    )  # fmt: skip


def _door(site: Site, url: str, episode: Episode | None, node: str) -> Door:
    """Return what the host knows of the broker; a fault of the host's own makes it wrong."""
    place = urlsplit(url)
    door = Door(
        place.hostname or "", place.port or 5672, unquote(place.username or ""), site.vhost,
        unquote(place.password or ""), secured.authority_in(url),
    )  # fmt: skip
    for entry in episode.faults if episode is not None else ():
        if entry.kind == "rotate_credentials":
            door = door_of(site, node)
        if entry.kind == "wrong_name":
            name = str(entry.parameters.get("name", NOBODY))
            door = replace(door, host=name)
    return door
