"""Catalogue C9 (S000 section 4): classify an image as the class whose counterfactuals lie nearest on average."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from advgen_ray.analysis.inputs import CounterfactualSet
from advgen_ray.analysis.proportion import Proportion, proportion
from advgen_ray.counterfactuals.distance_classifier import classify
from advgen_ray.errors import UserError


@dataclass(frozen=True)
class DistanceClassification:
    """``accuracy`` over the sources; ``confusion[label, predicted]`` counts them."""

    accuracy: Proportion
    confusion: np.ndarray
    num_replicates: int  # CEs of each class whose distances are averaged


def distances_by_class(rows: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """The sources and the L2 distances ``[N, K, R]`` of their CEs, by class 0, 1, ... and replicate.

    Raises:
        UserError: a source lacks a replicate of some class, so that its classes cannot be compared.
    """
    table = rows.pivot(index="source_id", columns=["y_target", "replicate"], values="l2").sort_index(axis=1)
    num_classes, num_replicates = (table.columns.get_level_values(level).nunique() for level in (0, 1))
    distances = table.to_numpy(float)
    if table.shape[1] != num_classes * num_replicates or np.isnan(distances).any():
        raise UserError(
            f"counterfactuals: {len(rows)} rows do not hold {num_replicates} of each of {num_classes} classes "
            f"for each of {len(table)} sources; rerun their generation"
        )
    return [str(source) for source in table.index], distances.reshape(len(table), num_classes, num_replicates)


def classify_by_distance(counterfactuals: CounterfactualSet) -> DistanceClassification:
    """Predict for each source the class of lowest mean CE distance; of tied classes the first."""
    sources, distances = distances_by_class(counterfactuals.rows)
    predicted = classify(distances)
    labels = counterfactuals.rows.groupby("source_id")["source_label"].first().loc[sources].to_numpy()
    confusion = np.zeros((distances.shape[1], distances.shape[1]), dtype=np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    return DistanceClassification(proportion(predicted == labels), confusion, distances.shape[2])
