"""Counterfactuals by a classifier's gradients: closed form on a linear classifier, and what must not change."""

import math

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import targeted_cross_entropy
from advgen_ray.counterfactuals.from_classifier import confident, targeted_ascent


class Linear(nn.Module):
    """Logits ``(-s, s)`` with ``s = slope . (x - 1/2)``: the gradient's direction is the slope's everywhere."""

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope)
        self.norm = nn.BatchNorm1d(2)  # must keep its statistics

    def forward(self, x: Tensor) -> Tensor:
        s = (x - 0.5).flatten(1) @ self.slope
        return torch.stack([-s, s], dim=1)


def _linear(size: int = 64, scale: float = 1.0) -> Linear:
    return Linear(scale * torch.randn(size, generator=torch.Generator().manual_seed(0)) / math.sqrt(size))


def test_a_linear_classifier_is_convinced_after_the_known_number_of_steps() -> None:
    model = _linear()
    x = torch.full((1, 1, 8, 8), 0.5)  # logits 0, 0
    x_ce = targeted_ascent(model, x, torch.tensor([1]))
    per_step = 0.05 * model.slope.norm().item()  # of s
    needed = math.log(9) / 2  # softmax of 0.9: 2 s = log 9
    num_steps = math.ceil(needed / per_step)
    assert num_steps < 200
    assert (x_ce - x).norm().item() == pytest.approx(0.05 * num_steps, rel=1e-4)
    direction = (x_ce - x).flatten() / (x_ce - x).norm()
    torch.testing.assert_close(direction, (model.slope / model.slope.norm()).detach(), atol=1e-4, rtol=0)


def test_an_image_of_which_the_classifier_is_sure_comes_back_bit_for_bit() -> None:
    model = _linear(scale=30)
    x = (0.5 + 0.2 * model.slope.sign()).detach().view(1, 1, 8, 8)
    assert torch.equal(targeted_ascent(model, x, torch.tensor([1])), x)
    assert not torch.equal(targeted_ascent(model, x, torch.tensor([0])), x)


def test_steps_end_at_the_maximum_and_stay_in_the_box() -> None:
    model = _linear(scale=0.01)
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    x_ce = targeted_ascent(model, x, torch.tensor([0, 1, 1]), max_steps=7)
    assert ((x_ce - x).flatten(1).norm(dim=1) <= 7 * 0.05 + 1e-5).all()
    far = targeted_ascent(model, x, torch.tensor([0, 1, 1]), max_steps=2000, step_size=0.5)
    assert far.min() >= 0
    assert far.max() <= 1


def test_a_flat_classifier_leaves_the_image_where_it_is() -> None:
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(targeted_ascent(_linear(scale=0), x, torch.tensor([0, 1])), x)


def test_the_batch_decides_nothing_and_the_model_stays_as_it_was() -> None:
    model = _linear(scale=20).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x, y = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(2)), torch.tensor([0, 1] * 4)
    together = targeted_ascent(model, x, y)
    alone = torch.cat([targeted_ascent(model, x[i : i + 1], y[i : i + 1]) for i in range(8)])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_confidence_is_that_of_the_target() -> None:
    logits = torch.tensor([[math.log(9), 0.0], [math.log(8.9), 0.0], [-40.0, 40.0]])
    assert confident(torch.tensor([0, 0, 1]), 0.9 - 1e-6)(logits).tolist() == [True, False, True]
    assert targeted_cross_entropy(torch.tensor([1, 1, 1]))(logits)[2] == 0
    with pytest.raises(ValueError, match=r"confidence must lie in \(0, 1\], got 90"):
        confident(torch.tensor([0]), 90.0)
