"""Detectors of attacks compared on the same images: which images and attacks, and what each detector is given."""

from typing import ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.attacks import AttackConfig, check_attacks
from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig

S003_ATTACKS = (
    AttackConfig(norm="linf", eps=8 / 255, num_steps=40, step_size=1 / 255),
    AttackConfig(kind="apgd", norm="linf", eps=8 / 255, num_steps=40),
)


class DetectorFitConfig(Config):
    """What KD + BU and LID are fitted with: the training images near which they look, masks, layers, neighbors."""

    noisy_images: bool = True  # with random noise as large as each attack: natural to a detector that is trained
    num_reference: PositiveInt = 1000  # training images, evenly spaced, near which KD and LID look
    bandwidths: tuple[PositiveFloat, ...] = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)  # of KD
    num_passes: PositiveInt = 50  # dropout masks, for BU
    layers: tuple[str, ...] = ()  # whose LID is taken; empty: stem, every stage, logits; without stages: the parts
    num_neighbors: int = Field(20, ge=2)  # of LID, among
    num_candidates: PositiveInt = 100  # reference images, drawn for each image anew

    @model_validator(mode="after")
    def _enough_to_look_at(self) -> Self:
        if not self.bandwidths or len(set(self.bandwidths)) < len(self.bandwidths):
            raise ValueError(f"bandwidths: expected different ones, at least one, got {list(self.bandwidths)}")
        if len(set(self.layers)) < len(self.layers):
            raise ValueError(f"layers: expected different ones, got {list(self.layers)}")
        if not self.num_neighbors <= self.num_candidates <= self.num_reference:
            raise ValueError(
                f"num_neighbors {self.num_neighbors} of num_candidates {self.num_candidates} of num_reference "
                f"{self.num_reference}: none may exceed the next"
            )
        return self


class FittedDetectorsConfig(DetectorFitConfig):
    """The detectors of ``compare_detectors`` beside others, each a function of the image alone.

    Fitted on the ``num_images`` images of the split that follow those that are measured, natural and under ``attack``,
    which knows the classifier only. LID looks among one minibatch of ``num_candidates`` for all images, and all images
    meet the same dropout masks, so that an attack can know a detector as it decides.
    """

    kinds: tuple[Literal["energy", "kd_bu", "lid"], ...] = ()
    num_images: PositiveInt = 200
    attack: AttackConfig = S003_ATTACKS[0]

    @model_validator(mode="after")
    def _kinds_differ(self) -> Self:
        if len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"kinds: expected different ones, got {', '.join(self.kinds)}")
        return self


class CompareDetectorsConfig(DetectorFitConfig):
    """The energy detector, KD+BU and LID on the same images and attacks (Ray Data; S003 table 1).

    Every second image of the test split chooses bandwidth, regression and threshold; the others are measured.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"classifier"}

    data: DataConfig = DataConfig()
    num_images: int | None = Field(None, ge=4)  # the first of the test split; null takes all
    classifier: Place = "runs/classifier/model"
    attacks: tuple[AttackConfig, ...] = S003_ATTACKS
    detectors: tuple[Literal["energy", "kd_bu", "lid"], ...] = ("energy", "kd_bu", "lid")
    batch_size: PositiveInt = 256
    shard_images: PositiveInt = 1000
    seed: Seed = 0
    output: Place = "runs/detectors"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _attacks_can_be_told_apart(self) -> Self:
        if not self.attacks:
            raise ValueError("attacks is empty: expected the attacks that the detectors are to find")
        check_attacks(self.attacks, self.data)
        return self

    @model_validator(mode="after")
    def _detectors_differ(self) -> Self:
        if not self.detectors or len(set(self.detectors)) < len(self.detectors):
            raise ValueError(f"detectors: expected different ones, at least one, got {list(self.detectors)}")
        return self
