"""A share whose interval knows that some samples belong together: judgements of one image, images of one source."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from advgen_ray.analysis.proportion import wilson


@dataclass(frozen=True)
class Share:
    """A share of ``count`` samples in ``num_clusters`` clusters and its 95% interval; nan where there is no sample."""

    value: float
    low: float
    high: float
    count: int
    num_clusters: int


def clustered_share(hits: ArrayLike, clusters: ArrayLike) -> Share:
    """How many of the truth values ``[N]`` are true, where samples of one cluster may resemble each other.

    Wilson's interval at the effective sample size: ``N`` over the design effect, which is the variance of the share
    between clusters by its variance were all samples independent (Kish 1965, Korn and Graubard 1998). Clusters of one
    sample each give Wilson's interval of ``N``; where all samples agree, a cluster counts as one.

    Args:
        hits: truth values.
        clusters: which cluster each belongs to, of any type that sorts.
    """
    values = np.asarray(hits, dtype=bool).astype(float)
    count = len(values)
    if not count:
        return Share(math.nan, math.nan, math.nan, 0, 0)
    _, places = np.unique(np.asarray(clusters), return_inverse=True)
    value = float(values.mean())
    residuals = np.bincount(places, weights=values - value)
    num_clusters = len(residuals)
    effective = float(num_clusters)
    if 0.0 < value < 1.0 and num_clusters > 1:
        between = num_clusters / (num_clusters - 1) * float((residuals**2).sum()) / count**2
        independent = value * (1 - value) / (count - 1)
        effective = min(float(count), count * independent / between) if between > 0 else float(count)
    low, high = wilson(value, effective)
    return Share(value, low, high, count, num_clusters)


def difference(one: Share, other: Share) -> tuple[float, float, float]:
    """``one`` minus ``other`` and its 95% interval (Newcombe 1998, method 10), as if the two were independent."""
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return value, value - below, value + above
