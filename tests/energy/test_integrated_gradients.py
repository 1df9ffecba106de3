"""Integrated gradients: closed forms of a linear and of a quadratic logit, completeness, and what decides nothing."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.energy.integrated_gradients import bright, integrated_gradients, share_on


class Polynomial(nn.Module):
    """``f(x)_k = w_k . x + s w_k . x^2``: integrated gradients are ``w_k (x - b) (1 + s (x + b))``."""

    def __init__(self, square: float) -> None:
        super().__init__()
        self.square = square
        self.weight = nn.Parameter(torch.randn(3, 18, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        return (flat + self.square * flat**2) @ self.weight.T


def _images(num_images: int, seed: int = 1) -> Tensor:
    return torch.rand(num_images, 2, 3, 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("square", [0.0, 0.7])
def test_closed_forms_and_completeness(square: float) -> None:
    model, x, b, y = Polynomial(square).eval(), _images(4), _images(4, seed=2), torch.tensor([0, 2, 1, 2])
    found = integrated_gradients(model, x, y, b, num_steps=5)
    weight = model.weight.detach()[y].view_as(x)
    assert torch.allclose(found.masks, weight * (x - b) * (1 + square * (x + b)), atol=1e-5)
    with torch.no_grad():
        expected = (model(x) - model(b)).gather(1, y[:, None])[:, 0]
    assert torch.allclose(found.masks.flatten(1).sum(dim=1), expected, atol=1e-5)
    assert torch.allclose(found.logit - found.baseline_logit, expected, atol=1e-6)
    assert found.delta.abs().max() < 1e-5


def test_a_coarse_integral_says_what_it_misses() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(18, 64), nn.ReLU(), nn.Linear(64, 3)).eval()
    with torch.no_grad():
        model[1].weight.mul_(10)
    x, b, y = _images(8), torch.zeros(8, 2, 3, 3), torch.zeros(8, dtype=torch.int64)
    coarse, fine = (integrated_gradients(model, x, y, b, num_steps=n) for n in (2, 200))
    assert fine.delta.abs().mean() < 0.1 * coarse.delta.abs().mean()
    missing = coarse.masks.flatten(1).sum(dim=1) - (coarse.logit - coarse.baseline_logit)
    assert torch.allclose(coarse.delta.float(), missing, atol=1e-5)


def test_neither_batches_nor_memory_decide_and_the_model_stays_as_it_was() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(4, 3)).eval()
    x, b, y = _images(6), torch.full((6, 2, 3, 3), 0.5), torch.tensor([0, 1, 2, 0, 1, 2])
    seen: list[int] = []
    model.register_forward_hook(lambda module, inputs, outputs: seen.append(len(outputs)))
    together = integrated_gradients(model, x, y, b, images_at_once=12)
    assert max(seen) <= 12, "captum's default takes 300"
    alone = integrated_gradients(model, x[4:5], y[4:5], b[4:5])
    assert torch.allclose(together.masks[4:5], alone.masks, atol=1e-6)
    assert all(parameter.grad is None for parameter in model.parameters())
    with pytest.raises(ValueError, match="training mode"):
        integrated_gradients(model.train(), x, y, b)
    with pytest.raises(ValueError, match="num_steps"):
        integrated_gradients(model.eval(), x, y, b, num_steps=0)


def test_shares_by_hand() -> None:
    x = torch.tensor([[[[0.9, 0.1], [0.6, 0.0]], [[0.9, 0.1], [0.2, 0.0]]]])
    pixels = bright(x, 0.5)
    assert pixels.tolist() == [[[[True, False], [False, False]]]]
    masks = torch.tensor([[[[-3.0, 1.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, -1.0]]]])
    assert share_on(masks, pixels).item() == pytest.approx(4 / 8)
    assert share_on(torch.zeros_like(masks), pixels).item() == 0


def test_each_image_has_a_share_of_its_own() -> None:
    masks = torch.zeros(3, 1, 2, 2)
    masks[0, 0] = torch.tensor([[1.0, -1.0], [2.0, 0.0]])
    masks[1, 0] = torch.tensor([[0.0, 0.25], [0.0, 0.25]])
    pixels = torch.tensor([[True, True], [False, False]]).expand(3, 1, 2, 2)
    assert share_on(masks, pixels).tolist() == [0.5, 0.5, 0.0]
    assert share_on(masks[1:2] / 10, pixels[:1]).item() == pytest.approx(0.5)
