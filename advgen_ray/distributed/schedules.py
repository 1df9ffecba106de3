"""What the trials of a search are and when one ends, in Ray Tune's terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import BasicVariantGenerator
from ray.tune.search.optuna import OptunaSearch

from advgen_ray.config.space import ParameterConfig

PROGRESS = "progress"  # the share of its way that a trial has gone, in each of its reports: 1 in the last one only
TRIAL_CPUS = 0.01  # of a trial that only waits for its own workers or actors, whose CPUs are counted by themselves
GIVEN = "given"  # the one parameter of a trial whose settings were not drawn

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Asha:
    """Poor trials end early: one of ``reduction_factor`` goes on at each rung, the first at the ``grace`` share."""

    grace: float
    reduction_factor: float


@dataclass(frozen=True)
class Schedule:
    """The settings given, each a trial; then what is drawn from a space, at random or by Optuna, for one goal or more.

    Several goals make no trial poor, so that Optuna learns from all of them to their end; its sampler for these is the
    multi-objective TPE, which learns from tens of trials where NSGA-II takes generations of 50. ASHA asks for the first
    goal, and so does Optuna beside it.
    """

    goals: Mapping[str, Literal["max", "min"]]
    max_concurrent_trials: int
    given: Sequence[Parameters] = ()
    proposals: Literal["none", "random", "optuna"] = "none"
    num_trials: int = 0  # those given among them, where Optuna proposes
    asha: Asha | None = None
    max_failures: int = 0
    own_process: Mapping[str, float] | None = None  # what a trial takes that computes in its own
    seed: int = 0

    @property
    def planned(self) -> int:
        """How many trials there are to be."""
        return len(self.given) if self.proposals == "none" else self.num_trials

    def resources(self) -> dict[str, float]:
        """Of the actor of one trial."""
        return {"CPU": TRIAL_CPUS} if self.own_process is None else dict(self.own_process)

    def param_space(self, space: Sequence[ParameterConfig]) -> dict[str, Any]:
        """What is drawn for a trial; where nothing is proposed, each of the settings given once."""
        if self.proposals == "none":
            return {GIVEN: tune.grid_search([dict(one) for one in self.given])}
        return {parameter.key: _domain(parameter) for parameter in space}

    def tune_config(self) -> tune.TuneConfig:
        """How trials are proposed and stopped."""
        metric, mode = next(iter(self.goals.items()), (None, None))
        return tune.TuneConfig(
            **({"metric": metric, "mode": mode} if self.asha else {}),
            max_concurrent_trials=self.max_concurrent_trials,
            num_samples=1 if self.proposals == "none" else self.num_trials,
            search_alg=self._searcher(),
            scheduler=self._scheduler(),
            reuse_actors=self.own_process
            is not None,  # starting one takes seconds; one that waits for others may be waiting
        )

    def _searcher(self) -> Any:
        given = [dict(one) for one in self.given]
        if self.proposals == "random":
            return BasicVariantGenerator(points_to_evaluate=given or None, random_state=self.seed)
        if self.proposals == "none":
            return None
        if self.asha:
            return OptunaSearch(points_to_evaluate=given or None, seed=self.seed)
        return OptunaSearch(
            metric=list(self.goals), mode=list(self.goals.values()), points_to_evaluate=given or None, seed=self.seed
        )

    def _scheduler(self) -> Any:
        if self.asha is None:
            return None
        return ASHAScheduler(
            time_attr=PROGRESS,
            max_t=1.0,
            grace_period=self.asha.grace,
            reduction_factor=self.asha.reduction_factor,
        )


def settings_of(parameters: Parameters) -> dict[str, Any]:
    """The settings of a trial, drawn or given."""
    return dict(parameters.get(GIVEN, parameters))


def _domain(parameter: ParameterConfig) -> Any:
    if parameter.kind == "choice":
        return tune.choice(list(parameter.values))
    return (tune.uniform if parameter.kind == "uniform" else tune.loguniform)(parameter.low, parameter.high)
