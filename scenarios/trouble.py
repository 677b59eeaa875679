"""Trouble: the plan's episodes, one after another, each put right before the next begins.

places -> surge -> intent .. observed -> the fault lasts -> reverted .. restored -> healthy
-> recovery -> topology compared -> the next episode.
"""

from chaos.plan import FILE_NAME, Episode, Plan, resolve
from chaos.stop import refuse_beyond_budget
from gameday.clusters.broker import Broker
from gameday.clusters.leaders import move_leaders
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError
from scenarios.diagnosing import note_diagnosis
from scenarios.game import Game
from scenarios.prepare import compare, note_health

HEALTHY_WITHIN_S = 90.0
LEADERS_WITHIN_S = 60.0
PLACES_WITHIN_S = 20.0
BACKLOG_WITHIN_S = 6.0
PUBLISHES_WITHIN_S = 40.0
QUIET = frozenset({"nothing", "poison", "replay", "wrong_name", "rotate_credentials"})
"""Kinds that break nothing for the load: they need no victim and no backlog."""
FOLLOWS = frozenset({"kill_follower"})
"""Kinds whose target must not lead."""


def trouble(game: Game) -> None:
    """Carry the plan out, and write down what it turned out to be."""
    game.phase("trouble", "begin")
    game.scaler.on()
    begun = game.screen.now()
    for episode in game.plan.episodes:
        at_s = game.screen.now() - begun
        game.plan = _play(game, game.plan, episode.model_copy(update={"at_s": round(at_s, 3)}))
        game.plan.save(game.folder / FILE_NAME)
    game.phase("trouble", "end")


def _play(game: Game, plan: Plan, episode: Episode) -> Plan:
    """Play one episode; return the plan with its targets resolved."""
    refuse_beyond_budget(game.board.total("told"), game.board.total("offered"))
    strikes = any(entry.kind not in QUIET for entry in episode.faults)
    victim = take_places(game, episode) if strikes else None
    compare(game, episode.id, "before")
    resolved = resolve(
        episode,
        game.cluster.nodes,
        game.broker.queue_leaders(game.vhost),
        game.board.clients(),
    )
    if strikes:
        game.controls.before(resolved)
        _raise_backlog(game)
    _note_exposure(game, episode, victim)
    _leaders(game, episode, "before")
    game.journal.append(
        "episode", episode=episode.id, name=episode.name, at="begin",
        control=episode.control, faults=list(episode.fault_ids()),
    )  # fmt: skip
    _break(game, resolved)
    _recover(game, episode)
    game.journal.append(
        "episode", episode=episode.id, name=episode.name, at="end",
        control=episode.control, faults=list(episode.fault_ids()),
    )  # fmt: skip
    return plan.with_episode(resolved)


def _break(game: Game, episode: Episode) -> None:
    """Inject the episode's faults, and let them last."""
    game.screen.fault(episode.name)
    site = game.site.for_episode(episode.id, episode.lasts_s)
    with episode.fault().inject(site):
        note_diagnosis(game, episode, "during")
        game.screen.wait(episode.for_s, episode.name, game.watch_crew)
    game.screen.fault(None)


def _recover(game: Game, episode: Episode) -> None:
    """Wait until the cluster is healthy, give the clients their time, and compare."""
    game.broker.wait_healthy(HEALTHY_WITHIN_S)
    note_diagnosis(game, episode, "after")
    game.controls.after(episode)
    game.watch_crew()
    _replace_ended(game)
    game.screen.wait(episode.recover_s, f"recovery after {episode.name}", game.watch_crew)
    _note_restarts(game)
    _leaders(game, episode, "after")
    note_health(game, "after-episode")
    compare(game, episode.id, "after")


def _replace_ended(game: Game) -> None:
    """Replace load processes that ended; one that publishes begins once its pool stands."""
    if "locust" not in game.crew.replace_ended():
        return
    wanted = sum(each.pool for each in game.contract.producers)
    wait_until(
        lambda: game.board.total("connected") == wanted or NotYet(game.board.total("connected")),
        PUBLISHES_WITHIN_S, "the publisher that replaces a dead one is connected",
    )  # fmt: skip
    game.board.start_publishers()


