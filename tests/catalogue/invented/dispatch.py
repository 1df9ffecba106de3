"""What a job would say, by its config alone; what several of these summaries share."""

from functools import singledispatch
from typing import Any

from advgen_ray.config import (
    Config,
)

ACCURATE = {"clean_accuracy": 0.9, "pgd_accuracy": 0.5}
ENERGIES = ("start_energy_x", "energy_x", "natural_energy_x", "attacked_energy_x", "natural_loss")


@singledispatch
def summary_of(config: Config) -> dict[str, Any]:
    """What ``stages.reproduction`` would hand to a row; numbers are all alike."""
    raise NotImplementedError(type(config).__name__)


def name_of(model: str) -> str:
    """What rows of results call a model: the directory around it."""
    return model.rstrip("/").split("/")[-2]


def eps_of(name: str) -> float:
    """The radius in the name of a study's classifier; of another, which is robust, 0.5."""
    return float(name.removeprefix("eps-")) if name.startswith("eps-") else 0.5
