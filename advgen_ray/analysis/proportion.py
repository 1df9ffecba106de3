"""A fraction that never travels without its sample count."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_Z_95 = 1.959963984540054  # the standard normal's 97.5% point


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
        """The 95% binomial interval of Wilson (1927): inside [0, 1], and sensible at 0 and at 1."""
        if not self.count:
            return math.nan, math.nan
        n, p, z2 = self.count, self.value, _Z_95**2
        center = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return max(0.0, center - half), min(1.0, center + half)


def proportion(hits: ArrayLike) -> Proportion:
    """How many of the truth values ``[N]`` are true."""
    values = np.asarray(hits, dtype=bool)
    return Proportion(int(values.sum()), int(values.size))
