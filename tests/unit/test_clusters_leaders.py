"""How leaders are moved: what is ordered, how often, and what an order must never cost."""

from types import SimpleNamespace
from typing import Any

import pytest

from gameday.clusters import leaders
from gameday.clusters.facts import QueueState
from gameday.clusters.leaders import move_leaders
from gameday.errors import HarnessError

NODES = frozenset({"r1", "r2", "r3"})


class Moved:
    """A broker whose queue moves after so many orders, or never."""

    def __init__(self, type_: str, moves_after: int | None) -> None:
        self.type, self.moves_after = type_, moves_after
        self.orders, self.in_step, self.answers = list[str](), NODES, True
        self.cluster: Any = self

    def queues(self, _: str) -> dict[str, QueueState]:
        """Return the one queue as it now is."""
        moved = self.moves_after is not None and len(self.orders) >= self.moves_after
        leader = "r2" if moved else "r1"
        return {"q": QueueState("q", self.type, leader, NODES, self.in_step)}

    def addresses(self, node: str) -> Any:
        """Return a node's Erlang name."""
        return SimpleNamespace(erlang_name=f"{node}@mq")

    def evaluate(self, _: str, expression: str, **__: object) -> str:
        """Take an order, or tell whether one could be taken."""
        if "gen_server2" in expression:
            return "true" if self.answers else "false"
        self.orders.append(expression)
        if self.type == "classic" and self.moves_after is None:
            self.in_step = frozenset({"r1"})  # What an order leaves of a queue that did not move.
        return "ok"


@pytest.mark.parametrize("type_", ["classic", "quorum"])
def test_a_queue_that_moves_is_ordered_once(type_: str) -> None:
    """One order is enough for a queue that obeys."""
    broker = Moved(type_, 1)

    move_leaders(broker, "/", ["q"], "r2", within_s=1)

    assert len(broker.orders) == 1


def test_a_mirrored_queue_that_does_not_move_is_ordered_once() -> None:
    """Each order drops its other replicas: a second one could drop what only they hold."""
    broker = Moved("classic", None)

    with pytest.raises(HarnessError, match="r2 led q with every copy in step"):
        move_leaders(broker, "/", ["q"], "r2", within_s=0.3)

    assert len(broker.orders) == 1


def test_a_mirrored_queue_is_not_moved_to_a_node_that_fell_behind() -> None:
    """A copy that fell behind between the look and the order gets no order at all."""
    broker = Moved("classic", None)
    broker.in_step = frozenset({"r1"})

    assert not leaders._moved(broker, "/", {"q": 3}, "r2", set())
    assert broker.orders == []


def test_a_mirrored_queue_that_gives_no_answer_is_not_ordered() -> None:
    """It is listed as in step, and yet an order would drop the only replica that lives."""
    broker = Moved("classic", None)
    broker.answers = False

    with pytest.raises(HarnessError, match="r2 led q"):
        move_leaders(broker, "/", ["q"], "r2", within_s=0.3)

    assert broker.orders == []


def test_a_second_try_orders_no_mirrored_queue_again() -> None:
    """Whoever tries again says what was ordered before."""
    broker, ordered = Moved("classic", None), set[str]()
    for _ in range(2):
        broker.in_step = NODES
        with pytest.raises(HarnessError):
            move_leaders(broker, "/", ["q"], "r2", within_s=0.2, ordered=ordered)

    assert len(broker.orders) == 1


def test_a_quorum_queue_is_ordered_until_it_moves() -> None:
    """An order that an election swallowed is given again; it costs no message."""
    broker = Moved("quorum", 3)

    move_leaders(broker, "/", ["q"], "r2", within_s=2)

    assert len(broker.orders) == 3
