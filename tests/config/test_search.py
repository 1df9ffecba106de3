"""A search of any job: what it may vary and want, and what only says where it runs."""

from typing import Any

import pytest

from advgen_ray.config import GenerateConfig, ParameterConfig, SearchConfig, TrainClassifierConfig
from advgen_ray.errors import UserError

PBT = {"scheduler": "pbt", "proposals": "random"}
CES = {"job": "generate_counterfactuals", "judge": "a/model", "base": {}, "objectives": [{"metric": "validity"}]}
W = {"key": "guidance_scale", "low": 1.0, "high": 9.0}
GRID = CES | {"proposals": "grid"}
PBT_BASE = {"num_validation_images": 9, "num_epochs": 10}
RATE = {"key": "optimizer.learning_rate", "kind": "log_uniform", "low": 1e-4, "high": 1e-2}
EPS = {"key": "attack.eps", "low": 0.1, "high": 1.0}


def _config(**changes: Any) -> SearchConfig:
    return SearchConfig.parse(changes)


def _choice(key: str, *values: Any) -> dict[str, Any]:
    return {"key": key, "kind": "choice", "values": list(values)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"job": "train"}, "job: 'train'; expected one of train_classifier, train_score_model"),
        ({"base": {"loss": "sta"}}, "base: loss: input should be 'sat'"),
        ({"base": {"los": "sat"}}, "base: los: unknown key 'los'; did you mean 'loss'"),
        ({"space": []}, r"space: expected different keys, at least one, got \[\]"),
        ({"space": [EPS, EPS]}, "space: expected different keys"),
        ({"space": [EPS | {"key": "attack.epz"}]}, "did you mean 'eps'"),
        ({"space": [EPS | {"low": -1.0}]}, "eps must be zero or positive"),
        ({"space": [EPS | {"low": 2.0}]}, "takes low < high"),
        ({"space": [EPS | {"kind": "log_uniform", "low": 0.0}]}, "log_uniform needs low > 0"),
        ({"space": [{"key": "beta", "kind": "choice", "values": [1.0]}]}, "takes 2 values or more"),
        ({"space": [{"key": "output", "kind": "choice", "values": ["a", "b"]}]}, "output: says where a trial lies"),
        ({"space": [EPS], "proposals": "grid"}, "attack.eps: uniform has no grid"),
        (GRID | {"space": [W | {"kind": "log_uniform"}]}, "log_uniform has no grid; give kind choice, or other"),
        (GRID | {"space": [_choice("guidance_scale", 1, 2)], "also": [[]]}, "also: expected different keys"),
        (
            GRID | {"space": [_choice("seed", 1, 2)], "also": [[_choice("neighborhood.kind", "gaussian", "cauchy")]]},
            "neighborhood.kind: .*'cauchy'",
        ),
        (GRID | {"space": [_choice("guidance_scale", -1, 2)]}, "guidance_scale: .*greater than or equal to 0"),
        (GRID | {"space": [_choice("guidance_scal", 1, 2)]}, "did you mean 'guidance_scale'"),
        (GRID | {"space": [_choice("pool.max_actors", 1, 2)]}, "pool.max_actors: says where a trial lies or runs"),
        (GRID | {"space": [_choice("seed", 1, 2)], "points": [{"guidance_scal": 1}]}, "did you mean 'guidance_scale'"),
        (GRID | {"space": [_choice("seed", 1, 2)], "points": [{"output": "x"}]}, "output: says where a trial lies"),
        (CES | {"space": [W], "also": [[_choice("seed", 1, 2)]]}, "also: .*; optuna draws from space alone"),
        ({"objectives": []}, "objectives: expected different metrics"),
        (
            {"objectives": [{"metric": "clean_accuracy"}]},
            "'clean_accuracy' of train_classifier; expected of",
        ),
        ({"base": {"num_validation_images": 0}}, "trials are ranked on images held out"),
        (
            {"base": {"num_validation_images": 9, "evaluation_attack": {"eps": 0.0}}},
            "base.evaluation_attack.eps is 0, expected the radius that ranks the trials",
        ),
        ({"judge": "a/model"}, "judge 'a/model': expected none for train_classifier"),
        (CES | {"space": [W], "judge": ""}, "judge '': expected a classifier that says what counterfactuals show"),
        (CES | {"space": [W], "scheduler": "asha"}, "generate_counterfactuals tells nothing before its end"),
        (CES | {"space": [W]} | PBT, "scheduler pbt: generate_counterfactuals tells nothing before its end"),
        (PBT | {"proposals": "optuna"}, "proposals optuna: a population of pbt begins with random settings or a grid"),
        (PBT | {"points": [{"beta": 3.0}]}, "points: a population of pbt begins with random settings or a grid"),
        (PBT | {"num_trials": 1}, "num_trials is 1: under pbt one trial takes over from another"),
        (
            PBT | {"space": [EPS, {"key": "batch_size", "kind": "choice", "values": [64, 128]}]},
            "batch_size: cannot change on the way, as under pbt it would; expected of optimizer.learning_rate, ",
        ),
        (
            PBT | {"space": [{"key": "evaluation_attack.eps", "low": 0.1, "high": 1.0}]},
            "evaluation_attack.eps: cannot change on the way",
        ),
        (
            PBT
            | {"job": "train_score_model", "base": {}, "objectives": [{"metric": "loss", "goal": "min"}]}
            | {"space": [{"key": "label_drop", "low": 0.1, "high": 0.5}]},
            "label_drop: cannot change on the way",
        ),
        (PBT | {"population": {"rounds": 3}}, "population.rounds is 3: each is to end with an epoch that is validated"),
        (PBT | {"base": PBT_BASE | {"validate_every_epochs": 3}}, "num_epochs is 10 and validate_every_epochs 3"),
        (PBT | {"base": PBT_BASE | {"max_steps": 50}}, "base.max_steps: under pbt rounds end with epochs"),
        (PBT | {"base": PBT_BASE | {"record_energies_at_epochs": [1]}}, "trials of pbt keep no energies"),
        (
            PBT
            | {"job": "train_score_model", "base": {"num_steps": 12}, "space": [RATE]}
            | {"objectives": [{"metric": "loss", "goal": "min"}]},
            "population.rounds is 5: expected a divisor of num_steps 12",
        ),
        (PBT | {"population": {"factors": [0.8, 1.0]}}, "factors: expected one or more, none of them 1"),
        (PBT | {"population": {"rounds": 1}}, "population.rounds: input should be greater than or equal to 2"),
        (PBT | {"population": {"quantile": 0.6}}, "population.quantile: input should be less than or equal to 0.5"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _config(**changes)


def test_the_base_is_whole_and_a_trial_is_the_base_with_its_settings() -> None:
    config = _config(**CES, space=[W, {"key": "neighborhood.sigma_ce", "kind": "choice", "values": [0.1, 0.2]}])
    assert config.base == GenerateConfig().model_dump(mode="json")
    assert config.settings({}) == {"guidance_scale": 15.0, "neighborhood.sigma_ce": 0.2}
    assert config.settings({"guidance_scale": 2.5}) == {"guidance_scale": 2.5, "neighborhood.sigma_ce": 0.2}
    trial = config.trial_config({"guidance_scale": 2.5, "neighborhood.sigma_ce": 0.1})
    assert isinstance(trial, GenerateConfig)
    assert (trial.guidance_scale, trial.neighborhood.sigma_ce, trial.num_sources) == (
        2.5,
        0.1,
        GenerateConfig().num_sources,
    )
    assert config.override(["base.num_sources=7"]).job_config == GenerateConfig(num_sources=7)


def test_a_grid_has_as_many_trials_as_combinations() -> None:
    space = [
        {"key": "beta", "kind": "choice", "values": [1.0, 3.0, 6.0]},
        {"key": "seed", "kind": "choice", "values": [0, 1]},
    ]
    assert _config(space=space, proposals="grid", num_trials=99).size == 6
    assert _config(space=space, proposals="random", num_trials=99).size == 99


def test_grids_and_points_are_tried_once_each_what_they_do_not_name_being_the_bases() -> None:
    grid = [_choice("guidance_scale", 1.0, 15.0), _choice("neighborhood.sigma_ce", 0.1, 0.2)]
    config = _config(
        **GRID, space=grid, also=[[_choice("sampler.num_steps", 5, 10), grid[0]]], points=[{}, {"seed": 3}]
    )
    assert config.keys == ["guidance_scale", "neighborhood.sigma_ce", "sampler.num_steps", "seed"]
    steps = config.base["sampler"]["num_steps"]
    tried = [tuple(one.values()) for one in config.given()]
    assert tried == [
        (15.0, 0.2, steps, 0),
        (15.0, 0.2, steps, 3),
        *((w, sigma, steps, 0) for w, sigma in ((1.0, 0.1), (1.0, 0.2), (15.0, 0.1))),  # the fourth is the base
        *((w, 0.2, n, 0) for n in (5, 10) for w in (1.0, 15.0)),
    ]
    assert config.size == len(tried)
    plain = GRID | {"base": {"sampler": {"kind": "ancestral"}}}
    unsaid = _config(**plain, space=[_choice("sampler.times", "linear", "quadratic")], points=[{}])
    assert unsaid.given()[0] == {"sampler.times": None}
    assert unsaid.trial_config(unsaid.given()[0]) == unsaid.job_config


def test_what_is_drawn_begins_with_what_the_space_holds() -> None:
    sigma = {"key": "neighborhood.sigma_ce", "low": 0.05, "high": 0.5}
    points = {"points": [{"guidance_scale": 2.0, "neighborhood.sigma_ce": 0.1}]}

    def first(*space: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
        return _config(**CES, space=space, **points, **changes).given()

    own, point = {"guidance_scale": 15.0}, {"guidance_scale": 2.0}
    assert first(W | {"high": 20.0}, sigma) == [
        own | {"neighborhood.sigma_ce": 0.2}, point | {"neighborhood.sigma_ce": 0.1},
    ]  # fmt: skip
    assert first(W, sigma) == [point | {"neighborhood.sigma_ce": 0.1}], "w 15 is not in the space"
    assert first(W | {"high": 20.0}) == [own], "the point's sigma_CE is not the base's, and does not vary"
    assert first(W, sigma, proposals="random") == [point | {"neighborhood.sigma_ce": 0.1}]
    assert first(_choice("guidance_scale", 3.0, 4.0)) == []


def test_a_set_is_called_after_its_settings_and_a_training_after_its_id() -> None:
    config = _config(**CES, space=[W, {"key": "neighborhood.sigma_ce", "low": 0.1, "high": 0.3}])
    whole = {"guidance_scale": 15, "neighborhood.sigma_ce": 0.1}
    name = config.trial_name({"neighborhood.sigma_ce": 0.1}, "a")
    assert name == config.trial_name(whole, "b") == config.trial_name(dict(reversed(whole.items())), "c")
    assert name != config.trial_name({"neighborhood.sigma_ce": 0.11}, "a")
    assert _config().trial_name({"beta": 1.0}, "a") == "a"


def test_a_parameter_holds_what_it_may_become() -> None:
    choice, span = ParameterConfig.parse(_choice("a", 1.0, "x")), ParameterConfig.parse(W)
    assert [choice.holds(value) for value in (1.0, "x", 2.0)] == [True, True, False]
    assert [span.holds(value) for value in (1.0, 9, 9.1, "x")] == [True, True, False, False]


def test_where_it_runs_is_not_what_it_computes() -> None:
    config = _config()
    elsewhere = ["max_concurrent_trials=7", "output=there", "base.workers.num_workers=4", "max_failures=9"]
    assert config.override(elsewhere).digest() == config.digest()
    for change in ("seed=1", "base.num_epochs=3", "num_trials=5", "grace=0.5", "base.attack.num_steps=2"):
        assert config.override([change]).digest() != config.digest(), change
    assert isinstance(config.job_config, TrainClassifierConfig)
    sets = _config(**CES, space=[W])
    elsewhere = ["judge=y", "base.output=z", "base.pool.max_actors=9", "base.score_model=m", "output=x"]
    assert sets.override(elsewhere).digest() == sets.digest()
    assert sets.override(["base.num_sources=7"]).digest() != sets.digest()


def test_a_population_changes_what_may_change() -> None:
    assert _config(**PBT, base=PBT_BASE, space=[EPS, RATE]).size == 12
    losses = {"objectives": [{"metric": "loss", "goal": "min"}], "space": [RATE], "base": {"num_steps": 10}}
    assert _config(**PBT, job="train_score_model", **losses).population.rounds == 5
    grid = [{"key": "beta", "kind": "choice", "values": [1.0, 6.0]}]
    assert _config(**(PBT | {"proposals": "grid"}), base=PBT_BASE, space=grid).size == 2
