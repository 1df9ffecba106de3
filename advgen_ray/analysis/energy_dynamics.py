"""Catalogue B7 (S001 figures D and E): how energies of natural and attacked images move while a model is trained.

Rows are one image at one recorded epoch: epoch, item_id, label, natural_energy_x, natural_energy_xy,
attacked_energy_x, attacked_energy_xy. The *drift* is the way that the attack moves it in the plane of E(x), E(x, y).
"""

import numpy as np
import pandas as pd


def with_drift(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with drift_x, drift_xy (attacked minus natural) and drift, their Euclidean length."""
    drift_x = rows["attacked_energy_x"] - rows["natural_energy_x"]
    drift_xy = rows["attacked_energy_xy"] - rows["natural_energy_xy"]
    return rows.assign(drift_x=drift_x, drift_xy=drift_xy, drift=np.hypot(drift_x, drift_xy))


def dynamics_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row an epoch, rising: where the energies are, how spread, how far the attack moves them.

    Columns: epoch; for natural and attacked each ``_energy_x`` and ``_energy_xy`` (means), ``_energy_x_std`` and
    ``_loss``, the mean of ``E(x, y) - E(x)``, which is the cross-entropy; mean_drift, median_drift, mean_drift_x,
    mean_drift_xy; count. ``attacked_energy_x`` below ``natural_energy_x``: attacked images look likelier.
    """
    table = []
    for epoch, images in with_drift(rows).groupby("epoch", sort=True):
        row: dict[str, object] = {"epoch": epoch}
        for kind in ("natural", "attacked"):
            energy_x, energy_xy = (images[f"{kind}_{energy}"].astype(float) for energy in ("energy_x", "energy_xy"))
            row |= {
                f"{kind}_energy_x": energy_x.mean(),
                f"{kind}_energy_xy": energy_xy.mean(),
                f"{kind}_energy_x_std": energy_x.std(),
                f"{kind}_loss": (energy_xy - energy_x).mean(),
            }
        row |= {
            "mean_drift": images["drift"].mean(),
            "median_drift": images["drift"].median(),
            "mean_drift_x": images["drift_x"].mean(),
            "mean_drift_xy": images["drift_xy"].mean(),
            "count": len(images),
        }
        table.append(row)
    return pd.DataFrame(table)


def arrows(rows: pd.DataFrame, epoch: int, max_arrows: int = 400) -> pd.DataFrame:
    """What figure E draws of one epoch, evenly chosen in the order of the item ids: with drift, indexed from 0.

    Raises ValueError for an epoch that was not recorded.
    """
    images = rows[rows["epoch"] == epoch].sort_values("item_id", kind="stable")
    if images.empty:
        raise ValueError(f"epoch {epoch} was not recorded; recorded are {sorted(set(rows['epoch']))}")
    chosen = np.linspace(0, len(images) - 1, min(max_arrows, len(images))).round().astype(int)
    return with_drift(images.iloc[chosen].reset_index(drop=True))
