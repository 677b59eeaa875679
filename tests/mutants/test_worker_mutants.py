"""The checks of health endpoints and scaling: each damage is seen by the one it is for."""

from copy import deepcopy
from pathlib import Path

import pytest

from gameday.history.checks import CHECKS, look
from gameday.history.finding import Finding
from gameday.history.records import Kind
from gameday.history.run import Run, load_run
from tests.fake_folder import FakeRun
from tests.fake_outage import ns
from tests.fake_workers import CRITERIA, written
from tests.fakes import simulate
from tests.mutants import damage_workers
from tests.mutants.test_mutants import Claim

WORKERS = {
    "say_all_is_well": Claim("health_endpoint", "fail", "cut off as it was"),
    "trust_a_silent_connection": Claim("health_endpoint", "fail", "cut off as it was"),
    "cry_wolf": Claim("health_endpoint", "fail", "and could work"),
    "cry_silence": Claim("health_endpoint", "fail", "and could work"),
    "forget_its_registration": Claim("health_endpoint", "fail", "and could work"),
    "answer_nobody": Claim("health_endpoint", "fail", "times in a row"),
    "ask_in_quiet_times_only": Claim("health_endpoint", "unknown", "while its worker was cut off"),
    "add_nobody": Claim("scaling", "fail", "nobody was added"),
    "add_without_need": Claim("scaling", "fail", "at a depth of 5"),
    "add_too_many": Claim("scaling", "fail", "3 workers"),
    "add_an_idler": Claim("scaling", "fail", "0 of them took a message"),
    "keep_the_backlog": Claim("scaling", "fail", "was not gone"),
    "stop_looking": Claim("scaling", "unknown", "long enough to see"),
    "stay_shallow": Claim("scaling", "unknown", "never held 40"),
}
SEEN = {Kind.DELIVERED, Kind.HANDLED, Kind.ACKED}
FAMILIES = ((damage_workers, WORKERS),)


def made(check: str, run: Run) -> Finding:
    """Make a check as the fake contract asks for it."""
    return look(CHECKS[check], check, run, CRITERIA[check])


def loaded(run: FakeRun, folder: Path) -> Run:
    """Write a run, and read it back."""
    return load_run(run.write(folder / "run"))


def test_every_damage_has_a_claim() -> None:
    """No damage stands in the module without a check that claims to see it, and every check has."""
    damages = {
        name for name, value in vars(damage_workers).items()
        if callable(value) and value.__module__ == damage_workers.__name__ and name[0] != "_"
    }  # fmt: skip

    assert damages == set(WORKERS)
    assert {claim.check for claim in WORKERS.values()} == set(CRITERIA)


def test_the_undamaged_run_passes(tmp_path: Path) -> None:
    """Without a damage every check passes, so that a mutant's verdict is the damage's doing."""
    run = loaded(deepcopy(written()), tmp_path)

    assert run.problems == ()
    assert run.drain_complete
    findings = {**{check: made(check, run) for check in CRITERIA},
                "loss": look(CHECKS["loss"], "loss", run, {})}  # fmt: skip
    assert {check: each.reason for check, each in findings.items()
            if each.status.name != "PASS"} == {}  # fmt: skip


@pytest.mark.parametrize("name", WORKERS)
def test_the_mutant_is_seen(name: str, tmp_path: Path) -> None:
    """The check that claims this damage sees it, and names it."""
    claim, run = WORKERS[name], deepcopy(written())
    getattr(damage_workers, name)(run)

    finding = made(claim.check, loaded(run, tmp_path))

    assert (finding.status.name.lower(), claim.word in finding.reason) == (claim.status, True), (
        finding.reason
    )


@pytest.mark.parametrize("check", CRITERIA)
def test_a_run_without_what_it_judges_is_unknown(check: str, tmp_path: Path) -> None:
    """On a system whose workers have no endpoint and are never added a check passes nothing."""
    run = loaded(simulate(300, 1), tmp_path)

    assert look(CHECKS[check], check, run, CRITERIA[check]).status.name == "UNKNOWN"


def test_a_slow_broker_is_no_lie(tmp_path: Path) -> None:
    """An endpoint that blames the broker is not called a liar while nothing shows otherwise."""
    run = deepcopy(written())
    deaf = [row for tape in run.tapes[1:3] for row in tape.rows if row.kind in SEEN
            and ns(5) <= row.time_ns <= ns(8)]  # fmt: skip
    for tape in run.tapes[1:3]:
        tape.rows = [row for row in tape.rows if row not in deaf]
    for probe in run.probes:
        if ns(6) < probe["time_ns"] <= ns(8):
            probe.update(status=503, reason="not on the broker's books as a consumer")

    assert made("health_endpoint", loaded(run, tmp_path)).status.name == "PASS"
