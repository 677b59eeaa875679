"""A backlog that is held while an owner's command runs: how much falls due again, and how long."""

from types import SimpleNamespace
from typing import Any

import pytest

from chaos.plan import Entry, Episode
from scenarios import backlog
from scenarios.backlog import Keeper, held_backlog, peers_of

NODES = ("r1", "r2", "r3")


class Board:
    """Who orders surges, and how many messages wait for their confirm."""

    def __init__(self) -> None:
        self.surges: list[float] = []
        self.unanswered = 0

    def total(self, _: str) -> int:
        """Return how many are unanswered."""
        return self.unanswered

    def surge(self, factor: float) -> None:
        """Note an order."""
        self.surges.append(factor)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give a clock of the test's own; its only item is the time."""
    now = [100.0]
    monkeypatch.setattr(backlog, "monotonic", lambda: now[0])
    return now


def keeper(board: Board, to_strike: int = 1) -> Keeper:
    """Return a keeper of a surge of 200, whose cluster nobody asks."""
    contract = SimpleNamespace(producers=(SimpleNamespace(surge=200), SimpleNamespace(surge=0)))
    game: Any = SimpleNamespace(board=board, contract=contract)
    return Keeper(game, game, NODES, to_strike)


def episode(*targets: str) -> Episode:
    """Return an episode that kills some nodes at once."""
    faults = tuple(Entry(kind="kill_node", target=each) for each in targets)
    return Episode(id="e", name="e", at_s=0, for_s=1, faults=faults)


def test_what_was_served_falls_due_again(clock: list[float]) -> None:
    """As much as is missing is ordered once, and again when it has arrived and was served."""
    board = Board()
    kept = keeper(board)

    kept._fill(140)
    kept._fill(140)
    clock[0] += 1.1
    kept._fill(150)

    assert board.surges == [0.3, 0.25]
    assert kept.added == 110


def test_a_backlog_that_stands_is_left_alone(clock: list[float]) -> None:
    """A few messages less are worth no order."""
    board = Board()

    keeper(board)._fill(185)

    assert board.surges == []


@pytest.mark.parametrize("unanswered", [60, 200, 5000])
def test_a_broker_that_takes_nothing_is_given_no_more(unanswered: int, clock: list[float]) -> None:
    """What waits to be sent counts: a blocked cluster meets no pile of messages afterwards."""
    board = Board()
    board.unanswered = unanswered
    kept = keeper(board)

    for _ in range(5):
        kept._fill(140)
        clock[0] += 1.1

    assert board.surges == []


def test_nothing_is_ordered_once_all_is_applied(clock: list[float]) -> None:
    """Of two faults that strike at once the second ends it, whatever other points they pass."""
    board = Board()
    kept = keeper(board, to_strike=2)

    for point in ("intent", "apply", "applied", "observed"):
        kept.at(point)
    kept._fill(0)
    kept.at("applied")
    clock[0] += 1.1
    kept._fill(0)

    assert board.surges == [1.0]


def test_those_are_asked_who_are_not_struck() -> None:
    """A node that a fault strikes is not asked, unless every node is struck."""
    assert peers_of(episode("r2"), NODES) == ("r1", "r3")
    assert peers_of(episode("r1, r2"), NODES) == ("r3",)
    assert peers_of(episode("r1", "r2", "r3"), NODES) == NODES


def test_a_cluster_of_our_own_is_struck_as_it_stands() -> None:
    """Its faults take no time: nothing is held there, and nothing noted."""
    board = Board()
    game: Any = SimpleNamespace(cluster=object(), board=board)

    with held_backlog(game, episode("r1")) as at:
        at("applied")

    assert board.surges == []
