"""Catalogue C11, E3: what the settings of counterfactuals do to validity, distance and sparsity.

Distances are of different-class CEs, whether the judge accepts them or not. All trials of a search make CEs of the same
sources from the same noise, so that a difference between two of them is their settings'.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from advgen_ray.analysis.clustered import clustered_share
from advgen_ray.analysis.estimate import standard_error
from advgen_ray.analysis.pareto import on_front

DISTANCES = ("l2", "l1", "linf", "l0")
COUNTS = ("count", "num_sources")  # those of the measures that are whole numbers
OBJECTIVES = {"validity": True, "l2_mean": False, "l0_mean": False}  # whether the larger is the better


def measures(rows: pd.DataFrame) -> dict[str, float]:
    """What one set is worth.

    Args:
        rows: a CE each: source_id, source_label, y_target, predicted (by the judge), l2, l1, linf, l0.

    Returns:
        count (different-class CEs), num_sources; validity with validity_low and validity_high (95%, by
        ``clustered_share`` over sources); of each distance its _mean, the _se of that over sources, _q25,
        _median and _q75. What needs more sources or CEs than there are is nan.
    """
    different = rows[rows["source_label"] != rows["y_target"]]
    valid = clustered_share(different["predicted"] == different["y_target"], different["source_id"])
    found: dict[str, float] = {
        "count": valid.count,
        "num_sources": int(different["source_id"].nunique()),
        "validity": valid.value,
        "validity_low": valid.interval[0],
        "validity_high": valid.interval[1],
    }
    for name in DISTANCES:
        values = different[name].astype(float)
        of_source = values.groupby(different["source_id"]).mean()
        found |= {
            f"{name}_mean": float(values.mean()),
            f"{name}_se": standard_error(of_source),
            **{f"{name}_{at}": float(values.quantile(q)) for at, q in (("q25", 0.25), ("median", 0.5), ("q75", 0.75))},
        }
    return found


def with_front(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with on_front: no other one is as valid, as near and as sparse, and better in one of the three."""
    values = (trials[name] for name in OBJECTIVES)
    return trials.assign(on_front=on_front(*values, maximize=list(OBJECTIVES.values())))


def dominating(trials: pd.DataFrame, trial: pd.Series) -> pd.DataFrame:
    """The trials that are at least as good as ``trial`` in all three objectives and better in one."""
    gains = {name: (trials[name] - trial[name]) * (1 if up else -1) for name, up in OBJECTIVES.items()}
    table = pd.DataFrame(gains)
    return trials[(table >= 0).all(axis=1) & (table > 0).any(axis=1)]


@dataclass(frozen=True)
class Change:
    """How a measure changes over pairs of trials: on average, at least, at most; in how many it rises and falls."""

    mean: float
    low: float
    high: float
    num_up: int
    num_down: int


@dataclass(frozen=True)
class Effect:
    """What a setting does, going from ``one`` to ``other``, over all pairs of trials that differ in nothing else."""

    key: str
    one: Any
    other: Any
    num_pairs: int
    changes: Mapping[str, Change]


def effects(trials: pd.DataFrame, keys: Sequence[str], reference: Mapping[str, Any]) -> list[Effect]:
    """Of every setting in ``keys``: of a number from its lowest to its highest value, of a name from the reference's.

    Settings of which no two trials differ in nothing else are left out.
    """
    return [
        Effect(key, one, other, len(pairs), {name: _change(pairs, name) for name in OBJECTIVES})
        for key in keys
        for one, other in _contrasts(trials, key, reference[key])
        if len(pairs := _pairs(trials, keys, key, one, other))
    ]


def rank_correlations(trials: pd.DataFrame, key: str) -> dict[str, float]:
    """Spearman's correlation of a numeric setting with each objective over all trials; nan where either is constant."""
    return {
        name: float(trials[key].corr(trials[name], method="spearman"))
        if min(trials[key].nunique(), trials[name].nunique()) > 1
        else math.nan
        for name in OBJECTIVES
    }


def nearest_valid(trials: pd.DataFrame, floor: float, by: str = "l2_mean") -> pd.Series | None:
    """Of the trials of at least ``floor`` validity the one lowest in ``by``; None where there is none."""
    valid = trials[trials["validity"] >= floor]
    return None if valid.empty else valid.sort_values(by, kind="stable").iloc[0]


def slice_of(trials: pd.DataFrame, keys: Sequence[str], key: str, reference: Mapping[str, Any]) -> pd.DataFrame:
    """Trials in order of ``key``, all else equal: the largest such group, that of the reference among equally large."""
    others = [name for name in keys if name != key]
    if not others:
        return trials.sort_values(key)
    groups = [group for _, group in trials.groupby(others, sort=False, dropna=False)]

    def rank(group: pd.DataFrame) -> tuple[int, int]:
        return group[key].nunique(), sum(group.iloc[0][name] == reference[name] for name in others)

    return max(groups, key=rank).sort_values(key)


def _contrasts(trials: pd.DataFrame, key: str, reference: Any) -> list[tuple[Any, Any]]:
    values = list(dict.fromkeys(trials[key].tolist()))
    if pd.api.types.is_numeric_dtype(trials[key]):
        return [(min(values), max(values))] if len(values) > 1 else []
    return [(reference, value) for value in values if value != reference]


def _pairs(trials: pd.DataFrame, keys: Sequence[str], key: str, one: Any, other: Any) -> pd.DataFrame:
    rest = [name for name in keys if name != key]
    first, second = (trials.loc[trials[key] == value, [*rest, *OBJECTIVES]] for value in (one, other))
    return first.merge(second, on=rest or None, how="inner" if rest else "cross", suffixes=("_one", "_other"))


def _change(pairs: pd.DataFrame, name: str) -> Change:
    change = pairs[f"{name}_other"] - pairs[f"{name}_one"]
    mean, low, high = (float(value) for value in (change.mean(), change.min(), change.max()))
    return Change(mean, low, high, int((change > 0).sum()), int((change < 0).sum()))
