"""Who is struck: another node each time, but always the one that has the main queue's only copy."""

from types import SimpleNamespace
from typing import Any

import pytest

from chaos.plan import Entry, Episode, Plan
from scenarios.places import picks_a_node, victim_of

KILL = Entry(kind="kill_node", target="leader of q", parameters={})


def episode(name: str, *faults: Entry) -> Episode:
    """Return an episode that strikes."""
    return Episode(
        id=name, name=name, at_s=0, for_s=1, recover_s=1, faults=faults or (KILL,)
    )  # fmt: skip


EPISODES = tuple(episode(name) for name in ("a", "b", "c", "d"))


def game(**alone: str) -> Any:
    """Return what the choice looks at: nodes, plan, the main queue, and queues with one copy."""
    return SimpleNamespace(
        cluster=SimpleNamespace(nodes=("r1", "r2", "r3")),
        plan=Plan(seed=1, episodes=EPISODES), main_queue="q", alone=alone,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("alone", "victims"),
    [
        ({}, ["r1", "r2", "r3", "r1"]),
        ({"q": "r2"}, ["r2", "r2", "r2", "r2"]),
        ({"other": "r2"}, ["r1", "r2", "r3", "r1"]),
    ],
)
def test_the_victim_leads_the_main_queue(alone: dict[str, str], victims: list[str]) -> None:
    """Leaders move to the victim; a queue with one copy cannot, so the victim is its node."""
    assert [victim_of(game(**alone), each) for each in EPISODES] == victims


def test_a_node_that_the_plan_names_is_struck() -> None:
    """The plan goes before the place of the queue."""
    named = episode("a", Entry(kind="kill_node", target="r3", parameters={}))

    assert victim_of(game(q="r1"), named) == "r3"


@pytest.mark.parametrize(
    ("targets", "moves"),
    [
        (["leader of q"], True),
        (["follower of q"], True),
        (["r2"], True),
        (["r1, r2"], True),
        (["worker of q", "r3"], True),
        (["worker of q"], False),
        (["q"], False),
        ([None], False),
        (["r1", "r2", "r3"], False),
        (["r1, r2, r3"], False),
    ],
)
def test_leaders_are_moved_only_where_it_matters_who_leads(
    targets: list[str | None], moves: bool
) -> None:
    """A fault of clients or of every node meets the same whoever leads; one node's does not."""
    struck = episode(
        "a", *(Entry(kind="kill_node", target=each, parameters={}) for each in targets)
    )

    assert picks_a_node(game(), struck) is moves
