"""What a population's next round is, as a pure function of the last one: who takes over from whom, with which settings.

Not Ray Tune's own PopulationBasedTraining: its draws have no seed, and Tune forgets a scheduler when its driver dies.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from advgen_ray.config.population import PopulationConfig
from advgen_ray.config.space import ParameterConfig, Value
from advgen_ray.rng import Stream


@dataclass(frozen=True)
class Member:
    """A trial in one round: from whose state it goes on, with which settings, and what it reaches."""

    trial: str
    settings: dict[str, Any]
    source: str = ""  # the trial whose state at the end of the round before is continued: its own, but for takers
    values: dict[str, float] = field(default_factory=dict)  # the objectives at the end of the round
    failed: str = ""  # why it did not get there

    @property
    def takes_over(self) -> bool:
        """Whether it goes on from another's state."""
        return self.source not in ("", self.trial)


Round = list[Member]


def first_round(
    space: Sequence[ParameterConfig], num_trials: int, seed: int, given: Sequence[Mapping[str, Any]]
) -> Round:
    """The settings given, or as many drawn."""
    names = [f"{number:02d}" for number in range(1, (len(given) or num_trials) + 1)]
    drawn = [{one.key: _drawn(one, _generator(one, seed, name, 0)) for one in space} for name in names]
    return [Member(name, dict(settings)) for name, settings in zip(names, given or drawn, strict=True)]


def next_round(
    rounds: Sequence[Round],
    space: Sequence[ParameterConfig],
    rules: PopulationConfig,
    metric: str,
    goal: Literal["max", "min"],
    seed: int,
) -> Round:
    """Who goes on how after the last of ``rounds``: everyone from its own state, but the poor from that of a good one.

    Draws are keyed by (seed, trial, number of the round). Of equally good trials the first by name counts as better;
    none takes over from one that is not better than itself.
    """
    last, number = rounds[-1], len(rounds)
    sign = -1 if goal == "max" else 1
    alive = sorted((one for one in last if not one.failed), key=lambda one: sign * one.values[metric])
    count = max(1, math.floor(rules.quantile * len(last)))
    good, poor = alive[:count], {one.trial for one in alive[count:][-count:]}
    found = []
    for member in last:
        sources = [one for one in good if member.failed or sign * one.values[metric] < sign * member.values[metric]]
        if (member.failed or member.trial in poor) and sources:
            source = sources[int(Stream(seed, "population").generator(member.trial, number).integers(len(sources)))]
            settings = {one.key: _explored(one, source.settings[one.key], rules, seed, member, number) for one in space}
            found.append(Member(member.trial, settings, source.trial))
        else:
            found.append(replace(member, source=member.trial, values={}, failed=""))
    return found


def lineage(rounds: Sequence[Round], trial: str) -> list[Member]:
    """Whose work the state of a trial at the end of the last of ``rounds`` is, round by round."""
    found: list[Member] = []
    for members in reversed(rounds):
        member = next(one for one in members if one.trial == trial)
        found.insert(0, member)
        trial = member.source
    return found


def perturbed(
    parameter: ParameterConfig, value: Value, factors: Sequence[float], generator: np.random.Generator
) -> Value:
    """A value near another: multiplied by one of the factors, within the range; of a choice one of those beside it."""
    if parameter.kind == "choice":
        at = parameter.values.index(value)
        beside = [place for place in (at - 1, at + 1) if 0 <= place < len(parameter.values)]
        return parameter.values[beside[int(generator.integers(len(beside)))]]
    assert parameter.low is not None
    assert parameter.high is not None
    assert isinstance(value, (int, float))
    moved = float(value) * factors[int(generator.integers(len(factors)))]
    return min(parameter.high, max(parameter.low, moved))


def _explored(
    parameter: ParameterConfig, value: Value, rules: PopulationConfig, seed: int, member: Member, number: int
) -> Value:
    generator = _generator(parameter, seed, member.trial, number)
    if generator.random() < rules.resample:
        return _drawn(parameter, generator)
    return perturbed(parameter, value, rules.factors, generator)


def _drawn(parameter: ParameterConfig, generator: np.random.Generator) -> Value:
    """A value anywhere in the range, or any of a choice."""
    if parameter.kind == "choice":
        return parameter.values[int(generator.integers(len(parameter.values)))]
    assert parameter.low is not None
    assert parameter.high is not None
    if parameter.kind == "uniform":
        return float(generator.uniform(parameter.low, parameter.high))
    value = math.exp(generator.uniform(math.log(parameter.low), math.log(parameter.high)))
    return min(parameter.high, max(parameter.low, value))


def _generator(parameter: ParameterConfig, seed: int, trial: str, number: int) -> np.random.Generator:
    return Stream(seed, f"population/{parameter.key}").generator(trial, number)
