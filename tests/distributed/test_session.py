"""A resumed worker group asks for its checkpoint once: Ray Train removes it while later tasks train."""

import json
import shutil
import threading
from pathlib import Path

import pytest
import torch

from advgen_ray.config import TrainClassifierConfig
from advgen_ray.distributed import session, train_watch
from advgen_ray.distributed.session import Session, Task, run_tasks
from advgen_ray.training.checkpoint import save_checkpoint
from advgen_ray.training.optim import adam
from advgen_ray.training.worker import Worker


def test_steps_are_told_between_records_and_not_every_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainClassifierConfig(output=str(tmp_path))
    task = Task("one", lambda *_: None, config, config.output)
    now = [100.0]
    monkeypatch.setattr(session.time, "monotonic", lambda: now[0])
    leader, other = Session(task, Worker(), None), Session(task, Worker(rank=1, num_workers=2), None)
    other.on_step(7, 60)
    assert task.progress() == {}
    leader.on_step(1, 60)
    leader.on_step(2, 60)
    assert task.progress()["steps"] == [1, 60]
    leader.report({"step": 2, "loss": 0.75}, None)
    assert task.progress()["steps"] == [1, 60], "records that follow each other faster than anyone looks cost time"
    now[0] += 2 * session.RECORD_SECONDS
    leader.report({"step": 2, "loss": 0.5}, None)
    assert task.progress()["steps"] is None
    now[0] += session.STEP_SECONDS + 1
    leader.on_step(3, 60)
    assert task.progress()["steps"] == [3, 60]
    assert task.progress()["record"] == {"step": 2, "loss": 0.5}, "what was recorded stays in sight"


@pytest.mark.parametrize("given", [True, False])
def test_a_training_that_cannot_use_its_gpu_says_so_once(
    given: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = TrainClassifierConfig(output=str(tmp_path))
    tasks = [Task(name, lambda *_: None, config, str(tmp_path / name)) for name in ("one", "two")]
    monkeypatch.setattr(session, "given_gpu", lambda: given)

    def fit() -> None:
        for task in tasks:
            for step in (1, 2):
                Session(task, Worker(), None).report({"step": step, "loss": 0.5}, None)

    train_watch.watch([train_watch.Group(fit)], tasks, lambda *_: "", lambda *_: None, lambda _: None)
    assert capsys.readouterr().out.count("a GPU is held and torch cannot use it there") == int(given)


def test_a_model_is_told_of_once_when_it_is_made_and_one_that_was_there_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_watch, "POLL_SECONDS", 0.01)
    configs = [TrainClassifierConfig(output=str(tmp_path / name)) for name in ("there", "one", "two")]
    there, one, two = (Task(Path(config.output).name, lambda *_: None, config, config.output) for config in configs)
    told: list[str] = []
    first_is_told = threading.Event()

    def on_end(task: Task) -> None:
        told.append(f"{task.name} ended")
        first_is_told.set()

    def make(task: Task) -> None:
        on = Session(task, Worker(), None)
        on.report({"step": 1, "loss": 0.5}, None)
        on.finish(torch.nn.Linear(1, 1), {"metrics": {"clean_accuracy": 1.0}})

    def fit() -> None:
        make(one)
        assert first_is_told.wait(20), "while others train on"
        make(two)

    make(there)
    group = train_watch.Group(fit)
    train_watch.watch(
        [group], [there, one, two], lambda *_: "", lambda task, _: told.append(f"{task.name} recorded"), on_end
    )
    assert group.error is None
    assert told == ["one recorded", "one ended", "two recorded", "two ended"]


def test_a_checkpoint_is_named_after_the_place_of_its_task_and_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    monkeypatch.setattr(
        session.ray.train, "report", lambda *_, checkpoint_dir_name, **__: names.append(checkpoint_dir_name)
    )
    monkeypatch.setattr(session, "_worker", Worker)

    def train(config: TrainClassifierConfig, on: Session) -> None:
        on.report({"step": 12, "loss": 0.5}, lambda directory: None)

    configs = [TrainClassifierConfig(seed=seed, output=str(tmp_path / str(seed))) for seed in (0, 1)]
    run_tasks([Task(one.output, train, one, one.output) for one in configs], 1, run=str(tmp_path / "run"))
    assert [name[:34] for name in names] == ["checkpoint_task0000_step000000012_", "checkpoint_task0001_step000000012_"]


def test_only_the_first_unfinished_task_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "run" / "checkpoint_1"
    place.mkdir(parents=True)
    model = torch.nn.Linear(1, 1)
    save_checkpoint(place, model=model, optimizer=adam(model.parameters()), ema=None, state={"step": 1})
    first, second = (TrainClassifierConfig(seed=seed, output=str(tmp_path / str(seed))) for seed in (0, 1))
    (place / session.OWNER).write_text(json.dumps({"config_digest": first.digest()}))
    resumed: list[bool] = []

    def train(config: TrainClassifierConfig, on: Session) -> None:
        resumed.append(on.resume is not None)
        shutil.rmtree(place, ignore_errors=True)

    monkeypatch.setattr(session, "_worker", Worker)
    tasks = [Task(config.output, train, config, config.output) for config in (first, second)]
    assert run_tasks(tasks, cpus_per_worker=1, run=str(tmp_path / "run")) is None
    assert resumed == [True, False]
