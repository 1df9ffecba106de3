"""Population-based training (Jaderberg et al. 2017): its rounds, who takes over, and what may change on the way."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field, PositiveFloat, model_validator

from advgen_ray.config.base import Config
from advgen_ray.config.jobs import TrainClassifierConfig, TrainScoreModelConfig

# What neither the shapes nor the number of steps follow from, nor the measure by which trials are ranked.
_OPTIMIZER = ("optimizer.learning_rate", "optimizer.weight_decay", "optimizer.momentum", "optimizer.clip_norm")
_ATTACK = ("attack.eps", "attack.num_steps", "attack.step_size")
MAY_CHANGE: dict[type[Config], tuple[str, ...]] = {
    TrainClassifierConfig: (*_OPTIMIZER, *_ATTACK, "beta", "mail_slope", "mail_bias"),
    TrainScoreModelConfig: _OPTIMIZER,
}


class PopulationConfig(Config):
    """The way in ``rounds`` equal parts; after each but the last a poor trial goes on from a good one's state.

    Poor and good are the ``quantile`` that is worst and best by the first objective, at least one each; a trial that
    failed is poor. Who takes over draws each setting anew with probability ``resample``, else multiplies it by one of
    ``factors`` within its range, or takes the value beside it of a choice.
    """

    rounds: int = Field(5, ge=2)
    quantile: float = Field(0.25, gt=0.0, le=0.5)
    resample: float = Field(0.25, ge=0.0, le=1.0)
    factors: tuple[PositiveFloat, ...] = (0.8, 1.25)

    @model_validator(mode="after")
    def _factors_change(self) -> Self:
        if not self.factors or 1.0 in self.factors:
            raise ValueError(f"factors: expected one or more, none of them 1, got {list(self.factors)}")
        return self


def check_population(population: PopulationConfig, job: Config, keys: Sequence[str], num_trials: int) -> None:
    """Raise ValueError where a setting cannot change on the way, or rounds do not end where trials are measured."""
    allowed = MAY_CHANGE[type(job)]
    fixed = [key for key in keys if key not in allowed]
    if fixed:
        raise ValueError(
            f"{fixed[0]}: cannot change on the way, as under pbt it would; expected of {', '.join(allowed)}"
        )
    if num_trials < 2:
        raise ValueError(f"num_trials is {num_trials}: under pbt one trial takes over from another; expected 2 or more")
    if isinstance(job, TrainClassifierConfig):
        _check_classifier(population.rounds, job)
    elif isinstance(job, TrainScoreModelConfig) and job.num_steps % population.rounds:
        raise ValueError(f"population.rounds is {population.rounds}: expected a divisor of num_steps {job.num_steps}")


def _check_classifier(rounds: int, job: TrainClassifierConfig) -> None:
    epochs, left = divmod(job.num_epochs, rounds)
    if left or epochs % job.validate_every_epochs:
        raise ValueError(
            f"population.rounds is {rounds}: each is to end with an epoch that is validated, but num_epochs is "
            f"{job.num_epochs} and validate_every_epochs {job.validate_every_epochs}"
        )
    if job.max_steps is not None:
        raise ValueError("base.max_steps: under pbt rounds end with epochs; expected null and fewer num_epochs")
    if job.record_energies_at_epochs:
        raise ValueError("base.record_energies_at_epochs: trials of pbt keep no energies; expected none")
