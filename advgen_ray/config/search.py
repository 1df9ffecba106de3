"""A search over the settings of a training: what varies, how many trials, and when a poor one is stopped."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from advgen_ray.config.attacks import AttackConfig
from advgen_ray.config.base import Config
from advgen_ray.config.jobs import TrainClassifierConfig


class ParameterConfig(Config):
    """One setting that varies, by its dotted key: a range, in equal or in multiplied steps, or a list of values."""

    key: str
    kind: Literal["uniform", "log_uniform", "choice"] = "uniform"
    low: float | None = None
    high: float | None = None
    values: tuple[float | int | str, ...] = ()

    @model_validator(mode="after")
    def _range_or_values(self) -> Self:
        if self.kind == "choice":
            if len(self.values) < 2 or self.low is not None or self.high is not None:
                raise ValueError(f"{self.key}: choice takes 2 values or more, and neither low nor high")
        elif self.low is None or self.high is None or self.values or not self.low < self.high:
            raise ValueError(f"{self.key}: {self.kind} takes low < high and no values, got {self.low} and {self.high}")
        elif self.kind == "log_uniform" and self.low <= 0:
            raise ValueError(f"{self.key}: log_uniform needs low > 0, got {self.low}")
        return self

    def extremes(self) -> list[Any]:
        """The values between which it varies, or all of a choice."""
        return list(self.values) if self.kind == "choice" else [self.low, self.high]

    def holds(self, value: float | int | str) -> bool:
        """Whether it may become this value."""
        if self.kind == "choice":
            return value in self.values
        return (
            isinstance(value, (int, float))
            and self.low is not None
            and self.high is not None
            and self.low <= value <= self.high
        )


class SearchTrainingConfig(Config):
    """Trials of one adversarial training (Ray Tune): Optuna proposes, ASHA stops early, PGD on validation images ranks.

    All trials are ranked by the same ``training.evaluation_attack``, whatever they train against.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output", "max_concurrent_trials"})

    training: TrainClassifierConfig = TrainClassifierConfig(num_validation_images=1000)
    space: tuple[ParameterConfig, ...] = (
        ParameterConfig(key="attack.eps", kind="log_uniform", low=0.1, high=2.0),
        ParameterConfig(key="beta", kind="choice", values=(1.0, 3.0, 6.0)),
    )
    num_trials: PositiveInt = 12
    max_concurrent_trials: PositiveInt = 2
    grace_epochs: PositiveInt = 5  # no trial is stopped before
    reduction_factor: float = Field(3.0, gt=1.0)  # one of so many goes on at each rung
    seed: NonNegativeInt = 0
    output: str = "runs/search"

    @model_validator(mode="after")
    def _trials_are_valid(self) -> Self:
        keys = [parameter.key for parameter in self.space]
        if not keys or len(set(keys)) < len(keys):
            raise ValueError(f"space: expected different keys, at least one, got {keys}")
        if self.training.num_validation_images == 0:
            raise ValueError("training.num_validation_images is 0: trials are ranked on images held out from training")
        if self.training.evaluation_attack == AttackConfig(eps=0.0):
            raise ValueError("training.evaluation_attack.eps is 0, expected the radius that ranks the trials")
        for parameter in self.space:
            for value in parameter.extremes():
                self.training.override([f"{parameter.key}={value}"])
        return self
