"""Heal and drain: observe that all is well again, let the consumers finish, read every queue out.

Each gate is journalled with what was seen. A gate that does not open in time makes the verdict
unknown, never a pass.
"""

from collections.abc import Callable

from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError
from scenarios.crew import run_drain
from scenarios.game import Game
from scenarios.prepare import note_health
from scenarios.securing import note_secured
from scenarios.standstill import Moving

CONFIRMS_WITHIN_S = 20.0
HEALTHY_WITHIN_S = 90.0
CONSUMERS_WITHIN_S = 60.0
CLOSED_WITHIN_S = 75.0
STILL_S = 25.0
"""How long a gate's figures may stand still. What waits out a time to live is given that, too."""
LATER_STILL_S = 8.0
"""The same once an earlier gate stayed shut: what it waited for, later ones need as well."""
WINDOW_S = 3.0
DRAIN_WITHIN_S = 60.0


def heal(game: Game) -> None:
    """Stop the publishers, and observe sustained health."""
    game.phase("heal", "begin")
    game.scaler.off()
    game.board.stop_publishers()
    _gate(game, "publishers_stopped", lambda: _publishers_stopped(game))
    _gate(game, "healthy", lambda: _healthy(game))
    note_secured(game, "after")
    game.phase("heal", "end")


def drain(game: Game) -> None:
    """Let the real consumers finish, close every connection, and read all queues to their end."""
    game.phase("drain", "begin")
    _gate(game, "consumers_done", lambda: _consumers_done(game))
    _gate(game, "closed", lambda: _closed(game))
    _gate(game, "fixpoint", lambda: _fixpoint(game))
    _gate(game, "counts", lambda: _counts(game))
    game.controls.finish()
    game.phase("drain", "end")


def _gate(game: Game, name: str, pass_through: Callable[[], str]) -> None:
    """Journal whether a gate opened; one that did not is noted, and the next is tried."""
    game.screen.step(name.replace("_", " "))
    try:
        detail, ok = pass_through(), True
    except HarnessError as error:
        detail, ok = str(error), False
        game.gates_shut += 1
    game.journal.append("drain", gate=name, ok=ok, detail=detail)


def _moving(game: Game, question: Callable[[], bool | NotYet], more_s: float = 0.0) -> Moving:
    """Give a gate up when what it waits for stands still."""
    still_s = LATER_STILL_S if game.gates_shut else STILL_S + more_s
    return Moving(question, still_s + game.counts_age_s, game.screen.now)


def _patient(question: Callable[[], bool | NotYet]) -> Callable[[], bool | NotYet]:
    """Ask a node again that was too busy to answer, for as long as the gate has time."""

    def ask() -> bool | NotYet:
        try:
            return question()
        except HarnessError as error:
            return NotYet(error)

    return ask


class _Held:
    """A condition that must hold for as long as the broker's figures may be old."""

    def __init__(self, game: Game, holds: Callable[[], bool | NotYet]) -> None:
        self._game, self._holds = game, holds
        self._since: float | None = None

    def __call__(self) -> bool | NotYet:
        seen, now = self._holds(), self._game.screen.now()
        if not seen:
            self._since = None
            return seen
        self._since = self._since or now
        left_s = self._game.counts_age_s - (now - self._since)
        return NotYet(f"figures may be {left_s:.0f} s too old") if left_s > 0 else True


def _publishers_stopped(game: Game) -> str:
    wait_until(
        lambda: game.board.total("unanswered") == 0 or NotYet(game.board.total("unanswered")),
        CONFIRMS_WITHIN_S,
        "no publish unanswered",
    )
    if not game.crew.stop("publisher"):
        raise HarnessError("a publisher did not end in good order")
    return f"{game.board.total('confirmed')} confirmed"


def _healthy(game: Game) -> str:
    took_s = game.broker.wait_healthy(HEALTHY_WITHIN_S)

    def in_step() -> bool | NotYet:
        queues = game.broker.queues(game.vhost)
        behind = [name for name, state in queues.items() if state.members != state.in_step]
        return NotYet(behind) if behind else True

    wait_until(
        _moving(game, _patient(in_step)), HEALTHY_WITHIN_S, "every copy of every queue in step"
    )
    note_health(game, "drain")
    return f"after {took_s:.1f} s"


def _consumers_done(game: Game) -> str:
    """Work queues are empty and nothing is unacknowledged, while the real consumers still work.

    So are the queues that time empties: what waits there comes back, or dies as it should.
    """
    names = (*game.work_queues, *game.passing_queues)

    def done() -> bool | NotYet:
        counts = game.broker.message_counts(game.vhost)
        left = {name: counts.get(name, "gone") for name in names if any(counts.get(name, [True]))}
        return NotYet(left) if left else True

    within_s = CONSUMERS_WITHIN_S + game.passing_s
    held = _Held(game, _patient(done))
    wait_until(_moving(game, held, game.passing_s), within_s, "the work queues empty", poll_ms=200)
    return "work queues empty, nothing unacknowledged"


def _closed(game: Game) -> str:
    """No workload connection stands and nothing is unacknowledged."""
    clean = game.crew.stop("worker")

    def gone() -> bool | NotYet:
        consumers = game.broker.consumers(game.vhost)
        counts = game.broker.message_counts(game.vhost)
        held = {name: count for name, (_, count) in counts.items() if count}
        return NotYet(f"{len(consumers)} consumers, {held}") if consumers or held else True

    wait_until(
        _moving(game, _Held(game, _patient(gone))),
        CLOSED_WITHIN_S,
        "no consumers, nothing unacknowledged",
        poll_ms=200,
    )
    return "all workers drained in good order" if clean else "a worker had to be killed"


def _fixpoint(game: Game) -> str:
    finished, said = run_drain(game.crew, WINDOW_S, DRAIN_WITHIN_S)
    if not finished:
        raise HarnessError(said or "the drain did not come to an end")
    return f"{said} messages read from queues that no consumer empties"


def _counts(game: Game) -> str:
    if game.counts_age_s:
        game.screen.wait(game.counts_age_s, "counts catching up", game.watch_crew)
    counts = game.broker.message_counts(game.vhost)
    messages = {name: sum(count) for name, count in counts.items()}
    game.journal.append("counts", messages=messages)
    left = {name: count for name, count in messages.items() if count}
    if left:
        raise HarnessError(f"messages are left after the drain: {left}")
    return "every queue holds 0 messages"
