"""The catalogue of the five documents, reproduced."""

from advgen_ray.config import ReproduceConfig


def catalogue_small() -> ReproduceConfig:
    """Every row of the catalogue at small scale, one seed: some hours on two cores."""
    return ReproduceConfig()


def catalogue_paper() -> ReproduceConfig:
    """Every row at the scale of its document; ``--dry-run`` tells evaluations, hours of a card, price, row by row."""
    return ReproduceConfig(scale="paper", output="runs/reproduce-paper")
