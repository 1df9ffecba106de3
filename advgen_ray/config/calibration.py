"""Calibration of a generative classifier: whose logits, on which images, and how many of them stop it."""

from typing import ClassVar

from pydantic import PositiveInt

from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig


class CalibrateClassifierConfig(Config):
    """The constants c_k of a classifier of one-vs-rest detectors (S004 section 3.4.2; Ray Data, then descent).

    Learned on the training images by their cross-entropy, but for ``num_validation_images`` of them that say when to
    stop. S004 stops by the test images, which are only measured here.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"classifier"}

    data: DataConfig = DataConfig()
    classifier: Place = "runs/one_vs_rest/model"
    num_validation_images: PositiveInt = 1000
    batch_size: PositiveInt = 256
    shard_images: PositiveInt = 5000
    seed: Seed = 0
    output: Place = "runs/calibrated"
    pool: PoolConfig = PoolConfig()
