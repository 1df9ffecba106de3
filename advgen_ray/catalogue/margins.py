"""Numbers of jobs' summaries with what tells how sure they are, for the margins of claims."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

from advgen_ray.analysis.estimate import Estimate, alone, mean_interval, mean_of
from advgen_ray.analysis.proportion import wilson


def told(row: Mapping[str, Any], key: str, ends: str) -> Estimate:
    """A number of a summary's row with the ends beside it: ``pgd_accuracy`` with ``pgd_low`` and ``pgd_high``.

    ``ends`` is what the names of the ends begin with. An end that JSON has as null is nan.
    """
    low, high = (math.nan if row[name] is None else float(row[name]) for name in (f"{ends}low", f"{ends}high"))
    return Estimate(row[key], low, high)


def share(value: float, count: int) -> Estimate:
    """A share of so many images, with Wilson's interval."""
    return Estimate(value, *wilson(value, count))


def mean_told(row: Mapping[str, Any], key: str, count: int) -> Estimate:
    """A mean of a summary's row over so many of something, with its standard error ``{key}_error`` beside it."""
    error = row[f"{key}_error"]
    return alone(row[key]) if error is None else mean_of(row[key], error, count)


def seed_by_seed(
    trainings: Sequence[Mapping[str, Any]], by: str, ones: Sequence[str], other: str, quantity: str
) -> Estimate:
    """How much the mean of a quantity of ``ones`` exceeds that of ``other``, over the seeds of all, 95% by Student's t.

    ``trainings`` are a summary's: a row each, of which the column ``by`` says what was trained.
    """
    found = {(row[by], row["seed"]): row[quantity] for row in trainings}
    seeds = [seed for name, seed in found if name == other and all((one, seed) in found for one in ones)]
    return mean_interval([mean(found[one, seed] for one in ones) - found[other, seed] for seed in seeds])


def least(margins: Iterable[Estimate]) -> Estimate:
    """The one of the lowest number."""
    return min(margins, key=lambda one: one.value)


def largest(margins: Iterable[Estimate]) -> Estimate:
    """The one of the highest number."""
    return max(margins, key=lambda one: one.value)
