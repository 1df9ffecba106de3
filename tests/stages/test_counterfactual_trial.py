"""One trial of a search over counterfactuals, without Ray: its set, its measures, and where it goes on."""

from pathlib import Path
from typing import Any

import pytest
import torch

from advgen_ray.config import SearchCounterfactualsConfig
from advgen_ray.errors import UserError
from advgen_ray.stages import counterfactual_search as search
from advgen_ray.stages import counterfactual_trial as trial
from advgen_ray.stages.inputs import load_classifier
from advgen_ray.storage import ResultSet
from advgen_ray.storage.validate import validate
from advgen_ray.training.model_directory import load_model
from tests.models_on_disk import search_config

SIGMA, W = "neighborhood.sigma_ce", "guidance_scale"


def _run(config: SearchCounterfactualsConfig, settings: dict[str, Any]) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = []
    judge = load_classifier(config.judge, config.generation.data).digest
    trial.run_trial(config, judge, settings, "t", reports.append)
    return reports


def test_equal_settings_are_one_set_wherever_they_are_named(models: Path, tmp_path: Path) -> None:
    config = search_config(models, tmp_path)
    short, whole = trial.trial_config(config, {SIGMA: 0.1}), trial.trial_config(config, {W: 2, SIGMA: 0.1})
    assert short == whole
    assert short.output == str(tmp_path / "trials" / short.digest())
    assert trial.trial_config(config, {SIGMA: 0.11}).output != short.output


def test_a_trial_makes_its_set_and_measures_what_the_judge_sees(models: Path, tmp_path: Path) -> None:
    config = search_config(models, tmp_path)
    (report,) = _run(config, {SIGMA: 0.1})
    uri = trial.trial_config(config, {SIGMA: 0.1}).output
    assert validate(uri)["rows"] == 30
    result_set = ResultSet.open(uri)
    rows, judge = result_set.read().to_pandas(), load_model(models / "judge" / "model").model
    with torch.no_grad():
        predicted = judge(torch.from_numpy(result_set.images("x_ce"))).argmax(1).numpy()
    different = (rows["y_target"] != rows["source_label"]).to_numpy()
    assert (report["count"], report["num_sources"]) == (27, 3)
    assert report["validity"] == (predicted == rows["y_target"])[different].mean()
    assert report["l2_mean"] == pytest.approx(rows.loc[different, "l2"].astype(float).mean())
    assert report["network_evaluations"] == 20
    assert report["seconds_per_ce"] == pytest.approx(result_set.manifest["seconds"] / 30)
    assert set(report) == {"progress", *search.MEASURES, *search.COSTS}


def test_a_stopped_trial_goes_on_and_makes_nothing_twice(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = search_config(models, tmp_path / "whole"), search_config(models, tmp_path / "broken")
    (expected,) = _run(whole, {})
    made: list[int] = []
    write = ResultSet.write_shard

    def stops(self: ResultSet, index: int, table: Any) -> None:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(index)
        write(self, index, table)

    with monkeypatch.context() as patched:
        patched.setattr(ResultSet, "write_shard", stops)
        with pytest.raises(KeyboardInterrupt):
            _run(broken, {})
    monkeypatch.setattr(ResultSet, "write_shard", lambda self, i, table: (made.append(i), write(self, i, table)))
    monkeypatch.setattr(trial, "REPORT_SECONDS", 0.0)
    underway, last = _run(broken, {})
    assert underway == {"progress": pytest.approx(2 / 3)}
    assert made == [0, 1, 2]
    costs = set(search.COSTS)
    assert {key: last[key] for key in last.keys() - costs} == {key: expected[key] for key in expected.keys() - costs}
    (again,) = _run(broken, {})
    assert made == [0, 1, 2]
    assert again == last, "a finished set is read, not made"


def test_a_judge_that_changed_is_refused(models: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds another model than when this job began"):
        trial.run_trial(search_config(models, tmp_path), "another digest", {}, "t", lambda _: None)
