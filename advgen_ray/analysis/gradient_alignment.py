"""S002's second open question: do robust classifiers' gradients point to counterfactuals, and most to near ones?"""

import math

import numpy as np
import pandas as pd

from advgen_ray.analysis.ce_proximity import correlation, r_squared, slope
from advgen_ray.analysis.estimate import standard_error
from advgen_ray.analysis.proportion import Z_95

MEASURES = ("alignment", "class_alignment")


def source_points(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a classifier and source, over its different-class CEs.

    ``rows`` are those stored. Columns: classifier, eps, source_id, mean_distance (L2), alignment (cosine of the
    target's loss gradient with the way to the CE), class_alignment (with the way to the target's mean image).
    """
    different = rows[rows["y_target"] != rows["source_label"]]
    grouped = different.groupby(["classifier", "classifier_eps", "source_id"], sort=False)
    means = grouped[["l2", *MEASURES]].mean().astype(float).reset_index()
    return means.rename(columns={"l2": "mean_distance", "classifier_eps": "eps"})


def alignment_table(points: pd.DataFrame) -> pd.DataFrame:
    """One row a classifier by rising eps; ``points`` are of ``source_points``.

    Columns: classifier, eps, count (sources); for both measures ``{measure}`` (mean), ``_error`` (standard error),
    ``_slope`` (change a unit of mean CE distance), ``_r2`` and ``_correlation`` (Pearson) with ``_correlation_low``
    and ``_correlation_high``: 95%, by Fisher's z.
    """
    table = []
    for name, one in points.groupby("classifier", sort=False):
        row: dict[str, float | int | str] = {
            "classifier": str(name),
            "eps": float(one["eps"].iloc[0]),
            "count": len(one),
        }
        distance = one["mean_distance"].to_numpy(float)
        for measure in MEASURES:
            values = one[measure].to_numpy(float)
            r, (low, high) = correlation_interval(distance, values)
            row |= {
                measure: float(values.mean()),
                f"{measure}_error": standard_error(values),
                f"{measure}_slope": slope(distance, values),
                f"{measure}_r2": r_squared(distance, values),
                f"{measure}_correlation": r,
                f"{measure}_correlation_low": low,
                f"{measure}_correlation_high": high,
            }
        table.append(row)
    return pd.DataFrame(table).sort_values(["eps", "classifier"], kind="stable").reset_index(drop=True)


def correlation_interval(x: np.ndarray, y: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Pearson's r of two ``[N]`` and its 95% interval by Fisher's z; nan for fewer than four or a constant."""
    r = correlation(x, y) if len(x) > 3 else math.nan
    if math.isnan(r):
        return r, (r, r)
    if abs(r) >= 1 - 1e-12:
        return r, (r, r)
    half = Z_95 / math.sqrt(len(x) - 3)
    return r, (math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half))
