"""Catalogue C5 (S000 figures 2 and 6): how near, how sparse and how convincing the counterfactuals of each kind are.

*Validity* is the share of different-class CEs on which the judge predicts ``y_target``.
"""

import pandas as pd

from advgen_ray.analysis.ce_accuracy import judged
from advgen_ray.analysis.clustered import Share, clustered_share
from advgen_ray.analysis.estimate import standard_error
from advgen_ray.analysis.inputs import CounterfactualSet
from advgen_ray.analysis.proportion import Proportion, proportion


def over_common_sources(sets: tuple[CounterfactualSet, ...]) -> tuple[CounterfactualSet, ...]:
    """The same sets cut to the sources that all of them hold, so that only the kind differs between them."""
    common = set.intersection(*(set(one.rows["source_id"]) for one in sets))
    return tuple(CounterfactualSet(one.name, one.label, one.rows[one.rows["source_id"].isin(common)]) for one in sets)


def validity(energies: pd.DataFrame, judge: str, counterfactuals: CounterfactualSet) -> Share:
    """Share of the scored different-class CEs on which ``judge`` predicts the target; its interval counts sources."""
    ces = judged(energies, judge, counterfactuals)
    different = ces[ces["different"]]
    return clustered_share(different["correct"], different["source_id"])


def sources_in_reach(
    energies: pd.DataFrame, judge: str, counterfactuals: CounterfactualSet, radius: float
) -> Proportion:
    """Sources with a different-class CE within L2 ``radius`` on which ``judge`` predicts the target.

    There a classifier that is robust within ``radius`` gives the source's label to an image that no longer shows it.
    Such images may lie nearer than those that were made: the share is a lower bound.
    """
    ces = judged(energies, judge, counterfactuals)
    different = ces[ces["different"]]
    near = different["correct"] & (different["l2"] <= radius)
    return proportion(near.groupby(different["source_id"]).any())


def class_distances(counterfactuals: CounterfactualSet) -> pd.DataFrame:
    """Mean L2 distance from sources of each class (rows) to their CEs of each class (columns)."""
    return counterfactuals.rows.pivot_table(index="source_label", columns="y_target", values="l2", aggfunc="mean")


def quality_table(
    energies: pd.DataFrame, judge: str, standard: str, sets: tuple[CounterfactualSet, ...]
) -> pd.DataFrame:
    """One row a set: distances of its different-class CEs, and the accuracy of two standard models on them.

    Columns: name, label, count (different-class CEs), num_sources, mean_l2, median_l2, mean_l0 (share of elements
    changed by more than 0.02), mean_l2_error and mean_l0_error (standard errors over sources), mean_l2_same_class;
    validity, validity_low, validity_high under the judge, and standard_accuracy, standard_low, standard_high under the
    study's own standard classifier (nan where the energies do not hold the set).
    """
    rows = []
    for one in sets:
        different = one.rows[one.different_class]
        of_source = different.groupby("source_id")
        under_judge, under_standard = (_accuracy(energies, who, one) for who in (judge, standard))
        rows.append(
            {
                "name": one.name,
                "label": one.label,
                "count": len(different),
                "num_sources": int(one.rows["source_id"].nunique()),
                "mean_l2": float(different["l2"].mean()),
                "median_l2": float(different["l2"].median()),
                "mean_l0": float(different["l0"].mean()),
                **{f"mean_{key}_error": standard_error(of_source[key].mean()) for key in ("l2", "l0")},
                "mean_l2_same_class": float(one.rows.loc[~one.different_class, "l2"].mean()),
                "validity": under_judge.value,
                "validity_low": under_judge.interval[0],
                "validity_high": under_judge.interval[1],
                "validity_count": under_judge.count,
                "standard_accuracy": under_standard.value,
                "standard_low": under_standard.interval[0],
                "standard_high": under_standard.interval[1],
            }
        )
    return pd.DataFrame(rows)


def _accuracy(energies: pd.DataFrame, classifier: str, one: CounterfactualSet) -> Share:
    """Validity under ``classifier``, or no samples where it did not score this set."""
    scored = (energies["classifier"] == classifier) & (energies["image_set"] == one.name)
    return validity(energies, classifier, one) if scored.any() else clustered_share([], [])
