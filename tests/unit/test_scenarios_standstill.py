"""What is given up when nothing moves any more, and what is struck when no leader can be moved."""

from types import SimpleNamespace
from typing import Any

import pytest

from chaos.plan import Entry, Episode, Plan
from gameday.clusters.wait import NotYet
from gameday.errors import HarnessError
from scenarios import places
from scenarios.standstill import Moving

STILL_S = 5.0


def asked(answers: list[tuple[float, bool | NotYet]]) -> bool | NotYet:
    """Ask once at each time, and return the last answer."""
    clock = [0.0]
    queue = iter([answer for _, answer in answers])
    moving = Moving(lambda: next(queue), STILL_S, lambda: clock[0])
    seen: bool | NotYet = False
    for clock[0], _ in answers:
        seen = moving()
    return seen


def test_figures_that_stand_still_are_given_up() -> None:
    """The same figure for five seconds ends the wait, and is named."""
    with pytest.raises(HarnessError, match="nothing changed for 5 s; last seen: 7 left"):
        asked([(0.0, NotYet("8 left")), (1.0, NotYet("7 left")), (6.0, NotYet("7 left"))])


def test_figures_that_move_are_waited_for() -> None:
    """A figure that changed within the time is no standstill, however long all of it takes."""
    slow = [(4.0 * n, NotYet(f"{9 - n} left")) for n in range(6)]

    assert asked([*slow, (30.0, True)]) is True


def test_a_figure_that_came_back_has_moved() -> None:
    """What changed to and fro did not stand still."""
    moved = [(0.0, NotYet(1)), (4.0, NotYet(2)), (8.0, NotYet(1)), (12.0, NotYet(1))]

    assert isinstance(asked(moved), NotYet)


class Stand:
    """A board, a journal and a broker in one: r2 leads, whatever was wanted."""

    def __init__(self, confirmed: list[int]) -> None:
        self.confirmed, self.lines, self.said = confirmed, list[dict[str, Any]](), list[str]()

    def total(self, key: str) -> int:
        """Return the next count of confirms; everybody is connected."""
        return self.confirmed.pop(0) if key == "confirmed" else 3

    def tell(self, *_: str) -> None:
        """Tell the clients to come back to their nodes."""

    def callers(self, _: str) -> list[Any]:
        """Return one client that is on every node."""
        return [SimpleNamespace(report={"nodes": ["r1", "r2", "r3"], "queue": "q"})]

    def queue_leaders(self, _: str) -> dict[str, str]:
        """Return who leads."""
        return {"q": "r2"}

    def append(self, event: str, **fields: Any) -> None:
        """Keep a journal line."""
        self.lines.append({"event": event, **fields})

    def say(self, sentence: str) -> None:
        """Keep a sentence."""
        self.said.append(sentence)


def game(stand: Stand, episode: Episode) -> Any:
    """Return a game whose cluster has three nodes and one queue."""
    return SimpleNamespace(
        board=stand, journal=stand, broker=stand, screen=stand, vhost="/", main_queue="q",
        alone={}, work_queues=("q",), watch_crew=lambda: None,
        cluster=SimpleNamespace(nodes=("r1", "r2", "r3")), plan=Plan(seed=1, episodes=(episode,)),
        contract=SimpleNamespace(producers=[SimpleNamespace(pool=3)]),
    )  # fmt: skip


@pytest.fixture
def episode(monkeypatch: pytest.MonkeyPatch) -> Episode:
    """Return an episode of a cluster whose leaders cannot be moved."""

    def refuse(*_: object) -> bool:
        raise HarnessError("the queue does not move")

    monkeypatch.setattr(places, "_led_by", refuse)
    monkeypatch.setattr(places, "LEADERS_WITHIN_S", 0.0)
    kill = Entry(kind="kill_node", target="leader of q", parameters={})
    return Episode(id="a", name="a", at_s=0, for_s=1, recover_s=1, faults=(kill,))


def test_a_leader_that_cannot_be_moved_is_struck_where_it_is(episode: Episode) -> None:
    """While the broker confirms, the plan goes on with the node that leads; the journal says so."""
    stand = Stand([100, 101])

    assert places.take_places(game(stand, episode), episode) == "r2"
    assert stand.lines[0]["event"] == "note"
    assert "r2 leads q and is struck" in stand.lines[0]["text"]
    assert stand.said == ["r1 could not be made the leader; r2 is struck as it stands"]


def test_no_leader_is_moved_for_a_fault_of_clients(episode: Episode) -> None:
    """The victim is who leads, nobody is asked to lead, and there is nothing to note."""
    stand = Stand([100])
    worker = Entry(kind="kill_client", target="worker of q", parameters={})
    of_clients = episode.model_copy(update={"faults": (worker,)})

    assert places.take_places(game(stand, of_clients), of_clients) == "r2"
    assert stand.lines == []
    assert stand.said == []


def test_a_broker_that_confirms_nothing_is_not_struck_again(episode: Episode) -> None:
    """No confirm in all the time that the leaders were to move: the plan ends here."""
    with pytest.raises(places.StoodStillError, match="nothing was confirmed while r1 leads"):
        places.take_places(game(Stand([100, 100]), episode), episode)


def test_clients_that_do_not_come_back_are_noted(
    episode: Episode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the victim holds is judged by the exposure rule; the plan goes on."""
    stand = Stand([100, 101])
    monkeypatch.setattr(places, "PLACES_WITHIN_S", 0.0)
    monkeypatch.setattr(stand, "callers", lambda _: [])

    assert places.take_places(game(stand, episode), episode) == "r2"
    assert "0 connections and 0 consumers on r2" in stand.lines[-1]["text"]
