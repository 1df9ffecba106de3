"""Out-of-distribution detection: which detectors, which sets are out of distribution, how far an attack may go."""

from typing import ClassVar, Literal, Self

from pydantic import PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.attacks import check_ball
from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.image_sources import ImageSourceConfig, NoiseConfig, OtherDataConfig
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig

RESERVED = "in"  # what rows call the images in distribution


class OODDetectorConfig(Config):
    """A model and a detection score of its outputs: ``binary_logit`` of a binary model, the others of a classifier.

    ``mahalanobis`` is fitted to the training images' last hidden layer; the rest need no fit.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"model"})  # rows carry its digest

    name: str
    model: str
    detection_score: Literal["binary_logit", "max_logit", "msp", "energy", "mahalanobis"] = "energy"


class OODSetConfig(Config):
    """Images that are out of distribution. Of files and noise ``part`` says whether a training may have seen some.

    ``held_out`` is the tenth that no training of ours sees, however many either takes; ``all`` is for what no detector
    was trained on.
    """

    name: str
    source: ImageSourceConfig = NoiseConfig()
    part: Literal["held_out", "all"] = "held_out"

    @model_validator(mode="after")
    def _sets_have_splits(self) -> Self:
        if self.part == "all" and self.source.kind not in ("files", "noise"):
            raise ValueError(f"part all: {self.source.kind} has a test split, which is taken; leave it held_out")
        return self


class OODAttackConfig(Config):
    """APGD on the detection score: from the image itself, and from noise on the ball ``num_restarts - 1`` times."""

    norm: Literal["l2", "linf"] = "l2"
    eps: PositiveFloat = 1.0
    num_steps: PositiveInt = 100
    num_restarts: PositiveInt = 5


class EvaluateOODConfig(Config):
    """Standard and worst-case OOD detection (S004 section 3.3): the positive class is out of distribution.

    Test images against images of each set, both chosen by the seed. A set that cannot be read is an
    error, unless ``skip_missing``: then the page names it.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL

    data: DataConfig = DataConfig()
    detectors: tuple[OODDetectorConfig, ...] = (OODDetectorConfig(name="energy", model="runs/classifier/model"),)
    sets: tuple[OODSetConfig, ...] = (
        OODSetConfig(name="uniform noise"),
        OODSetConfig(name="tiny imagenet", source=OtherDataConfig()),
    )
    skip_missing: bool = False
    attack: OODAttackConfig = OODAttackConfig()
    num_in_images: PositiveInt = 1024  # in distribution; fewer where there are no more
    num_out_images: PositiveInt = 1024  # of each set, likewise
    num_fit_images: PositiveInt = 10_000  # of the training split, that Gaussians are fitted to
    batch_size: PositiveInt = 256
    shard_images: PositiveInt = 256
    seed: Seed = 0
    output: Place = "runs/ood"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        names = {"detectors": [one.name for one in self.detectors], "sets": [one.name for one in self.sets]}
        for key, called in names.items():
            if len(set(called)) < max(len(called), 1) or "" in called or RESERVED in called or _with_slash(called):
                raise ValueError(
                    f"{key}: expected different names without slashes, at least one, none of them {RESERVED!r}; "
                    f"got {called}"
                )
        check_ball(self.attack.norm, self.attack.eps, self.data, "attack.eps")
        return self


def _with_slash(names: list[str]) -> bool:
    return any("/" in name for name in names)
