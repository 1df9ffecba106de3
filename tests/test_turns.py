"""Two jobs at one output: the second waits for the first, however that ends, and makes nothing again."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from advgen_ray.config import GenerateConfig
from advgen_ray.job import run_job
from advgen_ray.turns import SUBMITTED, turn_at
from tests.job_process import JobProcess
from tests.small_training import classifier_config

HOLDER = """
import sys, time
from advgen_ray.turns import turn_at
with turn_at(sys.argv[1]):
    print("mine", flush=True)
    time.sleep(600)
"""
AtWork = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def at_work() -> Iterator[AtWork]:
    started: list[subprocess.Popen[str]] = []

    def start(place: Path | str, **more: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, str(place)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more))  # type: ignore[call-overload]
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def _says(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().rstrip()


def test_the_second_waits_until_the_first_is_killed(at_work: AtWork, tmp_path: Path) -> None:
    first = at_work(tmp_path / "out")
    assert _says(first) == "mine"
    second = at_work(tmp_path / "out")
    told = _says(second)
    assert told.startswith(f"{tmp_path}/out: process {first.pid}, begun 20")
    assert told.endswith(", is at work there; waiting for its end")
    third = at_work(tmp_path / "other")
    assert _says(third) == "mine"
    first.kill()
    assert _says(second) == "mine"
    assert _says(at_work(tmp_path / "out")).startswith(f"{tmp_path}/out: process {second.pid}, begun 20")


def test_a_place_is_one_by_whatever_name(at_work: AtWork, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    first = at_work(tmp_path / "folder" / "out")
    assert _says(first) == "mine"
    for name, cwd in ((tmp_path / "link" / "out/", None), ("out", tmp_path / "link")):
        assert "is at work there" in _says(at_work(name, cwd=cwd))
    bucket = at_work("s3://bucket/out")
    assert _says(bucket) == "mine"
    assert "is at work there" in _says(at_work("s3://bucket/out/", cwd=tmp_path))


def test_a_submitted_job_is_called_as_its_server_does(at_work: AtWork, tmp_path: Path) -> None:
    told = json.dumps({"metadata": {"job_submission_id": "raysubmit_7"}})
    assert _says(at_work(tmp_path, env=os.environ | {SUBMITTED: told})) == "mine"
    assert f"{tmp_path}: job raysubmit_7, begun" in _says(at_work(tmp_path))


def test_who_waits_can_be_stopped(at_work: AtWork, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(config: GenerateConfig) -> dict:
        raise AssertionError("another is at work there")

    assert _says(at_work(tmp_path)) == "mine"
    stop = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    stop.start()
    assert run_job(GenerateConfig, run, ["--set", f"output={tmp_path}"]) == 130
    assert "is at work there" in capsys.readouterr().out


def test_a_job_is_done_before_the_next_begins(tmp_path: Path) -> None:
    """Also one that raises, and in one process."""
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), turn_at(str(tmp_path)):
            raise ZeroDivisionError


def test_where_there_is_no_room_for_locks_there_are_no_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with turn_at("out"), turn_at("out"):
        pass


def test_a_folder_that_another_user_made_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link in it could lead to any file of ours, which would be emptied."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    other = os.getuid() + 1
    (tmp_path / f"advgen-turns-{other}").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: other)
    with turn_at("out"):
        assert not list(tmp_path.glob("*/*"))


@pytest.mark.long
@pytest.mark.ray
def test_a_command_given_twice_trains_once(tmp_path: Path) -> None:
    config = classifier_config(tmp_path / "out")
    jobs = [JobProcess.of("train_classifier", config, tmp_path / f"{name}.log") for name in ("a", "b")]
    first, second = sorted((job.finish() for job in jobs), key=lambda said: "is at work there" in said)
    assert "is at work there" not in first
    assert "is at work there" in second
    assert "out/model is finished, nothing to train" in second
    assert first.split("\nmodel: ")[1] == second.split("\nmodel: ")[1], "the same summary"
