"""The difference of two shares of the same samples: two classifiers on the same images."""

import math

import numpy as np
from numpy.typing import ArrayLike

from advgen_ray.analysis.estimate import Estimate
from advgen_ray.analysis.proportion import proportion


def paired_difference(one: ArrayLike, other: ArrayLike) -> Estimate:
    """Share of ``one`` minus share of ``other`` and its 95% interval, both truth values ``[N]`` of the same samples.

    Newcombe (1998b), method 10: the Wilson intervals of both shares, added in squares with their correlation, which is
    corrected where it is positive. Unlike a bootstrap it has an interval where no sample tells the two apart. nan
    without samples. Raises ValueError for unequal numbers of samples.
    """
    first, second = np.asarray(one, dtype=bool), np.asarray(other, dtype=bool)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"expected truth values of the same samples, got shapes {first.shape} and {second.shape}")
    share, share_other = proportion(first), proportion(second)
    p, q = share.value, share_other.value
    (p_low, p_high), (q_low, q_high) = share.interval, share_other.interval
    phi = _correlation(first, second)
    below, above = _added(p - p_low, q_high - q, phi), _added(p_high - p, q - q_low, phi)
    return Estimate(p - q, p - q - below, p - q + above)


def _added(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    count = len(first)
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if margins == 0:
        return 0.0
    product = both * neither - only_first * only_second
    corrected = max(product - count / 2, 0.0) if product > 0 else float(product)
    return corrected / math.sqrt(margins)
