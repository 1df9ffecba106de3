"""What MLflow holds after a job: nested runs, whole configs, every number, honest endings; one run a piece of work."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.errors import UserError
from advgen_ray.tracking import tracked_run
from advgen_ray.tracking.reading import kept_of

ROOT = Path(__file__).parents[2]
CONFIG = {
    "seed": 7,
    "output": "runs/it's here",
    "optimizer": {"kind": "adam", "learning_rate": 1e-3},
    "eps": [0.0, 0.5],
    "prose": "x" * 2000,
    "max_steps": None,
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory of its own with the default tracking place, laid out once for the tests here."""
    place = tmp_path_factory.mktemp("tracking")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
            patch.delenv(name, raising=False)
        yield place


def stored(uri: str, experiment: str = "advgen") -> list[Any]:
    """Every run of an experiment, as MLflow returns it, the latest first."""
    import mlflow

    client = mlflow.MlflowClient(uri)
    return list(client.search_runs([client.get_experiment_by_name(experiment).experiment_id]))


def named(place: Path, name: str) -> list[Any]:
    """The stored runs of one name."""
    return [run for run in stored(f"sqlite:///{place}/runs/mlflow.db") if run.info.run_name == name]


def test_a_run_holds_config_numbers_and_provenance(workplace: Path) -> None:
    with tracked_run("whole", CONFIG, tags={"config_digest": "d1"}) as run:
        run.log_history(
            [{"step": i, "loss": i / 2, "unit": "nats", "none": None, "bad": float("nan")} for i in range(2500)]
        )
        run.log_metrics({"accuracy (clean)": 0.5, "passed": True}, step=3)
        run.log_file("report.html", b"a report")
        run.log_file("figures/a.png", b"a picture")
    (found,) = named(workplace, "whole")
    assert found.info.status == "FINISHED"
    assert found.data.params["optimizer.learning_rate"] == "0.001"
    assert found.data.params["eps"] == "[0.0, 0.5]"
    assert found.data.params["max_steps"] == "null"
    assert found.data.params["prose"] == "x" * 500
    assert found.data.metrics == {"loss": 1249.5, "accuracy _clean_": 0.5, "passed": 1.0}
    tags = found.data.tags
    assert (tags["config_digest"], tags["seed"]) == ("d1", "7")
    assert tags["version.torch"].startswith("2.")
    assert tags["version.ray"].startswith("2.")
    kept = json.dumps([tags, found.data.params])
    assert socket.gethostname() not in kept
    assert str(workplace) not in kept
    artifacts = Path(found.info.artifact_uri)
    assert artifacts.is_relative_to(workplace / "runs" / "mlartifacts")
    assert json.loads((artifacts / "config.json").read_text()) == CONFIG
    assert (artifacts / "report.html").read_text() == "a report"
    assert (artifacts / "figures" / "a.png").read_text() == "a picture"
    import mlflow

    history = mlflow.MlflowClient(f"sqlite:///{workplace}/runs/mlflow.db").get_metric_history(found.info.run_id, "loss")
    assert sorted((point.step, point.value) for point in history) == [(i, i / 2) for i in range(2500)]


def test_runs_nest_and_the_parent_is_restored(workplace: Path) -> None:
    with tracked_run("parent", {"seed": 1}):
        with tracked_run("child", {"seed": 2}), tracked_run("grandchild", {"seed": 3}):
            pass
        with tracked_run("second child", {"seed": 4}):
            pass
    with tracked_run("stranger", {}):
        pass
    ids = {
        name: named(workplace, name)[0].info.run_id
        for name in ("parent", "child", "grandchild", "second child", "stranger")
    }
    parents = {name: named(workplace, name)[0].data.tags.get("mlflow.parentRunId") for name in ids}
    assert parents == {
        "parent": None,
        "child": ids["parent"],
        "grandchild": ids["child"],
        "second child": ids["parent"],
        "stranger": None,
    }


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_broken_job_ends_its_runs_and_passes_the_error_on(
    workplace: Path, error: type[BaseException], status: str
) -> None:
    with pytest.raises(error), tracked_run(f"outer {status}", {}), tracked_run(f"inner {status}", {}):
        raise error
    assert named(workplace, f"outer {status}")[0].info.status == status
    assert named(workplace, f"inner {status}")[0].info.status == status


