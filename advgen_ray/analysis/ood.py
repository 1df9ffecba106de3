"""OOD detection by detector and set: standard and worst case, each metric with its interval over images."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis.ood_metrics import ood_estimates

IN = "in"
CASES = {"standard": "clean_score", "worst": "worst_score"}
NUM_RESAMPLES = 1000


def ood_table(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """A row for each detector, set and case (``standard``, ``worst``) of a set of ``ood_scores``, in their order.

    ``num_in`` and ``num_out`` images; every metric of ``ood_metrics`` with ``_low`` and ``_high``, its 95% interval.
    In the worst case each OOD image has its own lowest score. The positive class is out of distribution.
    """
    found: list[dict[str, Any]] = []
    for detector, of_detector in rows.groupby("detector", sort=False):
        inside = of_detector.loc[of_detector["image_set"] == IN, "clean_score"].to_numpy(dtype=np.float64)
        outside = of_detector[of_detector["image_set"] != IN]
        for name, images in outside.groupby("image_set", sort=False):
            for case, column in CASES.items():
                scores = images[column].to_numpy(dtype=np.float64)
                row = {
                    "detector": detector, "image_set": name, "case": case,
                    "num_in": len(inside), "num_out": len(scores),
                }  # fmt: skip
                for metric, estimate in ood_estimates(inside, scores, NUM_RESAMPLES, seed).items():
                    row |= {metric: estimate.value, f"{metric}_low": estimate.low, f"{metric}_high": estimate.high}
                found.append(row)
    return pd.DataFrame(found)


def mean_auroc(table: pd.DataFrame, case: str, sets: Sequence[str]) -> dict[str, float]:
    """Of each detector, over these sets."""
    chosen = table[(table["case"] == case) & table["image_set"].isin(sets)]
    return {str(name): float(value) for name, value in chosen.groupby("detector", sort=False)["auroc"].mean().items()}


def unseen_sets(table: pd.DataFrame, trained_on: Mapping[str, Collection[str]]) -> list[str]:
    """The sets that no detector was trained on, or all where there is none: what detectors are compared by."""
    names = list(dict.fromkeys(table["image_set"]))
    seen = {name for of_detector in trained_on.values() for name in of_detector}
    return [name for name in names if name not in seen] or names
