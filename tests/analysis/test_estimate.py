"""Intervals of sums and differences: a published example, draws of known spread, and ends that nothing tells."""

import math

import numpy as np
import pytest

from advgen_ray.analysis.estimate import Estimate, alone, exact, less, mean_interval, mean_of, size, times, total
from advgen_ray.analysis.proportion import Proportion


def test_a_difference_of_shares_is_newcombes_published_one() -> None:
    """Newcombe 1998, table II (a): 56/70 - 48/80, method 10."""
    one, other = (Estimate(p.value, *p.interval) for p in (Proportion(56, 70), Proportion(48, 80)))
    assert less(one, other) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert less(other, one) == pytest.approx((-0.2, -0.3339, -0.0524), abs=5e-5)


def test_a_sum_of_means_is_as_wide_as_its_variance_says() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 4000)) * np.array([[1.0], [2.0], [0.5]])
    terms = [mean_interval(one) for one in values]
    value, low, high = total(*terms)
    assert value == pytest.approx(values.mean(axis=1).sum())
    half = 1.96 * math.sqrt(values.var(axis=1).sum() / 4000)
    assert (high - value, value - low) == pytest.approx((half, half), rel=2e-3)


def test_what_is_exact_adds_no_width_and_what_is_unknown_takes_all() -> None:
    one = Estimate(0.4, 0.3, 0.6)
    assert less(one, exact(0.5)) == pytest.approx((-0.1, -0.2, 0.1))
    assert times(-2.0, one) == pytest.approx((-0.8, -1.2, -0.6))
    value, *ends = total(one, alone(1.0))
    assert value == 1.4
    assert all(map(math.isnan, ends))
    assert all(map(math.isnan, times(-1.0, alone(1.0))[1:]))


def test_a_size_has_no_sign_and_keeps_what_is_known_of_it() -> None:
    assert size(Estimate(-0.4, -0.6, -0.3)) == (0.4, 0.3, 0.6)
    assert size(Estimate(0.1, -0.2, 0.3)) == (0.1, -0.2, 0.3)


def test_a_mean_by_its_error_is_that_of_its_values() -> None:
    values = np.array([1.0, 4.0, 2.0, 7.0])
    error = values.std(ddof=1) / 2
    assert mean_of(3.5, error, 4) == pytest.approx(mean_interval(values))
    for one in (mean_of(3.5, math.nan, 1), mean_interval([3.5])):
        assert one.value == 3.5
        assert math.isnan(one.low)
        assert math.isnan(one.high)