def test_unfinished_work_is_continued_and_other_work_is_not(workplace: Path) -> None:
    def work(digest: str, output: str, fails: bool = False) -> None:
        with tracked_run("work", {"output": output, "workers": 1 + fails}, tags={"config_digest": digest}) as run:
            run.log_metrics({"loss": 1.0}, step=1 + fails)
            if fails:
                raise UserError("no")

    with pytest.raises(UserError):
        work("d1", "runs/a", fails=True)
    (failed,) = named(workplace, "work")
    assert failed.info.status == "FAILED"
    work("d2", "runs/a")
    work("d1", "runs/b")
    assert len(named(workplace, "work")) == 3
    work("d1", "runs/a")
    assert len(named(workplace, "work")) == 3
    continued = [run for run in named(workplace, "work") if run.info.run_id == failed.info.run_id]
    assert continued[0].info.status == "FINISHED"
    work("d1", "runs/a")  # finished work that is asked for again is a run of its own
    assert len(named(workplace, "work")) == 4


def test_a_killed_driver_leaves_a_run_that_the_next_one_continues(workplace: Path) -> None:
    program = (
        "import os, signal\n"
        "from advgen_ray.tracking import tracked_run\n"
        "with tracked_run('killed', {'output': 'runs/k'}) as run:\n"
        "    run.log_metrics({'loss': 2.0}, step=1)\n"
        "    run.writer.entries.join()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=workplace, check=False).returncode == -signal.SIGKILL
    assert named(workplace, "killed")[0].info.status == "RUNNING"
    with tracked_run("killed", {"output": "runs/k"}) as run:
        run.log_metrics({"loss": 1.0}, step=2)
    (found,) = named(workplace, "killed")
    assert (found.info.status, found.data.metrics) == ("FINISHED", {"loss": 1.0})


def test_work_does_not_wait_for_mlflow(workplace: Path) -> None:
    program = (
        "from advgen_ray.tracking import tracked_run\n"
        "with tracked_run('quick', {}) as run:\n"
        "    run.log_history([{'step': i, 'loss': i} for i in range(100)])\n"
        "    ready = run.id != ''\n"
        "print(ready, run.id != '')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=workplace, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False True"
    assert done.stderr == ""  # no migration log, no telemetry notice


def test_what_a_run_holds_is_counted_and_a_run_that_failed_is_none(workplace: Path) -> None:
    config = {"eps": 0.5, "output": "runs/it's"}
    assert kept_of("d1", "runs/it's") == {}
    with pytest.raises(ZeroDivisionError), tracked_run("counted", config, tags={"config_digest": "d1"}):
        raise ZeroDivisionError
    assert kept_of("d1", "runs/it's") == {}
    with tracked_run("counted", config, tags={"config_digest": "d1"}) as run:
        run.log_metrics({"loss": 1.0})
        run.log_file("figures/a.svg", b"<svg/>")
    kept = kept_of("d1", "runs/it's")
    assert kept.pop("versions") >= 4
    assert kept == {"parameters": 2, "metrics": 1, "files": 2, "models": 0}  # config.json is one of the files
    assert kept_of("d2", "runs/it's") == {}
    assert len(named(workplace, "counted")) == 1, "the run that failed was found, whatever its output is called"


def test_the_thread_that_talks_to_mlflow_leaves_the_environment_alone(tmp_path: Path) -> None:
    """The C library moves the environment as it grows: another thread that reads it then dies of it."""
    program = (
        "import sys, threading, torch\n"  # as every job has: numpy sets a variable as it is imported
        "from advgen_ray.tracking import tracked_run\n"
        "def hook(event, words):\n"
        "    if event == 'os.putenv' and threading.current_thread() is not threading.main_thread(): print(words[0])\n"
        "sys.addaudithook(hook)\n"
        "with tracked_run('work', {'seed': 1}) as run: run.log_file('page.html', b'')\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert (tmp_path / "runs/mlflow.db").exists()
    assert done.stdout == ""
