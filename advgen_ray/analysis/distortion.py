"""How far images had to change to pass detection: by search and by the nearest of all; what was not found apart."""

from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis.estimate import standard_error

DISSERTATION = "penalized_last"
SEARCHES = {
    DISSERTATION: "penalized, last iterates",
    "penalized": "penalized, all iterates",
    "radii": "PGD in growing balls",
    "fab": "FAB",
    "cw": "CW",
}
NEAREST = "nearest of all"
NEAREST_TARGET = "nearest of all targets"
QUANTILES = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}


def distances(rows: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    """By method and search the distortions, infinite where nothing was found; of the nearest over all searches too.

    ``rows`` are those of a set of distortions. With several targets an image the nearest target's is one more.
    """
    found: dict[tuple[str, str], pd.Series] = {}
    rows = rows.assign(distortion=_with_infinity(rows))
    for method, of_method in rows.groupby("method", sort=False):
        for search, of_search in of_method.groupby("search", sort=False):
            found[str(method), str(search)] = of_search.set_index(["image_id", "target_rank"])["distortion"]
        nearest = of_method.groupby(["image_id", "target_rank"], sort=False)["distortion"].min()
        found[str(method), NEAREST] = nearest
        if of_method["target_rank"].nunique() > 1:
            found[str(method), NEAREST_TARGET] = nearest.groupby("image_id", sort=False).min()
    return found


def table(rows: pd.DataFrame, diagonal: float) -> pd.DataFrame:
    """A row for each method and search: how many were found to pass, and how far they had to go.

    Columns: method, search, count, found (share; the false positive rate on these images), mean (over those found) with
    mean_error, its standard error, lower_quartile, median, upper_quartile (over all; not finite where too few were
    found), mean_bound (over all, those not found at ``diagonal``, beyond which there is no image).
    """
    found: list[dict[str, Any]] = []
    for (method, search), values in distances(rows).items():
        finite = values[np.isfinite(values)]
        found.append(
            {
                "method": method,
                "search": search,
                "count": len(values),
                "found": len(finite) / len(values),
                "mean": float(finite.mean()) if len(finite) else float("nan"),
                "mean_error": standard_error(finite),
                **{name: _quantile(values, share) for name, share in QUANTILES.items()},
                "mean_bound": float(values.replace(np.inf, diagonal).mean()),
            }
        )
    return pd.DataFrame(found)


def nearest_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each method, image and target the row of the nearest that was found; where none was, one that says so."""
    ordered = rows.assign(order=_with_infinity(rows)).sort_values("order", kind="stable")
    first = ordered.drop_duplicates(["method", "image_id", "target_rank"]).drop(columns="order")
    return first.sort_index()


def _with_infinity(rows: pd.DataFrame) -> pd.Series:
    return rows["distortion"].astype(float).where(rows["found"].astype(bool), np.inf)


def _quantile(values: pd.Series, share: float) -> float:
    """By rank, without interpolation: what was not found has no distance to mix with."""
    return float(np.sort(values.to_numpy())[int(np.ceil(share * len(values))) - 1])
