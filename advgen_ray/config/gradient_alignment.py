"""Gradients beside counterfactuals: of which set, under which classifiers."""

from typing import ClassVar, Self

from pydantic import PositiveInt, model_validator

from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig


class AlignGradientsConfig(Config):
    """Whether classifiers' gradients point to the counterfactuals of an image, and to those that lie near (S002).

    For every counterfactual of the set: the cosine of the gradient at its source, of the loss of its target, with the
    way to it, and with the way to the mean image of its target.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"classifiers", "counterfactuals"}

    data: DataConfig = DataConfig()
    counterfactuals: Place = "runs/counterfactuals"  # a set made of images
    classifiers: tuple[Place, ...] = ("runs/classifier/model",)
    batch_size: PositiveInt = 256
    seed: Seed = 0  # draws nothing; rows carry it as those of every set do
    output: Place = "runs/gradient_alignment"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _there_are_classifiers(self) -> Self:
        if not self.classifiers:
            raise ValueError("classifiers is empty: give model directories with --set classifiers=[...]")
        return self
