"""A search over the settings of counterfactuals: what varies, a grid or Optuna's proposals, and what a trial takes."""

from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from advgen_ray.config.base import Config
from advgen_ray.config.counterfactuals import GenerateConfig
from advgen_ray.config.search_space import ParameterConfig


class TrialResourcesConfig(Config):
    """What a trial that computes in its own process takes; ``gpus_per_trial`` null: one where the cluster has any."""

    cpus_per_trial: PositiveInt = 1
    gpus_per_trial: float | None = Field(None, ge=0.0)


class SearchCounterfactualsConfig(Config):
    """Trials of one generation (Ray Tune): validity under a judge, distance and sparsity, and their Pareto front.

    A grid tries every combination of ``space``'s values, then of each of ``also``, what a grid does not name being
    ``generation``'s. ``optuna`` proposes ``num_trials`` from ``space`` for the three objectives at once. Either way
    ``generation``'s own settings and the paper's w, sigma_CE and neighborhood are among the trials. Each generates a
    set of its own, whatever ``generation.output`` and ``generation.pool`` say.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"judge", "output", "max_concurrent_trials", "trial"})

    generation: GenerateConfig = GenerateConfig()
    judge: str = "runs/classifier/model"  # a classifier that took no part in the generation
    method: Literal["grid", "optuna"] = "grid"
    space: tuple[ParameterConfig, ...] = (
        ParameterConfig(key="neighborhood.kind", kind="choice", values=("gaussian", "boltzmann_hardtanh")),
        ParameterConfig(key="neighborhood.sigma_ce", kind="choice", values=(0.1, 0.2, 0.3)),
        ParameterConfig(key="guidance_scale", kind="choice", values=(1.0, 4.0, 15.0)),
    )
    also: tuple[tuple[ParameterConfig, ...], ...] = ()
    num_trials: PositiveInt = 40  # of optuna; a grid has as many as it has
    max_concurrent_trials: PositiveInt = 2
    seed: NonNegativeInt = 0  # of Optuna's proposals; the draws of all counterfactuals are generation.seed's
    output: str = "runs/counterfactual-search"
    trial: TrialResourcesConfig = TrialResourcesConfig()

    @property
    def keys(self) -> list[str]:
        """Every setting that varies, in the order of the grids."""
        return list(dict.fromkeys(one.key for grid in (self.space, *self.also) for one in grid))

    @model_validator(mode="after")
    def _trials_are_valid(self) -> Self:
        for name, grid in (("space", self.space), *(("also", grid) for grid in self.also)):
            keys = [parameter.key for parameter in grid]
            if not keys or len(set(keys)) < len(keys):
                raise ValueError(f"{name}: expected different keys, at least one, got {keys}")
            for parameter in grid:
                self._check(parameter)
        if self.method == "optuna" and self.also:
            raise ValueError("also: grids besides the first; optuna proposes from space alone")
        return self

    def _check(self, parameter: ParameterConfig) -> None:
        if self.method == "grid" and parameter.kind != "choice":
            raise ValueError(f"{parameter.key}: {parameter.kind} has no grid; give kind choice with values, or optuna")
        if parameter.key.partition(".")[0] in self.generation.PLACEMENT:
            raise ValueError(f"{parameter.key}: says where a set lies or runs, not what it holds; vary another key")
        for value in parameter.extremes():
            self.generation.override([f"{parameter.key}={value}"])
