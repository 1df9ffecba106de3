"""Training through Ray under SIGKILL: a worker, then the driver, at any point; nothing is lost and nothing doubled."""

import json
import os
import random
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from ray import cloudpickle

from advgen_ray.config import OptimizerConfig, TrainClassifierConfig, TrainScoreModelConfig, UNetConfig, WorkersConfig
from advgen_ray.distributed.session import Session, Task
from advgen_ray.distributed.train import run_training
from advgen_ray.distributed.train_storage import SNAPSHOT
from advgen_ray.errors import IncompleteError
from advgen_ray.stages import classifier, score_model
from advgen_ray.training.checkpoint import STATE
from advgen_ray.training.loop import Record, Save
from advgen_ray.training.model_directory import load_model
from tests.job_process import PATIENCE_SECONDS, JobProcess
from tests.same_weights import same_weights
from tests.small_training import KeptSession, classifier_config

NUM_EPOCHS = 30  # of 3 steps, more than the workers of a killed driver make before they notice

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test


def _score_model_config(output: Path) -> TrainScoreModelConfig:
    return TrainScoreModelConfig(
        model=UNetConfig(base_channels=8, channel_multipliers=(1, 2), num_blocks=1, channels_per_group=4),
        optimizer=OptimizerConfig(learning_rate=1e-3, clip_norm=1.0),
        num_steps=14,
        batch_size=100,
        checkpoint_every_steps=4,
        output=str(output),
    )


# A killed worker


class _Dying(Session):
    """Takes worker 1 down, once, soon after the checkpoint of step 8: too soon for Ray Train to have heard of it."""

    def report(self, record: Record, save: Save | None) -> None:
        super().report(record, save)
        marker = Path(self.task.output) / "killed"
        if record["step"] == 10 and self.worker.rank == 1 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def _train_and_die(config: TrainScoreModelConfig, session: Session) -> None:
    if session.resume and session.worker.rank == 0:
        state = json.loads((session.resume / STATE).read_text())
        (Path(config.output) / "resumed").write_text(str(state["step"]))
    score_model.train(config, _Dying(session.task, session.worker, session.resume, session.place))


@pytest.mark.long
@pytest.mark.ray
def test_a_killed_worker_costs_no_more_than_the_steps_since_the_checkpoint(ray_session: None, tmp_path: Path) -> None:
    unbroken, broken = _score_model_config(tmp_path / "unbroken"), _score_model_config(tmp_path / "broken")
    tasks = [
        Task("unbroken", score_model.train, unbroken, unbroken.output),
        Task("broken", _train_and_die, broken, broken.output),
    ]
    seen: list[tuple[str, Record]] = []
    cards = run_training(tasks, WorkersConfig(num_workers=2), lambda *_: "", lambda t, r: seen.append((t.name, r)))

    assert (tmp_path / "broken" / "killed").exists()
    assert (tmp_path / "broken" / "resumed").read_text() == "8"
    for card in cards:
        assert [record["step"] for record in card["history"]] == list(range(1, 15))  # none lost, none twice
    weights = [load_model(tmp_path / name / "model").model.state_dict() for name in ("unbroken", "broken")]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-3, atol=1e-5)
    assert seen[-1][1]["step"] == 14
    assert not (tmp_path / "train").exists()  # Ray Train's files are gone with the need for them


@pytest.mark.long
@pytest.mark.ray
def test_a_training_that_gave_up_says_so_in_a_line_and_goes_on_when_it_is_asked_again(
    ray_session: None, tmp_path: Path
) -> None:
    config = _score_model_config(tmp_path / "broken")
    task = Task("broken", _train_and_die, config, config.output)
    never_again = WorkersConfig(num_workers=2, max_failures=0)
    with pytest.raises(
        IncompleteError, match=r"^training: (worker [01]|a worker) of a group died.* workers\.max_failures=0 .*$"
    ):
        run_training([task], never_again, lambda *_: "", lambda *_: None)
    assert not task.finished()
    (card,) = run_training([task], never_again, lambda *_: "", lambda *_: None)
    assert (tmp_path / "broken" / "resumed").read_text() == "8"
    assert [record["step"] for record in card["history"]] == list(range(1, 15))


