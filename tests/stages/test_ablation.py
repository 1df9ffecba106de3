"""A search over the generation of counterfactuals: what is told of it, and the same answer after a killed driver."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advgen_ray.config import SearchConfig
from advgen_ray.distributed.tune import Trial
from advgen_ray.errors import UserError
from advgen_ray.stages import search
from advgen_ray.stages.search_results import store, summarize, trial_table
from advgen_ray.stages.search_trial import told_of
from tests.job_process import JobProcess
from tests.models_on_disk import choice, save_classifier, search_config

KIND, SIGMA, W = "neighborhood.kind", "neighborhood.sigma_ce", "guidance_scale"


def _figures(config: SearchConfig, **other: float) -> dict[str, Any]:
    counts = {"count": 27, "num_sources": 3, "network_evaluations": 20}
    return {**dict.fromkeys(told_of(config), 0.5), **counts, "progress": 1.0, **other}


def _in_process(run_trial: Any, space: Any, schedule: Any, root: str, watcher: Any) -> list[Trial]:
    """In Tune's place: the settings given, one after the other."""
    trials = []
    for number, settings in enumerate(schedule.given):
        one = Trial(str(number), settings)
        run_trial(settings, one.id, lambda report, one=one: (one.reports.append(report), watcher.reported(one, report)))
        one.status = "finished"
        watcher.ended(one)
        trials.append(one)
    return trials


SMALL = {"space": (choice(KIND, "gaussian", "bounded"),)}


@pytest.fixture(scope="module")
def unbroken(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a search of four trials ended, made by a plain loop."""
    output = tmp_path_factory.mktemp("unbroken")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search, "run_search", _in_process)
        patched.setattr("advgen_ray.distributed.cluster.connect", lambda: None)
        patched.setattr("ray.cluster_resources", lambda: {"CPU": 4.0})
        summary = search.run(search_config(models, output, **SMALL))
    assert summary["trials"] == {"finished": 4}
    assert summary["front"]
    assert "effects" not in summary, "too much for a terminal"
    return output


def test_only_what_came_to_its_end_is_measured_and_equal_settings_once(models: Path, tmp_path: Path) -> None:
    config = search_config(models, tmp_path)
    best, figures = _figures(config, validity=0.9), _figures(config)
    trials = [
        Trial("a", {KIND: "gaussian", SIGMA: 0.2}, [{"progress": 0.5}, figures], "finished"),
        Trial("b", {SIGMA: 0.2, KIND: "gaussian"}, [figures], "finished"),
        Trial("c", {KIND: "bounded", SIGMA: 0.1}, [{"progress": 0.5}], "failed"),
        Trial("d", {KIND: "bounded", SIGMA: 0.2}, [], "failed"),
        Trial("e", {KIND: "boltzmann_hardtanh", SIGMA: 0.2}, [best], "finished"),
    ]
    table = trial_table(trials, config)
    assert table[KIND].tolist() == ["boltzmann_hardtanh", "gaussian", "bounded", "bounded"]
    assert table["status"].tolist() == ["finished", "finished", "failed", "failed"]
    assert table["base"].tolist() == [True, False, False, False]
    assert not table["paper"].any()
    assert table["on_front"].tolist() == [True, False, False, False]
    assert table[W].tolist() == [2.0] * 4, "a key that no grid varies"
    summary = summarize(table, config)
    assert summary["trials"] == {"finished": 2, "failed": 2}
    assert [row[KIND] for row in summary["front"]] == ["boltzmann_hardtanh"]
    assert summary["paper"] is None
    assert summary["base"]["validity"] == 0.9
    assert [(one["key"], one["num_pairs"]) for one in summary["effects"]] == [(KIND, 1)]
    json.dumps(summary, allow_nan=False)
    store(table, summary, config)
    stored = json.loads((tmp_path / "trials.json").read_text())
    assert [row["count"] for row in stored] == [27, 27, None, None]
    assert "seconds_per_ce" not in stored[0], "what does not follow from the settings is in the summary"
    assert "2 trials came to their end, 0 were stopped early." in (tmp_path / "report.html").read_text()


def test_a_model_or_images_that_are_not_there_are_told_before_any_trial(models: Path, tmp_path: Path) -> None:
    config = search_config(models, tmp_path / "out")
    with pytest.raises(UserError, match="num_sources"):
        search.run(config.override(["base.num_sources=100000"]))
    with pytest.raises(UserError, match="nowhere"):
        search.run(config.override(["base.score_model=nowhere"]))
    assert not (tmp_path / "out").exists()


def test_another_search_or_judge_in_the_same_place_is_refused(models: Path, unbroken: Path, tmp_path: Path) -> None:
    config = search_config(models, unbroken, **SMALL)
    other = save_classifier(tmp_path / "other", seed=9)
    with pytest.raises(UserError, match=r"judge is .* there, .* here"):
        search.run(config.override([f"judge={other}"]))
    with pytest.raises(UserError, match="seed is 0 there, 1 here"):
        search.run(config.override(["seed=1"]))
    with pytest.raises(UserError, match="holds a unet, expected a classifier"):
        search.run(config.override([f"judge={models / 'score_model'}"]))


def test_every_trial_is_a_run_under_the_searchs(unbroken: Path) -> None:
    import mlflow

    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.output LIKE '{unbroken}%'")
    (parent,) = [run for run in runs if run.info.run_name == "search"]
    children = {run.data.tags["trial"]: run for run in runs if run.info.run_name == "trial"}
    trials = json.loads((unbroken / "trials.json").read_text())
    assert children.keys() == {one["trial"] for one in trials}
    assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} == {parent.info.run_id}
    assert {run.info.status for run in runs} == {"FINISHED"}
    for one in trials:
        run = children[one["trial"]]
        assert run.data.metrics["l2_mean"] == pytest.approx(one["l2_mean"])
        assert run.data.params[KIND] == one[KIND]
    assert parent.data.metrics["num_on_front"] == sum(one["on_front"] for one in trials)


@pytest.mark.long
def test_a_killed_search_ends_in_what_an_unbroken_one_does(models: Path, unbroken: Path, tmp_path: Path) -> None:
    """The real job under Tune, killed in its first trial, against a plain loop over the same settings."""
    killed = search_config(models, tmp_path / "killed", **SMALL)
    first = JobProcess.of("search", killed, tmp_path / "first.log")
    sets = tmp_path / "killed" / "trials"
    first.wait_until(lambda: any(sets.glob("*/shards/*.parquet")), often=0.01)
    first.kill()
    before = {path: path.stat().st_mtime_ns for path in sets.glob("*/shards/*.parquet")}
    assert 0 < len(before) < 4 * 3
    said = JobProcess.of("search", killed, tmp_path / "second.log").finish()
    assert all(path.stat().st_mtime_ns == made for path, made in before.items()), "what was stored is not made again"
    assert (tmp_path / "killed" / "trials.json").read_bytes() == (unbroken / "trials.json").read_bytes()
    trials = json.loads((tmp_path / "killed" / "trials.json").read_text())
    assert [one["paper"] for one in trials].count(True) == 1
    page = (tmp_path / "killed" / "report.html").read_text()
    assert all(one["trial"] in page and one["trial"] in said for one in trials)
    assert np.isfinite([one["l2_se"] for one in trials]).all()
