"""Schedules: windows glue together, seeds replay, rates are right, times ascend."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.traffic.arrivals import (
    Constant,
    Poisson,
    Ramp,
    Replay,
    Schedule,
    Spike,
    Together,
)

RATES = st.floats(0.5, 400)
SINGLE = st.one_of(
    st.builds(Constant, RATES),
    st.builds(Poisson, RATES, st.integers(0, 2**32)),
    st.builds(Ramp, RATES, RATES, st.floats(0.5, 20)),
    st.builds(Spike, st.floats(0, 10), st.integers(0, 500), st.floats(0.01, 5)),
    st.builds(
        Replay,
        st.lists(st.floats(0, 20), max_size=50).map(lambda times: tuple(sorted(times))),
    ),
)
SCHEDULES = SINGLE | st.builds(Together, st.lists(SINGLE, min_size=1, max_size=3).map(tuple))
CUTS = st.lists(st.floats(0, 12), min_size=2, max_size=6).map(sorted)


@given(SCHEDULES, CUTS)
def test_windows_glue_together(schedule: Schedule, cuts: list[float]) -> None:
    """However a time is cut into windows, the same messages fall due: none twice, none missing."""
    parts = [schedule.due(start, end) for start, end in itertools.pairwise(cuts)]

    whole = schedule.due(cuts[0], cuts[-1])

    np.testing.assert_array_equal(np.concatenate(parts), whole)


@given(SCHEDULES, st.floats(0, 8), st.floats(0, 4))
def test_times_ascend_within_their_window(
    schedule: Schedule, start_s: float, length_s: float
) -> None:
    """Times ascend, and none lies outside its window by more than rounding."""
    times = schedule.due(start_s, start_s + length_s)

    assert (np.diff(times) >= 0).all()
    assert ((times >= start_s - 1e-6) & (times <= start_s + length_s + 1e-6)).all()


@given(RATES, st.integers(0, 1000))
def test_a_seed_replays(rate_per_s: float, seed: int) -> None:
    """Another schedule of the same seed gives the same times, whatever was asked of it before."""
    first, second = Poisson(rate_per_s, seed), Poisson(rate_per_s, seed)
    first.due(0, 3)

    np.testing.assert_array_equal(first.due(3, 6.5), second.due(3, 6.5))


def test_seeds_differ() -> None:
    """Two seeds do not share their arrivals."""
    assert Poisson(100, 1).due(0, 5).tolist() != Poisson(100, 2).due(0, 5).tolist()


@given(st.floats(5, 400))
def test_constant_rate(rate_per_s: float) -> None:
    """A constant rate is kept to the message."""
    assert abs(len(Constant(rate_per_s).due(0, 10)) - 10 * rate_per_s) <= 1


@given(st.integers(0, 200))
def test_poisson_rate(seed: int) -> None:
    """A Poisson schedule offers its rate, within six standard deviations."""
    count = len(Poisson(100, seed).due(0, 100))

    assert abs(count - 10_000) < 6 * np.sqrt(10_000)


def test_poisson_is_not_even() -> None:
    """The gaps between arrivals scatter as an exponential distribution's do."""
    gaps = np.diff(Poisson(200, 7).due(0, 50))

    assert 0.9 < gaps.std() / gaps.mean() < 1.1


@pytest.mark.parametrize(("start", "end"), [(10, 110), (110, 10), (50, 50)])
def test_ramp_rate(start: float, end: float) -> None:
    """A ramp offers its mean while it lasts, and its end's rate for ever after."""
    ramp = Ramp(start, end, 10)

    assert abs(len(ramp.due(0, 10)) - (start + end) / 2 * 10) <= 1
    assert abs(len(ramp.due(10, 20)) - end * 10) <= 1


def test_ramp_climbs() -> None:
    """Each second of a rising ramp offers more than the one before."""
    ramp = Ramp(10, 110, 10)

    counts = [len(ramp.due(second, second + 1)) for second in range(10)]

    assert all(later > earlier for earlier, later in itertools.pairwise(counts))


def test_spike_is_whole() -> None:
    """A spike offers its count, and only in its time."""
    spike = Spike(at_s=2, count=300, over_s=0.5)

    assert len(spike.due(2, 2.5)) == 300
    assert len(spike.due(0, 2)) == len(spike.due(2.5, 60)) == 0


@pytest.mark.parametrize(
    "schedule", [Replay((1.0, 2.0, 3.0)), Spike(1.0, 3, 3.0), Constant(1.0)], ids=str
)
def test_a_message_on_the_edge_of_a_window(schedule: Schedule) -> None:
    """What is due exactly where two windows meet belongs to the later one, and to it alone."""
    assert 2.0 not in schedule.due(1, 2)
    assert schedule.due(2, 2.5).tolist() == [2.0]
