"""Every module gets its own mode back, whatever happens in between."""

import pytest
import torch
from torch import nn

from advgen_ray.attacks.eval_mode import eval_mode


def _model_with_a_frozen_layer() -> nn.Sequential:
    model = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(nn.Dropout(), nn.BatchNorm2d(2)))
    model.train()
    model[0].eval()
    return model


def test_all_modules_evaluate_inside_and_each_is_restored() -> None:
    model = _model_with_a_frozen_layer()
    before = [module.training for module in model.modules()]
    with eval_mode(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == before == [True, False, True, True, True]


def test_restored_after_an_exception() -> None:
    model = _model_with_a_frozen_layer()
    before = [module.training for module in model.modules()]
    with pytest.raises(RuntimeError, match="in between"), eval_mode(model):
        raise RuntimeError("in between")
    assert [module.training for module in model.modules()] == before


def test_an_evaluating_model_stays_so() -> None:
    model = _model_with_a_frozen_layer().eval()
    with eval_mode(model):
        model(torch.rand(4, 2, 3, 3))
    assert not any(module.training for module in model.modules())
