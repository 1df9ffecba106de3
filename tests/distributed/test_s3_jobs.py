"""Jobs whose output lies on S3: killed, run again, and in the end what they are on a disk."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from advgen_ray.config import Config, ValidateConfig
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.session import Task
from advgen_ray.stages import classifier, validation
from advgen_ray.stages.counterfactuals import prepare
from advgen_ray.storage import ResultSet, filesystem
from advgen_ray.training.model_directory import load_model
from tests.classifier_jobs import fill
from tests.job_process import JobProcess
from tests.models_on_disk import generate_config, save_score_model
from tests.same_weights import same_weights
from tests.small_training import KeptSession, classifier_config

pytestmark = [pytest.mark.ray, pytest.mark.long]


def _killed_once(job: str, config: Config, folder: Path, far_enough: Callable[[], bool]) -> str:
    """Kill the job with all its processes when it came ``far_enough``; then run it to its end. What it said then."""
    first = JobProcess.of(job, config, folder / "first.log")
    first.wait_until(far_enough, often=0.1)
    first.kill()
    return JobProcess.of(job, config, folder / "second.log").finish()


def test_a_set_of_counterfactuals_is_the_one_of_a_disk(bucket: str, tmp_path: Path) -> None:
    model = save_score_model(tmp_path / "model")
    for name in ("model.json", "model.safetensors"):
        filesystem.write_atomic(f"{bucket}/model/{name}", Path(model, name).read_bytes())
    config = generate_config(f"{bucket}/model", tmp_path, shard_images=5).model_copy(
        update={"output": f"{bucket}/sets/ce"}
    )
    shards = f"{bucket}/sets/ce/shards"
    _killed_once("generate_counterfactuals", config, tmp_path, lambda: bool(filesystem.list_names(shards)))
    made, on_disk = ResultSet.open(config.output), config.model_copy(update={"output": str(tmp_path / "ce")})
    local = prepare(on_disk)
    fill(local, CounterfactualRows(on_disk, local, torch.device("cpu")))
    assert made.identity == local.identity
    for index in range(local.num_shards):
        assert made.shard(index).equals(local.shard(index)), f"shard {index}"
    assert validation.run(ValidateConfig(result_set=made.uri))["rows"] == 60


def test_a_training_ends_in_the_model_of_an_unbroken_one(bucket: str, tmp_path: Path) -> None:
    config = classifier_config(tmp_path, num_epochs=12).model_copy(update={"output": f"{bucket}/trainings/one"})

    def far_enough() -> bool:
        record: Any = Task("", classifier.train, config, config.output).progress().get("record")
        return bool(record and record["step"] >= 9)

    said = _killed_once("train_classifier", config, tmp_path, far_enough)
    assert "epoch 1/12" not in said, "it continues from a checkpoint"
    unbroken: Any = KeptSession()
    classifier.train(config, unbroken)
    loaded = load_model(filesystem.local_copy(f"{config.output}/model"))
    assert same_weights(loaded.model.state_dict(), unbroken.model.state_dict())
    assert [record["step"] for record in loaded.card["history"]] == [record["step"] for record in unbroken.records]
    assert filesystem.list_names(f"{config.output}/train") == [], "Ray Train's files go with the need for them"
    assert json.loads(filesystem.read_bytes(f"{config.output}/model/model.json"))["config_digest"]
