"""Accuracy against the radius of the attack: of several classifiers on the same images, and from where one is ahead."""

import pandas as pd

from advgen_ray.analysis.paired import paired_difference
from advgen_ray.analysis.proportion import proportion
from advgen_ray.analysis.worst_case import CLEAN

WORST = "worst of all"


def standing(rows: pd.DataFrame) -> pd.DataFrame:
    """Who stands where, from rows of ``classifier``, ``suite``, ``eps``, ``item_id`` and ``fallen_to``.

    One row for each classifier, suite (``WORST`` among them), radius (0 is no attack) and image, with ``stands``. At
    the worst an image has fallen where any suite has found something within any radius up to this one: what lies in a
    smaller ball lies in a larger one too.
    """
    found = rows[["classifier", "suite", "eps", "item_id"]].assign(stands=rows["fallen_to"] == "")
    keys = ["classifier", "item_id"]
    worst = found.groupby([*keys, "eps"], sort=False)["stands"].all().reset_index().sort_values("eps", kind="stable")
    worst["stands"] = worst.groupby(keys, sort=False)["stands"].cummin()
    clean = rows.assign(stands=rows["fallen_to"] != CLEAN).groupby(keys, sort=False)["stands"].all().reset_index()
    parts = [clean.assign(eps=0.0, suite=WORST), worst.assign(suite=WORST), found]
    return pd.concat([part[["classifier", "suite", "eps", "item_id", "stands"]] for part in parts], ignore_index=True)


def accuracies(stands: pd.DataFrame) -> pd.DataFrame:
    """Of ``standing``: classifier, suite, eps, accuracy, low, high, count (fractions; 95% binomial interval)."""
    table = []
    for (classifier, suite, eps), images in stands.groupby(["classifier", "suite", "eps"], sort=False):
        share = proportion(images["stands"])
        low, high = share.interval
        table.append(
            {"classifier": classifier, "suite": suite, "eps": eps, "accuracy": share.value}
            | {"low": low, "high": high, "count": share.count}
        )
    return pd.DataFrame(table)


def differences(stands: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Of ``standing``, at the worst: every other classifier minus the reference, on the same images, by radius.

    Columns: classifier, eps, difference, low, high (95% interval of paired shares). Raises ValueError where the two
    were not measured on the same images.
    """
    worst = stands[stands["suite"] == WORST]
    columns = worst.pivot(index="item_id", columns=["classifier", "eps"], values="stands")
    if columns.isna().any(axis=None):
        raise ValueError("classifiers measured on different images, or at different radii")
    table = []
    for classifier in worst["classifier"].unique():
        for eps in sorted(worst["eps"].unique()):
            if classifier != reference:
                one, other = columns[classifier, eps].astype(bool), columns[reference, eps].astype(bool)
                value, low, high = paired_difference(one, other)
                table.append({"classifier": classifier, "eps": eps, "difference": value, "low": low, "high": high})
    return pd.DataFrame(table, columns=["classifier", "eps", "difference", "low", "high"])


def ahead_from(table: pd.DataFrame, classifier: str) -> float | None:
    """Of ``differences``: the least radius where it is ahead of the reference, and behind at no larger one; or None."""
    rows = table[table["classifier"] == classifier].sort_values("eps")
    found = None
    for eps, difference in zip(rows["eps"][::-1], rows["difference"][::-1], strict=True):
        if difference < 0:
            break
        found = float(eps) if difference > 0 else found
    return found