def _note_restarts(game: Game) -> None:
    """Say once that our own proxy had to be restarted: that cut off every client."""
    restarts = getattr(game.cluster, "restarts", 0)
    if restarts > game.proxy_restarts:
        game.proxy_restarts = restarts
        reason = "Toxiproxy did not answer and was restarted, which closed every connection"
        game.journal.append("harness_failed", reason=reason)
        game.screen.say(f"the harness failed: {reason}")


def take_places(game: Game, episode: Episode) -> str:
    """Bring clients to their first nodes and the leaders to the victim; return the victim."""
    victim = victim_of(game, episode)
    game.board.tell("publisher", "rebalance")
    game.board.tell("worker", "rebalance")
    wait_until(
        lambda: _led_by(game, victim), LEADERS_WITHIN_S, f"{victim} leads", errors=(HarnessError,)
    )
    wait_until(
        lambda: _in_place(game, victim), PLACES_WITHIN_S, f"clients back in place on {victim}"
    )
    return victim


def _led_by(game: Game, victim: str) -> bool:
    """Move the leaders; a broker that is still busy with the last fault is asked again.

    A queue that was made with one copy, as an unmirrored classic one is, stays where it is.
    """
    assert isinstance(game.broker, Broker), "only a cluster of our own has victims"
    movable = [name for name in game.work_queues if name not in game.alone]
    move_leaders(game.broker, game.vhost, movable, victim)
    return True


def victim_of(game: Game, episode: Episode) -> str:
    """Return the node that shall lead: the plan's, else another one for each episode.

    A follower that the plan names by its node shall not lead; a main queue with one copy has its
    node for a victim each time.
    """
    followers = {entry.target for entry in episode.faults if entry.kind in FOLLOWS}
    for entry in episode.faults:
        if entry.target in game.cluster.nodes and entry.target not in followers:
            return str(entry.target)
    order = [each.id for each in game.plan.episodes]
    able = [node for node in game.cluster.nodes if node not in followers]
    if game.alone.get(game.main_queue) in able:
        return game.alone[game.main_queue]
    return able[order.index(episode.id) % len(able)]


def _in_place(game: Game, victim: str) -> bool | NotYet:
    publishing, consuming = _on_node(game, victim)
    wanted = sum(each.pool for each in game.contract.producers)
    connected = game.board.total("connected")
    # a pool spreads over the nodes: one fewer than an even share is as good as it gets after a kill
    share = max(1, wanted // len(game.cluster.nodes) - 1)
    if publishing >= share and consuming >= 1 and connected == wanted:
        return True
    return NotYet(
        f"{publishing} connections and {consuming} consumers on {victim}, "
        f"{connected} of {wanted} connections in all"
    )


def _on_node(game: Game, node: str) -> tuple[int, int]:
    """Count the main queue's publishing connections and consumers on a node."""
    publishing = sum(
        each.report.get("nodes", []).count(node) for each in game.board.callers("publisher")
    )
    consuming = sum(
        each.report.get("nodes", []).count(node)
        for each in game.board.callers("worker")
        if each.report.get("queue") == game.main_queue
    )
    return publishing, consuming


def _raise_backlog(game: Game) -> None:
    """Let the surge fall due, and wait until it stands in the queue."""
    game.board.surge(1.0)
    wanted = max(each.surge for each in game.contract.producers) // 2

    def stands() -> bool | NotYet:
        ready, unsettled = game.broker.message_counts(game.vhost)[game.main_queue]
        return True if ready + unsettled >= wanted else NotYet(f"{ready} ready")

    try:
        wait_until(stands, BACKLOG_WITHIN_S, "a backlog stood", poll_ms=50)
    except HarnessError as error:
        game.journal.append("note", text=str(error))  # The exposure rule judges it.


def _note_exposure(game: Game, episode: Episode, victim: str | None) -> None:
    """Journal what the fault is about to strike at."""
    if victim is None:
        return
    leaders = game.broker.queue_leaders(game.vhost)
    counts = game.broker.message_counts(game.vhost)
    publishing, consuming = _on_node(game, victim)
    game.journal.append(
        "exposure",
        episode=episode.id,
        victim=victim,
        queues={
            name: {"leader": leaders.get(name), "confirmed_unsettled": sum(counts[name])}
            for name in game.work_queues
        },
        connections_on_victim=publishing,
        consumers_on_victim=consuming,
    )


def _leaders(game: Game, episode: Episode, at: str) -> None:
    leaders = game.broker.queue_leaders(game.vhost)
    game.journal.append("leaders", episode=episode.id, at=at, leaders=leaders)
