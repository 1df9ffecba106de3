"""A mean that never travels without its interval."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit


class Mean(NamedTuple):
    """A mean and its 95% interval."""

    value: float
    low: float
    high: float


def half_width(error: ArrayLike, count: ArrayLike) -> NDArray[np.float64]:
    """Half of the 95% interval of means of ``count`` values, by Student's t of their standard errors; shapes as given.

    nan for fewer than two values.
    """
    found: NDArray[np.float64] = stdtrit(np.asarray(count) - 1, 0.975) * np.asarray(error)
    return found


def mean_interval(values: ArrayLike) -> Mean:
    """Mean of ``[N]`` values and its 95% interval by Student's t; nan for the ends where there are fewer than two."""
    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        return Mean(float(found.mean()) if len(found) else math.nan, math.nan, math.nan)
    mean, error = float(found.mean()), float(found.std(ddof=1)) / math.sqrt(len(found))
    half = float(half_width(error, len(found)))
    return Mean(mean, mean - half, mean + half)
