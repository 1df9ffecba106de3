"""One trial of a search over counterfactuals in its own process: its set, its measures, and where it goes on."""

from pathlib import Path
from typing import Any

import pytest
import torch

from advgen_ray.config import SearchConfig
from advgen_ray.config.searchable import METRICS
from advgen_ray.distributed import counterfactual_rows
from advgen_ray.distributed.counterfactual_rows import Judge
from advgen_ray.errors import UserError
from advgen_ray.stages import search_trial
from advgen_ray.stages.inputs import load_classifier
from advgen_ray.stages.judged import SECONDS
from advgen_ray.storage import ResultSet
from advgen_ray.storage.validate import validate
from advgen_ray.training.model_directory import load_model
from tests.models_on_disk import search_config

SIGMA, W = "neighborhood.sigma_ce", "guidance_scale"


def _run(config: SearchConfig, settings: dict[str, Any]) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = []
    judge = Judge(config.judge, load_classifier(config.judge, config.job_config.data).digest)
    search_trial.run_trial(config, judge, settings, "t", reports.append)
    return reports


def _place(config: SearchConfig, settings: dict[str, Any]) -> str:
    return f"{config.output}/trials/{config.trial_name(settings, 't')}"


def test_equal_settings_are_one_set_wherever_they_are_named(models: Path, tmp_path: Path) -> None:
    config = search_config(models, tmp_path)
    (first,), (again,) = _run(config, {SIGMA: 0.1}), _run(config, {W: 2, SIGMA: 0.1})
    assert first == again, "with its seconds: it was read, not made again"
    assert [path.name for path in (tmp_path / "trials").iterdir()] == [config.trial_name({SIGMA: 0.1}, "t")]


def test_a_trial_makes_its_set_and_measures_what_the_judge_sees(models: Path, tmp_path: Path) -> None:
    config = search_config(models, tmp_path)
    (report,) = _run(config, {SIGMA: 0.1})
    uri = _place(config, {SIGMA: 0.1})
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
    assert set(report) == {"progress", *METRICS["generate_counterfactuals"]}


def test_a_stopped_trial_goes_on_and_makes_nothing_twice(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = search_config(models, tmp_path / "whole"), search_config(models, tmp_path / "broken")
    (expected,) = _run(whole, {})
    made: list[int] = []
    write = ResultSet.write_shard

    def stops(self: ResultSet, index: int, table: Any) -> None:
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(index)
        write(self, index, table)

    with monkeypatch.context() as patched:
        patched.setattr(ResultSet, "write_shard", stops)
        with pytest.raises(KeyboardInterrupt):
            _run(broken, {})
    monkeypatch.setattr(ResultSet, "write_shard", lambda self, i, table: (made.append(i), write(self, i, table)))
    monkeypatch.setattr(search_trial, "REPORT_SECONDS", 0.0)
    underway, last = _run(broken, {})
    assert underway == {"progress": pytest.approx(2 / 3)}
    assert made == [0, 1, 2]
    assert {**last, SECONDS: 0.0} == {**expected, SECONDS: 0.0}
    (again,) = _run(broken, {})
    assert made == [0, 1, 2]
    assert again == last, "a finished set is read, not made"


def test_a_judge_that_changed_is_refused(models: Path, tmp_path: Path) -> None:
    config = search_config(models, tmp_path)
    with pytest.raises(UserError, match="holds another model than when this job began"):
        search_trial.run_trial(config, Judge(config.judge, "another digest"), {}, "t", lambda _: None)


def test_the_judge_is_asked_on_the_way(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: dict[str, float] = {}
    monkeypatch.setattr(
        counterfactual_rows.metrics, "count", lambda name, n: counted.update({name: counted.get(name, 0) + n})
    )
    (report,) = _run(search_config(models, tmp_path), {})
    assert counted["counterfactuals_judged_total"] == counted["counterfactuals_total"] == 30
    valid_of_other_classes = report["validity"] * 27
    assert valid_of_other_classes <= counted["counterfactuals_valid_total"] <= valid_of_other_classes + 3
