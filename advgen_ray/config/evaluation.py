"""Robust evaluation of one classifier: which images, which attacks, in which ball."""

from typing import ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator

from advgen_ray.config.attacks import AttackConfig, check_ball, check_names
from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig


class EvaluateRobustnessConfig(Config):
    """Worst-case accuracy of a classifier, image by image, under several attacks of one norm and radius (Ray Data).

    ``standard`` is AutoAttack's: APGD-CE, targeted APGD-DLR, targeted FAB, Square. An image that falls to one attack
    is not attacked again; what is stored are the images that fell, and the images themselves where none did.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"classifier"}

    data: DataConfig = DataConfig()
    split: Literal["train", "test"] = "test"
    num_images: PositiveInt | None = None  # the first of the split; null takes all
    classifier: Place = "runs/classifier/model"
    norm: Literal["l1", "l2", "linf"] = "l2"
    eps: float = 0.5
    attacks: Literal["standard"] | tuple[AttackConfig, ...] = "standard"
    batch_size: PositiveInt = 256
    shard_images: PositiveInt = 1000  # images that one actor attacks together
    seed: Seed = 0
    output: Place = "runs/robustness"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _one_ball(self) -> Self:
        check_ball(self.norm, self.eps, self.data)
        if self.eps == 0:
            raise ValueError("eps is 0: there is nothing to evaluate; give the radius with --set eps=...")
        if self.attacks == "standard":
            return self
        if not self.attacks:
            raise ValueError("attacks is empty: expected 'standard' or a list of attacks")
        check_names(self.attacks)
        for attack in self.attacks:
            if (attack.norm, attack.eps) != (self.norm, self.eps):
                raise ValueError(
                    f"attacks: {attack.label} is {attack.norm} at eps {attack.eps}, the evaluation {self.norm} at "
                    f"eps {self.eps}; a worst case has one ball"
                )
        return self
