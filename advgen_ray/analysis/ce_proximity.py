"""Catalogue C6 (S000 figure 3): are classifiers less sure of clean images whose counterfactuals lie near?"""

import math

import numpy as np
import pandas as pd

from advgen_ray.analysis.inputs import CounterfactualSet, eps_of, rows_of
from advgen_ray.rng import Stream

NUM_RESAMPLES = 1000
BOOTSTRAP_SEED = 0


def mean_source_distances(counterfactuals: CounterfactualSet) -> pd.Series:
    """Mean L2 distance of each source's different-class CEs, indexed by ``source_id``."""
    rows = counterfactuals.rows[counterfactuals.different_class]
    return rows.groupby("source_id")["l2"].mean().astype(float).rename("mean_distance")


def confidence_points(energies: pd.DataFrame, classifier: str, counterfactuals: CounterfactualSet) -> pd.DataFrame:
    """One row a scored source: mean_distance, confidence (largest softmax), label_confidence, correct."""
    clean = rows_of(energies, classifier, "clean")[["confidence", "label_confidence", "correct"]]
    return mean_source_distances(counterfactuals).to_frame().join(clean, how="inner")


def confidence_table(
    energies: pd.DataFrame, classifiers: list[str], counterfactuals: CounterfactualSet
) -> pd.DataFrame:
    """One row a classifier: eps, correlation (Pearson's r), r2 and slope of confidence on distance, counts.

    r2_low and r2_high bound r2's 95% interval over resampled sources (percentiles of a bootstrap, the same sources for
    all classifiers; confidence is bound to 1 and spreads with distance, so that Fisher's z would not hold). Also
    r2_label_confidence, of the label's softmax; and the mean distance of the sources that were classified correctly and
    of the others (nan where there is none).
    """
    rows = []
    for name in classifiers:
        points = confidence_points(energies, name, counterfactuals)
        distance, correct = points["mean_distance"], points["correct"].astype(bool)
        x, y = distance.to_numpy(float), points["confidence"].to_numpy(float)
        low, high = r_squared_interval(x, y, Stream(BOOTSTRAP_SEED, "r2"))
        rows.append(
            {
                "classifier": name,
                "eps": eps_of(rows_of(energies, name, "clean")),
                "correlation": correlation(x, y),
                "r2": r_squared(x, y),
                "r2_low": low,
                "r2_high": high,
                "slope": slope(x, y),
                "r2_label_confidence": r_squared(x, points["label_confidence"].to_numpy()),
                "count": len(points),
                "num_incorrect": int((~correct).sum()),
                "mean_distance_correct": float(distance[correct].mean()),
                "mean_distance_incorrect": float(distance[~correct].mean()),
            }
        )
    return pd.DataFrame(rows)


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Least-squares slope of ``y`` on ``x``, both ``[N]``; nan for fewer than two different ``x``."""
    dx = x.astype(float) - float(np.mean(x, dtype=float)) if len(x) else np.zeros(0)
    spread = float(dx @ dx)
    return float(dx @ y.astype(float)) / spread if spread > 0 else math.nan


def r_squared(x: np.ndarray, y: np.ndarray) -> float:
    """Share of the variance of ``y [N]`` that a straight line in ``x [N]`` explains; nan where either does not vary."""
    return correlation(x, y) ** 2


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's r of two ``[N]``; nan for fewer than three or where either does not vary."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    dx, dy = (values.astype(float) - float(np.mean(values, dtype=float)) for values in (x, y))
    return float(dx @ dy) / math.sqrt(float(dx @ dx) * float(dy @ dy))


def r_squared_interval(x: np.ndarray, y: np.ndarray, stream: Stream) -> tuple[float, float]:
    """95% of the r2 of ``[N]`` pairs drawn anew with replacement; nan where r2 is."""
    if math.isnan(r_squared(x, y)):
        return math.nan, math.nan
    generator = stream.generator("pairs")
    drawn = (generator.integers(len(x), size=len(x)) for _ in range(NUM_RESAMPLES))
    low, high = np.nanquantile([r_squared(x[chosen], y[chosen]) for chosen in drawn], [0.025, 0.975])
    return float(low), float(high)
