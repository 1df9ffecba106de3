"""A search end to end: real trials under Tune, each a job of its own, tracked, in one page, and its best for others."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from advgen_ray.config import (
    ObjectiveConfig,
    ParameterConfig,
    SearchConfig,
    TrainClassifierConfig,
    WorkersConfig,
    resolve,
)
from advgen_ray.config.searchable import SEARCHABLE
from advgen_ray.distributed.resources import room_for_trials
from advgen_ray.distributed.schedules import Asha
from advgen_ray.distributed.train import Task
from advgen_ray.distributed.tune import Trial
from advgen_ray.errors import UserError
from advgen_ray.stages import search, search_results, search_trial
from advgen_ray.stages.ownership import take_output
from advgen_ray.training.model_directory import save_model
from tests.models_on_disk import choice, generate_config
from tests.small_training import KeptSession, classifier_config

SPACE = (
    ParameterConfig(key="attack.eps", kind="log_uniform", low=0.1, high=0.5),
    ParameterConfig(key="beta", kind="choice", values=(1.0, 6.0)),
)
PGD, CLEAN = "validation_pgd_accuracy", "validation_clean_accuracy"


def _config(output: Path, **changes: Any) -> SearchConfig:
    training = classifier_config(
        output, loss="trades", num_epochs=2, checkpoint_every_epochs=1, num_validation_images=100,
        num_evaluation_images=50, batch_size=650,
    )  # fmt: skip
    values = {"base": training.model_dump(mode="json"), "space": SPACE, "num_trials": 2, "output": str(output)}
    return SearchConfig(**(values | changes))


def _ce_config(models: Path, output: Path, **changes: Any) -> SearchConfig:
    values = {
        "job": "generate_counterfactuals",
        "base": generate_config(str(models / "score_model"), output).model_dump(mode="json"),
        "judge": str(models / "judge" / "model"),
        "space": (choice("guidance_scale", 1.0, 4.0),),
        "objectives": (ObjectiveConfig(metric="validity"), ObjectiveConfig(metric="l2_mean", goal="min")),
        "proposals": "grid",
        "output": str(output),
    }
    return SearchConfig(**(values | changes))


def test_every_job_that_a_config_may_name_can_run() -> None:
    assert search_trial.RUNS.keys() == SEARCHABLE.keys()


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_a_search_trains_tracks_and_ends_in_a_page(tmp_path: Path) -> None:
    import mlflow

    summary = search.run(_config(tmp_path, scheduler="asha", grace=1.0))
    trials = json.loads((tmp_path / "trials.json").read_text())
    assert summary["trials"] == {"finished": 2}
    assert summary["best"][PGD] == max(trial[PGD] for trial in trials)
    for trial in trials:
        card = json.loads((tmp_path / "trials" / trial["trial"] / "model" / "model.json").read_text())
        assert card["training"]["attack"]["eps"] == pytest.approx(trial["attack.eps"])
        assert card["training"]["beta"] == trial["beta"]
        assert card["selection"]["value"] == pytest.approx(trial[PGD])
    page = (tmp_path / "report.html").read_text()
    assert all(trial["trial"] in page for trial in trials)
    best = resolve(TrainClassifierConfig(), str(tmp_path / "best.yaml"), [])
    assert best.attack.eps == pytest.approx(trials[0]["attack.eps"])
    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.output LIKE '{tmp_path}%'")
    children = [run for run in runs if run.info.run_name == "trial"]
    assert {run.data.tags["trial"] for run in children} == {trial["trial"] for trial in trials}
    parents = {run.data.tags["mlflow.parentRunId"] for run in children}
    assert parents == {run.info.run_id for run in runs if run.info.run_name == "search"}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all(run.data.metrics[PGD] > 0 for run in children)
    assert len(runs) == 3, "what a trial's own job would record is in the trial's run"


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_a_search_over_counterfactuals_through_pools_of_actors(models: Path, tmp_path: Path) -> None:
    pools = ["base.pool.max_actors=2"]  # one actor would be the trial's own process
    summary = search.run(_ce_config(models, tmp_path).override(pools))
    assert summary["trials"] == {"finished": 2}
    rows = json.loads((tmp_path / "trials.json").read_text())
    assert sorted(row["guidance_scale"] for row in rows) == [1.0, 4.0]
    for row in rows:
        assert 0 <= row["validity"] <= 1
        assert row["l2_mean"] > 0
        plan = json.loads((tmp_path / "trials" / row["trial"] / "plan.json").read_text())
        assert plan["config"]["guidance_scale"] == row["guidance_scale"]


def test_a_training_tells_on_its_way_and_ends_in_what_it_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_here(
        tasks: list[Task], workers: WorkersConfig, describe: Any, on_record: Any, on_end: Any
    ) -> list[dict[str, Any]]:
        (task,), session = tasks, KeptSession()
        task.program(task.config, session)  # type: ignore[arg-type]
        for record in session.records:
            on_record(task, record)
        return [save_model(f"{task.output}/model", session.model, session.card)]

    config = _config(tmp_path)
    monkeypatch.setattr("advgen_ray.stages.tracked_training.run_training", run_here)
    reports: list[dict[str, Any]] = []
    search_trial.run_trial(config, "", {"attack.eps": 0.2, "beta": 1.0}, "one", lambda one: reports.append(dict(one)))
    assert [report["progress"] for report in reports] == [0.5, 0.99, 1.0], "not at its end before the model is stored"
    assert all(set(report) == {"progress", PGD, CLEAN} for report in reports)
    card = json.loads((tmp_path / "trials/one/model/model.json").read_text())
    assert reports[-1][PGD] == card["selection"]["value"]


def test_any_number_of_a_summary_is_an_objective_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"detector": "LID", "attack": "PGD (2)", "auroc": 0.9}, {"detector": "KD", "attack": "", "auroc": 0.8}]
    summary = {"output": "x", "ok": True, "count": 3, "by": {"a": 0.5}, "detectors": rows, "pair": [1, 2.5]}
    monkeypatch.setitem(search_trial.RUNS, "compare_detectors", lambda job: summary)
    base = {"job": "compare_detectors", "base": {}, "space": (choice("num_neighbors", 2, 5),), "output": str(tmp_path)}

    def reported(*metrics: str) -> list[dict[str, Any]]:
        reports: list[dict[str, Any]] = []
        config = SearchConfig(**base, objectives=tuple(ObjectiveConfig(metric=metric) for metric in metrics))
        search_trial.run_trial(config, "", {"num_neighbors": 2}, "one", lambda one: reports.append(dict(one)))
        return reports

    places = {"count": 3, "by.a": 0.5, "detectors.LID.PGD (2).auroc": 0.9, "detectors.KD.auroc": 0.8, "pair.1": 2.5}
    assert reported(*places) == [{"progress": 1.0, **places}]
    with pytest.raises(UserError, match=r"objectives: 'auroc': compare_detectors ends in count, by.a, detectors.LID"):
        reported("auroc")
    rows += [{"detector": "LID", "attack": "PGD (2)", "eps": eps, "auroc": eps} for eps in (0.5, 1.0)]
    places = {"detectors.LID.PGD (2).0.auroc": 0.9, "detectors.LID.PGD (2).3.auroc": 1.0, "detectors.KD.auroc": 0.8}
    assert reported(*places) == [{"progress": 1.0, **places}], "rows that differ in a number alone"
    with pytest.raises(UserError, match=r"objectives: 'detectors.LID.PGD \(2\).auroc': compare_detectors ends in"):
        reported("detectors.LID.PGD (2).auroc")


def test_another_search_in_the_same_place_is_refused(tmp_path: Path) -> None:
    def begin(**changes: Any) -> None:
        take_output(_config(tmp_path, **changes), str(tmp_path), search.PLAN, "search")

    begin()
    begin(max_concurrent_trials=1)  # where it runs is not what it computes
    with pytest.raises(UserError, match="seed"):
        begin(seed=1)


def _trial(name: str, eps: float, beta: float, *reports: tuple[float, float, float], status: str = "finished") -> Trial:
    told = [{"progress": done, PGD: pgd, CLEAN: clean} for done, pgd, clean in reports]
    return Trial(name, {"attack.eps": eps, "beta": beta}, told, status)


def test_the_table_has_the_best_first_and_a_front_of_what_finished(tmp_path: Path) -> None:
    failed = Trial("e", {"attack.eps": 0.5, "beta": 1.0}, [{"mistake": "the loss is nan"}], "failed")
    trials = [
        _trial("a", 0.2, 1.0, (0.5, 0.9, 0.9), (1.0, 0.4, 0.7)),
        failed,
        _trial("b", 0.3, 6.0, (0.5, 0.95, 0.95), status="stopped"),
        _trial("c", 0.4, 6.0, (1.0, 0.4, 0.8)),
        _trial("d", 0.1, 6.0, (1.0, 0.3, 0.99)),
    ]
    config = _config(tmp_path)
    table = search_results.trial_table(trials, config)
    assert table["trial"].tolist() == ["c", "a", "d", "b", "e"]  # of equally robust ones the more accurate first
    assert table["on_front"].tolist() == [True, False, True, False, False]
    assert table["mistake"].tolist() == ["", "", "", "", "the loss is nan"]
    summary = search_results.summarize(table, config)
    assert summary["trials"] == {"finished": 3, "stopped": 1, "failed": 1}
    assert [one["trial"] for one in summary["front"]] == ["c", "d"]
    json.dumps(summary, allow_nan=False)
    search_results.store(table, summary, config)
    best = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert (best["attack"]["eps"], best["beta"], best["output"]) == (0.4, 6.0, config.base["output"])
    with pytest.raises(UserError, match="none of 1 trials came to its end; the loss is nan"):
        search._refuse_nothing(search_results.trial_table([failed], config), [failed], config)


def test_tune_is_told_the_search(tmp_path: Path) -> None:
    plain = search.schedule_of(_config(tmp_path), 1)
    assert (plain.proposals, plain.num_trials, plain.asha, plain.max_concurrent_trials) == ("optuna", 2, None, 1)
    assert plain.given == [{"attack.eps": 0.5, "beta": 6.0}], "the base's own settings, as the space holds them"
    assert dict(plain.goals) == {PGD: "max", CLEAN: "max"}
    assert search.schedule_of(_config(tmp_path, scheduler="asha"), 1).asha == Asha(0.25, 3.0)
    grid = _config(tmp_path, space=(choice("beta", 1.0, 6.0), choice("seed", 0, 1)), proposals="grid")
    assert search.schedule_of(grid, 1).given == [{"beta": b, "seed": s} for b in (1.0, 6.0) for s in (0, 1)]
    narrow = _config(tmp_path, space=(ParameterConfig(key="attack.eps", low=0.1, high=0.3),))
    assert search.schedule_of(narrow, 1).given == []


@pytest.mark.parametrize(
    ("cpus", "local", "room", "told"),
    [
        (8.0, True, 2, ""),
        (4.0, True, 2, ""),
        (3.0, True, 1, "1 trials at once, not 2: each holds 2 CPU (of 3)"),
        (3.0, False, 2, ""),
    ],
)
def test_no_more_trials_at_once_than_a_fixed_cluster_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    cpus: float, local: bool, room: int, told: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": cpus})
    monkeypatch.setattr("advgen_ray.distributed.cluster.is_local", lambda: local)
    job = _config(tmp_path).override(["base.workers.num_workers=2"]).job_config
    assert room_for_trials(job, "train_classifier", 2) == room
    said = capsys.readouterr().out
    assert told in said
    assert bool(told) == bool(said)


def test_a_trial_that_no_cluster_of_this_size_holds_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 4.0})
    job = _config(tmp_path).override(["base.workers.num_workers=3", "base.workers.cpus_per_worker=2"]).job_config
    with pytest.raises(UserError, match=r"a trial of train_classifier holds 6 CPU \(of 4\) of the cluster; lower"):
        room_for_trials(job, "train_classifier", 2)
