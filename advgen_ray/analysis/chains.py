"""Catalogue C8 (S000 figure 5): do counterfactuals of a classifier's counterfactuals lie farther than those of data?"""

import pandas as pd

from advgen_ray.analysis.estimate import Estimate, mean_interval
from advgen_ray.analysis.inputs import CounterfactualSet

OF_DATA = "of data"


def over_first_sources(main: CounterfactualSet, chains: tuple[CounterfactualSet, ...]) -> tuple[CounterfactualSet, ...]:
    """The main set cut to the images that the chains began with, called ``OF_DATA``, and the chains after it.

    A source of a chain is a counterfactual, whose id begins with its image's: ``{image}/{y_target}/{replicate}``.
    """
    first = set.union(*(set(one.rows["source_id"].str.split("/").str[0]) for one in chains))
    rows = main.rows[main.rows["source_id"].isin(first)]
    return (CounterfactualSet(main.name, OF_DATA, rows), *chains)


def chain_table(sets: tuple[CounterfactualSet, ...]) -> pd.DataFrame:
    """One row a set, that of data first: distances of different-class CEs from what they were made of.

    Columns: name, label, count, num_sources, mean_l2, median_l2, mean_l0; farther, the mean L2 over that of data, with
    farther_low and farther_high: 95% by Student's t, over images, of which every one of a set has its own mean.
    """
    base = _image_means(sets[0])
    rows = []
    for one in sets:
        different = one.rows[one.different_class]
        means = _image_means(one)
        farther, low, high = _ratio(means, base)
        rows.append(
            {
                "name": one.name,
                "label": one.label,
                "count": len(different),
                "num_sources": int(different["source_id"].nunique()),
                "mean_l2": float(different["l2"].mean()),
                "median_l2": float(different["l2"].median()),
                "mean_l0": float(different["l0"].mean()),
                "farther": farther,
                "farther_low": low,
                "farther_high": high,
            }
        )
    return pd.DataFrame(rows)


def _image_means(one: CounterfactualSet) -> pd.Series:
    """Mean L2 of different-class CEs by the image that a chain began with."""
    different = one.rows[one.different_class]
    return different.groupby(different["source_id"].str.split("/").str[0])["l2"].mean().astype(float)


def _ratio(means: pd.Series, base: pd.Series) -> Estimate:
    """``means.mean() / base.mean()`` over the images that both have; linear in both to first order for its interval."""
    common = base.index.intersection(means.index)
    means, base = means.loc[common], base.loc[common]
    ratio = means.mean() / base.mean()
    return mean_interval(ratio * (1 + means / means.mean() - base / base.mean()))
