"""Detecting attacks by a classifier's energy alone, with a threshold from validation data (S003 section 4.2, T1).

Untargeted PGD lowers E(x) below that of natural images, so the detection score is ``-energy_x``: higher means
more adversarial. The positive class is adversarial everywhere in this file. Arrays are numpy, scores ``[N]``.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from advgen_ray.detection.ranking import chance_above

Scores = NDArray[np.float64]


class Rates(NamedTuple):
    """Shares in [0, 1]: of adversarial images flagged (true positives), of natural images flagged."""

    detection_rate: float
    false_positive_rate: float


class Roc(NamedTuple):
    """Operating points ``[M]`` from "flag nothing" to "flag all"; a score at or above the threshold is flagged."""

    false_positive_rate: Scores
    detection_rate: Scores
    threshold: Scores


def detection_score(energy_x: ArrayLike) -> Scores:
    """``-energy_x``: higher means more adversarial, since untargeted attacks lower the energy."""
    return -np.asarray(energy_x, dtype=np.float64)


def fit_threshold(natural_scores: ArrayLike, adversarial_scores: ArrayLike) -> float:
    """The threshold with the largest G-mean ``sqrt(TPR * TNR)`` on validation scores (S003 section 5.1).

    All thresholds between two neighboring scores do equally well there; the one halfway is returned. Of several
    equal maxima, the highest threshold: fewest false alarms; infinity (flag nothing) where every G-mean is 0, as for
    constant scores. Where attacks lower the scores the largest may still be no better than chance. Raises ValueError
    for empty or non-finite scores.
    """
    curve = roc(natural_scores, adversarial_scores)
    g_mean = np.sqrt(curve.detection_rate * (1 - curve.false_positive_rate))
    best = int(np.argmax(g_mean))  # never the last, where all are flagged: that is no better than the first
    flagged, not_flagged = curve.threshold[best], curve.threshold[best + 1]
    halfway = not_flagged + (flagged - not_flagged) / 2
    return float(halfway if halfway > not_flagged else flagged)


def rates(natural_scores: ArrayLike, adversarial_scores: ArrayLike, threshold: float) -> Rates:
    """Detection and false positive rate where scores ``>= threshold`` are flagged (S003 equation 9)."""
    natural, adversarial = _both(natural_scores, adversarial_scores)
    return Rates(float(np.mean(adversarial >= threshold)), float(np.mean(natural >= threshold)))


def roc(natural_scores: ArrayLike, adversarial_scores: ArrayLike) -> Roc:
    """Every operating point: threshold infinity, then each distinct score from the highest to the lowest."""
    natural, adversarial = _both(natural_scores, adversarial_scores)
    thresholds = np.unique(np.concatenate([natural, adversarial]))[::-1]
    return Roc(
        np.concatenate([[0.0], _share_at_or_above(natural, thresholds)]),
        np.concatenate([[0.0], _share_at_or_above(adversarial, thresholds)]),
        np.concatenate([[np.inf], thresholds]),
    )


def auroc(natural_scores: ArrayLike, adversarial_scores: ArrayLike) -> float:
    """Chance that an adversarial image scores above a natural one, ties counting one half."""
    natural, adversarial = _both(natural_scores, adversarial_scores)
    return chance_above(torch.from_numpy(adversarial), torch.from_numpy(natural))


def _share_at_or_above(scores: Scores, thresholds: Scores) -> Scores:
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    return (len(scores) - below) / len(scores)


def _both(natural_scores: ArrayLike, adversarial_scores: ArrayLike) -> tuple[Scores, Scores]:
    return _checked(natural_scores, "natural"), _checked(adversarial_scores, "adversarial")


def _checked(scores: ArrayLike, name: str) -> Scores:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"{name} scores must be a non-empty list, got shape {list(values.shape)}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} scores must be finite, got {int((~np.isfinite(values)).sum())} that are not")
    return values
