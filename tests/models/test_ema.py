"""The moving average: its warmup, what it averages, and an exact continuation."""

import pytest
import torch
from torch import nn

from advgen_ray.models.ema import Ema


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))


def _shift(model: nn.Module, by: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by)


def test_first_updates_are_warmed() -> None:
    model = _model()
    ema = Ema(model, decay=0.9999)
    start = model[0].weight.detach().clone()
    _shift(model, 1.0)
    ema.update(model)
    torch.testing.assert_close(ema.shadow["0.weight"], start + (1 - 2 / 11))
    ema.update(model)
    torch.testing.assert_close(ema.shadow["0.weight"], start + (1 - 2 / 11 * 3 / 12))


def test_decay_caps_the_warmup() -> None:
    model = _model()
    ema = Ema(model, decay=0.1)
    start = model[0].weight.detach().clone()
    _shift(model, 1.0)
    ema.update(model)
    torch.testing.assert_close(ema.shadow["0.weight"], start + 0.9)


def test_buffers_are_copied_not_averaged() -> None:
    model = _model()
    ema = Ema(model, decay=0.999)
    model(torch.randn(8, 3) + 5)
    ema.update(model)
    torch.testing.assert_close(ema.shadow["1.running_mean"], model[1].running_mean, rtol=0, atol=0)
    assert ema.shadow["1.num_batches_tracked"] == 1


def test_the_shadow_is_no_view_of_the_model_and_loads_into_one() -> None:
    model = _model()
    ema = Ema(model, decay=0.999)
    before = ema.shadow["0.weight"].clone()
    _shift(model, 1.0)
    torch.testing.assert_close(ema.shadow["0.weight"], before, rtol=0, atol=0)
    model.load_state_dict(ema.shadow)
    torch.testing.assert_close(model[0].weight, before, rtol=0, atol=0)


def test_restored_average_continues_bitwise() -> None:
    model = _model()
    ema = Ema(model, decay=0.99)
    for _ in range(3):
        _shift(model, 0.1)
        ema.update(model)
    saved = {"num_updates": ema.num_updates, "shadow": {k: v.clone() for k, v in ema.state_dict()["shadow"].items()}}
    restored = Ema(_model(), decay=0.99)
    restored.load_state_dict(saved)
    for _ in range(2):
        _shift(model, 0.1)
        ema.update(model)
        restored.update(model)
    assert all(torch.equal(ema.shadow[name], restored.shadow[name]) for name in ema.shadow)


def test_state_of_another_architecture_is_refused() -> None:
    ema = Ema(_model(), decay=0.99)
    with pytest.raises(ValueError, match=r"another architecture: 2\.bias"):
        ema.load_state_dict(Ema(nn.Sequential(*_model(), nn.Linear(3, 1)), decay=0.99).state_dict())


def test_decay_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="decay must lie in"):
        Ema(_model(), decay=1.0)
