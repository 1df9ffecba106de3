"""A search over the settings of any job: what varies, what is wanted, how many trials, what becomes of a poor one."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationInfo, field_validator, model_validator

from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.population import PopulationConfig, check_population
from advgen_ray.config.searchable import GENERATIONS, METRICS, SEARCHABLE, TRAININGS, VALIDATION
from advgen_ray.config.space import ParameterConfig, Space, Value, as_text, combinations, different, holds


class ObjectiveConfig(Config):
    """A number that a trial ends in, and whether the larger or the smaller is wanted."""

    metric: str
    goal: Literal["max", "min"] = "max"


class SearchConfig(Config):
    """Trials of one job under Ray Tune: their best by the first objective, and the front over all objectives.

    ``base`` is the job's own config, of which ``space`` varies some keys. ``grid`` tries every combination of values,
    then those of each of ``also``, what a grid does not name being the base's; ``one_by_one``, an ablation, the base
    and every other value of each key with all else as in the base; ``random`` and ``optuna`` draw ``num_trials``,
    Optuna for all objectives at once, or for the first where ``asha`` stops what is poor by it: one trial of
    ``reduction_factor`` goes on at each rung, none stops before the ``grace`` share of its way. ``points`` are settings
    that are tried first, where something is drawn those that the space holds. Under ``pbt`` what is drawn is where a
    ``population`` begins, whose settings change on the way. A trial that fails is started again ``max_failures`` times,
    from what it had stored.

    A trial of a job whose pools are of one actor computes in its own process, with what that actor would take.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output", "max_concurrent_trials", "max_failures", "judge"})

    job: str = "train_classifier"
    base: dict[str, Any] = Field({"num_validation_images": 1000}, validate_default=True)
    judge: str = ""  # a classifier that took no part, to say whether counterfactuals show their target
    space: Space = (
        ParameterConfig(key="attack.eps", kind="log_uniform", low=0.1, high=2.0),
        ParameterConfig(key="beta", kind="choice", values=(1.0, 3.0, 6.0)),
    )
    also: tuple[Space, ...] = ()
    points: tuple[dict[str, Value], ...] = ()
    objectives: tuple[ObjectiveConfig, ...] = tuple(ObjectiveConfig(metric=metric) for metric in VALIDATION)
    proposals: Literal["random", "grid", "one_by_one", "optuna"] = "optuna"
    scheduler: Literal["none", "asha", "pbt"] = "none"
    grace: float = Field(0.25, gt=0.0, le=1.0)
    reduction_factor: float = Field(3.0, gt=1.0)
    population: PopulationConfig = PopulationConfig()  # of pbt
    num_trials: PositiveInt = 12  # a grid has as many as it has
    max_concurrent_trials: PositiveInt = 2
    max_failures: NonNegativeInt = 2
    seed: Seed = 0
    output: Place = "runs/search"

    @property
    def job_config(self) -> Config:
        """The base as the job takes it."""
        return SEARCHABLE[self.job].parse(self.base)

    @property
    def keys(self) -> list[str]:
        """Every setting that is looked at, in the order of the grids."""
        named = [one.key for grid in (self.space, *self.also) for one in grid]
        return list(dict.fromkeys([*named, *(key for point in self.points for key in point)]))

    @property
    def size(self) -> int:
        """The number of trials."""
        return len(self.given()) if self.drawn == "none" else self.num_trials

    @property
    def drawn(self) -> Literal["none", "random", "optuna"]:
        """How trials are drawn beside those that are given, if they are."""
        return self.proposals if self.proposals in ("random", "optuna") else "none"

    def settings(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """What a trial of these has for every key: what is not among them is the base's."""
        return {key: named[key] if key in named else self.base_setting(key) for key in self.keys}

    def base_setting(self, key: str) -> Any:
        """What the base has for a dotted key."""
        return _at(self.base, key)

    def parameter(self, key: str) -> ParameterConfig | None:
        """What varies under a key; None where only points name it."""
        return next((one for space in (self.space, *self.also) for one in space if one.key == key), None)

    def given(self) -> list[dict[str, Any]]:
        """What is tried for certain, each once: points and every combination, or what the space holds of the former.

        Optuna begins with the base's own settings where the space holds them.
        """
        if self.proposals == "grid":
            crossed = [one for space in (self.space, *self.also) for one in combinations(space)]
            return different([self.settings(one) for one in (*self.points, *crossed)])
        if self.proposals == "one_by_one":
            plain = {one.key: self._value_of_base(one) for one in self.space}
            return [plain, *(plain | {o.key: v} for o in self.space for v in o.values if v != plain[o.key])]
        base, drawn = self.settings({}), [parameter.key for parameter in self.space]
        first = [*([base] if self.proposals == "optuna" else []), *map(self.settings, self.points)]
        return different([{key: one[key] for key in drawn} for one in first if holds(self.space, one, base)])

    def _value_of_base(self, parameter: ParameterConfig) -> Value:
        """Which of the values the base has; raises ValueError where it is none of them."""
        key, base = parameter.key, self.base_setting(parameter.key)
        for value in parameter.values:
            if _at(self.trial_config({key: value}).model_dump(mode="json"), key) == base:
                return value
        raise ValueError(f"{key}: one_by_one begins with the base, whose {base!r} is none of the values")

    def trial_name(self, settings: Mapping[str, Any], trial_id: str) -> str:
        """What a trial is called, and the directory under ``output/trials`` that it has.

        It follows from the settings, so that equal ones are one set and a search begun anew finds what is there; of a
        training it is Tune's id, as two of equal settings at one place would disturb each other.
        """
        if self.job.startswith("train_"):
            return trial_id
        plain = {k: float(v) if isinstance(v, (int, float)) else v for k, v in self.settings(settings).items()}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]

    def trial_config(self, settings: Mapping[str, Any]) -> Config:
        """The job of a trial; equal settings are the same one. What is nan, in a table, is the base's."""
        known = {key: value for key, value in settings.items() if value == value}
        return self.job_config.override([f"{key}={as_text(value)}" for key, value in known.items()])

    def content(self) -> dict[str, Any]:
        """What is computed; where the job of a trial runs is as little a part of it as where the search does."""
        return super().content() | {"base": self.job_config.content()}

    @field_validator("job")
    @classmethod
    def _known(cls, job: str) -> str:
        if job not in SEARCHABLE:
            raise ValueError(f"{job!r}; expected one of {', '.join(SEARCHABLE)}")
        return job

    @field_validator("base")
    @classmethod
    def _whole(cls, base: dict[str, Any], given: ValidationInfo) -> dict[str, Any]:
        job = SEARCHABLE.get(given.data.get("job", ""))
        return job.parse(base).model_dump(mode="json") if job else base

    @model_validator(mode="after")
    def _trials_are_valid(self) -> Self:
        for space in (self.space, *self.also):
            self._check_space(space)
        for key, value in (pair for point in self.points for pair in point.items()):
            self._check_setting(key, value)
        if self.also and self.proposals != "grid":
            raise ValueError(f"also: grids besides the first; {self.proposals} draws from space alone")
        self._check_objectives()
        self.given()
        if self.scheduler == "pbt":
            others = {"proposals optuna": self.proposals == "optuna", "also": self.also, "points": self.points}
            if any(others.values()):
                told = next(name for name, given in others.items() if given)
                raise ValueError(f"{told}: a population of pbt begins with random settings or a grid of them")
            check_population(self.population, self.job_config, self.keys, self.size)
        return self

    def _check_space(self, space: Space) -> None:
        keys = [parameter.key for parameter in space]
        if not keys or len(set(keys)) < len(keys):
            name = "space" if space is self.space else "also"
            raise ValueError(f"{name}: expected different keys, at least one, got {keys}")
        for parameter in space:
            if self.drawn == "none" and parameter.kind != "choice":
                raise ValueError(f"{parameter.key}: {parameter.kind} has no grid; give kind choice, or other proposals")
            if self.proposals == "optuna" and any(one is None or isinstance(one, dict) for one in parameter.values):
                raise ValueError(f"{parameter.key}: Optuna learns nothing of null or of blocks; give other proposals")
            for value in parameter.extremes():
                self._check_setting(parameter.key, value)

    def _check_setting(self, key: str, value: Any) -> None:
        if key.partition(".")[0] in self.job_config.PLACEMENT:
            raise ValueError(f"{key}: says where a trial lies or runs, not what it computes")
        self.trial_config({key: value})

    def _check_objectives(self) -> None:
        metrics = [objective.metric for objective in self.objectives]
        if not metrics or len(set(metrics)) < len(metrics):
            raise ValueError(f"objectives: expected different metrics, at least one, got {metrics}")
        known = METRICS.get(self.job)
        unknown = [metric for metric in metrics if known and metric not in known]
        if known and unknown:
            raise ValueError(f"objectives: {unknown[0]!r} of {self.job}; expected of {', '.join(known)}")
        if self.scheduler != "none" and self.job not in TRAININGS:
            raise ValueError(f"scheduler {self.scheduler}: {self.job} tells nothing before its end; expected none")
        if self.job == "train_classifier" and self.base["num_validation_images"] == 0:
            raise ValueError("base.num_validation_images is 0: trials are ranked on images held out from training")
        if self.job == "train_classifier" and self.base["evaluation_attack"]["eps"] == 0:
            raise ValueError("base.evaluation_attack.eps is 0, expected the radius that ranks the trials")
        if bool(self.judge) != (self.job in GENERATIONS):
            wanted = "none" if self.judge else "a classifier that says what counterfactuals show"
            raise ValueError(f"judge {self.judge!r}: expected {wanted} for {self.job}")


def _at(values: Any, key: str) -> Any:
    """What stands under a dotted key."""
    for part in key.split("."):
        values = values[part]
    return values
