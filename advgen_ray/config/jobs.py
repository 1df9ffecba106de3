"""Configs of training classifiers and score models, of energies and of validation: what decides, and where it runs."""

from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.attacks import AttackConfig, check_attacks, check_radius, check_training_attack
from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.image_sources import NoiseConfig, OutliersSourceConfig
from advgen_ray.config.models import ClassifierModelConfig, WideResNetConfig
from advgen_ray.config.parts import (
    DataConfig,
    OptimizerConfig,
    PoolConfig,
    UNetConfig,
    WorkersConfig,
)

OUTPUT_AND_WORKERS = frozenset({"output", "workers"})
OUTPUT_AND_POOL = frozenset({"output", "pool"})


Loss = Literal["sat", "trades", "mart", "mail_trades", "weat_adv", "weat_nat"]


class OutliersConfig(Config):
    """Outlier exposure (Hendrycks et al. 2019): with each batch as many images of no class, to be told of as that.

    An ``attack`` makes them as confident as it can in its ball before they are fed; with the data attacked too that is
    RATIO (Augustin et al. 2020).
    """

    source: OutliersSourceConfig = NoiseConfig()
    weight: PositiveFloat = 0.5
    attack: AttackConfig = AttackConfig(eps=0.0)


class TrainClassifierConfig(Config):
    """Adversarial training of a classifier (S000 section 6, S001 section A.3).

    ``attack.eps`` 0 is standard training, whatever the loss. With ``num_validation_images`` held out of the training
    split, the model of highest PGD accuracy on them is the one exported; without, the last one.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_WORKERS | {"exclude"}  # its digest says what is left out

    data: DataConfig = DataConfig()
    model: ClassifierModelConfig = WideResNetConfig()
    loss: Loss = "sat"
    beta: NonNegativeFloat = 6.0  # weight of the divergence in every loss but sat
    mart_constants: Literal["none", "released"] = "none"  # 1.0001 and 1.0000001 for ones, as in the authors' code
    mail_burn_in_epochs: NonNegativeInt = 75  # until then all weights are 1
    mail_slope: PositiveFloat = 5.0  # the authors' code: 1
    mail_bias: float = 0.0  # the authors' code: -1.5
    mail_scale: Literal["mean_one", "times_three"] = "mean_one"  # times_three: the authors' code
    attack: AttackConfig = AttackConfig()
    outliers: OutliersConfig | None = None  # beside the data, with loss sat
    evaluation_attack: AttackConfig = AttackConfig(num_steps=20)  # of the test split, and of the validation images
    num_evaluation_images: PositiveInt | None = None  # the first of the test split; null takes all
    num_validation_images: NonNegativeInt = 0
    validate_every_epochs: PositiveInt = 1
    optimizer: OptimizerConfig = OptimizerConfig()
    ema_decay: float = Field(0.0, ge=0.0, lt=1.0)  # above 0, averaged weights are measured and exported
    precision: Literal["fp32", "bf16"] = "fp32"  # of training; all measurements are in fp32
    num_epochs: PositiveInt = 100
    max_steps: PositiveInt | None = None
    batch_size: PositiveInt = 128  # global, over all workers
    augment: Literal["none", "flip_crop"] = "none"
    eps_warmup_epochs: NonNegativeInt = 0  # eps grows linearly from 0 over these epochs
    checkpoint_every_epochs: PositiveInt = 1
    record_energies_at_epochs: tuple[NonNegativeInt, ...] = ()  # 0 is before training
    num_energy_images: PositiveInt = 1000
    exclude: str = ""  # a JSON file of item ids to train without
    exclude_digest: str = ""  # of that file; filled in from it
    seed: Seed = 0
    output: Place = "runs/classifier"
    workers: WorkersConfig = WorkersConfig()

    @model_validator(mode="after")
    def _ends_as_it_says(self) -> Self:
        keys = {"eps_warmup_epochs": True, "mail_burn_in_epochs": self.loss == "mail_trades"}
        for key in (key for key, matters in keys.items() if matters and self.attack.eps):
            if getattr(self, key) >= self.num_epochs:
                raise ValueError(
                    f"{key}={getattr(self, key)}: num_epochs is {self.num_epochs}, so that the training would end "
                    "before it attacks or weighs as asked for; lower it"
                )
        return self

    @model_validator(mode="after")
    def _attacks_fit(self) -> Self:
        for key, attack in {"attack": self.attack, "evaluation_attack": self.evaluation_attack}.items():
            check_training_attack(attack, key)
            check_radius(attack, self.data)
        if self.outliers:
            check_training_attack(self.outliers.attack, "outliers.attack")
            check_radius(self.outliers.attack, self.data)
            if self.loss != "sat":
                raise ValueError(f"outliers: {self.loss} has no term for them; take loss sat")
        if self.loss not in ("sat", "mart") and self.attack.start == "image":
            raise ValueError(f"attack.start: {self.loss} attacks a divergence that is flat at the image; take near")
        if self.record_energies_at_epochs and self.attack.eps == 0:
            raise ValueError(
                "record_energies_at_epochs: energies are recorded under attack, but attack.eps is 0; record none"
            )
        if max(self.record_energies_at_epochs, default=0) > self.num_epochs:
            raise ValueError(
                f"record_energies_at_epochs: {max(self.record_energies_at_epochs)} is beyond num_epochs "
                f"{self.num_epochs}"
            )
        return self


def training_passes(config: TrainClassifierConfig, num_images: int) -> float:
    """How often an image goes forward and back through the network, in a training on so many; forward alone is a third.

    Every step of an attack is such a pass. Measurements, which come beside a training, are not among them.
    """
    seen: float = config.num_epochs * num_images
    if config.max_steps is not None:
        seen = min(seen, config.max_steps * config.batch_size)
    passes = _passes_at(config.attack)
    if config.attack.eps and config.loss != "sat":
        passes += 1  # these learn from the image as it is, too
    if config.attack.eps and config.loss not in ("sat", "mart"):
        passes += 1 / 3  # and attack a divergence from what is said of it
    return seen * (passes + (_passes_at(config.outliers.attack) if config.outliers else 0))


def _passes_at(attack: AttackConfig) -> float:
    """Of an image that is attacked and then learnt from."""
    return 1 + (attack.num_steps if attack.eps else 0)


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
    seed: Seed = 0
    output: Place = "runs/score_model"
    workers: WorkersConfig = WorkersConfig()

    @model_validator(mode="after")
    def _noise_grows(self) -> Self:
        if self.beta_min > self.beta_max:
            raise ValueError(f"beta_min {self.beta_min:g} exceeds beta_max {self.beta_max:g}; lower it")
        return self


class ValidateConfig(Config):
    """Which finished result set is checked, and where the images lie of which it was made."""

    result_set: Place = "runs/counterfactuals"
    data: DataConfig = DataConfig()  # of its root; which images they are, the set knows
    sources: str = ""  # the set of counterfactuals that a set was made of, if it was


class ScoreEnergiesConfig(Config):
    """Logits, energies, confidence and correctness of images and CEs under every classifier."""

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"classifiers", "counterfactuals"}

    data: DataConfig = DataConfig()
    splits: tuple[Literal["train", "test"], ...] = ("train", "test")
    num_images: PositiveInt | None = None  # of each split; null takes all
    attacks: tuple[AttackConfig, ...] = (AttackConfig(num_steps=20),)  # adversarial versions of the test split
    counterfactuals: tuple[str, ...] = ()
    classifiers: tuple[Place, ...] = ("runs/classifier/model",)
    batch_size: PositiveInt = 256
    shard_images: PositiveInt = 5000
    seed: Seed = 0
    output: Place = "runs/energies"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _eps_within_image(self) -> Self:
        check_attacks(self.attacks, self.data)
        return self
