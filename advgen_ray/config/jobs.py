"""One config per job: everything that decides its result, and where it runs."""

from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.attacks import AttackConfig, check_names, check_radius, check_training_attack
from advgen_ray.config.base import Config
from advgen_ray.config.parts import (
    DataConfig,
    NeighborhoodConfig,
    OptimizerConfig,
    PoolConfig,
    SamplerConfig,
    UNetConfig,
    WideResNetConfig,
    WorkersConfig,
)

OUTPUT_AND_WORKERS = frozenset({"output", "workers"})
OUTPUT_AND_POOL = frozenset({"output", "pool"})


class TrainClassifierConfig(Config):
    """Adversarial training of a classifier (S000 section 6); ``attack.eps`` 0 is standard training."""

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_WORKERS

    data: DataConfig = DataConfig()
    model: WideResNetConfig = WideResNetConfig()
    attack: AttackConfig = AttackConfig()
    evaluation_attack: AttackConfig = AttackConfig(num_steps=20)
    num_evaluation_images: PositiveInt | None = None  # the first of the test split; null takes all
    optimizer: OptimizerConfig = OptimizerConfig()
    num_epochs: PositiveInt = 100
    max_steps: PositiveInt | None = None
    batch_size: PositiveInt = 128  # global, over all workers
    augment: Literal["none", "flip_crop"] = "none"
    eps_warmup_epochs: NonNegativeInt = 0  # eps grows linearly from 0 over these epochs
    checkpoint_every_epochs: PositiveInt = 1
    seed: NonNegativeInt = 0
    output: str = "runs/classifier"
    workers: WorkersConfig = WorkersConfig()

    @model_validator(mode="after")
    def _attacks_fit(self) -> Self:
        check_training_attack(self.attack)
        check_radius(self.attack, self.data)
        check_radius(self.evaluation_attack, self.data)
        return self


class TrainScoreModelConfig(Config):
    """Denoising score matching of a class-conditional VP model (S000 section 6)."""

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_WORKERS

    data: DataConfig = DataConfig()
    model: UNetConfig = UNetConfig()
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=2e-4, warmup_steps=5000, clip_norm=1.0)
    beta_min: PositiveFloat = 0.1
    beta_max: PositiveFloat = 20.0
    label_drop: float = Field(0.3, ge=0.0, lt=1.0)
    ema_decay: float = Field(0.9999, ge=0.0, lt=1.0)
    num_steps: PositiveInt = 1_000_000
    batch_size: PositiveInt = 128  # global, over all workers
    horizontal_flip: bool = False
    checkpoint_every_steps: PositiveInt = 5000
    seed: NonNegativeInt = 0
    output: str = "runs/score_model"
    workers: WorkersConfig = WorkersConfig()


class GenerateConfig(Config):
    """Counterfactual examples of the first ``num_sources`` images of a split, ``replicates`` for every class."""

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"score_model"}  # rows carry the model's digest

    data: DataConfig = DataConfig()
    split: Literal["train", "test"] = "train"
    num_sources: PositiveInt = 10_000
    replicates: PositiveInt = 2
    score_model: str = "runs/score_model/model"
    neighborhood: NeighborhoodConfig = NeighborhoodConfig()
    combination: Literal["score_consistent", "paper_literal"] = "score_consistent"
    guidance_scale: float = Field(15.0, ge=0.0)
    sampler: SamplerConfig = SamplerConfig()
    batch_size: PositiveInt = 256  # CEs in one network batch
    shard_images: PositiveInt = 1000  # CEs in one Parquet file, the unit of work that is never lost
    seed: NonNegativeInt = 0
    output: str = "runs/counterfactuals"
    pool: PoolConfig = PoolConfig()


class ScoreEnergiesConfig(Config):
    """Logits, energies, confidence and correctness of images and CEs under every classifier."""

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"classifiers", "counterfactuals"}

    data: DataConfig = DataConfig()
    splits: tuple[Literal["train", "test"], ...] = ("train", "test")
    num_images: PositiveInt | None = None  # of each split; null takes all
    attacks: tuple[AttackConfig, ...] = (AttackConfig(num_steps=20),)  # adversarial versions of the test split
    counterfactuals: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ("runs/classifier/model",)
    batch_size: PositiveInt = 256
    shard_images: PositiveInt = 5000
    seed: NonNegativeInt = 0
    output: str = "runs/energies"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _eps_within_image(self) -> Self:
        for attack in self.attacks:
            check_radius(attack, self.data)
            if attack.eps == 0:
                raise ValueError(f"attacks: {attack.label} has eps 0, expected a positive radius")
        check_names(self.attacks)
        return self


class ReportConfig(Config):
    """Where the stored results of a study lie; the report reads them and computes nothing that they do not hold."""

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output"})

    data: DataConfig = DataConfig()
    classifiers: tuple[str, ...] = ()  # robust and standard models by eps; the judge apart
    judge: str = ""  # a standard classifier of another seed, which took no part in anything else
    score_model: str = ""
    counterfactuals: str = ""  # the main CE set
    variants: tuple[str, ...] = ()  # sets to compare, one a neighbourhood, over the sources they share
    held_out: str = ""  # CEs of test images, for the distance classifier
    energies: str = ""
    output: str = "runs/report"


class StudyConfig(Config):
    """The whole study: classifiers, score model, counterfactuals, energies, report."""

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output"})

    data: DataConfig = DataConfig()  # for every part; theirs must name the same set
    classifier: TrainClassifierConfig = TrainClassifierConfig()
    eps: tuple[float, ...] = (0.0, 0.5, 1.0)
    standard_dropout: float = Field(0.3, ge=0.0, lt=1.0)  # S000 section 6: dropout for the standard model alone
    judge_seed: PositiveInt = 1000
    score_model: TrainScoreModelConfig = TrainScoreModelConfig()
    counterfactuals: GenerateConfig = GenerateConfig()
    variant_sources: PositiveInt = 1000  # sources of the comparison of neighbourhoods
    held_out_sources: PositiveInt = 1000  # test images for the distance classifier
    energies: ScoreEnergiesConfig = ScoreEnergiesConfig()
    output: str = "runs/study"

    @model_validator(mode="after")
    def _eps_start_standard(self) -> Self:
        if not self.eps or self.eps[0] != 0 or list(self.eps) != sorted(set(self.eps)):
            raise ValueError(f"eps must rise from 0 (the standard model), got {list(self.eps)}")
        return self

    @model_validator(mode="after")
    def _one_data_set(self) -> Self:
        parts = (self, self.classifier, self.score_model, self.counterfactuals, self.energies)
        if len({part.data.name for part in parts}) > 1:
            raise ValueError(f"a study has one data set, got {[part.data.name for part in parts]}")
        return self