class _Beheading(Session):
    """Takes Ray Train's controller down, once, soon after the checkpoint of step 8."""

    def report(self, record: Record, save: Save | None) -> None:
        super().report(record, save)
        marker = Path(self.task.output) / "killed"
        if record["step"] == 10 and self.worker.rank == 0 and not marker.exists():
            marker.touch()
            raylet = psutil.Process().parent()
            assert raylet is not None
            for process in raylet.children():
                if process.cmdline()[0].startswith("ray::TrainController"):
                    process.kill()


def _train_and_behead(config: TrainScoreModelConfig, session: Session) -> None:
    score_model.train(config, _Beheading(session.task, session.worker, session.resume, session.place))


@pytest.mark.long
@pytest.mark.ray
def test_a_training_whose_lead_was_killed_says_so_in_a_line_and_goes_on_when_it_is_asked_again(
    ray_session: None, tmp_path: Path
) -> None:
    config = _score_model_config(tmp_path / "broken")
    task = Task("broken", _train_and_behead, config, config.output)
    with pytest.raises(IncompleteError, match=r"^training: the process that leads the workers.* was lost, .*$"):
        run_training([task], WorkersConfig(num_workers=1), lambda *_: "", lambda *_: None)
    assert not task.finished()
    (card,) = run_training([task], WorkersConfig(num_workers=1), lambda *_: "", lambda *_: None)
    assert [record["step"] for record in card["history"]] == list(range(1, 15))


# A killed driver


def _reported(config: TrainClassifierConfig) -> int:
    """The step that workers last reported."""
    record = Task("", classifier.train, config, config.output).progress().get("record")
    return int(record["step"]) if record else 0


def _kill_at(step: int, config: TrainClassifierConfig, driver: JobProcess) -> int:
    """SIGKILL the driver once its workers report ``step``; returns the last step they reported."""
    driver.wait_until(lambda: _reported(config) >= step)
    training = [process for process in psutil.Process(driver.process.pid).children(recursive=True) if _trains(process)]
    driver.kill_driver()
    # They notice within seconds; until then they go on, and would mend what the test tears.
    _, alive = psutil.wait_procs(training, timeout=PATIENCE_SECONDS)
    assert not alive, "workers of a killed driver end"
    return _reported(config)


def _trains(process: psutil.Process) -> bool:
    return process.cmdline()[:1] != [] and process.cmdline()[0].startswith(("ray::TrainController", "ray::RayTrain"))


def _first_epoch(said: str) -> int:
    found = re.search(r"epoch (\d+)/", said)
    assert found, said
    return int(found[1])


@pytest.mark.long
@pytest.mark.ray
def test_a_killed_driver_is_started_again_and_ends_where_an_unbroken_run_does(tmp_path: Path) -> None:
    config = classifier_config(tmp_path / "classifier", num_epochs=NUM_EPOCHS)
    seed = int(os.environ.get("ADVGEN_FAULT_SEED", time.time_ns() % 10**6))
    print(f"fault seed {seed} (set ADVGEN_FAULT_SEED to repeat)")
    choice = random.Random(seed)
    # A random point, but past the first checkpoint (step 6), so that there is something to lose.
    first = JobProcess.of("train_classifier", config, tmp_path / "first.log")
    killed_at = _kill_at(choice.randrange(9, 39), config, first)
    assert killed_at < 3 * NUM_EPOCHS, "killed too late to test anything"
    torn = choice.random() < 0.5
    if torn:  # as a kill in the middle of writing it leaves it
        for snapshot in (tmp_path / "classifier" / "train" / config.digest()).glob(SNAPSHOT):
            snapshot.write_bytes(snapshot.read_bytes()[:-20])
    case = f"{killed_at=} {torn=}"
    said = JobProcess.of("train_classifier", config, tmp_path / "second.log").finish()
    # A checkpoint every 2 epochs of 3 steps; that of the step last reported may have been cut off.
    assert 3 * _first_epoch(said) > (killed_at - 1) // 6 * 6, case

    unbroken: Any = KeptSession()
    classifier.train(config, unbroken)
    loaded = load_model(tmp_path / "classifier" / "model")
    assert same_weights(loaded.model.state_dict(), unbroken.model.state_dict()), case
    assert loaded.card["metrics"] == unbroken.card["metrics"]
    without_time = [{k: v for k, v in r.items() if k != "seconds"} for r in loaded.card["history"]]
    assert without_time == [{k: v for k, v in r.items() if k != "seconds"} for r in unbroken.records]
