"""Fractions with their counts: the interval against printed values, and no sample at all."""

import math

import numpy as np
import pytest

from advgen_ray.analysis.proportion import Proportion, proportion


def test_counts_and_value():
    rate = proportion([True, False, True, True])
    assert (rate.num_hits, rate.count, rate.value) == (3, 4, 0.75)


def test_interval_is_wilsons():
    # Wilson (1927) for 8 of 10 at 95%, as printed in Brown, Cai and DasGupta's tables: 0.490 to 0.943.
    low, high = Proportion(8, 10).interval
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_interval_stays_inside_and_does_not_vanish_at_the_ends():
    assert Proportion(0, 20).interval[0] == 0.0
    assert 0.1 < Proportion(0, 20).interval[1] < 0.2
    assert Proportion(20, 20).interval == pytest.approx((1 - Proportion(0, 20).interval[1], 1.0))


def test_no_sample_is_nan_not_zero():
    rate = proportion(np.array([], dtype=bool))
    assert rate.count == 0
    assert all(math.isnan(number) for number in (rate.value, *rate.interval))
