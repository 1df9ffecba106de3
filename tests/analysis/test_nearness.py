"""Whether samples repeat training images: a few copies show, a single one does not decide, and luck has an interval."""

import numpy as np
import pytest

from advgen_ray.analysis.nearness import low_l2, nearness


def _distances(seed: int, count: int = 1000) -> np.ndarray:
    return 2.0 + np.random.default_rng(seed).random(count)


def test_as_far_as_new_images_is_a_ratio_around_one() -> None:
    found = nearness(_distances(0), _distances(1), seed=0)
    assert found["low_l2"] == pytest.approx(2.01, abs=0.01)
    assert found["ratio_low"] < 1 < found["ratio_high"]
    assert found["ratio_high"] - found["ratio_low"] < 0.02
    assert found == nearness(_distances(0), _distances(1), seed=0)


def test_the_interval_is_of_samples_over_real_images() -> None:
    found = nearness(3 * _distances(0), _distances(1), seed=0)
    assert 2.97 < found["ratio_low"] < found["ratio"] < found["ratio_high"] < 3.03


def test_the_interval_is_of_ninety_five_percent() -> None:
    """The eleventh smallest of 1000 draws: a Poisson variable of mean 6 reaches eleven at 4%, one of mean 19 at 98%."""
    found = nearness(np.arange(1000.0), np.ones(10), seed=0)
    assert (found["ratio_low"], found["ratio_high"]) == (pytest.approx(5, abs=0.4), pytest.approx(18, abs=1))


@pytest.mark.parametrize(("num_copies", "ratio"), [(30, 0.1 / 2.01), (1, 1.0)])
def test_copies_show_from_one_in_a_hundred_on(num_copies: int, ratio: float) -> None:
    samples = _distances(0)
    samples[:num_copies] = 0.1
    assert nearness(samples, _distances(1), seed=0)["ratio"] == pytest.approx(ratio, abs=0.01)


def test_new_images_that_are_training_images_leave_no_ratio() -> None:
    found = nearness(_distances(0), np.zeros(50), seed=0)
    assert np.isinf(found["ratio"])
    assert low_l2(np.zeros(50)) == 0.0
