"""A card that cannot be read is not a card that is not there: nothing is trained again for it, and nobody is misled."""

import threading
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import TrainClassifierConfig
from advgen_ray.distributed import session, train_storage, train_watch
from advgen_ray.distributed.session import PROGRESS, Session, Task
from advgen_ray.distributed.train_storage import SNAPSHOT, prepare
from advgen_ray.errors import UserError
from advgen_ray.training.model_directory import CARD
from advgen_ray.training.worker import Worker


@pytest.fixture
def task(tmp_path: Path) -> Task:
    config = TrainClassifierConfig(output=str(tmp_path / "out"))
    return Task("model", lambda *_: None, config, config.output)


def _away(*_: Any) -> bytes:
    raise UserError("s3://bucket/out: does not answer")


@pytest.mark.parametrize("content", [None, b"", b'{"config_dig', b"[]", b"\xff"])
def test_no_card_and_a_torn_one_are_none(content: bytes | None, task: Task) -> None:
    if content is not None:
        Path(task.output, "model").mkdir(parents=True)
        Path(task.output, "model", CARD).write_bytes(content)
    assert task.card() is None
    assert not task.finished()


def test_what_is_in_the_way_of_a_card_is_told_in_a_line(task: Task) -> None:
    Path(task.output, "model", CARD).mkdir(parents=True)
    with pytest.raises(UserError, match="cannot be read"):
        task.finished()


def test_storage_that_does_not_answer_is_no_empty_storage(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(tmp_path, "run").mkdir()
    Path(tmp_path, "run", SNAPSHOT).write_text("{}")
    for module in (session, train_storage):
        monkeypatch.setattr(module, "read_bytes", _away)
    for ask in (task.card, task.progress, lambda: prepare(str(tmp_path), "run")):
        with pytest.raises(UserError, match="does not answer"):
            ask()
    assert Path(tmp_path, "run", SNAPSHOT).exists(), "Ray Train's memory of its checkpoints"


def test_the_watcher_sees_in_the_next_look_what_it_could_not_read(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_watch, "POLL_SECONDS", 0.01)
    read, failed = session.read_bytes, threading.Event()

    def once_away(uri: str) -> bytes:
        if threading.current_thread() is threading.main_thread() and uri.endswith(PROGRESS) and not failed.is_set():
            failed.set()
            _away()
        return read(uri)

    def fit() -> None:
        monkeypatch.setattr(session, "read_bytes", once_away)
        assert failed.wait(20)
        Session(task, Worker(), None).report({"step": 1, "loss": 0.5}, None)

    records: list[Any] = []
    group = train_watch.Group(fit)
    train_watch.watch([group], [task], lambda *_: "", lambda _, record: records.append(record), lambda _: None)
    assert group.error is None
    assert records == [{"step": 1, "loss": 0.5}]
