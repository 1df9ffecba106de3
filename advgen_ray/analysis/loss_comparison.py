"""Catalogue A3, B9: what the histories and recorded energies of several losses say beside each other."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def mean_history(histories: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, float]]:
    """Records by epoch, each number the mean over the trainings that have it at that epoch."""
    records = pd.DataFrame([dict(record) for history in histories for record in history])
    means = records.select_dtypes("number").groupby("epoch", sort=True).mean().reset_index()
    return [
        {str(name): float(value) for name, value in row.items() if not math.isnan(value)} for _, row in means.iterrows()
    ]


def energy_weights(energy_x: ArrayLike) -> np.ndarray:
    """WEAT's weight ``1 / log(1 + exp(|E(x)|))`` of each stored energy (S001 equation 7), ``[N] -> [N]``."""
    return 1 / np.logaddexp(0.0, np.abs(np.asarray(energy_x, dtype=np.float64)))
