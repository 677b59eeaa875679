"""The checks of declarations and returns: each damage is seen by the one it is for."""

from copy import deepcopy
from pathlib import Path

import pytest

from gameday.history.checks import CHECKS, look
from gameday.history.finding import Finding
from gameday.history.run import Run, load_run
from tests.fake_declaring import CRITERIA, written
from tests.fake_folder import FakeRun
from tests.fakes import simulate
from tests.mutants import damage_declaring
from tests.mutants.test_mutants import Claim

DECLARING = {
    "refuse_a_declaration": Claim("declarations", "fail", "orchestrator was refused with 406"),
    "declare_only_once": Claim("declarations", "fail", "declared nothing"),
    "leave_it_to_the_consumer": Claim("declarations", "unknown", "forge declared nothing"),
    "declare_in_quiet_times_only": Claim("declarations", "unknown", "while a node was away"),
    "call_it_sent": Claim("unroutable", "fail", "counts as sent"),
    "answer_nothing": Claim("unroutable", "fail", "never came back"),
    "publish_nothing_unbound": Claim("unroutable", "unknown", "0 were published"),
    "remove_nothing": Claim("unroutable", "unknown", "no binding was removed"),
}
FAMILIES = ((damage_declaring, DECLARING),)


def made(check: str, run: Run) -> Finding:
    """Make a check as the fake contract asks for it."""
    return look(CHECKS[check], check, run, CRITERIA[check])


def loaded(run: FakeRun, folder: Path) -> Run:
    """Write a run, and read it back."""
    return load_run(run.write(folder / "run"))


def test_every_damage_has_a_claim() -> None:
    """No damage stands in the module without a check that claims to see it, and every check has."""
    damages = {
        name for name, value in vars(damage_declaring).items()
        if callable(value) and value.__module__ == damage_declaring.__name__ and name[0] != "_"
    }  # fmt: skip

    assert damages == set(DECLARING)
    assert {claim.check for claim in DECLARING.values()} == set(CRITERIA)


def test_the_undamaged_run_passes(tmp_path: Path) -> None:
    """Without a damage every check passes, so that a mutant's verdict is the damage's doing."""
    run = loaded(deepcopy(written()), tmp_path)

    assert run.problems == ()
    assert run.drain_complete
    findings = {**{check: made(check, run) for check in CRITERIA},
                "loss": look(CHECKS["loss"], "loss", run, {})}  # fmt: skip
    assert {check: each.reason for check, each in findings.items()
            if each.status.name != "PASS"} == {}  # fmt: skip


@pytest.mark.parametrize("name", DECLARING)
def test_the_mutant_is_seen(name: str, tmp_path: Path) -> None:
    """The check that claims this damage sees it, and names it."""
    claim, run = DECLARING[name], deepcopy(written())
    getattr(damage_declaring, name)(run)

    finding = made(claim.check, loaded(run, tmp_path))

    assert (finding.status.name.lower(), claim.word in finding.reason) == (claim.status, True), (
        finding.reason
    )


@pytest.mark.parametrize("check", CRITERIA)
def test_a_run_without_what_it_judges_is_unknown(check: str, tmp_path: Path) -> None:
    """On a system whose clients declare nothing and lose no binding a check passes nothing."""
    run = loaded(simulate(300, 1), tmp_path)

    assert look(CHECKS[check], check, run, CRITERIA[check]).status.name == "UNKNOWN"
