"""Who is struck, and that it holds something when it is: leaders and clients on one node.

The wanted victim is made the leader, where it matters who leads, and the clients come back to their
first nodes. A cluster that a fault has left unable to move a leader is struck as it stands: the
exposure rule judges what was met. Where nothing at all was confirmed meanwhile, a further fault
would prove nothing.
"""

from chaos.plan import Episode
from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.broker import Broker
from gameday.clusters.leaders import move_leaders
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError
from scenarios.balancing import clients_on, is_balanced
from scenarios.game import Game

LEADERS_WITHIN_S = 25.0
MOVE_WITHIN_S = 10.0
"""How long one try to move them takes at most, twice: copies in step before it, and after it."""
PLACES_WITHIN_S = 20.0
ERRORS = (HarnessError,)
FOLLOWS = frozenset({"kill_follower"})
"""Kinds whose target must not lead."""


class StoodStillError(Exception):
    """Nothing was confirmed while places were to be taken: the broker is down, not the harness."""


def take_places(game: Game, episode: Episode) -> str:
    """Bring clients to their first nodes and the leaders to the victim; return the victim.

    Raises `StoodStillError` when the leaders cannot be moved and nothing is confirmed either.
    """
    confirmed = game.board.total("confirmed")
    moves = not isinstance(game.broker, AttachedFacts) and picks_a_node(game, episode)
    if not is_balanced(game):  # Behind a balancer nobody chooses his node, and nobody moves.
        game.board.tell("publisher", "rebalance")
        game.board.tell("worker", "rebalance")
    if moves:
        victim = _with_leaders(game, victim_of(game, episode), confirmed)
    else:
        victim = _as_led(game, episode, confirmed)
    try:
        wait_until(
            lambda: _in_place(game, victim), PLACES_WITHIN_S, f"clients back in place on {victim}"
        )
    except HarnessError as error:
        game.journal.append("note", text=str(error))  # The exposure rule judges it.
    return victim


def picks_a_node(game: Game, episode: Episode) -> bool:
    """Whether it matters who leads: the episode strikes a node, and not all of them.

    Behind a balancer always, since there the victim is a node that was given clients. Moving
    leaders is not for nothing: a mirrored queue drops its mirrors for it, and one of 3.10.8 that
    was moved before a worker's end stood still for 35 s.
    """
    parts = _targets(episode)
    symbolic = any(each.startswith(("leader of ", "follower of ")) for each in parts)
    named = bool(parts & frozenset(game.cluster.nodes)) and not _strikes_all(game, episode)
    return symbolic or named or is_balanced(game)


def _targets(episode: Episode) -> set[str]:
    """Return whom its faults name, several in one parted by commas."""
    return {each.strip() for entry in episode.faults for each in str(entry.target).split(",")}


def _strikes_all(game: Game, episode: Episode) -> bool:
    """Whether its faults name every node."""
    return frozenset(game.cluster.nodes) <= _targets(episode)


def _as_led(game: Game, episode: Episode, confirmed: int) -> str:
    """Return the node that the plan names, or else the main queue's leader; nothing is moved."""
    named = None if _strikes_all(game, episode) else _named(game, episode)
    try:
        return named or _leader(game)
    except HarnessError as error:
        if isinstance(game.broker, AttachedFacts):
            raise
        return _as_it_stands(game, victim_of(game, episode), confirmed, error)


def _leader(game: Game) -> str:
    """Return the node that leads the main queue, where leaders are not moved."""

    def led() -> str | NotYet:
        leader = game.broker.queue_leaders(game.vhost).get(game.main_queue)
        return leader if leader in game.cluster.nodes else NotYet(leader)

    return wait_until(led, LEADERS_WITHIN_S, f"somebody leads {game.main_queue}", errors=ERRORS)


def aim_controls(game: Game) -> None:
    """Let the control that dies with its node live where the first victim will be.

    Only where leaders cannot be moved: elsewhere the plan decided it beforehand.
    """
    if game.controls.transient_node is not None and isinstance(game.broker, AttachedFacts):
        game.controls.transient_node = _leader(game)


