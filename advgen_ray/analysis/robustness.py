"""Catalogue A1 (S000 table 1): accuracy on clean and on attacked test images, by training radius."""

import pandas as pd

from advgen_ray.analysis.inputs import attack_radii, attacked_rows, eps_of, rows_of
from advgen_ray.analysis.proportion import proportion


def robustness_table(energies: pd.DataFrame, classifiers: list[str]) -> pd.DataFrame:
    """One row a classifier, in the order given.

    Columns: classifier, eps, seed; clean_accuracy, clean_low, clean_high, clean_count and the same for pgd, at the
    smallest radius of the energies (fractions; 95% binomial interval; images of the test split).
    """
    rows, radii = [], attack_radii(energies)
    for name in classifiers:
        clean = rows_of(energies, name, "clean", "test")
        row = {"classifier": name, "eps": eps_of(clean), "seed": int(clean["classifier_seed"].iloc[0])}
        attacked = attacked_rows(energies, name, radii[0] if radii else 0.0)
        for view, images in (("clean", clean), ("pgd", attacked)):
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
