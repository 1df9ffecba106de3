"""Explanations of predictions by integrated gradients: of which classifiers, from which baselines."""

from typing import ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig


class ExplainPredictionsConfig(Config):
    """Integrated-gradient masks of the predicted class's logit (S004 figure 3.10), on the first test images.

    A mask is relative to its baseline. From ``black`` no black pixel ever gets anything, so on digits a mask lies on
    the strokes by construction; ``mean`` is the mean training image, ``grey`` is .5 everywhere. ``bright_above`` says
    which pixels count as strokes in the share of attribution on them; ``images_at_once`` bounds memory.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"classifiers"}  # rows carry their digests

    data: DataConfig = DataConfig()
    classifiers: tuple[Place, ...] = ("runs/classifier/model",)  # each named after the directory around it
    baselines: tuple[Literal["black", "grey", "mean"], ...] = ("black", "mean")
    num_images: PositiveInt = 200
    num_steps: PositiveInt = 50
    images_at_once: PositiveInt = 256
    bright_above: float = Field(0.5, ge=0.0, lt=1.0)
    batch_size: PositiveInt = 100
    shard_images: PositiveInt = 100
    seed: Seed = 0  # draws nothing; rows carry it as those of every set do
    output: Place = "runs/explanations"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _something_is_explained(self) -> Self:
        if not self.classifiers:
            raise ValueError("classifiers is empty: give model directories with --set classifiers=[...]")
        if len(set(self.baselines)) < max(len(self.baselines), 1):
            raise ValueError(f"baselines: expected different ones, at least one, got {list(self.baselines)}")
        return self
