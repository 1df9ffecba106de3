"""What the comparisons of trainings share: the cards of trained models as a table, and numbers for a summary."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from advgen_ray.analysis.over_seeds import PairedDifference
from advgen_ray.config import TrainClassifierConfig
from advgen_ray.stages.outcome import rounded
from advgen_ray.storage.filesystem import join, local_copy
from advgen_ray.training.model_directory import read_card

Trainings = Mapping[tuple[str, int], TrainClassifierConfig]
"""By what tells them apart and seed."""


def read_cards(trainings: Trainings) -> dict[tuple[str, int], dict[str, Any]]:
    """The cards of the trained models."""
    return {key: read_card(local_copy(join(config.output, "model"))) for key, config in trainings.items()}


def training_table(cards: Mapping[tuple[str, int], Mapping[str, Any]], by: str) -> pd.DataFrame:
    """One row a model: ``by``, seed, clean_accuracy, pgd_accuracy, seconds, best_epoch (nan without validation)."""
    return pd.DataFrame(
        [
            {
                by: name,
                "seed": seed,
                **card["metrics"],
                "seconds": card["seconds"],
                "best_epoch": card.get("selection", {}).get("epoch", math.nan),
            }
            for (name, seed), card in cards.items()
        ]
    )


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table for JSON: numbers rounded, null for nan."""
    return [{str(key): _plain(value) for key, value in row.items()} for row in table.to_dict("records")]


def plain_difference(difference: PairedDifference) -> dict[str, Any]:
    """A paired difference for JSON."""
    low, high = difference.interval
    numbers = {"mean": difference.mean, "low": low, "high": high, "num_seeds": difference.num_seeds}
    return {
        "difference": f"{difference.one} - {difference.other}",
        "quantity": difference.quantity,
        **{key: _plain(value) for key, value in numbers.items()},
        "zero_in_interval": None if math.isnan(low) else not difference.decided,
    }


def _plain(value: Any) -> Any:
    return rounded(value) if isinstance(value, float) else value
