"""Whether two sets of counterfactuals of the same sources agree: in validity, mean and quartiles of distances."""

from collections.abc import Callable

import numpy as np

VALIDITY, DISTANCE = 0.01, 0.03  # how far apart is as good: absolute, and relative
NUM_RESAMPLES = 1000

Arrays = dict[str, np.ndarray]
"""``validity``, ``l2`` and ``l0``, each ``[sources, CEs of one]``."""

Difference = tuple[float, float, float]
"""What two sets differ by, with the ends of its 95% interval."""

Statistic = Callable[[np.ndarray], float]


def compare(reference: Arrays, other: Arrays) -> dict[str, Difference]:
    """Difference of each statistic and its 95% interval: of validity absolute, of distances relative.

    Both sides are resampled by the same sources, as their CEs are not independent of each other.
    """
    num_sources = len(reference["validity"])
    draws = np.random.default_rng(0).integers(num_sources, size=(NUM_RESAMPLES, num_sources))
    found = {}
    for name, metric, statistic in _statistics():

        def difference(rows: np.ndarray, metric: str = metric, statistic: Statistic = statistic) -> float:
            base, mine = statistic(reference[metric][rows]), statistic(other[metric][rows])
            return mine - base if metric == "validity" else mine / base - 1

        low, high = np.quantile([difference(rows) for rows in draws], (0.025, 0.975))
        found[name] = (difference(np.arange(num_sources)), float(low), float(high))
    return found


def agrees(found: dict[str, Difference]) -> bool:
    """Whether validity lies within a point and every distance within 3%."""
    return all(abs(one[0]) <= (VALIDITY if name == "validity" else DISTANCE) for name, one in found.items())


def _statistics() -> list[tuple[str, str, Statistic]]:
    def mean(values: np.ndarray) -> float:
        return float(values.mean())

    def quartile(share: float) -> Statistic:
        return lambda values: float(np.quantile(values, share))

    found: list[tuple[str, str, Statistic]] = [("validity", "validity", mean)]
    for metric in ("l2", "l0"):
        found.append((f"{metric} mean", metric, mean))
        found += [(f"{metric} {share:.0%}", metric, quartile(share)) for share in (0.25, 0.5, 0.75)]
    return found
