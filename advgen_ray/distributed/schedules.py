"""What the trials of a search are and when one ends, in Ray Tune's terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from advgen_ray.config.counterfactual_search import TrialResourcesConfig
from advgen_ray.config.search import ParameterConfig
from advgen_ray.distributed import cluster
from advgen_ray.distributed.resources import check_trial_fits, per_trial

PROGRESS = "epoch"  # what a trial's reports say of how far it is
TRIAL_CPUS = 0.01  # of a trial that only waits for its own workers or actors, whose CPUs are counted by themselves
GIVEN = "given"  # the one parameter of a trial whose settings were not drawn

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Schedule:
    """Trials that Optuna proposes for one metric, how many at once, and when a poor one is stopped (ASHA)."""

    num_trials: int
    max_concurrent_trials: int
    metric: str  # the larger the better
    max_epochs: int
    grace_epochs: int
    reduction_factor: float
    seed: int

    @property
    def planned(self) -> int:
        """How many trials there are to be."""
        return self.num_trials

    @property
    def objectives(self) -> Mapping[str, Literal["max", "min"]]:
        """What of a trial's reports is sought, and which way."""
        return {self.metric: "max"}

    def resources(self) -> dict[str, float]:
        """Of the actor of one trial."""
        return {"CPU": TRIAL_CPUS}

    def param_space(self, space: Sequence[ParameterConfig]) -> dict[str, Any]:
        """What is drawn for a trial."""
        return _domains(space)

    def tune_config(self) -> tune.TuneConfig:
        """How trials are proposed and stopped."""
        return tune.TuneConfig(
            metric=self.metric,
            mode="max",
            num_samples=self.num_trials,
            max_concurrent_trials=self.max_concurrent_trials,
            search_alg=OptunaSearch(seed=self.seed),
            scheduler=ASHAScheduler(
                time_attr=PROGRESS,
                max_t=self.max_epochs + 1,  # the last report must not count as the end: the model follows it
                grace_period=min(self.grace_epochs, self.max_epochs),
                reduction_factor=self.reduction_factor,
            ),
        )


@dataclass(frozen=True)
class Survey:
    """Trials that all go to their end: the settings given, or, for several metrics, what Optuna proposes after them.

    None is stopped early: what is asked is how the metrics are traded, which poor trials tell as well as good ones.
    Optuna's sampler is its multi-objective TPE, which learns from tens of trials where NSGA-II takes generations of 50.
    """

    given: Sequence[Parameters]
    max_concurrent_trials: int
    trial: TrialResourcesConfig
    num_trials: int = 0  # those of Optuna in all; a survey of what is given has none
    objectives: Mapping[str, Literal["max", "min"]] = field(default_factory=dict)
    seed: int = 0
    max_epochs: int = 1

    @property
    def planned(self) -> int:
        """How many trials there are to be."""
        return self.num_trials or len(self.given)

    def resources(self) -> dict[str, float]:
        """Of the actor of one trial; raises UserError where a cluster that cannot grow has less."""
        available = ray.cluster_resources()
        asked = per_trial(self.trial, available)
        if cluster.is_local():
            check_trial_fits(asked, available)
        return asked

    def param_space(self, space: Sequence[ParameterConfig]) -> dict[str, Any]:
        """What is drawn for a trial; without a space, each of the settings given once."""
        return _domains(space) if space else {GIVEN: tune.grid_search([dict(one) for one in self.given])}

    def tune_config(self) -> tune.TuneConfig:
        """How trials are proposed; an actor that has ended a trial takes the next, as starting one takes seconds."""
        proposed = {
            "num_samples": self.num_trials,
            "search_alg": OptunaSearch(
                metric=list(self.objectives),
                mode=list(self.objectives.values()),
                points_to_evaluate=[dict(one) for one in self.given],
                seed=self.seed,
            ),
        }
        return tune.TuneConfig(
            max_concurrent_trials=self.max_concurrent_trials, reuse_actors=True, **(proposed if self.num_trials else {})
        )


def settings_of(parameters: Parameters) -> dict[str, Any]:
    """The settings of a trial, drawn or given."""
    return dict(parameters.get(GIVEN, parameters))


def _domains(space: Sequence[ParameterConfig]) -> dict[str, Any]:
    def domain(parameter: ParameterConfig) -> Any:
        if parameter.kind == "choice":
            return tune.choice(list(parameter.values))
        return (tune.uniform if parameter.kind == "uniform" else tune.loguniform)(parameter.low, parameter.high)

    return {parameter.key: domain(parameter) for parameter in space}
