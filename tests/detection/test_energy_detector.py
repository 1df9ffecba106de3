"""The detector against scikit-learn and by hand: signs, ties, thresholds."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from advgen_ray.detection.energy_detector import auroc, detection_score, fit_threshold, rates, roc


def _scores(num_natural: int = 300, num_adversarial: int = 200, *, decimals: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping scores with many ties."""
    generator = np.random.default_rng(0)
    natural = generator.normal(0.0, 1.0, num_natural).round(decimals)
    return natural, generator.normal(1.0, 1.5, num_adversarial).round(decimals)


def _labelled(natural: np.ndarray, adversarial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels = np.concatenate([np.zeros(len(natural)), np.ones(len(adversarial))])
    return labels, np.concatenate([natural, adversarial])


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_auroc_equals_scikit_learn(decimals: int) -> None:
    natural, adversarial = _scores(decimals=decimals)
    assert auroc(natural, adversarial) == pytest.approx(roc_auc_score(*_labelled(natural, adversarial)), abs=1e-12)


def test_roc_equals_scikit_learn() -> None:
    natural, adversarial = _scores()
    false_positive_rate, true_positive_rate, threshold = roc_curve(
        *_labelled(natural, adversarial), drop_intermediate=False
    )
    curve = roc(natural, adversarial)
    np.testing.assert_allclose(curve.false_positive_rate, false_positive_rate, atol=1e-15)
    np.testing.assert_allclose(curve.detection_rate, true_positive_rate, atol=1e-15)
    np.testing.assert_array_equal(curve.threshold, threshold)


def test_constant_scores_are_chance() -> None:
    assert auroc([1.0] * 5, [1.0] * 9) == 0.5
    assert fit_threshold([1.0] * 5, [1.0] * 9) == math.inf


def test_swapping_the_sign_gives_the_complement() -> None:
    natural, adversarial = _scores()
    assert auroc(-natural, -adversarial) == pytest.approx(1 - auroc(natural, adversarial), abs=1e-12)
    assert auroc(natural, adversarial) > 0.6


def test_lower_energy_is_more_adversarial() -> None:
    """S003 section 4.1: attacked images have lower energies; they are the positives."""
    natural_energy, adversarial_energy = [-5.0, -6.0], [-20.0, -30.0]
    natural, adversarial = detection_score(natural_energy), detection_score(adversarial_energy)
    assert auroc(natural, adversarial) == 1.0
    threshold = fit_threshold(natural, adversarial)
    assert threshold == 13.0  # halfway between energies -6 and -20
    assert rates(natural, adversarial, threshold) == (1.0, 0.0)


def test_threshold_has_the_best_g_mean_of_all() -> None:
    natural, adversarial = _scores()

    def g_mean(threshold: float) -> float:
        detection_rate, false_positive_rate = rates(natural, adversarial, threshold)
        return math.sqrt(detection_rate * (1 - false_positive_rate))

    best = g_mean(fit_threshold(natural, adversarial))
    assert best == pytest.approx(max(g_mean(t) for t in np.linspace(-6, 6, 2401)), abs=1e-12)
    assert 0.5 < best < 1


def test_attacks_that_lower_the_scores_have_a_threshold_as_long_as_one_is_found() -> None:
    assert fit_threshold([0.0, 10.0], [1.0, -1.0]) == 0.5, "at AUROC .25 a G-mean of .5 is the best there is"
    assert fit_threshold([1.0, 10.0], [0.0, -1.0]) == math.inf


def test_threshold_of_neighboring_floats_still_separates() -> None:
    upper = np.nextafter(1.0, 2.0)
    assert rates([1.0], [upper], fit_threshold([1.0], [upper])) == (1.0, 0.0)


def test_a_score_at_the_threshold_is_flagged() -> None:
    assert rates([0.0, 2.0], [2.0, 3.0, 1.0, 5.0], 2.0) == (0.75, 0.5)


@pytest.mark.parametrize(
    ("natural", "adversarial", "message"),
    [
        ([], [1.0], "natural scores must be a non-empty list"),
        ([1.0], [[1.0]], r"adversarial scores must be a non-empty list, got shape \[1, 1\]"),
        ([1.0], [math.nan, 1.0, math.inf], "adversarial scores must be finite, got 2 that are not"),
    ],
)
def test_bad_scores_are_refused(natural: list[float], adversarial: list[float], message: str) -> None:
    for function in (roc, auroc, fit_threshold):
        with pytest.raises(ValueError, match=message):
            function(natural, adversarial)
