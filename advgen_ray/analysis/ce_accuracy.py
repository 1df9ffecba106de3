"""Catalogue C7 (S000 figure 4) and the papers' effect: what classifiers make of counterfactuals."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from advgen_ray.analysis.clustered import Share, clustered_share
from advgen_ray.analysis.estimate import mean_interval
from advgen_ray.analysis.inputs import CounterfactualSet, eps_of, rows_of
from advgen_ray.analysis.proportion import Proportion, proportion


@dataclass(frozen=True)
class Effect:
    """Accuracy lost from same-class to different-class CEs by one adversarially trained model beyond the standard one.

    ``value = robust_drop - standard_drop`` with ``drop = same_class_accuracy - different_class_accuracy``. The 95%
    interval counts sources, not CEs: the CEs of one source are not independent.
    """

    robust: str
    standard: str
    robust_drop: float
    standard_drop: float
    low: float
    high: float
    num_sources: int

    @property
    def value(self) -> float:
        """The effect, in fractions of accuracy; positive as S000 reports."""
        return self.robust_drop - self.standard_drop


def judged(energies: pd.DataFrame, classifier: str, counterfactuals: CounterfactualSet) -> pd.DataFrame:
    """The set's rows with what ``classifier`` predicts; CEs that it did not score are left out.

    Added columns: predicted; correct (predicted is ``y_target``); different (the target is not the source's label);
    source_correct (right on the clean source: pandas' nullable boolean, missing where that was not scored).
    """
    scored = rows_of(energies, classifier, "counterfactual", counterfactuals.name)[["predicted"]]
    rows = counterfactuals.rows.join(scored, on="item_id", how="inner")
    clean = rows_of(energies, classifier, "clean")
    return rows.assign(
        correct=rows["predicted"] == rows["y_target"],
        different=rows["y_target"] != rows["source_label"],
        source_correct=rows["source_id"].map(clean["correct"]).astype("boolean"),
    )


def accuracy_on_counterfactuals(
    energies: pd.DataFrame, classifiers: list[str], counterfactuals: CounterfactualSet
) -> pd.DataFrame:
    """One row a classifier: accuracy on sources, same-class and different-class CEs, and the source label's rate.

    Columns: classifier, eps; for clean, same_class and different_class each ``_accuracy, _low, _high, _count``;
    source_label_rate, ..._low, ..._high, ..._count: how often the source's label is predicted on a different-class CE,
    given that the classifier was right on its source (nan where it never was); intervals of CEs count sources. effect:
    the ``Effect`` beside the first classifier, which is the standard one.
    """
    rows = []
    for name in classifiers:
        ces = judged(energies, name, counterfactuals)
        sources = ces.drop_duplicates("source_id")["source_correct"].dropna()
        given = ces[ces["different"] & ces["source_correct"].fillna(False)]
        row: dict[str, str | float] = {"classifier": name, "eps": eps_of(rows_of(energies, name, "clean"))}
        row |= _columns("clean_accuracy", "clean", proportion(sources.astype(bool)))
        for kind, part in (("same_class", ces[~ces["different"]]), ("different_class", ces[ces["different"]])):
            row |= _columns(f"{kind}_accuracy", kind, clustered_share(part["correct"], part["source_id"]))
        named = clustered_share(given["predicted"] == given["source_label"], given["source_id"])
        row |= _columns("source_label_rate", "source_label", named)
        rows.append(row | {"effect": measure_effect(energies, [classifiers[0], name], counterfactuals).value})
    return pd.DataFrame(rows)


def _columns(value_name: str, stem: str, rate: Proportion | Share) -> dict[str, float]:
    low, high = rate.interval
    return {value_name: rate.value, f"{stem}_low": low, f"{stem}_high": high, f"{stem}_count": rate.count}


def measure_effect(energies: pd.DataFrame, classifiers: list[str], counterfactuals: CounterfactualSet) -> Effect:
    """The effect between the first classifier (standard) and the last (the largest training radius)."""
    standard, robust = classifiers[0], classifiers[-1]
    drop_of: dict[str, float] = {}
    influence_of: dict[str, pd.Series] = {}
    for name in (standard, robust):
        ces = judged(energies, name, counterfactuals)
        drop_of[name], influence_of[name] = _drop(ces)
    difference = influence_of[robust] - influence_of[standard]
    num_sources, value = len(difference), drop_of[robust] - drop_of[standard]
    _, low, high = mean_interval(value + num_sources * difference)
    return Effect(robust, standard, drop_of[robust], drop_of[standard], low, high, num_sources)


def _drop(ces: pd.DataFrame) -> tuple[float, pd.Series]:
    """Same-class minus different-class accuracy, and each source's share of its error, to first order."""
    sources = np.sort(ces["source_id"].unique())
    drop, influence = 0.0, pd.Series(0.0, index=sources)
    for sign, part in ((1.0, ces[~ces["different"]]), (-1.0, ces[ces["different"]])):
        accuracy = proportion(part["correct"])
        residual = (part["correct"] - accuracy.value) / accuracy.count if accuracy.count else part["l2"] * math.nan
        drop += sign * accuracy.value
        influence = influence.add(sign * residual.groupby(part["source_id"]).sum(), fill_value=0.0)
    return drop, influence
