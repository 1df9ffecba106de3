"""A fraction that never travels without its sample count."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

Z_95 = 1.959963984540054  # the standard normal's 97.5% point


def wilson(value: float, count: float) -> tuple[float, float]:
    """The 95% interval of Wilson (1927) for a share of ``count`` samples: inside [0, 1], and sensible at 0 and at 1."""
    if not count:
        return math.nan, math.nan
    z2 = Z_95**2
    center = (value + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 * math.sqrt(value * (1 - value) / count + z2 / (4 * count * count)) / (1 + z2 / count)
    return max(0.0, center - half), min(1.0, center + half)


@dataclass(frozen=True)
class Proportion:
    """``num_hits`` of ``count`` samples; every derived number is nan where there is no sample."""

    num_hits: int
    count: int

    @property
    def value(self) -> float:
        """The fraction in [0, 1]."""
        return self.num_hits / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% binomial interval (``wilson``)."""
        return wilson(self.value, self.count)


def proportion(hits: ArrayLike) -> Proportion:
    """How many of the truth values ``[N]`` are true."""
    values = np.asarray(hits, dtype=bool)
    return Proportion(int(values.sum()), int(values.size))
