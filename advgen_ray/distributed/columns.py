"""Columns that rows of several kinds share: what made a row, and of which classifier it is."""

from typing import Any, Protocol

import numpy as np

from advgen_ray.training.model_directory import LoadedModel, training_eps, training_of

NO_JUDGE = -1  # what is stored for the class that a judge sees where there is none


class Seeded(Protocol):
    """The config of a job that draws."""

    @property
    def seed(self) -> int:
        """Of all its draws."""

    def digest(self) -> str:
        """Of all that it computes."""


def made_by(config: Seeded, model_digest: str) -> dict[str, Any]:
    """The same for every row of a table by one model."""
    return {"seed": config.seed, "model_digest": model_digest, "config_digest": config.digest()}


def classifier_columns(name: str, loaded: LoadedModel, size: int) -> dict[str, Any]:
    """Of so many rows by a classifier: what it is called, and how it was trained; a user's own counts as standard."""
    return {
        "classifier": [name] * size,
        "classifier_eps": np.full(size, training_eps(loaded.card) or 0.0),
        "classifier_seed": np.full(size, training_of(loaded.card).get("seed", 0)),
    }
