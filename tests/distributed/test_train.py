"""Training through Ray: killed workers and drivers lose nothing, finished models stay, other configs are refused."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from ray import cloudpickle

from advgen_ray.config import (
    AttackConfig,
    OptimizerConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
    UNetConfig,
    WideResNetConfig,
    WorkersConfig,
)
from advgen_ray.distributed.session import Session, Task, run_tasks
from advgen_ray.distributed.train import run_training
from advgen_ray.distributed.train_storage import SNAPSHOT
from advgen_ray.errors import UserError
from advgen_ray.stages import classifier, score_model
from advgen_ray.training.checkpoint import STATE, same_weights
from advgen_ray.training.loop import Record, Save
from advgen_ray.training.model_directory import load_model
from advgen_ray.training.worker import Worker

SECONDS_FOR_A_START = 240  # on two cores that others use as well

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test


def _classifier_config(output: Path, **changes: Any) -> TrainClassifierConfig:
    """Twelve epochs of three steps, dropout and attack switched on."""
    values: dict[str, Any] = {
        "model": WideResNetConfig(depth=10, widen_factor=1, base_channels=4, dropout=0.2),
        "attack": AttackConfig(num_steps=2),
        "evaluation_attack": AttackConfig(num_steps=2),
        "optimizer": OptimizerConfig(learning_rate=5e-3, schedule="one_cycle"),
        "num_epochs": 12,
        "batch_size": 500,
        "checkpoint_every_epochs": 2,
        "output": str(output),
        "workers": WorkersConfig(num_workers=1),
    }
    return TrainClassifierConfig(**(values | changes))


def _score_model_config(output: Path) -> TrainScoreModelConfig:
    return TrainScoreModelConfig(
        model=UNetConfig(base_channels=8, channel_multipliers=(1, 2), num_blocks=1, channels_per_group=4),
        optimizer=OptimizerConfig(learning_rate=1e-3, clip_norm=1.0),
        num_steps=14,
        batch_size=100,
        checkpoint_every_steps=4,
        output=str(output),
    )


class _Kept:
    """A session without Ray, which keeps what a training hands over."""

    def __init__(self) -> None:
        self.worker, self.resume = Worker(), None
        self.records: list[Record] = []

    def report(self, record: Record, save: Save | None) -> None:
        self.records.append(record)

    def finish(self, model: torch.nn.Module, card: dict[str, Any]) -> None:
        self.model, self.card = model, card


# A killed worker


class _Dying(Session):
    """Takes worker 1 down, once, some time after the checkpoint of step 8."""

    def report(self, record: Record, save: Save | None) -> None:
        super().report(record, save)
        marker = Path(self.task.output) / "killed"
        if record["step"] == 10 and self.worker.rank == 1 and not marker.exists():
            time.sleep(3)  # the controller learns of checkpoints by asking, here twice a second
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def _train_and_die(config: TrainScoreModelConfig, session: Session) -> None:
    if session.resume and session.worker.rank == 0:
        state = json.loads((session.resume / STATE).read_text())
        (Path(config.output) / "resumed").write_text(str(state["step"]))
    score_model.train(config, _Dying(session.task, session.worker, session.resume))


@pytest.mark.ray
@pytest.mark.timeout(900)
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


# A killed driver


def _start(config: TrainClassifierConfig, log: Path) -> subprocess.Popen[bytes]:
    """The job as a user starts it."""
    script = (
        "import sys; from advgen_ray.config import TrainClassifierConfig; from advgen_ray.stages import classifier;"
        "print(classifier.run(TrainClassifierConfig.parse(__import__('json').loads(sys.argv[1]))))"
    )
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-c", script, config.model_dump_json()], stdout=output, stderr=subprocess.STDOUT
        )


def _kill_at(step: int, config: TrainClassifierConfig, log: Path) -> int:
    """SIGKILL the driver once its workers report ``step`` or later; returns the step reported."""
    driver = _start(config, log)
    try:
        deadline = time.monotonic() + SECONDS_FOR_A_START
        while time.monotonic() < deadline and driver.poll() is None:
            record = Task("", classifier.train, config, config.output).progress().get("record")
            if record and record["step"] >= step:
                return int(record["step"])
            time.sleep(0.02)
        pytest.fail(f"step {step} was not reached in time:\n{log.read_text()[-3000:]}")
    finally:
        driver.kill()
        driver.wait()


def _first_epoch(log: Path) -> int:
    found = re.search(r"epoch (\d+)/12", log.read_text())
    assert found, log.read_text()
    return int(found[1])


@pytest.mark.ray
@pytest.mark.timeout(1200)
def test_a_killed_driver_is_started_again_and_ends_where_an_unbroken_run_does(tmp_path: Path) -> None:
    config = _classifier_config(tmp_path / "classifier")
    logs = [tmp_path / f"log-{life}" for life in range(3)]
    choice = random.Random(time.time_ns())
    # Random points, but past the first checkpoint (step 6), so that there is something to lose.
    first = _kill_at(choice.randrange(9, 16, 3), config, logs[0])
    second = _kill_at(choice.randrange(first + 3, 31, 3), config, logs[1])
    (snapshot,) = (tmp_path / "classifier" / "train" / config.digest()).glob(SNAPSHOT)
    snapshot.write_bytes(snapshot.read_bytes()[:-20])  # as a kill in the middle of writing it leaves it
    driver = _start(config, logs[2])
    assert driver.wait(SECONDS_FOR_A_START) == 0, f"killed at {first}, {second}\n{logs[2].read_text()[-3000:]}"
    for killed_at, log in ((first, logs[1]), (second, logs[2])):  # a checkpoint every 2 epochs of 3 steps
        assert _first_epoch(log) > (killed_at - 1) // 6 * 2

    unbroken: Any = _Kept()
    classifier.train(config, unbroken)
    loaded = load_model(tmp_path / "classifier" / "model")
    assert same_weights(loaded.model.state_dict(), unbroken.model.state_dict()), f"killed at {first}, {second}"
    assert loaded.card["metrics"] == unbroken.card["metrics"]
    without_time = [{k: v for k, v in r.items() if k != "seconds"} for r in loaded.card["history"]]
    assert without_time == [{k: v for k, v in r.items() if k != "seconds"} for r in unbroken.records]


# What is there already


def _never(*_: object) -> None:
    raise AssertionError("nothing is to be trained")


def _finished(config: TrainClassifierConfig) -> Task:
    task = Task("classifier", _never, config, config.output)
    session = Session(task, Worker(), None)
    kept: Any = _Kept()
    classifier.train(config, kept)
    session.finish(kept.model, kept.card)
    return task


def test_a_finished_model_is_reused_and_another_config_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advgen_ray.distributed.cluster.connect", _never)
    config = _classifier_config(tmp_path / "out", num_epochs=1)
    task = _finished(config)
    (card,) = run_training([task], config.workers, _never, _never)  # type: ignore[arg-type]
    assert card["config_digest"] == config.digest()
    assert "is finished, nothing to train" in capsys.readouterr().out

    moved = _classifier_config(tmp_path / "out", num_epochs=1, workers=WorkersConfig(num_workers=7))
    run_training([Task("classifier", _never, moved, moved.output)], moved.workers, _never, _never)  # type: ignore[arg-type]

    other = _classifier_config(tmp_path / "out", num_epochs=2)
    with pytest.raises(UserError) as caught:
        run_training([Task("classifier", _never, other, other.output)], other.workers, _never, _never)  # type: ignore[arg-type]
    assert config.digest() in str(caught.value)
    assert other.digest() in str(caught.value)


def test_an_unfinished_training_of_another_config_is_refused(tmp_path: Path) -> None:
    config, other = _classifier_config(tmp_path), _classifier_config(tmp_path, seed=5)
    Task("classifier", _never, config, config.output).write_progress(None)
    with pytest.raises(UserError, match=config.digest()):
        run_training([Task("classifier", _never, other, other.output)], other.workers, _never, _never)  # type: ignore[arg-type]


def test_a_place_that_cannot_be_written_is_refused_before_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = _classifier_config(tmp_path / "file" / "out")
    with pytest.raises(UserError, match="cannot be written"):
        run_training([Task("classifier", _never, config, config.output)], config.workers, _never, _never)  # type: ignore[arg-type]


def test_more_workers_than_a_local_cluster_has_are_refused(ray_session: None, tmp_path: Path) -> None:
    config = _classifier_config(tmp_path, workers=WorkersConfig(num_workers=400))
    with pytest.raises(UserError, match="num_workers=400 of 1 CPU each: the cluster has"):
        run_training([Task("classifier", _never, config, config.output)], config.workers, _never, _never)  # type: ignore[arg-type]


def test_missing_data_is_found_before_workers_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advgen_ray.distributed.cluster.connect", _never)
    config = _classifier_config(tmp_path / "out")
    config = config.override(["data.name=cifar10", f"data.root={tmp_path}/none"])
    with pytest.raises(UserError, match=r"data\.download=true"):
        classifier.run(config)
    assert not (tmp_path / "out").exists()


def test_a_mistake_that_a_worker_finds_is_returned_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray Train would retry what is raised."""
    monkeypatch.setattr("ray.train.get_checkpoint", lambda: None)
    monkeypatch.setattr("advgen_ray.distributed.session._worker", Worker)
    config = _classifier_config(tmp_path)

    def program(config: TrainClassifierConfig, session: Session) -> None:
        raise UserError("the loss is nan")

    assert run_tasks([Task("classifier", program, config, config.output)], 1, None) == "classifier: the loss is nan"
