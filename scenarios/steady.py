"""Steady: warm up until the rates hold, then measure a baseline.

A load that never runs steadily has nothing injected into it: the run ends INCONCLUSIVE.
"""

from collections.abc import Callable

from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError
from scenarios.game import Game

CALLS_WITHIN_S = 60.0
WARM_WITHIN_S = 60.0
WARM_FOR_S = 3.0
BASELINE_S = 12.0
SLACK = 0.85
"""Deliveries must keep up with this part of what is offered before a baseline means anything."""


class NotSteadyError(HarnessError):
    """The load never ran evenly without a fault, so no fault was injected."""


def steady(game: Game, baseline_s: float = BASELINE_S) -> None:
    """Start the load, wait until it runs evenly, and let the baseline pass."""
    game.phase("steady", "begin")
    expected = game.crew.start_all()
    game.board.wait_for(expected, CALLS_WITHIN_S)
    _wait(game, lambda: _connected(game), CALLS_WITHIN_S, "every pool and consumer connected")
    game.board.start_publishers()
    game.controls.start()
    _wait(game, _Warm(game), WARM_WITHIN_S, "rates held")
    game.phase("baseline", "begin")
    game.screen.wait(baseline_s, "baseline", game.watch_crew)
    game.phase("baseline", "end")
    game.phase("steady", "end")


def _connected(game: Game) -> bool | NotYet:
    connected, pool = game.board.total("connected"), game.board.total("pool")
    consuming = game.board.total("consuming")
    wanted = sum(each.workers * each.concurrency for each in game.contract.consumers)
    wanted_pool = sum(each.pool for each in game.contract.producers)
    if connected == pool == wanted_pool and consuming >= wanted:
        return True
    return NotYet(f"{connected} of {wanted_pool} connections, {consuming} of {wanted} consumers")


def _wait(game: Game, predicate: Callable[[], bool | NotYet], within_s: float, what: str) -> None:
    """Wait for a condition, and give up at once when a load process has ended by itself."""

    def looked_after() -> bool | NotYet:
        game.watch_crew()
        return predicate()

    try:
        wait_until(looked_after, within_s, what, poll_ms=200)
    except HarnessError as error:
        raise NotSteadyError(str(error)) from error


class _Warm:
    """Whether deliveries have kept up with what was offered for a while."""

    def __init__(self, game: Game) -> None:
        self._game = game
        self._since: tuple[float, int, int, int] | None = None
        self._last = ""

    def __call__(self) -> bool | NotYet:
        board, now = self._game.board, self._game.screen.now()
        offered, handled = board.total("offered"), board.total("handled")
        retried = board.total("published_again")
        if self._since is None and handled:
            self._since = now, offered, handled, retried
        if self._since is None:
            return NotYet("nothing handled yet")
        since, offered_then, handled_then, retried_then = self._since
        if now - since < WARM_FOR_S:
            return NotYet(f"{now - since:.1f} s of {WARM_FOR_S:g}{self._last}")
        share = (handled - handled_then) / max(1, offered - offered_then)
        if share >= SLACK and retried == retried_then:
            return True
        self._since = now, offered, handled, retried
        again = retried - retried_then
        said = f"{share:.0%} of what was offered was handled, {again} tried again"
        self._last = f", after {WARM_FOR_S:g} s in which {said}"
        return NotYet(said)
