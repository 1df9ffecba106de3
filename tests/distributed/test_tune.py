"""The search: trials under Tune, poor ones stopped early, and a killed driver's search continued."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config.space import ParameterConfig
from advgen_ray.distributed.schedules import Asha, Schedule
from advgen_ray.distributed.tune import RUN, Report, Trial, run_search
from advgen_ray.distributed.tune_storage import STATE_PREFIX
from advgen_ray.errors import AwayError, UserError
from tests.job_process import JobProcess

pytestmark = pytest.mark.ray

NUM_TRIALS, MAX_EPOCHS = 4, 6
SPACE = (
    ParameterConfig(key="slope", kind="log_uniform", low=0.01, high=10.0),
    ParameterConfig(key="offset", kind="choice", values=(1, 2)),
)
# The good ones first, so that whatever comes later is poor, in whichever order trials get there.
GIVEN = tuple({"slope": slope, "offset": 1} for slope in (9.0, 1.0, 0.1))
SCHEDULE = Schedule({"value": "max"}, 2, GIVEN, "optuna", NUM_TRIALS, Asha(grace=0.3, reduction_factor=2.0))


class Notes:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, float]] = []
        self.ends: dict[str, str] = {}

    def reported(self, trial: Trial, report: dict[str, Any]) -> None:
        self.reports.append((trial.id, report["progress"]))
        print(f"{trial.id} {report['progress']:g}", flush=True)

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
        report({"progress": epoch / MAX_EPOCHS, "value": parameters["offset"] + parameters["slope"] * epoch})


@pytest.mark.usefixtures("ray_session")
def test_trials_follow_the_space_and_poor_ones_stop_early(tmp_path: Path) -> None:
    notes = Notes()
    trials = run_search(partial(climb, str(tmp_path), 0.3), SPACE, SCHEDULE, str(tmp_path), notes)
    assert len(trials) == NUM_TRIALS == len({trial.id for trial in trials})
    assert all(0.01 <= trial.parameters["slope"] <= 10 and trial.parameters["offset"] in (1, 2) for trial in trials)
    assert len({trial.parameters["slope"] for trial in trials}) == NUM_TRIALS
    assert {trial.id: trial.status for trial in trials} == notes.ends
    for trial in trials:
        last = trial.reports[-1]["progress"]
        assert (last == 1) == (trial.status == "finished")
    stopped = [trial for trial in trials if trial.status == "stopped"]
    assert stopped, "half of the trials at a rung go no further"
    best = max(trials, key=lambda trial: trial.reports[-1]["value"])
    assert best.status == "finished"


def stumble(root: str, parameters: Mapping[str, Any], trial_id: str, report: Report) -> None:
    """A trial that works, dies once, always dies, or cannot work, by its settings."""
    kind, lives = parameters["kind"], Path(root) / f"{parameters['kind']}.lives"
    with lives.open("a") as file:
        file.write("x")
    if kind == "mistaken" and not (Path(root) / "mended").exists():
        raise UserError("no data")
    if kind == "cut_off" and len(lives.read_text()) == 1:
        raise AwayError("s3://bucket/out: does not answer")
    if kind == "doomed" or (kind == "unlucky" and len(lives.read_text()) == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    report({"progress": 1.0, "value": 1.0})


@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_trial_that_dies_is_started_again_and_a_mistaken_one_when_the_search_is(tmp_path: Path) -> None:
    given = [{"kind": kind} for kind in ("sound", "unlucky", "cut_off", "doomed", "mistaken")]
    schedule = Schedule({"value": "max"}, 4, given, max_failures=1)
    notes = Notes()
    trials = run_search(partial(stumble, str(tmp_path)), (), schedule, str(tmp_path), notes)
    lives = {path.stem: len(path.read_text()) for path in tmp_path.glob("*.lives")}
    assert lives == {"sound": 1, "unlucky": 2, "cut_off": 2, "doomed": 2, "mistaken": 1}
    statuses = {trial.parameters["kind"]: (trial.status, trial.mistake) for trial in trials}
    assert statuses == {
        "sound": ("finished", ""), "unlucky": ("finished", ""), "cut_off": ("finished", ""), "doomed": ("failed", ""),
        "mistaken": ("failed", "no data"),
    }  # fmt: skip
    assert {trial.id: trial.status for trial in trials} == notes.ends
    (tmp_path / "mended").touch()
    trials = run_search(partial(stumble, str(tmp_path)), (), schedule, str(tmp_path), Notes())
    lives = {path.stem: len(path.read_text()) for path in tmp_path.glob("*.lives")}
    assert lives == {"sound": 1, "unlucky": 2, "cut_off": 2, "doomed": 3, "mistaken": 2}, (
        "run again: what had failed, once"
    )
    assert {trial.parameters["kind"]: (trial.status, trial.mistake) for trial in trials} == statuses | {
        "mistaken": ("finished", "")
    }


@pytest.mark.long
def test_a_killed_search_continues_where_it_was(tmp_path: Path) -> None:
    command = ["-m", "tests.distributed.test_tune", str(tmp_path)]
    first = JobProcess(command, tmp_path / "first.log")
    first.wait_until(lambda: " 0.5\n" in first.log.read_text())
    first.kill()
    before = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert before
    (tmp_path / RUN / f"{STATE_PREFIX}2999-12-31_00-00-00.json").write_text('{"trial_da')  # torn in a life between
    said = JobProcess(command, tmp_path / "second.log").finish()
    outcome = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert len(outcome) == NUM_TRIALS
    assert before.keys() <= outcome.keys(), "the trials that were running are continued, not replaced"
    for trial_id, epochs in before.items():
        after = json.loads((tmp_path / f"{trial_id}.json").read_text())
        assert after[: len(epochs)] == epochs, "what was stored is not done again"
    assert any(status == "finished" for status in outcome.values())


if __name__ == "__main__":
    found = run_search(partial(climb, sys.argv[1], 1.0), SPACE, SCHEDULE, sys.argv[1], Notes())
    print(json.dumps({trial.id: trial.status for trial in found}))
