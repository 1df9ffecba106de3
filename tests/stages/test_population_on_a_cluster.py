"""A population through Tune and Train: a killed driver leaves what one process leaves alone, and it is tracked."""

import json
import os
from pathlib import Path

import mlflow
import pytest

from tests.job_process import JobProcess
from tests.same_weights import same_weights
from tests.small_population import PGD, Here, outcome, population_config, run_here

CHANGES = {"num_trials": 2, "max_concurrent_trials": 2}


@pytest.mark.long
def test_a_population_whose_driver_was_killed_ends_as_an_unbroken_one_and_is_tracked(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        Here(patch)
        rounds = run_here(population_config(tmp_path / "here", **CHANGES))
    assert any(member.takes_over for members in rounds for member in members)

    output = tmp_path / "killed"
    config = population_config(output, **CHANGES)
    first = JobProcess.of("search", config, tmp_path / "first.log")
    # One trial came to the end of the second round, the other is still at it, or has just.
    first.wait_until(lambda: "  67%  " in first.log.read_text())
    first.kill()
    assert "goes on from" in first.log.read_text()
    stored = json.loads((output / "schedule.json").read_text())["rounds"]
    assert len(stored) in (1, 2), "killed on the way"
    assert list(output.glob("rounds/2/*/state/training.json")), "a part of the second round was done"
    said = JobProcess.of("search", config, tmp_path / "second.log").finish()
    assert "round 2/3" in said if len(stored) == 1 else "round 2/3" not in said

    (schedule, models), (expected, expected_models) = outcome(output), outcome(tmp_path / "here")
    assert schedule == expected
    assert models.keys() == expected_models.keys()
    assert all(same_weights(models[name], expected_models[name]) for name in models)
    summary = json.loads((output / "summary.json").read_text())
    assert summary["trials"] == {"finished": 2}
    assert summary["takeovers"] >= 1

    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.output LIKE '{output}%'")
    trials = {run.data.tags["trial"]: run for run in runs if run.info.run_name == "trial"}
    assert trials.keys() == {"01", "02"}
    assert {run.info.status for run in runs} == {"FINISHED"}
    for member in rounds[-1]:
        metrics = trials[member.trial].data.metrics
        assert metrics["attack.eps"] == member.settings["attack.eps"], "recorded as they change"
        assert metrics[PGD] == pytest.approx(member.values[PGD])
        assert len(client.get_metric_history(trials[member.trial].info.run_id, "attack.eps")) >= 3
