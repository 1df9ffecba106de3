"""A mean that never travels without its interval."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit


class Mean(NamedTuple):
    """A mean and its 95% interval."""

    value: float
    low: float
    high: float


def mean_interval(values: ArrayLike) -> Mean:
    """Mean of ``[N]`` values and its 95% interval by Student's t; nan for the ends where there are fewer than two."""
    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        return Mean(float(found.mean()) if len(found) else math.nan, math.nan, math.nan)
    mean, error = float(found.mean()), float(found.std(ddof=1)) / math.sqrt(len(found))
    half = float(stdtrit(len(found) - 1, 0.975)) * error
    return Mean(mean, mean - half, mean + half)
