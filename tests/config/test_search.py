"""A search of any job: what it may vary and want, and what only says where it runs."""

from typing import Any

import pytest

from advgen_ray.config import GenerateConfig, SearchConfig, TrainClassifierConfig
from advgen_ray.errors import UserError

PBT = {"scheduler": "pbt", "proposals": "random"}
CES = {"job": "generate_counterfactuals", "judge": "a/model", "base": {}, "objectives": [{"metric": "validity"}]}
W = {"key": "guidance_scale", "low": 1.0, "high": 9.0}
PBT_BASE = {"num_validation_images": 9, "num_epochs": 10}
RATE = {"key": "optimizer.learning_rate", "kind": "log_uniform", "low": 1e-4, "high": 1e-2}
EPS = {"key": "attack.eps", "low": 0.1, "high": 1.0}


def _config(**changes: Any) -> SearchConfig:
    return SearchConfig.parse(changes)


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
    assert config.base_settings() == {"guidance_scale": 15.0, "neighborhood.sigma_ce": 0.2}
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


THIN = {"kind": "two_conv", "channels": [4, 8], "hidden": 16}
ABLATION = {
    "job": "train_binary",
    "base": {"class_index": 1, "model": THIN, "optimizer": {"weight_decay": 0.0}},
    "objectives": [{"metric": "test_attacked_auc"}],
    "proposals": "one_by_one",
    "space": [
        {"key": "model", "kind": "choice", "values": [THIN | {"hidden": 8}, THIN, {"kind": "resnet"}],
         "names": ["thinner", "thin", "resnet"]},
        {"key": "descent", "kind": "choice", "values": [None, {"norm": "l2", "eps": 0.25}]},
        {"key": "optimizer.weight_decay", "kind": "choice", "values": [0.0, 1e-4]},
    ],
}  # fmt: skip


def test_an_ablation_begins_with_the_base_and_changes_one_setting_at_a_time() -> None:
    config = _config(**ABLATION)
    told = [{one.key: one.told(trial[one.key]) for one in config.space} for trial in config.given()]
    base = {"model": "thin", "descent": "none", "optimizer.weight_decay": 0.0}
    combined = "norm l2, eps 0.25"
    others = [{"model": "thinner"}, {"model": "resnet"}, {"descent": combined}, {"optimizer.weight_decay": 1e-4}]
    assert told == [base, *(base | one for one in others)]
    assert config.size == 5
    assert config.space[1].value_of(combined) == {"norm": "l2", "eps": 0.25}
    trials = [config.trial_config(trial) for trial in config.given()]
    assert [trial.model.kind for trial in trials] == ["two_conv", "two_conv", "resnet", "two_conv", "two_conv"]  # type: ignore[attr-defined]
    assert [trial.descent and trial.descent.eps for trial in trials] == [None, None, None, 0.25, None]  # type: ignore[attr-defined]
    assert len({trial.digest() for trial in trials}) == 5
    assert trials[0] == config.job_config
    assert _config(**config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"proposals": "optuna"}, "model: Optuna learns nothing of null or of blocks"),
        ({"base": {"class_index": 1}}, "model: one_by_one begins with the base"),
        ({"space": [{"key": "model", "kind": "choice", "values": [THIN, THIN]}]}, "two values are called alike"),
        ({"space": [{"key": "model", "kind": "choice", "values": [THIN, None], "names": ["a"]}]}, "1 names for 2"),
        ({"space": [{"key": "r1", "low": 0.0, "high": 1.0}]}, "uniform has no grid"),
        ({"space": [{"key": "descent", "kind": "choice", "values": [None, {"epz": 1}]}]}, "did you mean 'eps'"),
    ],
)
def test_an_ablation_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _config(**(ABLATION | changes))


def test_a_grid_of_blocks_is_a_grid() -> None:
    config = _config(**(ABLATION | {"proposals": "grid"}))
    assert config.size == 3 * 2 * 2
    assert len({config.trial_config(trial).digest() for trial in config.given()}) == 12


def test_where_it_runs_is_not_what_it_computes() -> None:
    config = _config()
    elsewhere = ["max_concurrent_trials=7", "output=there", "base.workers.num_workers=4", "max_failures=9"]
    assert config.override(elsewhere).digest() == config.digest()
    for change in ("seed=1", "base.num_epochs=3", "num_trials=5", "grace=0.5", "base.attack.num_steps=2"):
        assert config.override([change]).digest() != config.digest(), change
    assert isinstance(config.job_config, TrainClassifierConfig)


def test_a_population_changes_what_may_change() -> None:
    assert _config(**PBT, base=PBT_BASE, space=[EPS, RATE]).size == 12
    losses = {"objectives": [{"metric": "loss", "goal": "min"}], "space": [RATE], "base": {"num_steps": 10}}
    assert _config(**PBT, job="train_score_model", **losses).population.rounds == 5
    grid = [{"key": "beta", "kind": "choice", "values": [1.0, 6.0]}]
    assert _config(**(PBT | {"proposals": "grid"}), base=PBT_BASE, space=grid).size == 2
