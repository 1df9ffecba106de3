"""How a ratio is measured: both sides in turn, so that a busy machine slows both; the median, and how far it varies."""

import statistics
import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def interleaved(
    ours: Callable[[], object], theirs: Callable[[], object], repeats: int = 9
) -> tuple[list[float], list[float]]:
    """Seconds of each side, taken in turn after one unmeasured call of both; who goes first alternates."""
    ours()
    theirs()
    mine: list[float] = []
    other: list[float] = []
    for repeat in range(repeats):
        for times, work in ((mine, ours), (other, theirs))[:: 1 if repeat % 2 == 0 else -1]:
            times.append(seconds(work))
    return mine, other


def median_and_spread(values: list[float]) -> tuple[float, float]:
    """The median and the interquartile range (0 for fewer than two values)."""
    if len(values) < 2:
        return values[0], 0.0
    quarters = statistics.quantiles(values, n=4, method="inclusive")
    return statistics.median(values), quarters[2] - quarters[0]
