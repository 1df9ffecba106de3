"""A tracking server that is away costs neither work nor record: what it missed is sent when it is back."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from advgen_ray.errors import UserError
from advgen_ray.tracking import tracked_run, unsent, writer
from advgen_ray.tracking.sender import Entry, Sender
from advgen_ray.training.exported import export_program
from advgen_ray.training.model_directory import load_model
from tests.models_on_disk import save_classifier
from tests.tracking.mlflow_server import MlflowServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    one = MlflowServer(tmp_path_factory.mktemp("server"))
    yield one
    one.kill()


@pytest.fixture
def workplace(server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", tmp_path.name)
    return tmp_path


def _stored(server: MlflowServer, experiment: str) -> dict[str, Any]:
    """The runs of an experiment by name, which must be different."""
    import mlflow

    client = mlflow.MlflowClient(server.uri)
    runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    names = [run.info.run_name for run in runs]
    assert len(set(names)) == len(names), "none is there twice"
    return dict(zip(names, runs, strict=True))


def _history(server: MlflowServer, run: Any, metric: str) -> list[tuple[int, float]]:
    import mlflow

    found = mlflow.MlflowClient(server.uri).get_metric_history(run.info.run_id, metric)
    return sorted((point.step, point.value) for point in found)


def test_a_server_that_is_away_to_the_end_gets_everything_from_the_next_job(
    server: MlflowServer, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.kill()
    monkeypatch.setenv("ADVGEN_RECORDS", str(workplace / "records"))  # as `advgen submit` has it
    with pytest.raises(UserError, match="cannot be reached"), tracked_run("never", {}):
        pytest.fail("no work begins where nothing is recorded")
    monkeypatch.setattr("advgen_ray.tracking.runs.check_tracking", lambda: None)  # it was there at the start
    monkeypatch.setattr(writer, "PATIENCE", 1.0)
    program = export_program(save_classifier(workplace / "model"))
    with tracked_run("outer", {"seed": 7, "output": "runs/a"}), tracked_run("inner", {"seed": 8}) as run:
        run.log_history([{"step": step, "loss": step / 2} for step in range(5)])
        run.log_file("page.html", b"a report")
        run.log_model(program.content, torch.__version__, program.inputs, program.outputs, program.facts)
        assert run.id == "", "no work waits for the server"
        assert run.writer.entries.unfinished_tasks > 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("advgen:")]
    assert len(lines) == 2
    assert "does not answer; what it is to record waits" in lines[0]
    assert "entries wait in" in lines[1]
    assert "the next job that records there sends them" in lines[1]
    waiting = workplace / "records/unsent"
    assert len(list(waiting.glob("*.json"))) == 1
    shutil.copytree(waiting, workplace / "copy")
    server.start()
    with tracked_run("next", {"seed": 9}):
        pass
    assert list(waiting.iterdir()) == []
    shutil.copytree(workplace / "copy", waiting, dirs_exist_ok=True)  # as if that job had been killed before its end
    with tracked_run("next again", {"seed": 10}):
        pass
    runs = _stored(server, workplace.name)
    assert runs.keys() == {"outer", "inner", "next", "next again"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert runs["inner"].data.tags["mlflow.parentRunId"] == runs["outer"].info.run_id
    assert runs["inner"].data.params == {"seed": "8"}
    assert _history(server, runs["inner"], "loss") == [(step, step / 2) for step in range(5)]
    assert [path.read_text() for path in (server.root / "served").rglob("page.html")] == ["a report"]
    assert list(waiting.iterdir()) == []
    import mlflow

    mlflow.set_tracking_uri(server.uri)
    x = torch.rand(3, 1, 8, 8)
    theirs = mlflow.pytorch.load_model(f"runs:/{runs['inner'].info.run_id}/model")
    assert torch.equal(theirs(x), load_model(workplace / "model").model(x))


def test_a_server_that_comes_back_has_missed_nothing(
    server: MlflowServer, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not server.process:
        server.start()
    with tracked_run("long", {"seed": 1}) as run:
        run.log_metrics({"loss": 3.0}, step=0)
        run.writer.entries.join()
        server.kill()
        starting = threading.Timer(2.0, server.start)
        starting.start()
        for step in range(1, 4):
            run.log_metrics({"loss": 3.0 - step}, step=step)
        starting.join()
    runs = _stored(server, workplace.name)
    assert _history(server, runs["long"], "loss") == [(0, 3.0), (1, 2.0), (2, 1.0), (3, 0.0)]
    assert runs["long"].info.status == "FINISHED"
    assert not list((workplace / "runs/unsent").glob("*"))
    assert capsys.readouterr().err.count("advgen:") == 1


def test_what_a_server_refuses_is_told_once_and_the_rest_goes_on(
    server: MlflowServer, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not server.process:
        server.start()
    monkeypatch.setattr(writer, "FIRST_WAIT", 0.1)
    with tracked_run("odd", {"seed": 1}) as run:
        run.log_file("../nowhere", b"")
        run.log_file("../nowhere else", b"")
        run.log_metrics({"loss": 1.0})
    runs = _stored(server, workplace.name)
    assert (runs["odd"].info.status, runs["odd"].data.metrics) == ("FINISHED", {"loss": 1.0})
    assert capsys.readouterr().err.count("an entry was refused, results are not affected") == 1


def test_a_refused_run_does_not_hold_up_the_job_for_every_entry(
    workplace: Path, server: MlflowServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    if not server.process:
        server.start()
    client = mlflow.MlflowClient(server.uri)
    client.delete_experiment(client.create_experiment(workplace.name))  # MLflow opens no run in it
    asked: list[str] = []
    send = Sender.send

    def counted(sender: Sender, entry: Entry) -> None:
        asked.append(entry["do"])
        send(sender, entry)

    monkeypatch.setattr(Sender, "send", counted)
    with tracked_run("odd", {"seed": 1}) as run:
        for step in range(500):
            run.log_metrics({"loss": 1.0}, step=step)
    assert run.id == ""
    assert asked == ["open"] * writer.REFUSALS
    lines = capsys.readouterr().err.splitlines()
    assert ["an entry was refused" in lines[0], "502 entries wait in" in lines[1], len(lines)] == [True, True, 2]
    client.restore_experiment(client.get_experiment_by_name(workplace.name).experiment_id)
    with tracked_run("next", {"seed": 2}):
        pass
    runs = _stored(server, workplace.name)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert len(_history(server, runs["odd"], "loss")) == 500


def test_what_waits_is_taken_by_one_job_and_left_for_its_own_server(tmp_path: Path) -> None:
    entry = {"do": "end", "run": "key", "status": "FINISHED"}
    stored = unsent.store(tmp_path, "http://one", [entry], {"key": "id"})
    dead = tmp_path / f"{stored.stem}.999999999{unsent.CLAIMED}"
    stored.rename(dead)  # whoever sent it was killed
    with unsent.claimed(tmp_path, "http://other") as found:
        assert found == []
    with unsent.claimed(tmp_path, "http://one") as found, unsent.claimed(tmp_path, "http://one") as second:
        assert [(one.entries, one.ids) for one in found] == [([entry], {"key": "id"})]
        assert second == []
    assert stored.exists(), "it was not sent"
    with unsent.claimed(tmp_path, "http://one") as found:
        found[0].sent = True
    assert list(tmp_path.iterdir()) == []


def test_a_real_server_takes_runs_and_artifacts(server: MlflowServer, workplace: Path) -> None:
    if not server.process:
        server.start()
    with tracked_run("served", {"seed": 1}) as run:
        run.log_metrics({"loss": 1.0})
        run.log_file("kept.txt", b"kept")
    run_stored = _stored(server, workplace.name)["served"]
    assert (run_stored.info.status, run_stored.data.metrics) == ("FINISHED", {"loss": 1.0})
    assert [path.read_text() for path in (server.root / "served").rglob("kept.txt")] == ["kept"]
