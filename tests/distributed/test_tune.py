"""The search: trials under Tune, poor ones stopped early, and a killed driver's search continued."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config.search import ParameterConfig
from advgen_ray.distributed.tune import Report, Schedule, Trial, run_search

pytestmark = pytest.mark.ray

NUM_TRIALS, MAX_EPOCHS = 4, 6
SPACE = (
    ParameterConfig(key="slope", kind="log_uniform", low=0.01, high=10.0),
    ParameterConfig(key="offset", kind="choice", values=(1, 2)),
)
SCHEDULE = Schedule(NUM_TRIALS, 2, "value", MAX_EPOCHS, grace_epochs=2, reduction_factor=2.0, seed=0)


class Notes:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, float]] = []
        self.ends: dict[str, str] = {}

    def reported(self, trial: Trial, report: dict[str, Any]) -> None:
        self.reports.append((trial.id, report["epoch"]))
        print(f"{trial.id} {report['epoch']:g}", flush=True)

    def ended(self, trial: Trial) -> None:
        self.ends[trial.id] = trial.status


def climb(root: str, pause: float, parameters: Mapping[str, Any], trial_id: str, report: Report) -> None:
    """A trial that stores every epoch, continues after the last one stored, and says where it began."""
    stored = Path(root) / f"{trial_id}.json"
    epochs = json.loads(stored.read_text()) if stored.exists() else []
    for epoch in range(len(epochs) + 1, MAX_EPOCHS + 1):
        time.sleep(pause)
        epochs.append(os.getpid())
        stored.write_text(json.dumps(epochs))
        report({"epoch": epoch, "value": parameters["offset"] + parameters["slope"] * epoch})


@pytest.mark.usefixtures("ray_session")
def test_trials_follow_the_space_and_poor_ones_stop_early(tmp_path: Path) -> None:
    notes = Notes()
    trials = run_search(partial(climb, str(tmp_path), 0.3), SPACE, SCHEDULE, str(tmp_path), notes)
    assert len(trials) == NUM_TRIALS == len({trial.id for trial in trials})
    assert all(0.01 <= trial.parameters["slope"] <= 10 and trial.parameters["offset"] in (1, 2) for trial in trials)
    assert len({trial.parameters["slope"] for trial in trials}) == NUM_TRIALS
    assert {trial.id: trial.status for trial in trials} == notes.ends
    for trial in trials:
        last = trial.reports[-1]["epoch"]
        assert (last == MAX_EPOCHS) == (trial.status == "finished")
    stopped = [trial for trial in trials if trial.status == "stopped"]
    assert stopped, "half of the trials at a rung go no further"
    best = max(trials, key=lambda trial: trial.reports[-1]["value"])
    assert best.status == "finished"


@pytest.mark.long
def test_a_killed_search_continues_where_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.distributed.test_tune", str(tmp_path)]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": ""}
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    assert driver.stdout is not None
    for line in driver.stdout:
        if line.rstrip().endswith(" 3"):
            break
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    before = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert before
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=200)
    assert finished.returncode == 0, finished.stderr
    outcome = json.loads(finished.stdout.splitlines()[-1])
    assert len(outcome) == NUM_TRIALS
    assert before.keys() <= outcome.keys(), "the trials that were running are continued, not replaced"
    for trial_id, epochs in before.items():
        after = json.loads((tmp_path / f"{trial_id}.json").read_text())
        assert after[: len(epochs)] == epochs, "what was stored is not done again"
    assert any(status == "finished" for status in outcome.values())


if __name__ == "__main__":
    found = run_search(partial(climb, sys.argv[1], 1.0), SPACE, SCHEDULE, sys.argv[1], Notes())
    print(json.dumps({trial.id: trial.status for trial in found}))
