"""A population through Tune and Train: what it leaves is what this process leaves alone, after a killed driver too."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.distributed.population import Round
from advgen_ray.stages import search
from tests.same_weights import same_weights
from tests.small_population import PGD, Here, outcome, population_config, run_here

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
CHANGES = {"num_trials": 2, "max_concurrent_trials": 2}


def _expected(output: Path) -> tuple[Round, tuple[Any, dict[str, Any]]]:
    """The last round and the outcome of a run without Ray."""
    with pytest.MonkeyPatch.context() as patch:
        Here(patch)
        rounds = run_here(population_config(output, **CHANGES))
    assert any(member.takes_over for members in rounds for member in members)
    return rounds[-1], outcome(output)


def _check_same(output: Path, expected: tuple[Any, dict[str, Any]]) -> None:
    schedule, models = outcome(output)
    assert schedule == expected[0]
    assert models.keys() == expected[1].keys()
    assert all(same_weights(models[name], expected[1][name]) for name in models)


@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_a_population_under_tune_is_the_one_without_ray_and_is_tracked(tmp_path: Path) -> None:
    import mlflow

    last, expected = _expected(tmp_path / "here")
    summary = search.run(population_config(tmp_path / "ray", **CHANGES))
    _check_same(tmp_path / "ray", expected)
    assert summary["trials"] == {"finished": 2}
    assert summary["takeovers"] >= 1
    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.output LIKE '{tmp_path}/ray%'")
    trials = {run.data.tags["trial"]: run for run in runs if run.info.run_name == "trial"}
    assert trials.keys() == {"01", "02"}
    assert {run.info.status for run in runs} == {"FINISHED"}
    for member in last:
        metrics = trials[member.trial].data.metrics
        assert metrics["attack.eps"] == member.settings["attack.eps"], "recorded as they change"
        assert metrics[PGD] == pytest.approx(member.values[PGD])
        assert len(client.get_metric_history(trials[member.trial].info.run_id, "attack.eps")) >= 3


def test_a_population_whose_driver_was_killed_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    _, expected = _expected(tmp_path / "here")
    output = tmp_path / "killed"
    command = [sys.executable, "-m", "tests.stages.test_population_on_a_cluster", str(output)]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": ""}
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    assert driver.stdout is not None
    lines = []
    for line in driver.stdout:
        lines.append(line)
        if "  67%  " in line:  # one trial came to the end of the second round, the other is still at it, or has just
            break
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert "goes on from" in "".join(lines)
    stored = json.loads((output / "schedule.json").read_text())["rounds"]
    assert len(stored) in (1, 2), "killed on the way"
    assert list(output.glob("rounds/2/*/state/training.json")), "a part of the second round was done"
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout.splitlines()[-1]) == {"finished": 2}
    assert "round 2/3" in finished.stdout if len(stored) == 1 else "round 2/3" not in finished.stdout
    _check_same(output, expected)


if __name__ == "__main__":
    print(json.dumps(search.run(population_config(Path(sys.argv[1]), **CHANGES))["trials"]))
