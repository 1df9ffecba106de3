"""Images from classifiers: whose, how many of each class, and how the descent goes."""

from typing import ClassVar, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig


class GenerateFromClassifierConfig(Config):
    """Images that classifiers find likely (S001 A.7) and their gradients at test images (S003 figure 4; Ray Data).

    Every image starts near its class's mean and descends E(x, y) by SGLD with momentum. The defaults are S001's for
    models of TRADES; for those of standard adversarial training it takes 20 steps and momentum .5.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"classifiers", "judge"}

    data: DataConfig = DataConfig()
    classifiers: tuple[Place, ...] = ("runs/classifier/model",)  # each named after the directory around it
    generators: tuple[str, ...] = ()  # names of those that make images; empty: all
    judge: str = ""  # another classifier, asked what it sees in the images
    images_per_class: PositiveInt = 10
    pca_variance: float = Field(0.99, gt=0.0, le=1.0)  # share of a class's variance in which it starts
    start_sigma: PositiveFloat = 0.005  # of the start, in singular values: they grow with the number of images
    num_steps: NonNegativeInt = 150
    step_size: NonNegativeFloat = 0.05
    momentum: float = Field(0.8, ge=0.0, lt=1.0)
    noise_scale: NonNegativeFloat = 0.001
    num_neighbors: PositiveInt = 15  # the nearest test images by SSIM
    num_test_images: PositiveInt | None = None  # among which they are looked for; null takes all
    num_gradient_images: PositiveInt = 100  # the first of the test split
    batch_size: PositiveInt = 256
    shard_images: PositiveInt = 1000
    seed: Seed = 0
    output: Place = "runs/classifier_images"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _there_are_classifiers(self) -> Self:
        if not self.classifiers:
            raise ValueError("classifiers is empty: give model directories with --set classifiers=[...]")
        if len(set(self.generators)) < len(self.generators):
            raise ValueError(f"generators: expected different names, got {list(self.generators)}")
        return self
