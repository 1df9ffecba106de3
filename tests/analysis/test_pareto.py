"""The front against its definition, point by point."""

import math

import numpy as np

from advgen_ray.analysis.pareto import on_front


def test_front_by_hand() -> None:
    clean = [0.9, 0.8, 0.8, 0.7, 0.9]
    robust = [0.3, 0.5, 0.4, 0.5, 0.2]
    assert on_front(clean, robust).tolist() == [True, True, False, False, False]


def test_front_is_what_no_point_dominates() -> None:
    generator = np.random.default_rng(0)
    clean, robust = generator.integers(0, 12, (2, 80)) / 10  # with ties
    got = on_front(clean, robust)
    for i in range(80):
        dominated = any(
            clean[j] >= clean[i] and robust[j] >= robust[i] and (clean[j] > clean[i] or robust[j] > robust[i])
            for j in range(80)
        )
        assert got[i] == (not dominated)
    assert 0 < got.sum() < 40


def test_equal_points_share_the_front_and_missing_values_leave_it() -> None:
    assert on_front([0.5, 0.5], [0.5, 0.5]).tolist() == [True, True]
    assert on_front([0.9, math.nan, math.inf, 0.1], [math.nan, 0.9, 0.1, 0.1]).tolist() == [False, False, False, True]
    assert on_front([math.nan], [0.5]).tolist() == [False]
    assert on_front([], []).tolist() == []
