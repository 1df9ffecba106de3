"""How well a score tells images out of distribution from others: AUROC, both AUPR, both FPR at 95%, with intervals.

The positive class is out of distribution (OOD), a higher score says so, ties count as they must: a constant score has
AUROC one half. Where a metric is also read with the other class as the positive one, its name says which.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advgen_ray.analysis.estimate import Estimate
from advgen_ray.analysis.proportion import wilson

Array = NDArray[np.float64]

TPR = 0.95
ROUNDING = 1e-9  # of shares of weights: 19 of 20 are 95%
RESAMPLES_AT_ONCE = 100

METRICS = {
    "auroc": "AUROC: the chance that an OOD image scores above an image in distribution",
    "aupr_out": "AUPR, positive OOD: average precision of OOD images, highest scores first",
    "aupr_in": "AUPR, positive in distribution: average precision of these, lowest scores first",
    "fpr95": "FPR95, positive OOD: images in distribution flagged where 95% of the OOD images are",
    "fpr95_in": "FPR95, positive in distribution: OOD images that pass where 95% in distribution do",
}


def ood_metrics(in_scores: ArrayLike, out_scores: ArrayLike) -> dict[str, float]:
    """The ``METRICS`` of scores of images in distribution ``[N]`` and out of it ``[M]``.

    OpenOOD 1.5 and Hendrycks et al. (2019) take ``fpr95``, OpenOOD 1.0 and ODIN ``fpr95_in``. Average precision is the
    sum over thresholds of Hendrycks' code; the trapezoids of OpenOOD and pytorch-ood lie above it where ranks mix.
    Raises ValueError for empty lists and for scores that are not finite.
    """
    ranking = _Ranking(in_scores, out_scores)
    ones = (np.ones((1, ranking.num_in)), np.ones((1, ranking.num_out)))
    return {name: float(values[0]) for name, values in ranking.metrics(*ones).items()}


def ood_estimates(
    in_scores: ArrayLike, out_scores: ArrayLike, num_resamples: int, seed: int | Sequence[int]
) -> dict[str, Estimate]:
    """The metrics with percentile bootstrap intervals: images of both sides drawn anew with replacement.

    Where no score of one side reaches the other, all resamples have the same value, and the bootstrap's interval is a
    point. Both FPR therefore reach at least as far as Wilson's interval of the negatives at the threshold as it is, and
    an AUROC of exactly 0 or 1 as far as Wilson's of the side with fewer images. Average precision has no such interval:
    at 1 its own stays a point.
    """
    ranking, generator = _Ranking(in_scores, out_scores), np.random.default_rng(seed)
    drawn: dict[str, list[Array]] = {name: [] for name in METRICS}
    for start in range(0, num_resamples, RESAMPLES_AT_ONCE):
        count = min(RESAMPLES_AT_ONCE, num_resamples - start)
        weights = [
            generator.multinomial(num, np.full(num, 1 / num), size=count).astype(float)
            for num in (ranking.num_in, ranking.num_out)
        ]
        for name, values in ranking.metrics(*weights).items():
            drawn[name].append(values)
    found = {}
    for name, value in ood_metrics(in_scores, out_scores).items():
        low, high = np.quantile(np.concatenate(drawn[name]), [0.025, 0.975])
        shared_by = _shared_by(name, value, ranking.num_in, ranking.num_out)
        ends = wilson(value, shared_by) if shared_by else (low, high)
        found[name] = Estimate(value, float(min(low, ends[0])), float(max(high, ends[1])))
    return found


def _shared_by(name: str, value: float, num_in: int, num_out: int) -> int:
    """Of how many images a metric is a share that Wilson's interval holds for; 0 where it is none."""
    if name == "auroc":
        return min(num_in, num_out) if value in (0.0, 1.0) else 0
    return {"fpr95": num_in, "fpr95_in": num_out}.get(name, 0)


class _Ranking:
    """All scores in order, once; any weighting of the images is then a few cumulative sums."""

    def __init__(self, in_scores: ArrayLike, out_scores: ArrayLike) -> None:
        sides = [np.asarray(scores, dtype=np.float64) for scores in (in_scores, out_scores)]
        for name, scores in zip(("in-distribution", "OOD"), sides, strict=True):
            if scores.ndim != 1 or not scores.size:
                raise ValueError(f"{name} scores must be a non-empty list, got shape {list(scores.shape)}")
            if not np.isfinite(scores).all():
                raise ValueError(f"{name} scores must be finite, got {int((~np.isfinite(scores)).sum())} that are not")
        self.num_in, self.num_out = len(sides[0]), len(sides[1])
        scores = np.concatenate(sides)
        self.order = np.argsort(-scores, kind="stable")
        falls = np.flatnonzero(np.diff(scores[self.order])) + 1
        self.first_of_equal = np.concatenate([[0], falls])  # images of one score pass or are flagged together

    def metrics(self, in_weights: Array, out_weights: Array) -> dict[str, Array]:
        """``[B]`` each, for weights of the images ``[B, N]`` and ``[B, M]`` in the order they were given."""
        zeros_in, zeros_out = np.zeros_like(in_weights), np.zeros_like(out_weights)
        n_in = self._by_threshold(np.concatenate([in_weights, zeros_out], axis=1))
        n_out = self._by_threshold(np.concatenate([zeros_in, out_weights], axis=1))
        return {
            "auroc": _auroc(n_in, n_out),
            "aupr_out": _average_precision(n_out, n_in),
            "aupr_in": _average_precision(n_in[:, ::-1], n_out[:, ::-1]),
            "fpr95": _false_positives(n_out, n_in),
            "fpr95_in": _false_positives(n_in[:, ::-1], n_out[:, ::-1]),
        }

    def _by_threshold(self, weights: Array) -> Array:
        """Weight at each distinct score, highest first, ``[B, T]``."""
        found: Array = np.add.reduceat(weights[:, self.order], self.first_of_equal, axis=1)
        return found


def _auroc(n_in: Array, n_out: Array) -> Array:
    """Of OOD images, at each score, those in distribution below it and half of those at it."""
    below = n_in.sum(axis=1, keepdims=True) - n_in.cumsum(axis=1) + n_in / 2
    found: Array = (n_out * below).sum(axis=1) / (n_in.sum(axis=1) * n_out.sum(axis=1))
    return found


def _average_precision(positive: Array, negative: Array) -> Array:
    """Precision at each threshold, by the recall that it adds; both are weights from the most positive score on."""
    found, flagged = positive.cumsum(axis=1), (positive + negative).cumsum(axis=1)
    precision = found / np.where(flagged == 0, 1, flagged)
    mean: Array = (positive * precision).sum(axis=1) / positive.sum(axis=1)
    return mean


def _false_positives(positive: Array, negative: Array) -> Array:
    """Share of negatives flagged at the first threshold at which 95% of the positives are."""
    tpr, fpr = (side.cumsum(axis=1) / side.sum(axis=1, keepdims=True) for side in (positive, negative))
    first = (tpr >= TPR - ROUNDING).argmax(axis=1)
    found: Array = fpr[np.arange(len(fpr)), first]
    return found
