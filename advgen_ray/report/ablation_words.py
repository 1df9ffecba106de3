"""How the trials of an ablation of counterfactuals are sorted, and their objectives called and written."""

import pandas as pd

from advgen_ray.analysis.ce_ablation import OBJECTIVES as WANTED
from advgen_ray.report import numbers
from advgen_ray.report.search_words import KIND, KINDS, Objective

OBJECTIVES = {metric: Objective(metric, up).name for metric, up in WANTED.items()}


def by_kind(trials: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The trials of each neighborhood under its name, always in one order."""
    known = [kind for kind in KINDS if (trials[KIND] == kind).any()]
    return [(KINDS[kind], trials[trials[KIND] == kind]) for kind in known]


def written_value(metric: str, value: float) -> str:
    """Fractions in per cent, L2 as a number."""
    return numbers.decimal(value) if metric == "l2_mean" else numbers.percent(value)
