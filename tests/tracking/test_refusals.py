"""What MLflow refuses is kept for later, its run is not said to be recorded, and nothing ends the writer's thread."""

import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.tracking import tracked_run, unsent, writer
from advgen_ray.tracking.sender import Entry, Sender

ENTRY = {"do": "end", "run": "key", "status": "FINISHED"}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setattr(writer, "FIRST_WAIT", 0.01)
    return tmp_path


def _refusing(monkeypatch: pytest.MonkeyPatch, refused: Callable[[Entry], bool], asked: list[str]) -> None:
    send = Sender.send

    def sent(sender: Sender, entry: Entry) -> None:
        asked.append(entry["do"])
        if refused(entry):
            raise ValueError("as told")
        send(sender, entry)

    monkeypatch.setattr(Sender, "send", sent)


def test_what_an_artifact_store_refuses_is_sent_by_the_next_job(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded: list[str] = []
    artifacts, away = workplace / "mlartifacts", workplace / "away"
    with tracked_run("outer", {"seed": 1}) as outer:
        with tracked_run("inner", {"seed": 2}) as run:
            run.writer.entries.join()
            artifacts.rename(away)
            artifacts.write_text("in its place")
            run.log_file("page.html", b"a report")
            run.log_metrics({"loss": 1.0})
            run.once_recorded(lambda: recorded.append("inner"))
        outer.once_recorded(lambda: recorded.append("outer"))
    assert recorded == ["outer"]
    told = capsys.readouterr().err.splitlines()
    assert ["was refused" in told[0], "1 entries wait" in told[1], len(told)] == [True, True, 2]
    artifacts.unlink()
    away.rename(artifacts)
    with tracked_run("next", {"seed": 3}):
        pass
    assert [path.read_text() for path in artifacts.rglob("page.html")] == ["a report"]
    assert list((workplace / "runs/unsent").iterdir()) == []


def test_one_kind_that_is_refused_costs_another_no_tries(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    _refusing(
        monkeypatch,
        lambda one: one["do"] == "artifact" or (one["do"] == "metrics" and "metrics" not in asked[:-1]),
        asked,
    )
    with tracked_run("work", {"seed": 1}) as run:
        for number in range(6):
            run.log_file(f"{number}.html", b"")
        run.log_metrics({"loss": 1.0})
    assert asked.count("artifact") == writer.REFUSALS * writer.REFUSALS + 3, (
        "a long record must not take hours to refuse"
    )
    assert asked[-3:] == ["metrics", "metrics", "end"]


def test_what_is_refused_for_ever_is_put_aside_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    page.write_text("a report")
    waiting = tmp_path / "unsent"
    stored = unsent.store(waiting, "http://one", [ENTRY | {"do": "artifact", "path": str(page)}], {})
    for _ in range(unsent.TRIES):
        assert capsys.readouterr().err == ""
        with unsent.claimed(waiting, "http://one") as found:
            found[0].refused = True
        with unsent.claimed(waiting, "http://other") as found:
            assert found == []
    assert f"{stored.stem}.refused was refused by the server {unsent.TRIES} times" in capsys.readouterr().err
    with unsent.claimed(waiting, "http://one") as found:
        assert found == []
    stored.with_suffix(unsent.REFUSED).rename(stored)
    with unsent.claimed(waiting, "http://one") as found:
        assert Path(found[0].entries[0]["path"]).read_text() == "a report"
        found[0].sent = True
    assert list(waiting.iterdir()) == []


def test_no_odd_answer_loses_what_is_queued(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def odd(*_: Any) -> None:
        raise http.client.BadStatusLine("SSH-2.0")

    with tracked_run("work", {"seed": 1}) as run:
        run.writer.entries.join()
        monkeypatch.setattr(writer, "PATIENCE", 0.0)
        monkeypatch.setattr(writer, "sqlite_path", lambda _: None)
        monkeypatch.setattr(writer, "check_tracking", odd)
        monkeypatch.setattr(Sender, "send", odd)
        run.log_metrics({"loss": 1.0})
    assert "2 entries wait in" in capsys.readouterr().err


def test_no_odd_failure_of_what_follows_loses_what_is_queued(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def odd() -> None:
        raise ZeroDivisionError

    with tracked_run("outer", {"seed": 1}) as outer:
        with tracked_run("inner", {"seed": 2}) as inner:
            inner.once_recorded(odd)
        outer.writer.entries.join()
        assert outer.writer._thread.is_alive()
    assert "the next command looks again at what is recorded" in capsys.readouterr().err
