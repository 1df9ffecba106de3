"""Trainings repeated under several seeds: their spread, and differences taken seed by seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from advgen_ray.analysis.estimate import mean_interval


@dataclass(frozen=True)
class PairedDifference:
    """How much ``one`` exceeds ``other`` in a quantity, under each seed that both were trained with."""

    one: str
    other: str
    quantity: str
    by_seed: Mapping[int, float]

    @property
    def num_seeds(self) -> int:
        """Number of pairs."""
        return len(self.by_seed)

    @property
    def mean(self) -> float:
        """Over seeds; nan without any."""
        return mean_interval(list(self.by_seed.values())).value

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the mean by Student's t; nan for fewer than two seeds.

        It speaks of other seeds alone: all share the training and the test images.
        """
        _, low, high = mean_interval(list(self.by_seed.values()))
        return low, high

    @property
    def decided(self) -> bool:
        """Whether the interval leaves zero out."""
        low, high = self.interval
        return low > 0 or high < 0


def spread(trainings: pd.DataFrame, by: str, quantities: Sequence[str]) -> pd.DataFrame:
    """One row a method, in the order of their first rows.

    Args:
        trainings: one row a trained model: the column ``by``, and the quantities.
        by: the column that tells the methods apart.
        quantities: columns of numbers.

    Returns:
        ``by``, num_seeds; ``_mean`` and ``_std`` of each quantity (with n - 1; nan for one seed).
    """
    rows = []
    for method, models in trainings.groupby(by, sort=False):
        row: dict[str, object] = {by: method, "num_seeds": len(models)}
        for quantity in quantities:
            values = models[quantity].astype(float)
            row |= {f"{quantity}_mean": values.mean(), f"{quantity}_std": values.std()}
        rows.append(row)
    return pd.DataFrame(rows)


def paired_differences(
    trainings: pd.DataFrame, by: str, pairs: Iterable[tuple[str, str]], quantity: str
) -> list[PairedDifference]:
    """``one - other`` of each pair of methods, under the seeds of both; rows have ``by``, seed and the quantity."""
    values = {method: dict(zip(rows["seed"], rows[quantity], strict=True)) for method, rows in trainings.groupby(by)}
    return [
        PairedDifference(
            one,
            other,
            quantity,
            {
                int(seed): float(value - values[other][seed])
                for seed, value in values[one].items()
                if seed in values[other]
            },
        )
        for one, other in pairs
    ]
