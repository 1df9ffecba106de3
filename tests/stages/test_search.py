"""A search end to end: real trials under Tune, each a training by Ray Train, tracked, in one page."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from advgen_ray.config.search import ParameterConfig, SearchTrainingConfig
from advgen_ray.distributed.tune import Trial
from advgen_ray.errors import UserError
from advgen_ray.stages import search
from advgen_ray.stages.claims import claim
from tests.small_training import classifier_config

SPACE = (
    ParameterConfig(key="attack.eps", kind="log_uniform", low=0.1, high=0.5),
    ParameterConfig(key="beta", kind="choice", values=(1.0, 6.0)),
)


def _config(output: Path, **changes: Any) -> SearchTrainingConfig:
    training = classifier_config(
        output, loss="trades", num_epochs=2, checkpoint_every_epochs=1, num_validation_images=100,
        num_evaluation_images=50, batch_size=650,
    )  # fmt: skip
    values = {"training": training, "space": SPACE, "num_trials": 2, "grace_epochs": 2, "output": str(output)}
    return SearchTrainingConfig(**(values | changes))


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_a_search_trains_tracks_and_ends_in_a_page(tmp_path: Path) -> None:
    import mlflow

    summary = search.run(_config(tmp_path))
    trials = json.loads((tmp_path / "trials.json").read_text())
    assert summary["num_trials"] == 2 == len(trials)
    assert summary["best"]["robust_accuracy"] == max(trial["robust_accuracy"] for trial in trials)
    for trial in trials:
        card = json.loads((tmp_path / "trials" / trial["trial"] / "model" / "model.json").read_text())
        assert card["training"]["attack"]["eps"] == pytest.approx(trial["eps"])
        assert card["training"]["beta"] == trial["beta"]
        assert card["selection"]["value"] == pytest.approx(trial["robust_accuracy"])
    page = (tmp_path / "report.html").read_text()
    assert all(trial["trial"] in page for trial in trials)
    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.output LIKE '{tmp_path}%'")
    children = [run for run in runs if run.info.run_name == "trial"]
    assert {run.data.tags["trial"] for run in children} == {trial["trial"] for trial in trials}
    parents = {run.data.tags["mlflow.parentRunId"] for run in children}
    assert parents == {run.info.run_id for run in runs if run.info.run_name == "search"}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all(run.data.metrics["validation_pgd_accuracy"] > 0 for run in children)


def test_another_search_in_the_same_place_is_refused(tmp_path: Path) -> None:
    def begin(**changes: Any) -> None:
        claim(_config(tmp_path, **changes), str(tmp_path), search.PLAN, "search")

    begin()
    begin(max_concurrent_trials=1)  # where it runs is not what it computes
    with pytest.raises(UserError, match="seed"):
        begin(seed=1)


def test_a_trial_counts_at_its_best_epoch(tmp_path: Path) -> None:
    reports = [
        {"epoch": epoch, "validation_clean_accuracy": clean, "validation_pgd_accuracy": robust}
        for epoch, clean, robust in ((1, 0.5, 0.2), (2, 0.7, 0.4), (3, 0.9, 0.3))
    ]
    trials = [
        Trial("a", {"attack.eps": 0.2, "beta": 1.0}, reports, "finished"),
        Trial("b", {"attack.eps": 0.3, "beta": 6.0}, reports[:1], "stopped"),
        Trial("c", {"attack.eps": 0.4, "beta": 6.0}, [], "failed"),
    ]
    table = search.trial_table(trials, _config(tmp_path))
    assert table["trial"].tolist() == ["a", "b"]
    best = table.iloc[0]
    assert (best["eps"], best["clean_accuracy"], best["robust_accuracy"]) == (0.2, 0.7, 0.4)
    assert (best["best_epoch"], best["last_epoch"]) == (2, 3)
    assert isinstance(table, pd.DataFrame)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ([{"key": "attack.eps", "kind": "log_uniform", "low": 0.0, "high": 1.0}], "log_uniform needs low > 0"),
        ([{"key": "attack.eps", "low": 2.0, "high": 1.0}], "takes low < high"),
        ([{"key": "beta", "kind": "choice", "values": [1.0]}], "takes 2 values or more"),
        ([{"key": "attack.epz", "low": 0.1, "high": 1.0}], "did you mean 'eps'"),
        ([{"key": "attack.eps", "low": -1.0, "high": 1.0}], "eps must be zero or positive"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(tmp_path: Path, space: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SearchTrainingConfig.parse(_config(tmp_path).model_dump(mode="json") | {"space": space})
