"""Targeted synthesis: whose logits are ascended, from which images, how far, and by whose features it is judged."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.attacks import check_ball, check_different
from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.image_sources import ImageFilesConfig, OtherDataConfig
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig


class ClassGaussianConfig(Config):
    """Draws from a normal distribution fitted to the training images of each class (S004 3.4.3, Santurkar et al.)."""

    kind: Literal["class_gaussian"] = "class_gaussian"


class OwnImagesConfig(Config):
    """The data's own images, each to become one of another class: counterfactuals (S004 3.4.3)."""

    kind: Literal["images"] = "images"
    split: Literal["train", "test"] = "test"


class UniformNoiseConfig(Config):
    """Uniform noise, each pixel for itself."""

    kind: Literal["noise"] = "noise"


StartConfig = Annotated[
    ClassGaussianConfig | OwnImagesConfig | OtherDataConfig | ImageFilesConfig | UniformNoiseConfig,
    Field(discriminator="kind"),
]


class LogitAscentConfig(Config):
    """PGD on a logit from the start itself, by normalised gradients (L2) or their signs (Linf); [0, 1] pixel units."""

    norm: Literal["unconstrained", "l2", "linf"] = "unconstrained"
    eps: PositiveFloat | None = None
    num_steps: PositiveInt = 32
    step_size: PositiveFloat = 0.2

    @model_validator(mode="after")
    def _ball_has_a_radius(self) -> Self:
        if (self.norm == "unconstrained") != (self.eps is None):
            raise ValueError(f"eps {self.eps} with norm {self.norm}: l2 and linf take a radius, unconstrained none")
        check_ball(self.norm, self.eps)
        return self

    @property
    def label(self) -> str:
        """What tables call it: ``32 x 0.2`` without a ball, ``l2 3, 32 x 0.2`` in one."""
        ball = "" if self.eps is None else f"{self.norm} {self.eps:g}, "
        return f"{ball}{self.num_steps} x {self.step_size:g}"

    @property
    def folder(self) -> str:
        """The same as a name of a folder: ``l2-3-32x0.2``."""
        return self.label.replace(" x ", "x").replace(", ", "-").replace(" ", "-")


class SynthesizeConfig(Config):
    """Images by PGD on a class's logit, of any of our models: binary AT, one-vs-rest, robust softmax (S004; Ray Data).

    All models and ascents set out from the same starts, of which the classes take turns; a binary model has one logit
    for all of them. Quality is told in features of ``inception`` (weights of the published FIDs) or, as a proxy that is
    named after it, of ``feature_classifier``; give one of the two. Interpolations are of the first ascent.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"models", "judge", "feature_classifier", "inception"}

    data: DataConfig = DataConfig()
    models: tuple[Place, ...] = ("runs/one_vs_rest/model",)  # each named after the directory around it
    ascents: tuple[LogitAscentConfig, ...] = (LogitAscentConfig(),)
    start: StartConfig = ClassGaussianConfig()
    smoothing_sigma: NonNegativeFloat = (
        0.0  # pixels, of the Gaussian that the starts pass first (S004 2.5.2: 10 of 256)
    )
    num_images: int = Field(1000, ge=20)  # of each model and ascent
    judge: str = ""  # another classifier, asked what it sees in the images
    feature_classifier: str = "runs/judge/model"  # whose last hidden layer stands in for Inception
    inception: str = ""  # a local file of the weights pt_inception-2015-12-05
    num_reference: PositiveInt | None = None  # the first training images, to which samples are compared; null takes all
    num_interpolations: NonNegativeInt = 4  # pairs of starts of one class
    num_points: int = Field(8, ge=3)  # of each interpolation, its ends included
    batch_size: PositiveInt = 250
    shard_images: PositiveInt = 1000
    seed: Seed = 0
    output: Place = "runs/synthesis"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if not self.models:
            raise ValueError("models is empty: give model directories with --set models=[...]")
        for ascent in self.ascents:
            check_ball(ascent.norm, ascent.eps, self.data, "ascents.eps")
        check_different("ascents", [ascent.label for ascent in self.ascents])
        if bool(self.feature_classifier) == bool(self.inception):
            raise ValueError(
                f"feature_classifier {self.feature_classifier!r}, inception {self.inception!r}: give one of the two"
            )
        return self