def _with_leaders(game: Game, victim: str, confirmed: int) -> str:
    """Bring the leaders to the victim; return who is struck, another where that fails."""
    ordered = set[str]()
    try:
        wait_until(
            lambda: _led_by(game, victim, ordered), LEADERS_WITHIN_S, f"{victim} leads",
            errors=(HarnessError,),
        )  # fmt: skip
    except HarnessError as error:
        return _as_it_stands(game, victim, confirmed, error)
    return victim


def _as_it_stands(game: Game, wanted: str, confirmed: int, error: HarnessError) -> str:
    """Return the node that leads the main queue although another was wanted; say why."""
    game.watch_crew()
    if game.board.total("confirmed") <= confirmed:
        raise StoodStillError(f"nothing was confirmed while {error}") from error
    leader = game.broker.queue_leaders(game.vhost).get(game.main_queue) or wanted
    game.journal.append("note", text=f"{error}; {leader} leads {game.main_queue} and is struck")
    game.screen.say(f"{wanted} could not be made the leader; {leader} is struck as it stands")
    return leader


def _led_by(game: Game, victim: str, ordered: set[str]) -> bool:
    """Move the leaders; a broker that is still busy with the last fault is looked at again.

    A queue that was made with one copy, as an unmirrored classic one is, stays where it is.
    """
    assert isinstance(game.broker, Broker), "only a cluster of our own has victims"
    movable = [name for name in game.work_queues if name not in game.alone]
    move_leaders(game.broker, game.vhost, movable, victim, within_s=MOVE_WITHIN_S, ordered=ordered)
    return True


def victim_of(game: Game, episode: Episode) -> str:
    """Return the node that shall lead: the plan's, else another one for each episode.

    A follower that the plan names by its node shall not lead; a main queue with one copy has its
    node for a victim each time. Behind a balancer it is one that was given clients of that queue.
    """
    named = _named(game, episode)
    if named is not None:
        return named
    followers = _followers(episode)
    order = [each.id for each in game.plan.episodes]
    able = [node for node in game.cluster.nodes if node not in followers]
    if is_balanced(game):
        able = [node for node in able if all(on_node(game, node))] or able
    if game.alone.get(game.main_queue) in able:
        return game.alone[game.main_queue]
    return able[order.index(episode.id) % len(able)]


def _named(game: Game, episode: Episode) -> str | None:
    """Return the node that the plan names as its victim, if it names one."""
    followers = _followers(episode)
    targets = [str(entry.target) for entry in episode.faults if entry.target not in followers]
    return next((each for each in targets if each in game.cluster.nodes), None)


def _followers(episode: Episode) -> set[str | None]:
    """Return the targets that shall not lead."""
    return {entry.target for entry in episode.faults if entry.kind in FOLLOWS}


def _in_place(game: Game, victim: str) -> bool | NotYet:
    publishing, consuming = on_node(game, victim)
    wanted = sum(each.pool for each in game.contract.producers)
    connected = game.board.total("connected")
    # a pool spreads over the nodes: one fewer than an even share is as good as it gets after a kill
    share = 1 if is_balanced(game) else max(1, wanted // len(game.cluster.nodes) - 1)
    if publishing >= share and consuming >= 1 and connected == wanted:
        return True
    return NotYet(
        f"{publishing} connections and {consuming} consumers on {victim}, "
        f"{connected} of {wanted} connections in all"
    )


def on_node(game: Game, node: str) -> tuple[int, int]:
    """Count the main queue's publishing connections and consumers on a node."""
    if is_balanced(game):
        return clients_on(game, node)
    publishing = sum(
        each.report.get("nodes", []).count(node) for each in game.board.callers("publisher")
    )
    consuming = sum(
        each.report.get("nodes", []).count(node)
        for each in game.board.callers("worker")
        if each.report.get("queue") == game.main_queue
    )
    return publishing, consuming
