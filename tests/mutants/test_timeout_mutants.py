"""The check that tells timeouts apart: each damage is seen, and named."""

from copy import deepcopy
from pathlib import Path

import pytest

from gameday.history.checks import CHECKS, look
from gameday.history.finding import Finding, Status
from gameday.history.run import load_run
from gameday.history.states import FILE
from tests.fake_timeouts import TASKS, ending, written
from tests.mutants import damage_timeouts
from tests.mutants.test_mutants import Claim

TIMEOUTS = {
    "tell_a_timeout_as_a_failure": Claim("timeouts_apart", "fail", "was told as failed"),
    "tell_a_timeout_as_done": Claim("timeouts_apart", "fail", "was told as done"),
    "tell_a_good_one_as_a_timeout": Claim("timeouts_apart", "fail", "1:41 never timed out"),
    "keep_a_timeout_to_oneself": Claim("timeouts_apart", "fail", "was never told so"),
    "store_a_timeout_twice": Claim("timeouts_apart", "fail", "took effect twice"),
    "store_a_timeout_as_a_failure": Claim("timeouts_apart", "fail", "another status or none"),
    "store_a_good_one_as_a_timeout": Claim("timeouts_apart", "fail", "and has that status"),
    "store_no_status": Claim("timeouts_apart", "fail", "another status or none"),
    "leave_a_state_behind": Claim("timeouts_apart", "fail", "left its working state behind"),
    "let_nothing_time_out": Claim("timeouts_apart", "unknown", "vacuous: 0 timed out"),
}
FAMILIES = ((damage_timeouts, TIMEOUTS),)


def made(folder: Path, name: str = "timeouts_apart") -> Finding:
    """Make a check on a written run."""
    return look(CHECKS[name], name, load_run(folder), {"consumer": "worker"})


def test_every_damage_has_a_claim() -> None:
    """No damage stands in the module without a claim."""
    damages = {
        name for name, value in vars(damage_timeouts).items()
        if callable(value) and value.__module__ == damage_timeouts.__name__ and name[0] != "_"
    }  # fmt: skip

    assert damages == set(TIMEOUTS)


def test_the_undamaged_run_passes(tmp_path: Path) -> None:
    """Without a damage it passes, with every timed-out task counted, and nothing was lost."""
    folder = deepcopy(written()).write(tmp_path / "run")
    finding = made(folder)

    assert finding.status is Status.PASS, finding.reason
    assert finding.n == sum(ending(number) == "timed_out" for number in range(1, TASKS + 1))
    for name in ("effects", "loss", "dead_letters"):
        assert made(folder, name).status is Status.PASS, made(folder, name).reason


def test_a_run_without_a_store_is_unknown(tmp_path: Path) -> None:
    """Where nobody kept states, nobody can say what was stored or left behind."""
    folder = deepcopy(written()).write(tmp_path / "run")
    (folder / FILE).unlink()

    assert made(folder).status is Status.UNKNOWN


def test_a_store_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    """A torn state store is a failure of the harness, never a pass."""
    folder = deepcopy(written()).write(tmp_path / "run")
    (folder / FILE).write_bytes(b"no database" * 100)

    assert made(folder).status is Status.UNKNOWN


def test_an_unfinished_drain_is_unknown(tmp_path: Path) -> None:
    """What is still on its way has not been told or stored yet: that is no failure."""
    run = deepcopy(written())
    damage_timeouts.store_no_status(run)
    run.journal.lines = [line for line in run.journal.lines if line.get("gate") != "fixpoint"]

    assert made(run.write(tmp_path / "run")).status is Status.UNKNOWN


@pytest.mark.parametrize("name", TIMEOUTS)
def test_the_mutant_is_seen(name: str, tmp_path: Path) -> None:
    """The check sees this damage, and names it."""
    run, claim = deepcopy(written()), TIMEOUTS[name]
    getattr(damage_timeouts, name)(run)

    finding = made(run.write(tmp_path / "run"))

    assert (claim.status, True) == (finding.status.name.lower(), claim.word in finding.reason), (
        finding.reason
    )
