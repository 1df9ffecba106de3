"""Users of one server who do the same work into outputs of the same name: each has a run, and continues that one."""

import os
from collections import Counter
from pathlib import Path

import pytest

from advgen_ray.tracking import runs, tracked_run


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", tmp_path.name)
    return tmp_path.name


def _killed(output: str) -> None:
    with pytest.raises(KeyboardInterrupt), tracked_run("study", {"output": output}):
        raise KeyboardInterrupt


def _statuses(experiment: str) -> Counter[str]:
    import mlflow

    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    tags = {value for run in found for value in run.data.tags.values()}
    assert not [value for value in tags if os.uname().nodename in value], "no record names a machine"
    return Counter(run.info.status for run in found)


@pytest.mark.parametrize("other", ["folder", "machine"])
def test_a_relative_output_is_its_users_own(
    other: str, experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _killed("runs/study")
    with monkeypatch.context() as theirs:
        (tmp_path / "theirs").mkdir()
        if other == "folder":
            theirs.chdir(tmp_path / "theirs")
        else:
            theirs.setattr(runs.socket, "gethostname", lambda: "another")
        with tracked_run("study", {"output": "runs/study"}):
            pass
    assert _statuses(experiment) == {"KILLED": 1, "FINISHED": 1}
    with tracked_run("study", {"output": "runs/study"}):
        pass
    assert _statuses(experiment) == {"FINISHED": 2}, "one's own is continued"


@pytest.mark.parametrize("output", ["/shared/runs/study", "s3://bucket/study"])
def test_what_is_the_same_place_everywhere_is_continued_from_another_machine(
    output: str, experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _killed(output)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs.socket, "gethostname", lambda: "the-next-head")
    with tracked_run("study", {"output": output}):
        pass
    assert _statuses(experiment) == {"FINISHED": 1}
