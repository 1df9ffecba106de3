"""Offsets of a generative classifier: in closed form, recovered from samples, and stopped before they harm."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from advgen_ray.detection.calibration import calibrate

TRUE = np.array([-1.5, 0.25, 2.0, -0.75])


def _drawn(count: int, seed: int, offsets: np.ndarray = TRUE) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels from the softmax of them and the offsets."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.standard_normal((count, len(offsets)))
    chances = softmax(logits + offsets, axis=1).cumsum(axis=1)
    return logits, (generator.random((count, 1)) > chances).sum(axis=1)


def test_where_logits_say_nothing_the_offsets_are_the_classes_logarithms() -> None:
    y = np.repeat([0, 1, 2], [10, 30, 60])
    zeros = np.zeros((100, 3))
    found = calibrate(zeros, y, zeros, y)
    expected = np.log([0.1, 0.3, 0.6])
    np.testing.assert_allclose(found.offsets, expected - expected.mean(), atol=1e-6)
    assert found.loss == pytest.approx((np.log(3), -np.dot([0.1, 0.3, 0.6], expected)), abs=1e-9)
    assert found.held_out_loss == pytest.approx(found.loss)
    assert found.iteration > 0


def test_known_offsets_are_recovered_whatever_the_densities_constants() -> None:
    logits, y = _drawn(20_000, 0)
    held_out = _drawn(5_000, 1)
    found = calibrate(logits, y, *held_out)
    np.testing.assert_allclose(found.offsets, TRUE - TRUE.mean(), atol=0.06)
    shift = np.array([40.0, -7.0, 3.0, 0.5])
    moved = calibrate(logits + shift, y, held_out[0] + shift, held_out[1])
    np.testing.assert_allclose(moved.offsets, found.offsets - shift + shift.mean(), atol=0.05)
    assert abs(moved.offsets.sum()) < 1e-9
    again = calibrate(logits, y, *held_out)
    assert (again.offsets == found.offsets).all()


def test_a_reference_library_finds_the_same_for_two_classes() -> None:
    """With the logits' difference as a feature of weight one, an intercept is the difference of the offsets."""
    logits, y = _drawn(4000, 2, np.array([0.8, -0.8]))
    found = calibrate(logits, y, logits, y)
    feature = (logits[:, 1] - logits[:, 0])[:, None]
    free = LogisticRegression(C=np.inf, tol=1e-10).fit(feature, y)
    scaled = calibrate(logits * free.coef_[0, 0], y, logits * free.coef_[0, 0], y)
    assert scaled.offsets[1] - scaled.offsets[0] == pytest.approx(free.intercept_[0], abs=1e-4)
    assert abs(found.offsets[1] - found.offsets[0] + 1.6) < 0.2


def test_samples_held_out_are_never_worse_for_it() -> None:
    """Ten samples to learn from and twenty classes: the minimum runs away, what is kept does not."""
    generator = np.random.default_rng(3)
    stopped = 0
    for _ in range(10):
        logits, y = _drawn(10, int(generator.integers(1 << 30)), 0.1 * generator.standard_normal(20))
        held_out = _drawn(200, int(generator.integers(1 << 30)), np.zeros(20))
        found = calibrate(logits, y, *held_out)
        assert found.held_out_loss[1] <= found.held_out_loss[0]
        assert found.loss[1] <= found.loss[0]
        stopped += found.iteration < found.num_iterations
    assert stopped > 7, "early"


def test_where_classes_are_far_apart_offsets_stay_as_small_as_they_can() -> None:
    """All is right, and the minimum far away: the first steps have brought it down to nothing."""
    y = np.arange(200) % 5
    logits = np.where(np.arange(5) == y[:, None], 9.0, -9.0) + np.random.default_rng(0).normal(0, 1, (200, 5))
    found = calibrate(logits[:100], y[:100], logits[100:], y[100:])
    assert np.abs(found.offsets).max() < 1e-3
    logits[:, 0] += 16
    shifted = calibrate(logits[:100], y[:100], logits[100:], y[100:])
    assert -16 < shifted.offsets[0] - shifted.offsets[1:].mean() < -2


@pytest.mark.parametrize(
    ("logits", "y", "message"),
    [(np.zeros((0, 3)), np.zeros(0), "N > 0"), (np.zeros((2, 3)), np.zeros(3), "N labels"),
     (np.zeros((2, 4)), np.zeros(2), "of 4 and of 3 classes")],
)  # fmt: skip
def test_what_cannot_be_calibrated_is_refused(logits: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        calibrate(logits, y, np.zeros((2, 3)), np.zeros(2))
