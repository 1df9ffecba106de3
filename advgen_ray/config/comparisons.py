"""Trainings compared over seeds: with several losses, or without some of the training images."""

from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, model_validator

from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.jobs import OUTPUT_AND_POOL, Loss, TrainClassifierConfig
from advgen_ray.config.parts import PoolConfig


class LossConfig(Config):
    """One of the losses compared; what is null is as in the training that they share."""

    loss: Loss
    beta: NonNegativeFloat | None = None
    start: Literal["uniform", "near", "image"] | None = None  # where the attack begins
    name: str = Field("", pattern=r"^[A-Za-z0-9._-]*$")  # of tables and folders; empty: the loss

    @property
    def label(self) -> str:
        """What tables and folders call it."""
        return self.name or self.loss


class CompareLossesConfig(Config):
    """The same adversarial training with several losses, each over several seeds (Ray Train; S001 section A.3).

    All have ``training``'s budget, attack, validation images and order of images; a seed begins all at the same
    weights, so differences to ``reference`` are taken seed by seed.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output"})

    training: TrainClassifierConfig = TrainClassifierConfig(num_validation_images=1000)
    losses: tuple[LossConfig, ...] = (LossConfig(loss="sat"), LossConfig(loss="trades", start="near"))
    reference: str = "trades"  # a loss or its name
    seeds: tuple[Seed, ...] = (0, 1, 2)
    output: Place = "runs/losses"

    @model_validator(mode="after")
    def _losses_can_be_compared(self) -> Self:
        labels = [loss.label for loss in self.losses]
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise ValueError(f"losses: expected two or more of different names, got {labels}")
        if self.reference not in labels:
            raise ValueError(f"reference: {self.reference!r} is none of the losses {labels}")
        _check_seeds(self.seeds)
        _check_radii(self.training)
        for loss in self.losses:
            self.training_with(loss, self.seeds[0])
        return self

    def training_with(self, loss: LossConfig, seed: int) -> TrainClassifierConfig:
        """The shared training with one loss and seed, at its place under ``output``."""
        shared = self.training
        start = shared.attack.start if loss.start is None else loss.start
        return shared.changed(
            loss=loss.loss,
            beta=shared.beta if loss.beta is None else loss.beta,
            attack=shared.attack.changed(start=start),
            seed=seed,
            output=f"{self.output.rstrip('/')}/{loss.label}/seed-{seed}",
        )


class CompareSubsetsConfig(Config):
    """Which training images robustness rests on: train without four sets of them (Ray Train; S001 section A.4).

    ``training``, under its own seed, makes the model by which the images are chosen: I the incorrect ones, C as many
    random correct ones, H and L ``energy_share`` of all by energy. Then one model is trained on all images and one
    without each set, for each of ``seeds``.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL

    training: TrainClassifierConfig = TrainClassifierConfig()
    energy_share: float = Field(6500 / 50_000, gt=0.0, lt=1.0)
    seeds: tuple[Seed, ...] = (1, 2, 3)
    output: Place = "runs/subsets"
    pool: PoolConfig = PoolConfig()  # of the scoring

    @model_validator(mode="after")
    def _trainings_can_be_compared(self) -> Self:
        _check_seeds(self.seeds)
        _check_radii(self.training)
        if self.training.seed in self.seeds:
            raise ValueError(
                f"seeds: {self.training.seed} is training.seed; the model that chooses the images is not compared"
            )
        if self.training.exclude:
            raise ValueError("training.exclude: this job chooses itself what is left out; leave it empty")
        return self

    def base(self) -> TrainClassifierConfig:
        """The training of the model that chooses the images."""
        return self.training.changed(output=f"{self.output.rstrip('/')}/base")

    def training_without(self, subset: str, exclude: str, seed: int) -> TrainClassifierConfig:
        """The training that leaves out what the file ``exclude`` names; nothing where that is empty."""
        output = f"{self.output.rstrip('/')}/trainings/{subset}/seed-{seed}"
        return self.training.changed(exclude=exclude, seed=seed, output=output)


def _check_seeds(seeds: tuple[int, ...]) -> None:
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds: expected different ones, at least one, got {list(seeds)}")


def _check_radii(training: TrainClassifierConfig) -> None:
    for key, attack in (("attack", training.attack), ("evaluation_attack", training.evaluation_attack)):
        if attack.eps == 0:
            raise ValueError(f"training.{key}.eps is 0: robust trainings are compared, expected a positive radius")
