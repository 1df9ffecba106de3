"""A population's decisions: who takes over from whom, and with which settings, as closed cases; nothing is started."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from advgen_ray.config.population import PopulationConfig
from advgen_ray.config.space import ParameterConfig
from advgen_ray.distributed.population import Member, Round, first_round, lineage, next_round, perturbed

EPS = ParameterConfig(key="attack.eps", kind="log_uniform", low=0.01, high=1.0)
BETA = ParameterConfig(key="beta", kind="choice", values=(1.0, 3.0, 6.0))
BIAS = ParameterConfig(key="mail_bias", kind="uniform", low=-2.0, high=2.0)
SPACE = (EPS, BETA)
RULES = PopulationConfig(rounds=4, quantile=0.25, resample=0.0, factors=(0.5, 2.0))


def _round(*values: float | None) -> Round:
    """Trials a, b, ... of these values; None for one that failed."""
    return [
        Member(
            name, {"attack.eps": 0.1, "beta": 3.0}, name, {} if value is None else {"m": value}, "" if value else "nan"
        )
        for name, value in zip("abcdefgh", values, strict=False)
    ]


def _next(*rounds: Round, rules: PopulationConfig = RULES, goal: Any = "max", seed: int = 0) -> Round:
    return next_round(rounds, SPACE, rules, "m", goal, seed)


def _sources(found: Round) -> dict[str, str]:
    return {member.trial: member.source for member in found if member.takes_over}


def test_the_worst_quarter_goes_on_from_the_best_and_the_others_from_themselves() -> None:
    last = _round(0.5, 0.9, 0.1, 0.6)
    found = _next(last)
    assert _sources(found) == {"c": "b"}
    assert [member.trial for member in found] == ["a", "b", "c", "d"]
    kept = [member for member in found if not member.takes_over]
    assert [member.settings for member in kept] == [last[0].settings] * 3, "who goes on from its own state keeps them"
    assert all(member.values == {} and not member.failed for member in found), "what is to come is not known"
    assert _sources(_next(last, goal="min")) == {"b": "c"}


def test_the_settings_of_a_taker_lie_a_factor_from_its_sources() -> None:
    last = [
        replace(one, settings={"attack.eps": 0.1 * (at + 1), "beta": 3.0}) for at, one in enumerate(_round(0.9, 0.1))
    ]
    for seed in range(20):
        taker = _next(last, seed=seed)[1]
        assert taker.settings["attack.eps"] in (0.05, 0.2), "of the source's 0.1, not of its own 0.2"
        assert taker.settings["beta"] in (1.0, 6.0)


def test_a_trial_that_failed_takes_over_and_half_of_eight_may() -> None:
    assert _sources(_next(_round(0.5, None, 0.9, 0.4))) == {"b": "c", "d": "c"}
    assert _sources(_next(_round(None, None, 0.9, None))) == {"a": "c", "b": "c", "d": "c"}
    wide = RULES.model_copy(update={"quantile": 0.5})
    sources = [_sources(_next(_round(*range(1, 9)), rules=wide, seed=seed)) for seed in range(30)]
    assert all(set(one) == set("abcd") for one in sources)
    assert {source for one in sources for source in one.values()} == set("efgh"), "any of the good ones, at random"
    few = _next(_round(0.9, 0.8, 0.1, None), rules=wide)
    assert set(_sources(few)) == set("cd"), "the second of three is good, though one of the last two"


def test_none_takes_over_from_one_that_is_no_better() -> None:
    assert _sources(_next(_round(0.5, 0.5, 0.5))) == {}
    assert _sources(_next(_round(0.5, 0.5, 0.4))) == {"c": "a"}, "of equal ones the first is the better"


def test_draws_follow_from_seed_trial_and_round_alone() -> None:
    first, last = _round(0.2, 0.4, 0.6, 0.8), _round(0.9, 0.4, 0.1, 0.3)
    resampled = RULES.model_copy(update={"resample": 1.0})
    found = _next(first, last, rules=resampled)
    assert found == _next(first, last, rules=resampled)
    later = _next(first, first, last, rules=resampled)
    other = _next(first, last, rules=resampled, seed=1)
    drawn = [one[2].settings["attack.eps"] for one in (found, later, other)]
    assert len(set(drawn)) == 3
    assert all(0.01 <= eps <= 1.0 for eps in drawn)
    fewer = _next(first[1:], [last[0], last[2]], rules=resampled)  # beside other trials
    assert fewer[1].settings == found[2].settings


def test_the_first_round_is_drawn_from_the_space_or_given() -> None:
    found = first_round((EPS, BETA, BIAS), 400, 3, [])
    assert [member.trial for member in found[:2]] == ["01", "02"]
    assert found[:7] == first_round((EPS, BETA, BIAS), 7, 3, []), "a trial's settings do not hang on how many there are"
    logs = np.array([math.log10(member.settings["attack.eps"]) for member in found])
    assert -2 <= logs.min() < -1.95
    assert -0.05 < logs.max() <= 0
    assert abs(logs.mean() + 1) < 4 * (2 / math.sqrt(12)) / 20, "uniform in the logarithm"
    biases = np.array([member.settings["mail_bias"] for member in found])
    assert abs(biases.mean()) < 4 * (4 / math.sqrt(12)) / 20
    assert {member.settings["beta"] for member in found} == {1.0, 3.0, 6.0}
    assert abs(np.corrcoef(logs, biases)[0, 1]) < 0.2, "one setting's draws say nothing of another's"
    assert all(member.source == "" and not member.takes_over for member in found)
    given = [{"attack.eps": 0.3}, {"attack.eps": 0.4}]
    assert [member.settings for member in first_round((EPS,), 9, 0, given)] == given


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        (EPS, 0.1, {0.05, 0.2}), (EPS, 0.8, {0.4, 1.0}), (EPS, 0.01, {0.01, 0.02}), (BIAS, -1.5, {-2.0, -0.75}),
        (BETA, 3.0, {1.0, 6.0}), (BETA, 1.0, {3.0}), (BETA, 6.0, {3.0}),
    ],
)  # fmt: skip
def test_a_changed_value_stays_in_its_range(parameter: ParameterConfig, value: float, expected: set[float]) -> None:
    generator = np.random.default_rng(0)
    assert {perturbed(parameter, value, (0.5, 2.0), generator) for _ in range(40)} == expected


def test_a_lineage_follows_the_sources() -> None:
    settings: dict[str, Any] = {}
    rounds = [
        [Member("a", settings), Member("b", settings)],
        [Member("a", settings, "b"), Member("b", settings, "b")],
        [Member("a", settings, "a"), Member("b", settings, "a")],
    ]
    assert [member.trial for member in lineage(rounds, "b")] == ["b", "a", "b"]
    assert [member.trial for member in lineage(rounds[:2], "b")] == ["b", "b"]
