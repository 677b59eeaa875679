"""Gaps, order, concurrency and gain: held against plain counting, one task at a time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.history.ledger import read_history
from gameday.history.migration.gain import Sample, gain, less
from gameday.history.migration.service import at_once, longest_gap, order, throughput
from gameday.history.migration.tasks import Tasks, build_tasks
from tests.fake_migration import SECOND, FakeMigration, play, schedule

TIMES = st.integers(0, 60)


@given(st.lists(st.tuples(TIMES, TIMES), max_size=12), st.lists(TIMES, max_size=12))
def test_the_longest_gap_is_what_counting_finds(
    waits: list[tuple[int, int]], events: list[int]
) -> None:
    """The longest stretch with somebody waiting and no event is the one found second by second."""
    since, until = (np.array([each[side] for each in waits], np.int64) * SECOND for side in (0, 1))
    found = longest_gap(since, until, np.array(events, np.int64) * SECOND)

    assert found == _counted_gap(waits, events)


def _counted_gap(waits: Sequence[tuple[int, int]], events: Sequence[int]) -> int:
    """Count the longest run of seconds in which one waits, cut at each event and each pause."""
    longest = current = 0
    for second in range(61):
        if second in events or not any(begin < second <= end for begin, end in waits):
            ended = any(begin < second <= end for begin, end in waits)
            longest, current = max(longest, current + ended), 0
            continue
        current += 1
        longest = max(longest, current)
    return longest


def tasks_of(folder: Path, order_name: str, *, drain_complete: bool = True) -> Tasks:
    """Play a burst on one broker, and follow its tasks."""
    run = FakeMigration({})
    play(run, "leg", schedule("trap"), 1_000 * SECOND, order=order_name)
    for tape in run.tapes:
        tape.write(folder, "run")
    return build_tasks("leg", read_history(folder), drain_complete=drain_complete)


@pytest.mark.parametrize("name", ["strict", "steps", "fifo", "reversed"])
def test_inversions_are_what_pairs_say(name: str, tmp_path: Path) -> None:
    """Who was begun too soon is found pair by pair, too, by the plain sentence of the rule."""
    tasks = tasks_of(tmp_path, name)
    margin = 100_000_000
    begun, came, rank = tasks.begun_ns, tasks.ok_ns, tasks.priority.astype(int)
    over = {x for x in range(len(tasks)) for y in range(len(tasks))
            if rank[y] > rank[x] and came[y] + margin < begun[x] < begun[y] - margin}  # fmt: skip

    assert set(order(tasks, 100).inverted.tolist()) == over
    assert (name == "strict") == (not over)


def test_a_broker_of_four_steps_inverts_within_a_step(tmp_path: Path) -> None:
    """Redis's steps keep order between steps only: the share lies between strict and none."""
    steps, first_come = (order(tasks_of(tmp_path / name, name), 100).share
                         for name in ("steps", "fifo"))  # fmt: skip

    assert steps is not None
    assert first_come is not None
    assert 0 < steps < first_come


def test_an_empty_scope_has_no_figures() -> None:
    """Nothing published: no concurrency, no throughput, no choice, and no tasks."""
    tasks = build_tasks("leg", [], drain_complete=True)

    assert (len(tasks), at_once(tasks, 1), throughput(tasks)) == (0, 0, None)
    assert order(tasks, 100).share is None


@given(st.integers(1, 40), st.floats(0.1, 1))
def test_the_same_on_both_sides_gains_nothing(count: int, factor: float) -> None:
    """A sample against itself gains nothing; one with every latency shortened gains that share."""
    values = np.sort(np.arange(1.0, count * 10 + 1))
    stretch = np.arange(len(values)) % 5
    same = gain(Sample(values, stretch), Sample(values, stretch), "p95")
    shorter = gain(Sample(values, stretch), Sample(values * factor, stretch), "p95")

    assert same is not None
    assert shorter is not None
    assert (same.share, same.interval) == (0, (0, 0))
    assert shorter.share == pytest.approx(1 - factor)
    assert shorter.interval[0] <= shorter.share <= shorter.interval[1] + 1e-9


def test_the_interval_holds_the_measured_gain() -> None:
    """The interval of a noisy gain holds what was measured, and is no point."""
    dice = np.random.default_rng(7)
    stretch = np.repeat(np.arange(20), 20)
    before, after = dice.exponential(1000, 400), dice.exponential(300, 400)
    rows = [np.argsort(each) for each in (before, after)]
    found = gain(Sample(before[rows[0]], stretch[rows[0]]), Sample(after[rows[1]],
                 stretch[rows[1]]), "p95")  # fmt: skip

    assert found is not None
    assert found.interval[0] < found.share < found.interval[1]
    assert 0.5 < found.share < 0.9


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [(100, 50, 0.5), (100, 200, -1), (np.inf, 10, 1), (np.inf, np.inf, 0), (10, np.inf, -np.inf),
     (0, 0, 0)],
)  # fmt: skip
def test_a_latency_that_never_ends_is_compared(before: float, after: float, share: float) -> None:
    """Never to be served counts as infinite, on either side."""
    assert less(before, after) == share
