"""Robust accuracy image by image: what each attack of an evaluation found, and what is left standing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from advgen_ray.analysis.proportion import Proportion, proportion

CLEAN = "clean"  # what an image fell to that was wrong before any attack


@dataclass(frozen=True)
class WorstCase:
    """One evaluation: a row an attack, in the order they ran, and the accuracies of the whole."""

    attacks: pd.DataFrame  # attack, attacked, fell (counts), accuracy_after (fraction of all images)
    clean: Proportion
    robust: Proportion
    median_distance: float  # of the images that fell to an attack, in the norm of the evaluation; nan where none did


def worst_case(rows: pd.DataFrame, attack_names: Sequence[str]) -> WorstCase:
    """From one row an image: ``fallen_to`` (an attack's name, "clean", or "" where it stands) and ``distance``.

    Every image counts once, under the first attack it fell to, so accuracy only falls from attack to attack.
    Raises ValueError for an image that fell to something that is not in the list.
    """
    fallen_to = rows["fallen_to"]
    unknown = set(fallen_to) - {CLEAN, "", *attack_names}
    if unknown:
        raise ValueError(f"images fell to {sorted(unknown)}, expected some of {list(attack_names)}")
    standing = int((fallen_to != CLEAN).sum())
    table = []
    for name in dict.fromkeys(attack_names):
        fell = int((fallen_to == name).sum())
        table.append({"attack": name, "attacked": standing, "fell": fell})
        standing -= fell
        table[-1]["accuracy_after"] = standing / len(rows)
    attacked = rows[~fallen_to.isin([CLEAN, ""])]
    return WorstCase(
        attacks=pd.DataFrame(table, columns=["attack", "attacked", "fell", "accuracy_after"]),
        clean=proportion(fallen_to != CLEAN),
        robust=proportion(fallen_to == ""),
        median_distance=float(np.median(attacked["distance"])) if len(attacked) else float("nan"),
    )
