"""Published weights in their own layouts give the outputs of the networks that they were published for."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from advgen_ray.errors import UserError
from advgen_ray.training.foreign_weights import load_robustbench_state
from tests.damage import Bomb
from tests.training.foreign_networks import (
    RobustBenchPreActResNet,
    RobustBenchWideResNet,
    lively,
    small_image_resnet,
)

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "wide_resnet": RobustBenchWideResNet,
    "preact_resnet": partial(RobustBenchPreActResNet, second_version=False),
    "preact_resnet_v2": partial(RobustBenchPreActResNet, second_version=True),
    "preact_resnet-34": partial(RobustBenchPreActResNet, second_version=True, blocks=(3, 4, 6, 3)),
    "resnet-18": partial(small_image_resnet, 18),
    "resnet-50": partial(small_image_resnet, 50),
    "imagenet-resnet-18": partial(torchvision.models.resnet18, num_classes=5),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_same_outputs_as_the_network_of_the_file(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = lively(NETWORKS[name]())
    torch.save(theirs.state_dict(), tmp_path / "weights.pt")
    ours = load_robustbench_state(tmp_path / "weights.pt", (3, 32, 32), mean=(0.0,) * 3, std=(1.0,) * 3)
    x = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-3, atol=1e-4)
    assert not ours.training


def _wide() -> tuple[nn.Module, dict[str, Any]]:
    torch.manual_seed(0)
    theirs = lively(RobustBenchWideResNet())
    return theirs, dict(theirs.state_dict())


@pytest.mark.parametrize("wrapping", ["module", "state_dict", "nested", "model", "no_counters"])
def test_wrappings_that_trainings_leave(wrapping: str, tmp_path: Path) -> None:
    theirs, state = _wide()
    wrapped: dict[str, Any] = {
        "module": {f"module.{name}": value for name, value in state.items()},
        "state_dict": {"state_dict": state, "epoch": 3, "best": 0.5},
        "nested": {"model": {f"module.model.{name}": value for name, value in state.items()}},
        "model": {f"model.{name}": value for name, value in state.items()},
        "no_counters": {name: value for name, value in state.items() if "num_batches" not in name},
    }[wrapping]
    torch.save(wrapped, tmp_path / "weights.pt")
    x = torch.rand(2, 3, 32, 32)
    ours = load_robustbench_state(tmp_path / "weights.pt")
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-3, atol=1e-4)


def test_statistics_come_from_the_file_then_from_the_caller_and_are_never_guessed(tmp_path: Path) -> None:
    theirs, state = _wide()
    torch.save(state, tmp_path / "with.pt")
    assert load_robustbench_state(tmp_path / "with.pt", mean=(0.9,) * 3).mean[0].item() == pytest.approx(0.49)
    bare = {name: value for name, value in state.items() if name not in ("mu", "sigma")}
    save_file({name: value.contiguous() for name, value in bare.items()}, tmp_path / "bare.safetensors")
    given = load_robustbench_state(tmp_path / "bare.safetensors", mean=(0.49, 0.48, 0.45), std=(0.25, 0.24, 0.26))
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(given(x), theirs(x), rtol=1e-3, atol=1e-4)
    told = "does not say what it normalizes by; .*'mu': torch.zeros\\(3\\)"
    with pytest.raises(UserError, match=told):
        load_robustbench_state(tmp_path / "bare.safetensors")
    torch.save(bare | {"mu": torch.zeros(3)}, tmp_path / "half.pt")
    with pytest.raises(UserError, match=told):
        load_robustbench_state(tmp_path / "half.pt")
    with pytest.raises(UserError, match="one value for each of 1 channels"):
        load_robustbench_state(tmp_path / "with.pt", (1, 32, 32))


def test_a_last_layer_without_a_bias(tmp_path: Path) -> None:
    theirs, state = _wide()
    bias = state.pop("fc.bias")
    torch.save(state, tmp_path / "weights.pt")
    x = torch.rand(2, 3, 32, 32)
    ours = load_robustbench_state(tmp_path / "weights.pt")
    torch.testing.assert_close(ours(x) + bias, theirs(x), rtol=1e-3, atol=1e-4)


def _refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_robustbench_state(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_would_execute_is_refused_unexecuted(tmp_path: Path) -> None:
    marker, path = tmp_path / "executed", tmp_path / "weights.pt"
    for old_format in (False, True):
        content = {"state_dict": _wide()[1], "extra": Bomb(marker)}
        torch.save(content, path, _use_new_zipfile_serialization=not old_format)
        assert "a pickle can execute anything" in _refusal(path)
    torch.save(RobustBenchWideResNet(), path)  # a whole module
    assert "save its state_dict() alone" in _refusal(path)
    assert not marker.exists()


def test_other_layouts_are_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    assert "not found" in _refusal(path)
    path.write_bytes(b"no archive")
    assert "or is damaged" in _refusal(path)
    torch.save({"init_conv.weight": torch.zeros(3), "layer.0.block.0.weight": torch.zeros(1)}, path)
    assert "no layout known here (init_conv.weight" in _refusal(path)
    torch.save([torch.zeros(3)], path)
    assert "expected a state dict, got list" in _refusal(path)
    _, state = _wide()
    del state["block2.layer.1.conv2.weight"]
    torch.save(state, path)
    assert "stages.1.1.conv2.weight is missing" in _refusal(path)
    _, state = _wide()
    torch.save(state | {"attention.weight": torch.zeros(3)}, path)
    assert "attention.weight is not part of it" in _refusal(path)
