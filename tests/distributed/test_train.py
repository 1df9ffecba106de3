"""Training through Ray: finished models stay, other configs and impossible places are refused before work starts."""

from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import TrainClassifierConfig, WorkersConfig
from advgen_ray.distributed.session import Session, Task, run_tasks
from advgen_ray.distributed.train import _run_name, run_training
from advgen_ray.errors import UserError
from advgen_ray.stages import classifier
from advgen_ray.training.worker import Worker
from tests.small_training import KeptSession, classifier_config


def _never(*_: object) -> Any:
    raise AssertionError("nothing is to be trained")


def _finished(config: TrainClassifierConfig) -> Task:
    task = Task("classifier", _never, config, config.output)
    session = Session(task, Worker(), None)
    kept: Any = KeptSession()
    classifier.train(config, kept)
    session.finish(kept.model, kept.card)
    return task


def test_a_finished_model_is_reused_and_another_config_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advgen_ray.distributed.cluster.connect", _never)
    config = classifier_config(tmp_path / "out", num_epochs=1)
    task = _finished(config)
    (card,) = run_training([task], config.workers, _never, _never)
    assert card["config_digest"] == config.digest()
    assert "is finished, nothing to train" in capsys.readouterr().out

    left = tmp_path / "out" / "train" / config.digest() / "checkpoint_1"  # by a driver killed behind its last model
    left.mkdir(parents=True)
    run_training([task], config.workers, _never, _never)
    assert not (tmp_path / "out" / "train").exists()

    moved = classifier_config(tmp_path / "out", num_epochs=1, workers=WorkersConfig(num_workers=7))
    run_training([Task("classifier", _never, moved, moved.output)], moved.workers, _never, _never)

    other = classifier_config(tmp_path / "out", num_epochs=2)
    with pytest.raises(UserError) as caught:
        run_training([Task("classifier", _never, other, other.output)], other.workers, _never, _never)
    assert config.digest() in str(caught.value)
    assert other.digest() in str(caught.value)


def test_an_unfinished_training_of_another_config_is_refused(tmp_path: Path) -> None:
    config, other = classifier_config(tmp_path), classifier_config(tmp_path, seed=5)
    Task("classifier", _never, config, config.output).write_progress(None)
    with pytest.raises(UserError, match=config.digest()):
        run_training([Task("classifier", _never, other, other.output)], other.workers, _never, _never)


def test_a_place_that_cannot_be_written_is_refused_before_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = classifier_config(tmp_path / "file" / "out")
    with pytest.raises(UserError, match="cannot be written"):
        run_training([Task("classifier", _never, config, config.output)], config.workers, _never, _never)


def test_more_workers_than_a_local_cluster_has_are_refused(ray_session: None, tmp_path: Path) -> None:
    config = classifier_config(tmp_path, workers=WorkersConfig(num_workers=400))
    with pytest.raises(UserError, match="num_workers=400 of 1 CPU each: the cluster has"):
        run_training([Task("classifier", _never, config, config.output)], config.workers, _never, _never)


def test_missing_data_is_found_before_workers_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advgen_ray.distributed.cluster.connect", _never)
    config = classifier_config(tmp_path / "out")
    config = config.override(["data.name=cifar10", f"data.root={tmp_path}/none"])
    with pytest.raises(UserError, match=r"data\.download=true"):
        classifier.run(config)
    assert not (tmp_path / "out").exists()


def test_a_mistake_that_a_worker_finds_is_returned_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray Train would retry what is raised."""
    monkeypatch.setattr("advgen_ray.distributed.session._worker", Worker)
    config = classifier_config(tmp_path)

    def program(config: TrainClassifierConfig, session: Session) -> None:
        raise UserError("the loss is nan")

    assert (
        run_tasks([Task("classifier", program, config, config.output)], 1, str(tmp_path))
        == "classifier: the loss is nan"
    )


def test_two_groups_that_train_the_same_model_twice_have_runs_of_their_own(tmp_path: Path) -> None:
    def name(place: str, *outputs: str) -> str:
        tasks = [Task("", classifier.train, classifier_config(Path(output)), output) for output in outputs]
        return _run_name(tasks, place)

    assert name("runs", "runs/a") != name("runs", "runs/b")
    assert name("runs", "runs/a") == name("elsewhere", "elsewhere/a"), "a folder that moved goes on"
    assert name("runs/a", "runs/a/") == name("b", "b") == classifier_config(tmp_path).digest()
    assert name("runs", "runs/a", "runs/b") != name("runs", "runs/b", "runs/a")
