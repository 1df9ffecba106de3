"""Sets of counterfactuals: of which images, and by what they are made; one schema of rows for all of them."""

from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.parts import DataConfig, NeighborhoodConfig, PoolConfig
from advgen_ray.config.samplers import HUNDRED_EVALUATIONS, SamplerConfig

USUAL_BATCH = 256
PAPER_POINT = {"neighborhood.kind": "boltzmann_hardtanh", "neighborhood.sigma_ce": 0.2, "guidance_scale": 15.0}  # S000


class CounterfactualsConfig(Config):
    """The sources, ``replicates`` counterfactuals of each for every class, and how they are cut into shards.

    The sources are the first ``num_sources`` images of a split, or of another set of counterfactuals (S000 figure 5).
    ``batch_size`` of them are made at once, fewer where memory does not hold as many; null takes on a GPU as many as it
    holds, on a CPU 256. Counterfactuals of batches of another size differ in rounding.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output", "pool", "sources"})

    data: DataConfig = DataConfig()
    split: Literal["train", "test"] = "train"
    sources: str = ""  # a finished set of counterfactuals of the same data, whose images take the split's place
    num_sources: PositiveInt = 10_000
    replicates: PositiveInt = 2
    batch_size: PositiveInt | None = USUAL_BATCH
    shard_images: PositiveInt = 1000  # CEs in one Parquet file, the unit of work that is never lost
    seed: Seed = 0
    output: Place = "runs/counterfactuals"
    pool: PoolConfig = PoolConfig()

    @property
    def images_at_once(self) -> int:
        """A batch that any device may be expected to hold."""
        return self.batch_size or USUAL_BATCH


class GenerateConfig(CounterfactualsConfig):
    """Counterfactual examples by classifier-free guidance within a neighborhood of the source (S000 section 3).

    ``precision`` is that of the network; the sampler's state is float32. ``compiled`` costs an actor a minute or two,
    needs a C++ compiler there, and on a CPU pays for small networks only. Both change the rounding.
    """

    PLACEMENT: ClassVar[frozenset[str]] = CounterfactualsConfig.PLACEMENT | {"score_model", "unconditional_model"}

    score_model: Place = "runs/score_model/model"
    unconditional_model: str = ""  # where the score model has no null class: another to guide away from
    neighborhood: NeighborhoodConfig = NeighborhoodConfig()
    combination: Literal["score_consistent", "paper_literal"] = "score_consistent"
    guidance_scale: float = Field(15.0, ge=0.0)
    guidance_until: float = Field(1.0, ge=0.0, le=1.0)  # guided at times up to this; one evaluation a step before it
    sampler: SamplerConfig = HUNDRED_EVALUATIONS
    precision: Literal["fp32", "bf16"] = "fp32"
    compiled: bool = False


class AscentConfig(Config):
    """S000, appendix 7: steps up the target's log probability until the classifier is confident of it."""

    kind: Literal["ascent"] = "ascent"
    step_size: PositiveFloat = 0.05  # in L2
    confidence: float = Field(0.9, gt=0.0, le=1.0)
    max_steps: PositiveInt = 200


class DVCEConfig(Config):
    """Diffusion counterfactuals led by the classifier (Augustin et al. 2022), with their constants.

    ``cone_classifier``, a robust one, lets a standard classifier be explained: its gradients are projected onto the
    cone around the robust one's. ``distance_weight`` weighs the L1 distance.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"score_model", "cone_classifier"})

    kind: Literal["dvce"] = "dvce"
    score_model: Place = "runs/score_model/model"
    cone_classifier: str = ""
    cone_angle_degrees: float = Field(30.0, ge=0.0, le=90.0)
    classifier_weight: NonNegativeFloat = 0.1
    distance_weight: NonNegativeFloat = 0.15
    num_steps: PositiveInt = 100
    start_time: float = Field(0.5, gt=1e-3, le=1.0)


class GenerateByClassifierConfig(CounterfactualsConfig):
    """Counterfactual examples by a classifier's gradients: alone (S000, appendix 7), or leading a diffusion (DVCE)."""

    PLACEMENT: ClassVar[frozenset[str]] = CounterfactualsConfig.PLACEMENT | {"classifier"}  # rows carry its digest

    replicates: PositiveInt = 1
    classifier: Place = "runs/classifier/model"
    method: AscentConfig | DVCEConfig = Field(AscentConfig(), discriminator="kind")

    @model_validator(mode="after")
    def _replicates_differ(self) -> Self:
        if self.method.kind == "ascent" and self.replicates > 1:
            raise ValueError(f"replicates {self.replicates}: ascent draws nothing, so all would be the same; take 1")
        return self
