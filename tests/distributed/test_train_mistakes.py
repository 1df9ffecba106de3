"""A mistake that one worker of several finds: the others wait for it, and it must end them all, told once."""

import sys
import time
from pathlib import Path

import pytest
import torch
from ray import cloudpickle
from ray.exceptions import ActorDiedError, NodeDiedError, OutOfMemoryError
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError, WorkerHealthCheckTimeoutError
from ray.train.v2.api.exceptions import ControllerError, WorkerGroupError

from advgen_ray.config import TrainClassifierConfig, WorkersConfig
from advgen_ray.distributed import session as sessions
from advgen_ray.distributed.session import Session, Task, not_seen, run_tasks
from advgen_ray.distributed.train import run_training
from advgen_ray.distributed.train_ends import given_up
from advgen_ray.distributed.train_storage import MISTAKE, mistake_of, prepare, write_mistake
from advgen_ray.errors import AwayError, IncompleteError, UserError
from advgen_ray.training.worker import Worker
from tests.small_training import classifier_config

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test


def _wrong_on_one(config: TrainClassifierConfig, session: Session) -> None:
    with (Path(config.output) / f"lives-{session.worker.rank}").open("a") as file:
        file.write("x")
    if session.worker.rank == 1:
        deadline = time.monotonic() + 60
        while not (Path(config.output) / "lives-0").exists() and time.monotonic() < deadline:
            time.sleep(0.05)  # the group may end before the other has begun, which is not the case that hangs
        raise UserError("the loss is nan")
    session.worker.barrier()


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_mistake_on_one_of_two_workers_ends_both_and_is_told(tmp_path: Path) -> None:
    config = classifier_config(tmp_path, workers=WorkersConfig(num_workers=2))
    task = Task("model", _wrong_on_one, config, config.output)
    with pytest.raises(UserError, match=r"^model: the loss is nan$"):
        run_training([task], config.workers, lambda *_: "", lambda *_: None)
    assert [len((tmp_path / f"lives-{rank}").read_text()) for rank in (0, 1)] == [1, 1], "the same comes of a retry"


def test_one_of_several_leaves_its_mistake_for_all_of_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def program(config: TrainClassifierConfig, session: Session) -> None:
        raise UserError("the loss is nan")

    monkeypatch.setattr(sessions, "_worker", lambda: Worker(rank=1, num_workers=2))
    config = classifier_config(tmp_path)
    work = [Task("model", program, config, config.output)], 1, prepare(str(tmp_path), "run")
    with pytest.raises(UserError, match=r"^model: the loss is nan$"):
        run_tasks(*work)
    monkeypatch.setattr(sessions, "_worker", lambda: Worker(rank=0, num_workers=2))
    assert run_tasks(*work) == "model: the loss is nan"
    assert mistake_of(prepare(str(tmp_path), "run")) is None, "by the next command it may be mended"


@pytest.mark.parametrize("num_workers", [1, 2])
def test_storage_that_is_away_is_no_mistake_and_tried_again(
    num_workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def program(config: TrainClassifierConfig, session: Session) -> None:
        raise AwayError("s3://bucket/out: does not answer")

    monkeypatch.setattr(sessions, "_worker", lambda: Worker(num_workers=num_workers))
    config, run = classifier_config(tmp_path), prepare(str(tmp_path), "run")
    with pytest.raises(AwayError, match=r"^s3://bucket/out: does not answer$"):
        run_tasks([Task("model", program, config, config.output)], 1, run)
    assert mistake_of(run) is None
    failures = {0: AwayError("s3://bucket/out: does not answer"), 1: RuntimeError("connection closed by peer")}
    assert given_up(WorkerGroupError("", failures), WorkersConfig()) is failures[0]


def test_a_mistake_that_cannot_be_left_is_still_raised(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    write_mistake(str(tmp_path / "run"), "the loss is nan")
    assert not (tmp_path / "run" / MISTAKE).exists()
    failures = {0: RuntimeError("connection closed by peer"), 1: UserError("model: the loss is nan")}
    assert given_up(WorkerGroupError("", failures), WorkersConfig()) is failures[1]


@pytest.mark.parametrize(
    ("failures", "who"),
    [
        ({1: WorkerHealthCheckFailedError("", RuntimeError())}, "worker 1"),
        ({1: WorkerHealthCheckTimeoutError("")}, "worker 1"),
        ({0: RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:1")}, "a worker"),
        ({0: RuntimeError("Connection reset by peer"), 1: WorkerHealthCheckTimeoutError("")}, "worker 1"),
        ({0: torch.distributed.DistBackendError("remote process exited")}, "a worker"),
        ({0: RuntimeError("size mismatch")}, None),
        ({0: ValueError("gloo")}, None),
    ],
)
def test_a_group_of_which_a_worker_is_gone_has_given_up_whoever_is_heard_first(
    failures: dict[int, Exception], who: str | None
) -> None:
    gave_up = given_up(WorkerGroupError("", failures), WorkersConfig())
    if who is None:
        assert gave_up is None, "a defect keeps its traceback"
    else:
        assert isinstance(gave_up, IncompleteError)
        assert str(gave_up).startswith(f"training: {who} of a group died")


@pytest.mark.parametrize("lost", [ActorDiedError(), OutOfMemoryError("5 workers were killed"), NodeDiedError("gone")])
def test_a_group_whose_lead_is_lost_has_given_up(lost: Exception) -> None:
    """Ray's memory monitor ended an actor that Ray Train's controller needs, or the controller itself."""
    for error in (ControllerError(lost), lost):
        gave_up = given_up(error, WorkersConfig())
        assert isinstance(gave_up, IncompleteError)
        assert "\n" not in str(gave_up)
        assert str(gave_up).startswith("training: the process that leads the workers, or one that it needs, was lost")
    for error in (ControllerError(ValueError("no such option")), ValueError("no such option")):
        assert given_up(error, WorkersConfig()) is None, "a defect keeps its traceback"


def test_workers_that_do_not_see_the_output_all_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another machine a relative output, or one on a disk of its own, is another folder."""

    class _OneOfTwo(Worker):
        def total(self, values: torch.Tensor) -> torch.Tensor:
            return values + others

    monkeypatch.setattr(sessions, "_worker", lambda: _OneOfTwo(num_workers=2))
    config = classifier_config(tmp_path / "out")
    task, others = Task("model", lambda *_: None, config, config.output), 0
    said = f"output {config.output}: a node that works for this job does not see it"
    assert str(not_seen([task])).startswith(said)
    task.write_progress(None)
    assert not_seen([task]) is None
    others = 1
    assert str(not_seen([task])).startswith(said), "else the others would wait for the one that does not"


def test_a_record_that_cannot_be_shown_stops_no_training(tmp_path: Path) -> None:
    config = TrainClassifierConfig(output=str(tmp_path / "out"))
    session = Session(Task("model", lambda *_: None, config, config.output), Worker(), None)
    (tmp_path / "out").touch()  # a file, where the folder of progress was
    session.on_step(1, 60)
    session.report({"step": 1, "loss": 0.5}, None)
    with pytest.raises(OSError, match="out"):
        session.begin()
