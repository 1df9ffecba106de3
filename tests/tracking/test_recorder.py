"""What the record of a training survives: workers that go back, drivers that die, a server or storage that is away."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import TrainClassifierConfig, WorkersConfig
from advgen_ray.distributed.session import Task
from advgen_ray.errors import UserError
from advgen_ray.stages import tracked_training
from advgen_ray.stages.marks import TRACKED
from advgen_ray.stages.tracked_training import run_tracked
from advgen_ray.storage.filesystem import join, write_atomic
from advgen_ray.tracking import told_instead, tracked_run, writer
from advgen_ray.tracking.sender import Sender
from advgen_ray.training.model_directory import CARD

HISTORY = [{"step": step, "loss": 1 / step} for step in (3, 6, 9)]
Life = Callable[[Task, Any, Any], None]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Life], None]:
    """One model trained by a life of a driver, which reports what it likes in the place of Ray Train."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", tmp_path.name)
    config = TrainClassifierConfig(output=str(tmp_path / "out"))
    task = Task("model", lambda *_: None, config, config.output)

    def run(life: Life) -> None:
        def training(tasks: list[Task], _workers: Any, _describe: Any, on_record: Any, on_end: Any) -> list[Any]:
            life(tasks[0], on_record, on_end)
            return [tasks[0].card()]

        monkeypatch.setattr(tracked_training, "run_training", training)
        run_tracked([task], WorkersConfig(), lambda *_: "")

    return run


def _whole(task: Task, on_record: Any, on_end: Any, steps: tuple[int, ...] = (3, 6, 9)) -> None:
    by_step = {record["step"]: record for record in HISTORY}
    for step in steps:
        on_record(task, by_step[step])
        task.write_progress(by_step[step])
    card = {"config_digest": task.digest, "history": HISTORY, "num_steps": 9, "metrics": {"clean_accuracy": 0.5}}
    write_atomic(join(task.output, "model", CARD), json.dumps(card).encode())
    on_end(task)


def _recorded(experiment: str, metric: str = "loss") -> list[int]:
    """The steps in MLflow of the one run that is there, which is finished."""
    import mlflow

    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    assert run.info.status == "FINISHED"
    return [point.step for point in client.get_metric_history(run.info.run_id, metric)]


def test_workers_that_go_back_to_a_checkpoint_double_nothing(train: Any, tmp_path: Path) -> None:
    train(lambda *life: _whole(*life, steps=(3, 6, 3, 6, 9)))
    assert _recorded(tmp_path.name) == [3, 6, 9]
    assert _recorded(tmp_path.name, "clean_accuracy") == [9], "at a step that has a record, too"
    assert (tmp_path / "out" / TRACKED).exists()


def test_the_next_driver_sends_what_one_that_was_killed_had_not_and_nothing_twice(train: Any, tmp_path: Path) -> None:
    def killed(task: Task, on_record: Any, on_end: Any) -> None:
        on_record(task, HISTORY[1])  # the record before it was lost on the way
        task.write_progress(HISTORY[1])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(killed)
    train(lambda *life: _whole(*life, steps=(6, 9)))
    assert sorted(_recorded(tmp_path.name)) == [3, 6, 9]


def test_a_model_that_no_run_was_opened_for_is_recorded_by_the_next_command(train: Any, tmp_path: Path) -> None:
    with told_instead(lambda *_: None):
        train(_whole)
    (tmp_path / "out" / TRACKED).unlink()
    train(lambda *_: None)
    assert _recorded(tmp_path.name) == [3, 6, 9]
    (tmp_path / "out" / TRACKED).unlink()
    train(lambda *_: None)
    assert _recorded(tmp_path.name) == [3, 6, 9], "there is one that is finished"


def test_a_run_is_marked_when_its_end_is_sent_not_when_it_is_queued(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(writer, "PATIENCE", 0.0)
        away.setattr(writer.Writer, "_answers", lambda _: False)
        away.setattr(Sender, "_end", lambda *_: 1 / 0)
        train(_whole)
    assert not (tmp_path / "out" / TRACKED).exists()
    assert list((tmp_path / "runs/unsent").glob("*.json"))
    train(lambda *_: None)
    assert (tmp_path / "out" / TRACKED).exists()
    assert _recorded(tmp_path.name) == [3, 6, 9]


def test_a_server_that_goes_away_after_the_check_stops_no_training(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []

    def check() -> None:
        if asked:
            raise UserError("the tracking server cannot be reached")
        asked.append(None)

    monkeypatch.setattr("advgen_ray.tracking.runs.check_tracking", check)
    train(_whole)
    assert _recorded(tmp_path.name) == [3, 6, 9]
    with tracked_run("study", {}, checked=True):  # an hour ago
        train(_whole)
    with told_instead(lambda *_: None):  # in a trial, whose mistake it would be
        train(_whole)


def test_a_card_that_cannot_be_read_in_between_stops_no_training(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card, failures = Task.card, [UserError("s3://bucket/out: does not answer")]

    def once_away(task: Task) -> Any:
        if failures:
            raise failures.pop()
        return card(task)

    monkeypatch.setattr(Task, "card", once_away)
    train(_whole)
    assert "model is recorded when all are trained: s3://bucket/out: does not answer" in capsys.readouterr().err
    assert _recorded(tmp_path.name) == [3, 6, 9]


def test_whoever_is_told_instead_hears_each_step_once(train: Any) -> None:
    heard: list[tuple[dict[str, float], int]] = []
    with told_instead(lambda metrics, step: heard.append((dict(metrics), step))):
        train(lambda *life: _whole(*life, steps=(6, 6)))
    assert [step for _, step in heard] == [6, 9]
    assert heard[1] == ({"loss": 1 / 9, "clean_accuracy": 0.5}, 9)


@pytest.mark.usefixtures("train")
def test_the_copy_of_a_file_goes_once_it_is_sent() -> None:
    with tracked_run("work", {"seed": 1}) as run:
        run.log_file("page.html", b"a report")
        assert isinstance(run.writer, writer.Writer)
        kept = Path(run.writer._kept.name)
        run.writer.entries.join()
        assert kept.exists()
        assert not list(kept.iterdir())
