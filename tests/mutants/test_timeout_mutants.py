"""The check that tells timeouts apart: each damage is seen, and named."""

from copy import deepcopy
from pathlib import Path

from gameday.history.finding import Finding, Status
from gameday.history.run import load_run
from gameday.history.states import FILE
from tests.fake_timeouts import TASKS, ending, written
from tests.mutants import damage_timeouts
from tests.mutants.family import Claim, Family

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
CRITERIA = {"timeouts_apart": {"consumer": "worker"}}
FAMILY = Family(
    damage_timeouts,
    TIMEOUTS,
    written,
    CRITERIA,
    beside=("effects", "loss", "dead_letters"),
    quiet=tuple(CRITERIA),
)


def made(folder: Path) -> Finding:
    """Make the check on a written run."""
    return FAMILY.make("timeouts_apart", load_run(folder))


def test_every_timed_out_task_is_counted(tmp_path: Path) -> None:
    """The undamaged run's finding is made of as many tasks as timed out, no fewer."""
    finding = made(deepcopy(written()).write(tmp_path / "run"))

    assert finding.n == sum(ending(number) == "timed_out" for number in range(1, TASKS + 1))


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
