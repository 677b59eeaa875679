"""How messages are served: who began when, what priorities saved, who starved, how many at once."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from gameday.history.checks import CHECKS
from gameday.history.checks.concurrency import levels, sustained
from gameday.history.finding import Status
from gameday.history.records import Kind
from gameday.history.run import Run, load_run
from gameday.history.serving import FAR, first_come, served, starts
from tests.fake_contract import CRITERIA
from tests.fake_folder import FakeRun
from tests.fakes import simulate

SECOND = 1_000_000_000


def loaded(fake: FakeRun) -> Run:
    """Write a fake run, and read it back."""
    with TemporaryDirectory() as folder:
        return load_run(fake.write(Path(folder) / "run"))


@cache
def sane() -> Run:
    """Return the good run."""
    return loaded(simulate(2500, 1))


@cache
def empty() -> Run:
    """Return a run in which nothing was sent."""
    fake = simulate(50, 1)
    for tape in fake.tapes:
        tape.rows = []
    return loaded(fake)


@pytest.mark.parametrize("name", ["effectiveness", "starvation", "in_progress"])
def test_nothing_seen_is_unknown(name: str) -> None:
    """A run without a message proves nothing about how messages are served."""
    assert CHECKS[name](empty(), CRITERIA[name]).status is Status.UNKNOWN


@pytest.mark.parametrize("name", ["effectiveness", "starvation", "in_progress"])
def test_a_good_run_passes(name: str) -> None:
    """A sound broker with priorities and workers that overlap passes, with figures."""
    finding = CHECKS[name](sane(), CRITERIA[name])

    assert finding.status is Status.PASS, finding.reason
    assert finding.n >= 50
    assert finding.measured


def test_a_queue_that_ignores_priorities_saves_nothing() -> None:
    """First in, first out, urgent ones wait as long as anybody: `effectiveness` fails at once."""
    finding = CHECKS["effectiveness"](
        loaded(simulate(2500, 1, "ignore_priority")), CRITERIA["effectiveness"]
    )

    assert finding.status is Status.FAIL
    assert finding.measured == pytest.approx(0, abs=0.1)


def test_what_never_begins_starves() -> None:
    """A confirmed message that no handler ever began has waited for ever."""
    run = sane()
    every = served(run, "builds")
    late = FakeRun.__new__(FakeRun)
    late.__dict__ = dict(simulate(2500, 1).__dict__)
    gone = int(every.message[every.started_ns < FAR][100]) & 0xFFFFFFFF
    for tape in late.tapes:
        tape.rows = [row for row in tape.rows if row.sequence != gone
                     or row.kind not in {Kind.DELIVERED, Kind.HANDLED}]  # fmt: skip

    finding = CHECKS["starvation"](loaded(late), CRITERIA["starvation"])

    assert finding.status is Status.FAIL
    assert "never begun" in finding.reason


def test_a_class_of_fault_that_was_not_there_is_unknown() -> None:
    """Starvation under an overload cannot be told where there was none."""
    finding = CHECKS["starvation"](sane(), {**CRITERIA["starvation"], "fault_classes": ["x"]})

    assert finding.status is Status.UNKNOWN


def test_the_same_beginnings_first_come() -> None:
    """The k-th beginning goes to the k-th that came; nobody begins before it came."""
    arrived, started = np.array([10, 20, 30, 40]), np.array([90, 50, 35, 60])

    fair = first_come(arrived, started)

    assert fair.tolist() == [35, 50, 60, 90]
    assert (fair >= arrived).all()


def test_who_works_alone_begins_after_the_one_before() -> None:
    """Without a word of its consumer, a handler begins when the one before it has ended."""
    run = sane()
    history = run.history
    begun = starts(history)
    mine = (history.deliveries.queue == history.queue_number("builds")) & (begun >= 0)
    taken_s = (history.deliveries.handled_ns - begun)[mine] / 1e9

    assert np.median(taken_s) == pytest.approx(0.02, rel=0.01)
    assert (begun[mine] >= history.deliveries.time_ns[mine]).all()


def test_levels_end_with_those_who_leave() -> None:
    """What was in the hands of a consumer that lost its channel is in progress no longer."""
    times, level = levels(sane(), "notifications")

    assert (np.diff(times) >= 0).all()
    assert level.min() >= 0
    assert level[-1] == 0


@pytest.mark.parametrize(("for_s", "wanted"), [(1, 4), (2, 3), (4, 3), (5, 1), (10, 1), (11, 0)])
def test_the_longest_stretch_counts(for_s: int, wanted: int) -> None:
    """The level is the one that holds without a break, not the mean and not the peak."""
    times = np.array([0, 2, 3, 4, 6, 10]) * SECOND
    level = np.array([1, 3, 4, 3, 1, -1])

    assert sustained(times, level, for_s * SECOND) == wanted


def test_a_short_baseline_is_unknown() -> None:
    """In progress for longer than the baseline lasted: nobody can say."""
    wanted = {**CRITERIA["in_progress"], "for_s": 600}

    assert CHECKS["in_progress"](sane(), wanted).status is Status.UNKNOWN


def test_without_a_baseline_it_is_unknown() -> None:
    """A run whose journal has no baseline has no sustained work in it."""
    run = replace(sane(), journal=())

    assert CHECKS["in_progress"](run, CRITERIA["in_progress"]).status is Status.UNKNOWN
