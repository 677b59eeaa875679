"""The rehearsal on real brokers and real workers: each step with its fault loses nothing."""

from collections.abc import Iterator

import pytest
from migration_stand import Played, small_stand

from gameday.history.finding import Status
from gameday.history.migration.rehearsal import rehearsal, service
from gameday.history.migration.tasks import Fate
from scenarios.migration.plans import StepPlan, moving
from scenarios.migration.rehearsal import play_step
from scenarios.migration.rows import CLASSIC, REDIS_HARDENED

pytestmark = [pytest.mark.live, pytest.mark.alone]

MOVES = [
    pytest.param(
        "parallel", "cut_link", ["load begins", "each task to both", "fault", "fault over"],
        id="parallel",
    ),
    pytest.param(
        "cut-over", "worker_kill", ["load begins", "producers moved", "fault", "fault over"],
        id="cut-over", marks=pytest.mark.nightly,
    ),
    # Not Redis, killed: what it has popped for a worker that never hears of it is lost, by chance.
    # `test_redis_server.py` shows that one, without chance.
    pytest.param(
        "rollback-midway", "worker_kill", ["producers moved", "producers moved back", "fault"],
        id="rollback-midway",
    ),
    pytest.param(
        "rollback-after", None, ["producers moved", "redis drained", "producers moved back"],
        id="rollback-after", marks=pytest.mark.nightly,
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Run both brokers for all steps."""
    with small_stand(tmp_path_factory.mktemp("migration")) as made:
        yield made


@pytest.mark.parametrize(("step", "fault", "marks"), MOVES)
def test_a_step_loses_nothing(
    played: Played, step: str, fault: str | None, marks: list[str]
) -> None:
    """The step is completed in its order, its fault was seen, and the judge finds nothing lost."""
    plan = StepPlan(step, fault, moving(3, 11.0 if step == "rollback-after" else 5.0))
    done = play_step(played.stand, plan, REDIS_HARDENED.id, CLASSIC.id)
    played.steps.append(done)
    found = played.judge()
    tasks = found.tasks[plan.scope]
    judged = {each.part: each.finding for each in rehearsal(found)}
    served = {each.part: each.finding for each in service(found)}
    name = f"{step} with {fault}" if fault else step

    assert found.problems == ()
    assert done["completed"], done["why_not"]
    times = [done["marks"][mark] for mark in marks]
    assert times == sorted(times)
    assert bool(done["evidence"].get("observed")) == (fault is not None)
    assert tasks.ok.all()
    assert not tasks.gone.any()
    assert (tasks.fate == Fate.REVOKED).any() or fault is not None
    assert (tasks.applied[tasks.fate == Fate.DONE] == 1).all()
    assert done["evidence"]["results"]["wanted"] > 30
    assert judged[name].status is Status.PASS, judged[name].reason
    assert served[name].status is Status.PASS, served[name].reason


def test_both_brokers_served_in_the_parallel_step(played: Played) -> None:
    """Tasks were done from both brokers, and those that went to both took effect once."""
    assert played.steps, "the steps are played before this"
    tasks = played.judge().tasks[played.steps[0]["scope"]]
    brokers = {
        str(route.get("broker")) for route in tasks.history.names.list("route")
    }  # fmt: skip

    assert brokers == {"redis", "rabbitmq"}
    assert (tasks.ended > 1).any()
    assert (tasks.applied <= 1).all()
