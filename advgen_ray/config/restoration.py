"""Restoration of degraded images by models that were never trained for it, and by methods that learn nothing."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.attacks import check_ball
from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig


class AddedNoiseConfig(Config):
    """Gaussian noise of standard deviation ``std`` on every pixel, clipped to [0, 1]."""

    kind: Literal["noise"] = "noise"
    std: PositiveFloat = 0.1

    @property
    def label(self) -> str:
        """What tables call it: ``noise 0.1``."""
        return f"noise {self.std:g}"


class OcclusionConfig(Config):
    """A square of about ``share`` of the image, at a place drawn for each, painted in the grey level ``fill``."""

    kind: Literal["occlusion"] = "occlusion"
    share: float = Field(0.1, gt=0.0, lt=1.0)
    fill: float = Field(0.5, ge=0.0, le=1.0)

    @property
    def label(self) -> str:
        """What tables call it: ``occlusion 0.1``."""
        return f"occlusion {self.share:g}"


DegradationConfig = Annotated[AddedNoiseConfig | OcclusionConfig, Field(discriminator="kind")]


class RestorationAscentConfig(Config):
    """PGD up the logit of a class, from the degraded image: its strength is the number of steps.

    ``num_steps`` are the strengths to look at, on one path. The class is the one that a classifier predicts for the
    degraded image, or, which only a judge of the method can know, the ``true_label``; of a binary model it is its own.
    """

    norm: Literal["unconstrained", "l2"] = "unconstrained"
    eps: PositiveFloat | None = None
    step_size: PositiveFloat = 0.1
    num_steps: tuple[PositiveInt, ...] = (1, 2, 5, 10, 20, 40)
    target: Literal["predicted", "true_label"] = "predicted"

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if (self.norm == "l2") != (self.eps is not None):
            raise ValueError(f"eps {self.eps} with norm {self.norm}: l2 takes a radius, unconstrained none")
        if not self.num_steps or list(self.num_steps) != sorted(set(self.num_steps)):
            raise ValueError(f"num_steps: expected numbers that rise, got {list(self.num_steps)}")
        return self


class RestoreImagesConfig(Config):
    """Denoising and inpainting (S004 section 2.5.3) by any models, by searches and by scikit-image's methods.

    Strengths are chosen on ``num_validation_images`` of the training split, those that ``train_classifier`` of this
    seed holds out first, and measured on the first ``num_images`` of the test split. An occluded image is restored with
    its known pixels held fixed and, as S004 does, without. ``noise_multiples``, of the noise's standard deviation, are
    the strengths of total variation, non-local means and wavelets, which are told it.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"models"}  # rows carry their digests

    data: DataConfig = DataConfig()
    models: tuple[Place, ...] = ("runs/classifier/model",)  # each named after the directory around it
    degradations: tuple[DegradationConfig, ...] = (AddedNoiseConfig(), OcclusionConfig())
    ascent: RestorationAscentConfig = RestorationAscentConfig()
    noise_multiples: tuple[PositiveFloat, ...] = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
    num_images: PositiveInt = 100
    num_validation_images: PositiveInt = 50
    batch_size: PositiveInt = 100
    shard_images: PositiveInt = 50
    seed: Seed = 0
    output: Place = "runs/restoration"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _parts_fit_the_images(self) -> Self:
        labels = [one.label for one in self.degradations]
        if len(set(labels)) < max(len(labels), 1):
            raise ValueError(f"degradations: expected different ones, at least one, got {labels}")
        if len(set(self.noise_multiples)) < max(len(self.noise_multiples), 1):
            raise ValueError(f"noise_multiples: expected different ones, at least one, got {self.noise_multiples}")
        if not self.models:
            raise ValueError("models is empty: give model directories with --set models=[...]")
        check_ball(self.ascent.norm, self.ascent.eps, self.data, "ascent.eps")
        return self
