"""Intervals of shares, means and medians."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap

from gallery.intervals import mean, median, share, wilson


def test_wilsons_interval():
    assert wilson(0, 10) == pytest.approx([0, 27.75], abs=0.01)  # z^2 / (n + z^2)
    assert wilson(10, 10) == pytest.approx([72.25, 100], abs=0.01)
    assert wilson(50, 100) == pytest.approx([40.38, 59.62], abs=0.01)


@given(st.integers(1, 5000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_wilson_is_scipys(hits_and_count):
    hits, count = hits_and_count
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    found = share(hits, count)
    assert (found.low, found.high) == pytest.approx((100 * expected.low, 100 * expected.high), abs=0.01)
    assert found.low <= found.value + 0.005 and found.value <= found.high + 0.005


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=40))
def test_intervals_hold_what_they_are_of(values):
    for found in (median(np.array(values)), mean(np.array(values), 0, 1e4)):
        assert found.low <= found.value * (1 + 1e-12) and found.value <= found.high * (1 + 1e-12)


def test_the_medians_interval_agrees_with_a_bootstrap():
    values = np.random.default_rng(0).exponential(30, 300)
    found = median(values)
    resampled = bootstrap((values,), np.median, n_resamples=2000, rng=np.random.default_rng(1), method="percentile")
    assert found.value == np.median(values)
    assert found.low == pytest.approx(resampled.confidence_interval.low, rel=0.1)
    assert found.high == pytest.approx(resampled.confidence_interval.high, rel=0.1)


def test_few_values_say_little():
    few = median(np.array([3.0, 1.0, 2.0]))
    assert (few.value, few.low, few.high) == (2, 1, 3)
    one = mean(np.array([40.0]), 0, 100)
    assert (one.value, one.low, one.high) == (40, 0, 100)
