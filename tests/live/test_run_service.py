"""One service's link is cut in a run: that service alone is away, and it comes back."""

import pytest
from run_stand import Runs, game

from chaos.plan import Entry, Episode, Plan
from gameday.contracts.load import load_contract
from gameday.history.checks.met import service_of
from gameday.history.run import Run, load_run

__all__ = ["game"]

CONTRACT = load_contract("sparki")
SERVICES = {each.name for each in CONTRACT.producers} | {each.name for each in CONTRACT.consumers}
RUN_WITHIN_S = 420
PRODUCER, CONSUMER = "deploy-loco", "notification-worker"


def cut(service: str) -> Plan:
    """Return a plan that cuts a service off from every node."""
    whom = {"whom": f"service:{service}", "how": "reset"}
    faults = tuple(
        Entry(kind="cut_clients", target=node, parameters=whom) for node in ("r1", "r2", "r3")
    )
    return Plan(
        seed=1,
        episodes=(Episode(id="cut", name="cut", at_s=2, for_s=6, recover_s=8, faults=faults),),
    )


def window(run: Run) -> tuple[int, int]:
    """Return from when until when all three doors were shut, by the journal."""
    steps = [fault.steps for fault in run.own_faults]
    return max(each["observed"] for each in steps), min(each["reverting"] for each in steps)


def standing(run: Run, at_ns: int) -> set[str]:
    """Return the services that had a connection then, by their own ledgers."""
    links = run.history.links
    return {
        service_of(value)
        for value, opened, closed in zip(
            links.connection_values, links.connection_opened_ns.tolist(),
            links.connection_closed_ns.tolist(), strict=True,
        )
        if opened <= at_ns < closed and service_of(value) in SERVICES
    }  # fmt: skip


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", [CONSUMER, PRODUCER])
def test_one_service_is_cut_and_no_other(game: Runs, service: str) -> None:
    """The clients' own ledgers say who was away meanwhile, who worked, and who came back."""
    process = game.start(cut(service))

    assert process.wait(RUN_WITHIN_S) in {0, 1, 3}, game.said()[-3000:]

    run = load_run(game.latest)
    begin, end = window(run)
    before = min(fault.started_ns for fault in run.own_faults)
    assert service in standing(run, before)
    assert standing(run, (begin + end) // 2) == standing(run, before) - {service}
    after = max(fault.restored_ns or 0 for fault in run.own_faults) + 7_000_000_000
    assert standing(run, after) == standing(run, before)
    attempts, deliveries = run.history.attempts, run.history.deliveries
    confirmed = (attempts.outcome_ns > begin) & (attempts.outcome_ns < end)
    given = (deliveries.time_ns > begin) & (deliveries.time_ns < end)
    assert confirmed.sum() > 50
    assert given.sum() > 50
    assert game.remains() == []
