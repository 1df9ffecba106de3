"""A number that never travels without its interval, and what becomes of the interval where such numbers are added."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit


class Estimate(NamedTuple):
    """A number and its 95% interval; nan for ends that nothing tells, and for those of all that is made of them."""

    value: float
    low: float
    high: float


def alone(value: float) -> Estimate:
    """A number of which nothing tells how sure it is."""
    return Estimate(value, math.nan, math.nan)


def exact(value: float) -> Estimate:
    """A number without doubt."""
    return Estimate(value, value, value)


def total(*terms: Estimate) -> Estimate:
    """The sum, as if the terms were independent: what lies between their values and ends adds in squares.

    Of two shares with Wilson's intervals this is method 10 of Newcombe (1998); in general Zou and Donner (2008).
    """
    value = math.fsum(one.value for one in terms)
    below = math.hypot(*(one.value - one.low for one in terms))
    above = math.hypot(*(one.high - one.value for one in terms))
    return Estimate(value, value - below, value + above)


def times(factor: float, one: Estimate) -> Estimate:
    """The number ``factor`` times as large; a negative factor turns the ends round."""
    low, high = sorted((factor * one.low, factor * one.high))
    return Estimate(factor * one.value, low, high)


def size(one: Estimate) -> Estimate:
    """The number without its sign; of a negative one the ends turn round."""
    return times(-1.0, one) if one.value < 0 else one


def less(one: Estimate, other: Estimate) -> Estimate:
    """``one`` minus ``other``, as if independent."""
    return total(one, times(-1.0, other))


def half_width(error: ArrayLike, count: ArrayLike) -> NDArray[np.float64]:
    """Half of the 95% interval of means of ``count`` values, by Student's t of their standard errors; shapes as given.

    nan for fewer than two values.
    """
    found: NDArray[np.float64] = stdtrit(np.asarray(count) - 1, 0.975) * np.asarray(error)
    return found


def mean_of(value: float, error: float, count: int) -> Estimate:
    """A mean of ``count`` values whose standard error is known; nan for the ends where there are fewer than two."""
    half = float(half_width(error, count)) if count > 1 else math.nan
    return Estimate(value, value - half, value + half)


def standard_error(values: ArrayLike) -> float:
    """Of the mean of ``[N]`` values; nan where there are fewer than two."""
    found = np.asarray(values, dtype=np.float64)
    return float(found.std(ddof=1)) / math.sqrt(len(found)) if len(found) > 1 else math.nan


def mean_interval(values: ArrayLike) -> Estimate:
    """Mean of ``[N]`` values and its 95% interval by Student's t; nan for the ends where there are fewer than two."""
    found = np.asarray(values, dtype=np.float64)
    return mean_of(float(found.mean()) if len(found) else math.nan, standard_error(found), len(found))
