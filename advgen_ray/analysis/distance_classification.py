"""Catalogue C9 (S000 section 4): classify an image as the class whose counterfactuals lie nearest on average."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from advgen_ray.analysis.inputs import CounterfactualSet
from advgen_ray.analysis.proportion import Proportion, proportion
from advgen_ray.errors import UserError


@dataclass(frozen=True)
class DistanceClassification:
    """``accuracy`` over the sources; ``confusion[label, predicted]`` counts them."""

    accuracy: Proportion
    confusion: np.ndarray
    replicates: int


def mean_class_distances(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean L2 distance of each source's CEs of each class: sources as rows, classes 0, 1, ... as columns.

    Raises:
        UserError: a source has no CE of some class, so that its classes cannot be compared.
    """
    means = rows.groupby(["source_id", "y_target"])["l2"].mean().unstack("y_target").sort_index(axis=1)
    if means.isna().to_numpy().any():
        row, column = np.argwhere(means.isna().to_numpy())[0]
        raise UserError(
            f"counterfactuals: source {means.index[row]!r} has none of class {means.columns[column]}; "
            "expected every class of every source"
        )
    return means


def classify_by_distance(counterfactuals: CounterfactualSet) -> DistanceClassification:
    """Predict for each source the class of lowest mean CE distance; of tied classes the first."""
    means = mean_class_distances(counterfactuals.rows)
    predicted = means.to_numpy().argmin(axis=1)
    labels = counterfactuals.rows.groupby("source_id")["source_label"].first().loc[means.index].to_numpy()
    confusion = np.zeros((means.shape[1], means.shape[1]), dtype=np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    return DistanceClassification(proportion(predicted == labels), confusion, _replicates(counterfactuals.rows))


def _replicates(rows: pd.DataFrame) -> int:
    return int(rows.groupby(["source_id", "y_target"]).size().min())
