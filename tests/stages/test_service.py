"""The service checks itself: a submitted training is the one run here, and its run in MLflow holds all of it."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from advgen_ray.catalogue.service import ROWS
from advgen_ray.config import CheckServiceConfig
from advgen_ray.distributed.own_head import free_ports
from advgen_ray.distributed.resources import per_worker
from advgen_ray.errors import UserError
from advgen_ray.job import run_job
from advgen_ray.recipes.service import digits_service
from advgen_ray.stages import service
from advgen_ray.stages.programs import PROGRAMS

ROOT = Path(__file__).parents[2]
KEPT = {"parameters": 9, "metrics": 4, "versions": 8, "files": 3, "models": 1}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is uploaded, and where runs are recorded."""
    for part in ("advgen_ray", "jobs"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.mark.usefixtures("checkout")
def test_a_server_that_is_not_there_is_one_line() -> None:
    config = CheckServiceConfig(address=f"http://127.0.0.1:{free_ports(1)[0]}", output="runs/service")
    with pytest.raises(UserError, match=r"the job sent to http.* did not succeed: advgen: error: no cluster at"):
        service.run(config)


@pytest.mark.parametrize(
    ("weights", "kept", "told"),
    [
        ("b", KEPT, "the submitted training has other weights than the one here; see "),
        ("a", KEPT | {"models": 0}, "its run in MLflow has no models: set MLFLOW_TRACKING_URI to a server both reach"),
        ("a", {}, "its run in MLflow has no parameters, metrics, versions, files, models: "),
        ("a", KEPT, ""),
    ],
)
def test_what_differs_ends_the_job_and_is_a_figure_of_the_catalogue(
    weights: str,
    kept: dict[str, int],
    told: str,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = SimpleNamespace(finished=lambda: True, digest="", output="")
    monkeypatch.setattr(service.classifier, "task_of", lambda config: task)
    monkeypatch.setattr(service.classifier, "run", lambda config: {})
    monkeypatch.setattr(service, "kept_of", lambda digest, output: kept)
    for name, digest in (("submitted", "a"), ("here", weights)):
        (checkout / "runs" / name / "model").mkdir(parents=True)
        card = {"weights_sha256": digest, "metrics": {"clean_accuracy": 0.9, "pgd_accuracy": 0.5}}
        (checkout / "runs" / name / "model" / "model.json").write_text(json.dumps(card))
    assert run_job(CheckServiceConfig, service.run, ["--set", "output=runs"]) == (3 if told else 0)
    line = capsys.readouterr().err
    assert told in line
    assert line.count("\n") == bool(told)
    assert (checkout / "runs" / "report.html").is_file()
    found = PROGRAMS["check_service"](CheckServiceConfig(output="runs"))
    margins = {row.id: row.read({"service": found}).margin.value for row in ROWS if row.id in ("E4", "E5")}
    assert (margins["E4"] < 0, margins["E5"] < 0) == (kept != KEPT, weights != "a")


def test_what_is_sent_asks_for_no_gpu_as_there_may_be_none_here() -> None:
    sent = digits_service().submitted
    assert per_worker(sent.workers, {"CPU": 8.0, "GPU": 4.0}) == {"CPU": 1.0}


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("checkout", "ray_session")
def test_a_submitted_training_is_the_one_run_here(capsys: pytest.CaptureFixture[str]) -> None:
    config = digits_service()
    found = service.run(config)
    assert found["same_weights"]
    assert found["submitted"] == found["here"]
    assert Path(found["report"]).is_file()
    margins = {row.id: row.read({"service": found}).margin for row in ROWS if row.id in ("E4", "E5")}
    assert min(margin.value for margin in margins.values()) > 0, margins
    assert not [one for one in psutil.Process().children(recursive=True) if "gcs_server" in one.name()][1:]
    capsys.readouterr()
    assert service.run(config)["same_weights"]
    assert "submitted raysubmit" not in capsys.readouterr().out, "what is there is not sent again"
