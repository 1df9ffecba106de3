"""An ablation: the base, and every other value of each setting with all else as in the base."""

from typing import Any

import pytest

from advgen_ray.config import SearchConfig
from advgen_ray.errors import UserError


def _config(**changes: Any) -> SearchConfig:
    return SearchConfig.parse(changes)


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
