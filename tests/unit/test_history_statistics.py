"""Percentiles, intervals and bounds, against what can be reckoned by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.history.statistics import (
    lossy_episode_at_most,
    percentile,
    percentile_interval,
    summary,
    wilson,
)

SAMPLES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@given(SAMPLES, st.floats(0.01, 1))
def test_a_percentile_is_in_the_sample_and_exact(values: list[float], share: float) -> None:
    """A percentile is a value of the sample that at least that share does not exceed."""
    found = percentile(np.sort(np.array(values)), share)

    assert found in values
    assert sum(value <= found for value in values) >= math.floor(share * len(values))
    assert sum(value < found for value in values) < share * len(values) + 1e-6


def test_percentiles_of_a_hundred() -> None:
    """Of 1 to 100 the p50 is 50, the p95 95, the p99 99."""
    figures = summary(np.arange(100, 0, -1))

    assert figures is not None
    assert (
        figures.n, figures.p50, figures.p95, figures.p99, figures.maximum
    ) == (100, 50, 95, 99, 100)  # fmt: skip


def test_an_empty_sample_has_no_figures() -> None:
    """Nothing measured is nothing, not zero."""
    assert summary(np.array([])) is None
    assert percentile_interval(np.array([]), 0.99) is None


@given(SAMPLES, st.sampled_from([0.5, 0.95, 0.99]))
def test_the_interval_holds_the_percentile(values: list[float], share: float) -> None:
    """An interval of order statistics holds the sample's own percentile."""
    interval = percentile_interval(np.array(values), share)

    assert interval is not None
    assert interval[0] <= percentile(np.sort(np.array(values)), share) <= interval[1]


def test_wilson_by_the_book() -> None:
    """Zero of ten is at most 27.8 %, and nothing tried can be anything."""
    assert pytest.approx((0.0, 0.2775), abs=1e-3) == wilson(0, 10)
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("episodes", "bound"), [(0, 1.0), (1, 0.95), (30, 0.095)])
def test_zero_losses_bound_little(episodes: int, bound: float) -> None:
    """One episode without a loss says 95 %, thirty say 9.5 %, none says nothing."""
    assert bound == pytest.approx(lossy_episode_at_most(episodes), abs=1e-3)
