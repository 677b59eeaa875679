"""Whole runs where clients come by TLS, with a password that is renewed, and through a balancer."""

import pytest
from run_stand import Runs, game

from chaos.plan import Entry, Episode, Plan
from gameday.history.checks import CHECKS, look
from gameday.history.checks.secured import ACCEPTED
from gameday.history.finding import Status
from gameday.history.run import Run, load_run

__all__ = ["game"]

RUN_WITHIN_S = 420


def planned(*faults: Entry) -> Plan:
    """Return a plan of one episode for each fault."""
    return Plan(
        seed=1,
        episodes=tuple(
            Episode(id=f"e{number}", name=fault.kind, at_s=2 + 14.0 * number, for_s=4,
                    recover_s=8, faults=(fault,))
            for number, fault in enumerate(faults)
        ),
    )  # fmt: skip


def judged(run: Run, check: str, **parameters: object) -> str:
    """Return why a check does not pass, empty when it does."""
    finding = look(CHECKS[check], check, run, parameters)
    return "" if finding.status is Status.PASS else f"{check}: {finding.reason}"


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_a_password_is_renewed_by_tls_without_a_loss(game: Runs) -> None:
    """All log in anew by TLS and none waits, a killed node comes back by TLS, nothing is lost."""
    faults = (Entry(kind="renew_password", target="clients"),
              Entry(kind="kill_node", target="leader of builds"))  # fmt: skip
    process = game.start(planned(*faults), "--tls", "--alternative", "quorum-builds")

    assert process.wait(RUN_WITHIN_S) in {0, 1, 3}, game.said()[-3000:]

    run = load_run(game.latest)
    renewed = next(fault for fault in run.own_faults if fault.kind == "renew_password")
    assert renewed.observed_ns is not None
    assert renewed.restored_ns is not None
    assert not judged(run, "secured")
    assert not judged(run, "loss")
    assert not judged(run, "keeps_serving", limit_s=5, fault_classes=["credentials"])
    assert not judged(run, "exposure", fault_classes=["credentials", "node_kill"])
    doors = [line["doors"] for line in run.journal if line["event"] == "secured"]
    assert len(doors) == 6
    assert all(each["clients"]["wrong_login"] != ACCEPTED for each in doors)
    assert game.remains() == []


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_a_balancer_restarts_under_load_and_nothing_is_lost(game: Runs) -> None:
    """Clients that know a balancer alone are served with a node down, and come back through it."""
    faults = (Entry(kind="kill_node", target="leader of search_index_updates"),
              Entry(kind="restart_balancer", target="balancer"))  # fmt: skip
    process = game.start(planned(*faults), "--alternative", "three-nodes", of="veza")

    assert process.wait(RUN_WITHIN_S) in {0, 1, 3}, game.said()[-3000:]

    run = load_run(game.latest)
    assert not judged(run, "balanced")
    assert not judged(run, "loss")
    assert not judged(run, "keeps_serving", limit_s=6, fault_classes=["node_kill"])
    assert not judged(run, "exposure", fault_classes=["node_kill", "balancer"])
    believed = [line for line in run.journal if line["event"] == "balancer_believes"]
    assert [bool(line["down"]) for line in believed] == [True, False, False]
    assert game.remains() == []
