"""Trouble: the plan's episodes, one after another, each put right before the next begins.

places -> surge -> intent .. observed -> the fault lasts -> reverted .. restored -> healthy
-> recovery -> topology compared -> the next episode.
"""

from contextlib import ExitStack
from dataclasses import replace
from time import monotonic

from chaos.plan import FILE_NAME, Episode, Plan, resolve
from chaos.stop import refuse_beyond_budget
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import UnansweredError
from scenarios.backlog import held_backlog, raise_backlog
from scenarios.balancing import KILLS, await_balancer, note_balanced
from scenarios.diagnosing import note_diagnosis
from scenarios.game import Game
from scenarios.places import StoodStillError, on_node, take_places
from scenarios.prepare import ANSWERS_WITHIN_S, compare, note_health
from scenarios.securing import note_secured

HEALTHY_WITHIN_S = 90.0
PUBLISHES_WITHIN_S = 40.0
QUIET = frozenset({"nothing", "poison", "replay", "wrong_name", "rotate_credentials"})
"""Kinds that break nothing for the load: they need no victim and no backlog."""


def trouble(game: Game) -> None:
    """Carry the plan out, and write down what it turned out to be."""
    game.phase("trouble", "begin")
    game.scaler.on()
    note_secured(game, "before")
    note_balanced(game, "before")
    begun = game.screen.now()
    for episode in game.plan.episodes:
        at_s = game.screen.now() - begun
        try:
            game.plan = _play(game, game.plan, episode.model_copy(update={"at_s": round(at_s, 3)}))
        except StoodStillError as error:
            _cut_short(game, episode, str(error))
            break
        game.plan.save(game.folder / FILE_NAME)
    note_balanced(game, "after")
    game.phase("trouble", "end")


def _cut_short(game: Game, episode: Episode, reason: str) -> None:
    """Say that this episode and those after it are not played, and why."""
    game.journal.append("cut_short", episode=episode.id, reason=reason)
    game.screen.say(f"the episodes from {episode.name} on are not played: {reason}")


def _play(game: Game, plan: Plan, episode: Episode) -> Plan:
    """Play one episode; return the plan with its targets resolved.

    Raises `StoodStillError` when a cluster that no fault strikes any more answers nothing.
    """
    refuse_beyond_budget(game.board.total("told"), game.board.total("offered"))
    try:
        resolved = _get_ready(game, episode)
    except UnansweredError as error:
        raise StoodStillError(f"the broker gave no answer before the fault: {error}") from error
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


def _get_ready(game: Game, episode: Episode) -> Episode:
    """Bring everything to its place and note what is struck; return the episode with targets."""
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
        raise_backlog(game)
    _note_exposure(game, episode, victim)
    _leaders(game, episode, "before")
    return resolved


def _break(game: Game, episode: Episode) -> None:
    """Inject the episode's faults, and let them last."""
    game.screen.fault(episode.name)
    site = game.site.for_episode(episode.id, episode.lasts_s)
    strikes = any(entry.kind not in QUIET for entry in episode.faults)
    with ExitStack() as stack:
        if strikes:
            site = replace(site, at=stack.enter_context(held_backlog(game, episode)))
        stack.enter_context(episode.fault().inject(site))
        killed = [entry.target for entry in episode.faults if entry.kind in KILLS]
        if killed:
            await_balancer(game, episode.id, frozenset(filter(None, killed)))
        note_diagnosis(game, episode, "during")
        game.screen.wait(episode.for_s, episode.name, game.watch_crew)
    game.screen.fault(None)


def _recover(game: Game, episode: Episode) -> None:
    """Wait until the cluster is healthy, give the clients their time, and compare."""
    game.broker.wait_healthy(HEALTHY_WITHIN_S)
    await_balancer(game, episode.id, frozenset())
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


def _note_exposure(game: Game, episode: Episode, victim: str | None) -> None:
    """Journal what the fault is about to strike at."""
    if victim is None:
        return
    leaders = game.broker.queue_leaders(game.vhost)
    try:
        counts = game.broker.message_counts(game.vhost)
    except UnansweredError as error:  # Without figures the exposure rule leaves the fault unknown.
        game.journal.append("note", text=f"what {victim} is struck with is not known: {error}")
        return
    publishing, consuming = on_node(game, victim)
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
    """Journal who leads which queue; a node that gave no answer is asked again."""

    def told() -> tuple[dict[str, str]] | NotYet:
        try:
            return (game.broker.queue_leaders(game.vhost),)
        except UnansweredError as error:
            if monotonic() > until_s:
                raise
            return NotYet(error)

    until_s = monotonic() + ANSWERS_WITHIN_S
    (leaders,) = wait_until(told, 2 * ANSWERS_WITHIN_S, "the broker told who leads its queues")
    game.journal.append("leaders", episode=episode.id, at=at, leaders=leaders)
