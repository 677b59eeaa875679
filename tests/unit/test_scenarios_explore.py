"""Exploring: what a seed draws can be played, and shrinking keeps what failed."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.catalogue import KINDS
from chaos.plan import Plan, load_plan
from gameday.clusters.cluster import ALL_POWERS
from gameday.contracts.load import load_contract
from scenarios.explore.command import broken_by
from scenarios.explore.draw import CHANCES, NEVER, draw_plan
from scenarios.explore.shrink import shrink, smaller_plans
from scenarios.options import Options
from scenarios.play import Played
from scenarios.scenario import Cast, main_queue

CONTRACT = load_contract("sparki")
SEEDS = st.integers(0, 2**32)


def kinds_of(plan: Plan) -> list[str]:
    """Return the kinds of a plan's faults, in order."""
    return [entry.kind for episode in plan.episodes for entry in episode.faults]


def test_every_fault_is_drawn_or_says_why_not() -> None:
    """No kind of fault is forgotten: each has a weight, or a reason not to be drawn."""
    drawn = {each.kind for each in CHANCES}

    assert drawn | NEVER.keys() == KINDS.keys(), "add it to CHANCES or NEVER in explore/draw.py"
    assert not drawn & NEVER.keys()
    assert all(each.weight > 0 for each in CHANCES)


@given(SEEDS)
@settings(deadline=None)
def test_what_is_drawn_can_be_played(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Whatever the seed, the plan passes its reader: no lost majority, no bad target."""
    plan = draw_plan(CONTRACT, ALL_POWERS, seed)
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    plan.save(path)

    assert load_plan(path) == plan


@given(SEEDS)
def test_a_seed_gives_one_plan(seed: int) -> None:
    """The same seed draws the same plan."""
    assert draw_plan(CONTRACT, ALL_POWERS, seed) == draw_plan(CONTRACT, ALL_POWERS, seed)


def test_seeds_give_different_plans_with_every_kind() -> None:
    """A few hundred seeds draw every kind that the system has room for, and some overlap."""
    plans = [draw_plan(CONTRACT, ALL_POWERS, seed) for seed in range(300)]
    drawn = {kind for plan in plans for kind in kinds_of(plan)}

    cast = Cast(CONTRACT, main_queue(CONTRACT))
    assert drawn == {each.kind for each in CHANCES if each.fits(cast)}
    assert any(entry.after_s for plan in plans for each in plan.episodes for entry in each.faults)


def test_only_what_the_cluster_can_do_is_drawn() -> None:
    """On a cluster without powers no fault is drawn that needs one."""
    plans = [draw_plan(CONTRACT, (), seed) for seed in range(50)]

    assert "kill_node" not in {kind for plan in plans for kind in kinds_of(plan)}


def fails_with(*kinds: str) -> Callable[[Plan], bool]:
    """Return a broker that fails exactly the plans that hold all of some kinds."""
    return lambda plan: set(kinds) <= set(kinds_of(plan))


@given(SEEDS, st.data())
@settings(deadline=None)
def test_shrinking_finds_the_culprits(seed: int, data: st.DataObject) -> None:
    """What is left fails still, and nothing can be left out any more."""
    plan = draw_plan(CONTRACT, ALL_POWERS, seed)
    culprits = data.draw(st.lists(st.sampled_from(kinds_of(plan)), min_size=1, max_size=2))
    fails = fails_with(*culprits)

    smallest = shrink(plan, fails, lambda: True)

    assert fails(smallest)
    assert not any(fails(smaller) for smaller in smaller_plans(smallest))
    assert len(kinds_of(smallest)) == len(set(culprits))


@given(SEEDS)
def test_without_time_nothing_is_left_out(seed: int) -> None:
    """A search whose time is up keeps the plan as it was seen failing."""
    plan = draw_plan(CONTRACT, ALL_POWERS, seed)

    assert shrink(plan, lambda _: True, lambda: False) == plan


@given(SEEDS)
@settings(deadline=None)
def test_smaller_plans_can_be_played(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Every plan on the way is whole: its reader takes it."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    for smaller in smaller_plans(draw_plan(CONTRACT, ALL_POWERS, seed)):
        smaller.save(path)

        assert load_plan(path) == smaller


def test_only_failures_count_as_broken() -> None:
    """What is unknown is not broken, and a run that was not judged broke nothing."""
    rows = [{"id": "s-1/loss", "status": "fail"}, {"id": "s-2/sla", "status": "unknown"}]

    assert broken_by(Played(Options(), 1, 9.0, None, {"criteria": rows})) == {"s-1/loss"}
    assert broken_by(Played(Options(), 4, 9.0)) == frozenset()
