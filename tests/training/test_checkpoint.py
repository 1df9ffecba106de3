"""Checkpoints: exact both ways, and refused in one line when incomplete, foreign or dangerous."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from advgen_ray.errors import UserError
from advgen_ray.models.ema import Ema
from advgen_ray.training.checkpoint import STATE, TENSORS, is_complete, load_best, load_checkpoint, save_checkpoint
from advgen_ray.training.optim import adam, sgd, update
from tests.damage import Bomb
from tests.same_weights import same_weights


def _model(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width, 2))


def _trained(optimizer_of: Any = adam) -> tuple[nn.Module, torch.optim.Optimizer, Ema]:
    torch.manual_seed(0)
    model = _model().to(memory_format=torch.channels_last)  # as stored weights are not
    optimizer, ema = optimizer_of(model.parameters()), Ema(model, 0.9)
    for _ in range(2):
        model(torch.rand(5, 1, 3, 3)).square().sum().backward()
        update(optimizer, 0.01, None)
        optimizer.zero_grad()
        ema.update(model)
    return model, optimizer, ema


@pytest.mark.parametrize("optimizer_of", [adam, sgd])
def test_everything_comes_back_exactly(optimizer_of: Any, tmp_path: Path) -> None:
    model, optimizer, ema = _trained(optimizer_of)
    state = {"step": 2, "history": [{"step": 2, "loss": 0.1 + 0.2}]}
    save_checkpoint(tmp_path, model=model, optimizer=optimizer, ema=ema, state=state)

    other = _model().to(memory_format=torch.channels_last)
    other_optimizer, other_ema = optimizer_of(other.parameters()), Ema(other, 0.9)
    loaded = load_checkpoint(tmp_path, model=other, optimizer=other_optimizer, ema=other_ema)
    assert loaded["step"] == 2
    assert loaded["history"] == state["history"]
    assert same_weights(other.state_dict(), model.state_dict())
    assert same_weights(other_ema.shadow, ema.shadow)
    assert other_ema.num_updates == 2
    for one in (model, other):  # the next update is the same to the bit
        one(torch.ones(5, 1, 3, 3)).square().sum().backward()
    update(optimizer, 0.01, None)
    update(other_optimizer, 0.01, None)
    assert same_weights(other.state_dict(), model.state_dict())


def _refusal(directory: Path, width: int = 4, with_ema: bool = True) -> str:
    model = _model(width)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(UserError) as caught:
        load_checkpoint(
            directory, model=model, optimizer=adam(model.parameters()), ema=Ema(model, 0.9) if with_ema else None
        )
    assert same_weights(model.state_dict(), before)  # nothing is half-loaded
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_truncated_foreign(tmp_path: Path) -> None:
    model, optimizer, ema = _trained()
    assert "not found" in _refusal(tmp_path)
    save_checkpoint(tmp_path, model=model, optimizer=optimizer, ema=ema, state={"step": 2})
    message = _refusal(tmp_path, width=5)
    assert "another architecture" in message
    assert "0.bias has shape [4], expected [5]" in message
    tensors = tmp_path / TENSORS
    whole = tensors.read_bytes()
    for size in (len(whole) - 4, 100, 0):
        tensors.write_bytes(whole[:size])
        assert "truncated, damaged" in _refusal(tmp_path)
    tensors.unlink()
    assert "not found" in _refusal(tmp_path)
    tensors.write_bytes(whole)
    (tmp_path / STATE).write_text('{"step": ')
    assert "expected JSON" in _refusal(tmp_path)


def test_the_best_weights_come_back_beside_the_last(tmp_path: Path) -> None:
    model, optimizer, ema = _trained()
    best = {name: value + 1 for name, value in model.state_dict().items()}
    save_checkpoint(tmp_path, model=model, optimizer=optimizer, ema=ema, state={}, best=best)
    assert same_weights(load_best(tmp_path), best)
    save_checkpoint(tmp_path, model=model, optimizer=optimizer, ema=ema, state={})
    assert load_best(tmp_path) == {}


def test_one_of_which_a_part_is_missing_or_damaged_is_not_complete(tmp_path: Path) -> None:
    model, optimizer, ema = _trained()
    save_checkpoint(tmp_path, model=model, optimizer=optimizer, ema=ema, state={})
    assert is_complete(tmp_path)
    tensors = tmp_path / TENSORS
    whole = tensors.read_bytes()
    tensors.write_bytes(whole[:-4])
    assert not is_complete(tmp_path)
    tensors.write_bytes(whole)
    (tmp_path / STATE).unlink()
    assert not is_complete(tmp_path)


def test_a_checkpoint_that_would_execute_code_does_not(tmp_path: Path) -> None:
    model, optimizer, ema = _trained()
    save_checkpoint(tmp_path, model=model, optimizer=optimizer, ema=ema, state={"step": 2})
    marker = tmp_path / "executed"
    pickle.loads(pickle.dumps(Bomb(marker)))  # it does what it says
    marker.unlink()
    for payload in (pickle.dumps(Bomb(marker)), _torch_bytes(marker)):
        (tmp_path / TENSORS).write_bytes(payload)
        assert "not a safetensors file" in _refusal(tmp_path)
        assert not marker.exists()


def _torch_bytes(marker: Path) -> bytes:
    path = marker.with_suffix(".pt")
    torch.save({"weight": Bomb(marker)}, path)
    return path.read_bytes()
