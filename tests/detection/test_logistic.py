"""Logistic regression against scikit-learn's pipeline, its sign, and what it refuses."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from advgen_ray.detection.energy_detector import auroc
from advgen_ray.detection.logistic import fit_logistic


def _columns(num_natural: int = 300, num_adversarial: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Densities in the hundreds below, uncertainties in the hundredths above natural ones."""
    generator = np.random.default_rng(0)
    natural = generator.normal([-100, 0.01], [50, 0.005], (num_natural, 2))
    return natural, generator.normal([-180, 0.015], [50, 0.005], (num_adversarial, 2))


def test_scores_are_scikit_learns_log_odds_and_higher_for_adversarial() -> None:
    natural, adversarial = _columns()
    columns = np.concatenate([natural, adversarial])
    labels = np.repeat([0, 1], [300, 100])
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced")).fit(columns, labels)
    scores = fit_logistic(natural, adversarial).detection_score(columns)
    np.testing.assert_allclose(scores, pipeline.decision_function(columns), atol=1e-9)
    assert auroc(scores[:300], scores[300:]) > 0.85
    assert (fit_logistic(adversarial, natural).detection_score(columns)[:300].mean()) > 0


def test_a_constant_column_says_nothing() -> None:
    natural, adversarial = _columns()
    natural[:, 1] = adversarial[:, 1] = 3.0
    detector = fit_logistic(natural, adversarial)
    assert detector.weights[1] == 0
    assert np.isfinite(detector.detection_score(natural)).all()


def test_bad_columns_are_refused() -> None:
    natural, adversarial = _columns(5, 5)
    with pytest.raises(ValueError, match=r"natural must be a table \[N, F\] with rows, got shape \[0, 2\]"):
        fit_logistic(natural[:0], adversarial)
    adversarial[2, 0] = -math.inf
    with pytest.raises(ValueError, match="adversarial must be finite, got 1 values"):
        fit_logistic(natural, adversarial)
