"""Model directories: a model rebuilt from its card alone, and every way in which one can be wrong."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from advgen_ray.errors import UserError
from advgen_ray.models.one_vs_rest import OneVsRest
from advgen_ray.models.two_conv import TwoConv
from advgen_ray.models.unet import UNet
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.training.model_directory import CARD, WEIGHTS, load_model, read_card, save_model
from tests.damage import Bomb
from tests.same_weights import same_weights

ARCHITECTURE: dict[str, Any] = {
    "image_shape": [1, 8, 8],
    "num_classes": 3,
    "mean": [0.3],
    "std": [0.4],
    "depth": 10,
    "widen_factor": 1,
    "base_channels": 8,
    "dropout": 0.1,
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = WideResNet(**ARCHITECTURE)
    model.get_buffer("norm.running_mean").add_(1)
    save_model(tmp_path / "model", model, {"kind": "wide_resnet", "architecture": ARCHITECTURE, "metrics": {"a": 0.5}})
    return tmp_path / "model"


def test_a_classifier_comes_back_ready_for_inference(saved: Path) -> None:
    loaded = load_model(saved)
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.model.get_buffer("norm.running_mean").eq(1).all()
    assert loaded.card["metrics"] == {"a": 0.5}
    assert loaded.card["versions"]["torch"]
    assert len(loaded.digest) == 64
    again = load_model(saved)
    assert same_weights(loaded.model.state_dict(), again.model.state_dict())
    assert again.digest == loaded.digest == read_card(saved)["weights_sha256"]


def test_a_score_model_comes_back(tmp_path: Path) -> None:
    architecture = {"image_shape": [1, 8, 8], "num_classes": 3, "base_channels": 8, "channel_multipliers": [1, 2]}
    model = UNet(**architecture, channels_per_group=4, num_blocks=1)
    card = {"kind": "unet", "architecture": architecture | {"channels_per_group": 4, "num_blocks": 1}}
    save_model(tmp_path, model, card)
    assert same_weights(load_model(tmp_path).model.state_dict(), model.state_dict())


def test_detectors_come_back_as_one_classifier(tmp_path: Path) -> None:
    architecture = {"image_shape": [1, 8, 8], "num_classes": 1, "mean": [0.3], "std": [0.4], "hidden": 8}
    model = OneVsRest([TwoConv(**architecture) for _ in range(3)], offsets=[0.5, -1.0, 0.0])
    detector = {"kind": "two_conv", "architecture": architecture}
    described = {"image_shape": [1, 8, 8], "num_classes": 3, "detector": detector}
    save_model(tmp_path, model, {"kind": "one_vs_rest", "architecture": described})
    x = torch.rand(4, 1, 8, 8)
    assert torch.equal(load_model(tmp_path).model(x), model.eval()(x))
    _change_card(tmp_path, architecture=described | {"detector": detector | {"kind": "vit"}})
    assert "detectors of kind 'vit'" in _refusal(tmp_path)


def _change_card(directory: Path, **changes: Any) -> None:
    card = json.loads((directory / CARD).read_text())
    (directory / CARD).write_text(json.dumps(card | changes))


def _refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_defect_has_its_line(saved: Path, tmp_path: Path) -> None:
    assert "no model there" in _refusal(tmp_path / "nowhere")
    weights = saved / WEIGHTS
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-10])
    assert "truncated" in _refusal(saved)
    weights.unlink()
    assert "not found" in _refusal(saved)
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "differs from the card's" in _refusal(saved)
    weights.write_bytes(whole)
    _change_card(saved, architecture=ARCHITECTURE | {"depth": 16})
    assert "another architecture" in _refusal(saved)
    _change_card(saved, architecture=ARCHITECTURE | {"depth": 11})
    assert "cannot be built" in _refusal(saved)
    _change_card(saved, architecture=ARCHITECTURE | {"layers": 3})
    assert "cannot be built" in _refusal(saved)
    _change_card(saved, kind="vit")
    assert "unknown kind 'vit'" in _refusal(saved)
    (saved / CARD).unlink()
    assert "not a complete model" in _refusal(saved)


def test_pickles_are_refused_and_not_executed(saved: Path, tmp_path: Path) -> None:
    marker, pickled = tmp_path / "executed", tmp_path / "model.pt"
    torch.save({"state_dict": Bomb(marker)}, pickled)
    assert "pickled checkpoints are never loaded" in _refusal(pickled)
    shutil.copy(pickled, saved / WEIGHTS)
    assert "not a safetensors file" in _refusal(saved)
    (saved / WEIGHTS).write_bytes(pickle.dumps(Bomb(marker)))
    assert "not a safetensors file" in _refusal(saved)
    assert not marker.exists()


def test_saving_over_a_model_leaves_none_or_the_new_one(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr("advgen_ray.training.model_directory.write_json", killed)
    card = {"kind": "wide_resnet", "architecture": ARCHITECTURE}
    with pytest.raises(InterruptedError):
        save_model(saved, WideResNet(**ARCHITECTURE), card)
    assert "not a complete model" in _refusal(saved)  # never the old card on new weights
