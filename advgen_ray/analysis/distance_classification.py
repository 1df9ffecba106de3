"""Catalogue C9 (S000 section 4): classify an image as the class whose counterfactuals lie nearest on average."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

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


def classify_by_distance(rows: pd.DataFrame, num_replicates: int | None = None) -> DistanceClassification:
    """Predict for each source the class of lowest mean CE distance; of tied classes the first.

    ``rows`` are a set's; of each class the first ``num_replicates`` counterfactuals count, or all.
    """
    if num_replicates is not None:
        rows = rows[rows["replicate"] < num_replicates]
    sources, distances = distances_by_class(rows)
    predicted = classify(distances)
    labels = rows.groupby("source_id")["source_label"].first().loc[sources].to_numpy()
    confusion = np.zeros((distances.shape[1], distances.shape[1]), dtype=np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    return DistanceClassification(proportion(predicted == labels), confusion, distances.shape[2])


@dataclass(frozen=True)
class TimedSet:
    """The rows of a set, what its sampler is called, and what a counterfactual of it costs."""

    label: str
    rows: pd.DataFrame
    evaluations: int  # of the network, a guided one counted as two
    seconds: float  # of the whole set, however many actors made it


def accuracy_by_cost(sets: Sequence[TimedSet]) -> pd.DataFrame:
    """One row a set and number of counterfactuals of each class, 1 and then doubled until all.

    Columns: sampler, num_replicates, accuracy, low, high (95% binomial), count, evaluations and seconds an image: of
    all its counterfactuals of all classes.
    """
    table = []
    for one in sets:
        num_classes, most = one.rows["y_target"].nunique(), one.rows["replicate"].nunique()
        seconds = one.seconds / len(one.rows)
        for number in sorted({min(2**power, most) for power in range(most.bit_length() + 1)}):
            accuracy = classify_by_distance(one.rows, number).accuracy
            table.append(
                {
                    "sampler": one.label,
                    "num_replicates": number,
                    "accuracy": accuracy.value,
                    "low": accuracy.interval[0],
                    "high": accuracy.interval[1],
                    "count": accuracy.count,
                    "evaluations": one.evaluations * num_classes * number,
                    "seconds": seconds * num_classes * number,
                }
            )
    return pd.DataFrame(table)
