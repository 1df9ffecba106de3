"""Calibration of a generative classifier: another model with constants, from logits that go on where they stopped."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from advgen_ray.config import CalibrateClassifierConfig, PoolConfig
from advgen_ray.data import datasets
from advgen_ray.errors import UserError
from advgen_ray.models.one_vs_rest import OneVsRest
from advgen_ray.stages import calibration
from advgen_ray.training.model_directory import load_model, read_card, save_model
from tests.classifier_jobs import fill_maps
from tests.models_on_disk import save_classifier
from tests.small_one_vs_rest import save_one_vs_rest

SHIFT = torch.tensor([3.0, -3.0, *[0.0] * 8])


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Detectors whose densities of the first two classes are too large and too small; ``right`` beside them."""
    root = tmp_path_factory.mktemp("detectors")
    loaded = load_model(save_one_vs_rest(root / "right", num_steps=40))
    assert isinstance(loaded.model, OneVsRest)
    for detector, shift in zip(loaded.model.detectors, SHIFT, strict=True):
        detector.head.bias += shift  # type: ignore[union-attr, operator]
    save_model(root / "shifted" / "model", loaded.model, loaded.card)
    return str(root / "shifted" / "model")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "run_maps", fill_maps)


def _config(classifier: str, output: Path, **changes: Any) -> CalibrateClassifierConfig:
    values: dict[str, Any] = {
        "classifier": classifier, "num_validation_images": 300, "shard_images": 700, "output": str(output),
        "pool": PoolConfig(max_actors=1),
    }  # fmt: skip
    return CalibrateClassifierConfig(**(values | changes))


@pytest.mark.usefixtures("in_process")
def test_what_was_shifted_is_shifted_back_and_stored_as_a_model_of_its_own(shifted: str, tmp_path: Path) -> None:
    config = _config(shifted, tmp_path / "out")
    summary = calibration.run(config)
    assert summary["test_accuracy_after"] > summary["test_accuracy_before"] + 0.03
    assert summary["train_count"] == 1400
    assert summary["held_out_cross_entropy_after"] < summary["held_out_cross_entropy_before"] - 0.1
    offsets = np.array(summary["offsets"])
    assert abs(offsets.sum()) < 1e-4
    before, after = load_model(shifted), load_model(summary["model"])
    x = datasets.load("digits", "", "test").tensor(range(5))
    torch.testing.assert_close(after.model(x), before.model(x) + torch.tensor(offsets).float(), atol=1e-5, rtol=0)
    assert after.card["calibration"]["classifier"] == before.digest
    assert after.digest != before.digest
    stored = (tmp_path / "out" / "model" / "model.json").read_bytes()
    assert calibration.run(config) == summary
    assert (tmp_path / "out" / "model" / "model.json").read_bytes() == stored
    # A calibrated one has the same constants learnt anew, not on top of the old ones.
    again = calibration.run(_config(summary["model"], tmp_path / "again"))
    np.testing.assert_allclose(again["offsets"], offsets, atol=1e-3)
    assert again["test_accuracy_before"] == summary["test_accuracy_before"]


@pytest.mark.usefixtures("in_process")
def test_shards_and_batches_decide_nothing(shifted: str, tmp_path: Path) -> None:
    one = calibration.run(_config(shifted, tmp_path / "a"))
    two = calibration.run(_config(shifted, tmp_path / "b", batch_size=97, shard_images=311))
    np.testing.assert_allclose(two["offsets"], one["offsets"], atol=1e-3)
    other = calibration.run(_config(shifted, tmp_path / "c", seed=1))
    assert other["offsets"] != one["offsets"], "other images are held out"


def test_what_has_no_constants_of_its_own_is_refused(shifted: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds a wide_resnet, whose logits have one constant in common"):
        calibration.run(_config(save_classifier(tmp_path / "softmax"), tmp_path / "out"))
    with pytest.raises(UserError, match="num_validation_images=1400: digits has 1400 training images"):
        calibration.run(_config(shifted, tmp_path / "out", num_validation_images=1400))


@pytest.mark.long
@pytest.mark.ray
def test_through_ray_it_ends_in_a_page(ray_session: None, shifted: str, tmp_path: Path) -> None:
    summary = calibration.run(_config(shifted, tmp_path / "out"))
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Do the densities of the classes need a common scale?" in page
    assert page.count("data:image/svg+xml") == 10
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary
    assert read_card(summary["model"])["kind"] == "one_vs_rest"
