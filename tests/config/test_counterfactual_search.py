"""A search over counterfactuals: what it may vary, and what only says where it runs."""

from typing import Any

import pytest

from advgen_ray.config import ParameterConfig, SearchCounterfactualsConfig
from advgen_ray.errors import UserError


def _config(**changes: Any) -> SearchCounterfactualsConfig:
    return SearchCounterfactualsConfig.parse(changes)


def _choice(key: str, *values: Any) -> dict[str, Any]:
    return {"key": key, "kind": "choice", "values": list(values)}


RANGE = {"key": "guidance_scale", "kind": "log_uniform", "low": 0.5, "high": 20.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": [RANGE]}, "log_uniform has no grid; give kind choice with values, or optuna"),
        ({"space": []}, r"space: expected different keys, at least one, got \[\]"),
        ({"space": [_choice("guidance_scale", 1, 2)] * 2}, "space: expected different keys"),
        ({"also": [[]]}, "also: expected different keys"),
        ({"space": [_choice("guidance_scal", 1, 2)]}, "did you mean 'guidance_scale'"),
        ({"space": [_choice("guidance_scale", -1, 2)]}, "guidance_scale: .*greater than or equal to 0"),
        ({"also": [[_choice("neighborhood.kind", "gaussian", "cauchy")]]}, "neighborhood.kind: .*'cauchy'"),
        ({"space": [_choice("output", "a", "b")]}, "output: says where a set lies or runs, not what it holds"),
        ({"space": [_choice("pool.max_actors", 1, 2)]}, "pool.max_actors: says where a set lies or runs"),
        ({"space": [RANGE], "method": "optuna", "also": [[_choice("seed", 1, 2)]]}, "optuna proposes from space alone"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _config(**changes)


def test_optuna_takes_ranges_and_choices() -> None:
    config = _config(space=[RANGE, _choice("neighborhood.kind", "gaussian", "bounded")], method="optuna")
    assert config.keys == ["guidance_scale", "neighborhood.kind"]


def test_keys_come_once_in_the_order_of_the_grids() -> None:
    grid = [_choice("guidance_scale", 1, 2), _choice("neighborhood.sigma_ce", 0.1, 0.2)]
    config = _config(space=grid, also=[[_choice("sampler.num_steps", 5, 10), grid[0]]])
    assert config.keys == ["guidance_scale", "neighborhood.sigma_ce", "sampler.num_steps"]


def test_where_it_runs_is_not_what_it_computes() -> None:
    config = _config()
    elsewhere = [
        "output=x", "judge=y", "max_concurrent_trials=7", "trial.cpus_per_trial=4", "generation.output=z",
        "generation.pool.max_actors=9", "generation.score_model=m",
    ]  # fmt: skip
    assert config.override(elsewhere).digest() == config.digest()
    assert config.override(["generation.num_sources=7"]).digest() != config.digest()
    assert config.override(["seed=7"]).digest() != config.digest()


def test_a_parameter_holds_what_it_may_become() -> None:
    choice, span = ParameterConfig.parse(_choice("a", 1.0, "x")), ParameterConfig.parse(RANGE)
    assert [choice.holds(value) for value in (1.0, "x", 2.0)] == [True, True, False]
    assert [span.holds(value) for value in (0.5, 20, 20.1, "x")] == [True, True, False, False]
