"""Differences of two shares of the same samples, against published examples and by simulation."""

import math

import numpy as np
import pytest

from advgen_ray.analysis.paired import paired_difference


def _table(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_first, only_second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ((36, 12, 2, 0), (0.2, 0.0569, 0.3404)),  # Newcombe (1998), Statistics in Medicine 17, 2635, table IV
        ((1, 1, 7, 12), (-0.2857, -0.5069, -0.0256)),  # Bentur et al. in Fagerland et al. (2014), table 3
    ],
)
def test_published_examples(table: tuple[int, int, int, int], expected: tuple[float, float, float]) -> None:
    assert paired_difference(*_table(*table)) == pytest.approx(expected, abs=6e-5)


def test_it_turns_its_sign_with_the_sides() -> None:
    one, other = _table(30, 9, 4, 17)
    value, low, high = paired_difference(one, other)
    assert paired_difference(other, one) == pytest.approx((-value, -high, -low))


def test_pairing_narrows_it_where_the_two_agree() -> None:
    together, apart = paired_difference(*_table(50, 6, 2, 42)), paired_difference(*_table(27, 29, 25, 19))
    assert together[0] == apart[0] == pytest.approx(0.04)
    assert together[2] - together[1] < 0.6 * (apart[2] - apart[1])
    _, low, high = paired_difference(*_table(20, 0, 0, 0))
    assert low < 0 < high, "twenty alike are no proof of equality"


def test_of_a_hundred_intervals_some_five_miss() -> None:
    generator, missed = np.random.default_rng(0), 0
    for _ in range(1000):
        shared, own, theirs = generator.random((3, 80)) < np.array([0.5, 0.3, 0.2])[:, None]
        _, low, high = paired_difference(shared | own, shared | theirs)
        missed += not low <= 0.05 <= high
    assert 25 <= missed <= 75


def test_without_samples_it_knows_nothing_and_unequal_ones_are_refused() -> None:
    assert all(math.isnan(value) for value in paired_difference([], []))
    with pytest.raises(ValueError, match="the same samples"):
        paired_difference([True], [True, False])
