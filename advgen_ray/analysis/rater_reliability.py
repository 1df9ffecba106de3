"""How well raters agree with each other beyond chance: Cohen's kappa of two, Fleiss' kappa of more."""

import itertools
import math
import warnings

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import cohen_kappa_score

QUESTIONS = {"seen": "class seen", "plausible": "plausible"}


def fleiss_kappa(counts: ArrayLike) -> float:
    """Agreement of several raters beyond chance (Fleiss 1971): 1 for perfect, 0 for chance, nan where chance is 1.

    Args:
        counts: ``[num_items, num_categories]``, how many raters put each item into each category; every item has the
            same number of raters, at least two, but not necessarily the same ones.

    Raises:
        ValueError: the rows do not add up to one number of two or more.
    """
    table = np.asarray(counts, dtype=float)
    sizes = {float(row.sum()) for row in table}
    if len(sizes) != 1 or min(sizes) < 2:
        raise ValueError(f"expected the same two or more raters for each item, got {sorted(sizes)}")
    num_raters = sizes.pop()
    agreement = float(((table**2).sum(axis=1) - num_raters).mean() / (num_raters * (num_raters - 1)))
    by_chance = float(((table.sum(axis=0) / table.sum()) ** 2).sum())
    return (agreement - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan


def reliability(judgements: pd.DataFrame) -> pd.DataFrame:
    """Every pair of raters under both questions, and all of them together where they are three or more.

    Args:
        judgements: each rater's one judgement of each of the same pairs: rater, pair, seen, plausible.

    Returns:
        One row a question and pair of raters (or all): question, raters, agreement (share of pairs, or of pairs of
        judgements, that are equal), kappa (nan where chance alone agrees), measure and num_pairs.
    """
    rows = []
    for column, question in QUESTIONS.items():
        wide = judgements.pivot(index="pair", columns="rater", values=column).astype(int)
        if len(wide.columns) > 2:
            rows.append({"question": question, "raters": f"all {len(wide.columns)}", "measure": "Fleiss"} | _all(wide))
        for first, second in itertools.combinations(wide.columns, 2):
            found = {
                "agreement": float((wide[first] == wide[second]).mean()),
                "kappa": _cohen(wide[first], wide[second]),
            }
            rows.append({"question": question, "raters": f"{first}, {second}", "measure": "Cohen"} | found)
    columns = ["question", "raters", "measure", "agreement", "kappa"]
    return pd.DataFrame(rows, columns=columns).assign(num_pairs=judgements["pair"].nunique())


def _all(wide: pd.DataFrame) -> dict[str, float]:
    counts = np.stack([np.bincount(row, minlength=wide.to_numpy().max() + 1) for row in wide.to_numpy()])
    num_raters = len(wide.columns)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (num_raters * (num_raters - 1))
    return {"agreement": float(agreeing.mean()), "kappa": fleiss_kappa(counts)}


def _cohen(first: pd.Series, second: pd.Series) -> float:
    with warnings.catch_warnings():  # two raters who never say but one thing: 0 / 0, told as n/a
        warnings.simplefilter("ignore")
        return float(cohen_kappa_score(first, second))
