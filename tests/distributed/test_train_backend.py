"""Workers whose GPU torch cannot use train together all the same, on their CPUs."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from advgen_ray.config import WorkersConfig
from advgen_ray.training.model_directory import load_model
from tests.small_training import classifier_config

ROOT = Path(__file__).parents[2]

DRIVER = """
import json
import sys
import ray
from advgen_ray.config import TrainClassifierConfig
from advgen_ray.distributed import cluster
from advgen_ray.stages import classifier

cluster._set_environment(cluster._ANYWHERE | cluster._LOCAL)
ray.init(address="local", num_cpus=4, num_gpus=2, include_dashboard=False, log_to_driver=False)  # which are not there
classifier.run(TrainClassifierConfig.parse(json.loads(sys.argv[1])))
"""


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.skipif(torch.cuda.is_available(), reason="its GPU would be used")
def test_workers_whose_gpus_torch_cannot_use_train_on_cpus(tmp_path: Path) -> None:
    workers = WorkersConfig(num_workers=2, gpus_per_worker=1)
    config = classifier_config(tmp_path / "out", num_epochs=2, workers=workers)
    driver = subprocess.run(
        [sys.executable, "-c", DRIVER, config.model_dump_json()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert driver.returncode == 0, driver.stderr[-3000:]
    assert "a GPU is held and torch cannot use it there, it computes on the CPU" in driver.stdout
    assert [record["step"] for record in load_model(tmp_path / "out" / "model").card["history"]] == [3, 6]
