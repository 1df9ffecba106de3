"""Catalogue A1 (S000 table 1): accuracy on clean and on attacked test images, by training radius."""

import pandas as pd

from advgen_ray.analysis.inputs import eps_of, rows_of
from advgen_ray.analysis.proportion import proportion


def robustness_table(energies: pd.DataFrame, classifiers: list[str]) -> pd.DataFrame:
    """One row a classifier, in the order given.

    Columns: classifier, eps, seed; clean_accuracy, clean_low, clean_high, clean_count and the same for pgd
    (fractions; 95% binomial interval; images of the test split).
    """
    rows = []
    for name in classifiers:
        clean = rows_of(energies, name, "clean", "test")
        row = {"classifier": name, "eps": eps_of(clean), "seed": int(clean["classifier_seed"].iloc[0])}
        for view, images in (("clean", clean), ("pgd", rows_of(energies, name, "pgd", "test"))):
            accuracy = proportion(images["correct"])
            low, high = accuracy.interval
            row |= {
                f"{view}_accuracy": accuracy.value,
                f"{view}_low": low,
                f"{view}_high": high,
                f"{view}_count": accuracy.count,
            }
        rows.append(row)
    return pd.DataFrame(rows)
