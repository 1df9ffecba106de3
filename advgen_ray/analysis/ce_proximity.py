"""Catalogue C6 (S000 figure 3): are classifiers less sure of clean images whose counterfactuals lie near?"""

import math

import numpy as np
import pandas as pd

from advgen_ray.analysis.inputs import CounterfactualSet, eps_of, rows_of


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
    """One row a classifier: eps, r2 and slope of confidence on distance, r2 for the label's confidence, counts.

    Also the mean distance of the sources that were classified correctly and of the others (nan where there is none).
    """
    rows = []
    for name in classifiers:
        points = confidence_points(energies, name, counterfactuals)
        distance, correct = points["mean_distance"], points["correct"].astype(bool)
        rows.append(
            {
                "classifier": name,
                "eps": eps_of(rows_of(energies, name, "clean")),
                "r2": r_squared(distance.to_numpy(), points["confidence"].to_numpy()),
                "slope": slope(distance.to_numpy(), points["confidence"].to_numpy()),
                "r2_label_confidence": r_squared(distance.to_numpy(), points["label_confidence"].to_numpy()),
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
    x, y = x.astype(float), y.astype(float)
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1] ** 2)
