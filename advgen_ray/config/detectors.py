"""Detectors of attacks compared on the same images: which images and attacks, and what each detector is given."""

from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.attacks import AttackConfig, check_attacks
from advgen_ray.config.base import Config
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig

S003_ATTACKS = (
    AttackConfig(norm="linf", eps=8 / 255, num_steps=40, step_size=1 / 255),
    AttackConfig(kind="apgd", norm="linf", eps=8 / 255, num_steps=40),
)


class CompareDetectorsConfig(Config):
    """The energy detector, KD+BU and LID on the same images and attacks (Ray Data; S003 table 1).

    Every second image of the test split chooses bandwidth, regression and threshold; the others are measured.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"classifier"}

    data: DataConfig = DataConfig()
    num_images: int | None = Field(None, ge=4)  # the first of the test split; null takes all
    classifier: str = "runs/classifier/model"
    attacks: tuple[AttackConfig, ...] = S003_ATTACKS
    detectors: tuple[Literal["energy", "kd_bu", "lid"], ...] = ("energy", "kd_bu", "lid")
    noisy_images: bool = True  # with random noise as large as each attack: natural to a detector that is trained
    num_reference: PositiveInt = 1000  # training images, evenly spaced, near which KD and LID look
    bandwidths: tuple[PositiveFloat, ...] = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)  # of KD
    num_passes: PositiveInt = 50  # dropout masks, for BU
    layers: tuple[str, ...] = ()  # whose LID is taken; empty: stem, every stage and the logits
    num_neighbors: int = Field(20, ge=2)  # of LID, among
    num_candidates: PositiveInt = 100  # reference images, drawn for each image anew
    batch_size: PositiveInt = 256
    shard_images: PositiveInt = 1000
    seed: NonNegativeInt = 0
    output: str = "runs/detectors"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _attacks_can_be_told_apart(self) -> Self:
        if not self.attacks:
            raise ValueError("attacks is empty: expected the attacks that the detectors are to find")
        check_attacks(self.attacks, self.data)
        return self

    @model_validator(mode="after")
    def _detectors_have_what_they_need(self) -> Self:
        for key, values in (("detectors", self.detectors), ("bandwidths", self.bandwidths)):
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{key}: expected different ones, at least one, got {list(values)}")
        if len(set(self.layers)) < len(self.layers):
            raise ValueError(f"layers: expected different ones, got {list(self.layers)}")
        if not self.num_neighbors <= self.num_candidates <= self.num_reference:
            raise ValueError(
                f"num_neighbors {self.num_neighbors} of num_candidates {self.num_candidates} of num_reference "
                f"{self.num_reference}: none may exceed the next"
            )
        return self
