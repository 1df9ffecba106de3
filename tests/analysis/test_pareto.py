"""The front against its definition, point by point."""

import math

import numpy as np
import pytest

from advgen_ray.analysis.pareto import on_front


def test_front_by_hand() -> None:
    clean = [0.9, 0.8, 0.8, 0.7, 0.9]
    robust = [0.3, 0.5, 0.4, 0.5, 0.2]
    assert on_front(clean, robust).tolist() == [True, True, False, False, False]
    error = [0.1, 0.2, 0.2, 0.3, 0.1]
    assert on_front(error, robust, maximize=(False, True)).tolist() == [True, True, False, False, False]
    assert on_front([3, 1, 2], maximize=[False]).tolist() == [False, True, False]


@pytest.mark.parametrize("maximize", [(True,), (True, True), (True, False, False), (False, True, False, True)])
def test_front_is_what_no_candidate_dominates(maximize: tuple[bool, ...]) -> None:
    generator = np.random.default_rng(len(maximize))
    values = generator.integers(0, 12, (len(maximize), 80)) / 10  # with ties
    gains = [[value if up else -value for value, up in zip(one, maximize, strict=True)] for one in values.T]

    def dominates(one: list[float], other: list[float]) -> bool:
        return all(a >= b for a, b in zip(one, other, strict=True)) and one != other

    expected = [not any(dominates(other, one) for other in gains) for one in gains]
    assert on_front(*values, maximize=maximize).tolist() == expected
    assert 0 < sum(expected) < 40


def test_without_directions_more_is_better() -> None:
    values = np.random.default_rng(3).integers(0, 9, (3, 40))
    assert on_front(*values).tolist() == on_front(*values, maximize=(True, True, True)).tolist()


def test_equal_points_share_the_front_and_missing_values_leave_it() -> None:
    assert on_front([0.5, 0.5], [0.5, 0.5]).tolist() == [True, True]
    assert on_front([0.9, math.nan, math.inf, 0.1], [math.nan, 0.9, 0.1, 0.1]).tolist() == [False, False, False, True]
    assert on_front([math.nan], [0.5]).tolist() == [False]
    assert on_front([], []).tolist() == []
    lost = on_front([1, 1], [-math.inf, 0.0], maximize=(True, False))
    assert lost.tolist() == [False, True], "a distance of minus infinity is no distance"


def test_every_objective_needs_a_direction() -> None:
    with pytest.raises(ValueError, match="a direction for each objective, got 1 for 2"):
        on_front([1], [2], maximize=[True])
    with pytest.raises(ValueError, match="got 0 for 0"):
        on_front()
