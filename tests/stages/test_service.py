"""The service checks itself: a submitted training is the one run here, and its run in MLflow holds all of it."""

import shutil
from pathlib import Path

import psutil
import pytest

from advgen_ray.catalogue.service import ROWS
from advgen_ray.config import CheckServiceConfig
from advgen_ray.distributed.own_head import free_ports
from advgen_ray.errors import UserError
from advgen_ray.recipes.service import digits_service
from advgen_ray.stages import service

ROOT = Path(__file__).parents[2]


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


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("checkout", "ray_session")
@pytest.mark.timeout(600)
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
