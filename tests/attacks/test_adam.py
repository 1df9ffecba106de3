"""Ascents by Adam's steps against torch's optimizer, within the balls that S004 has."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2, Linf


@pytest.mark.parametrize(("ball", "step_size"), [(L2(0.5), 0.03), (Linf(0.1), 0.03)])
def test_an_ascent_by_adam_is_torchs_with_projections(
    ball: L2 | Linf, step_size: float, wide_resnet: nn.Module, x: Tensor, y: Tensor
) -> None:
    """S004 section 3.2.3: Adam in each step of PGD; its moments are of gradients, whatever the ball cut off."""
    ours = PGD(ball, num_steps=12, step_size=step_size, adam=True)(wide_resnet, x, cross_entropy(y))
    wide_resnet.eval()
    images = x.clone().requires_grad_()
    optimizer = torch.optim.Adam([images], lr=step_size, maximize=True)
    for _ in range(12):
        optimizer.zero_grad()
        cross_entropy(y)(wide_resnet(images)).sum().backward()
        optimizer.step()
        with torch.no_grad():
            images.copy_(ball.project(images, x))
    assert ball.distance(ours, x).max() == pytest.approx(ball.eps, abs=1e-6)
    close = ((ours - images.detach()).abs() < 1e-4).float().mean()
    assert close > 0.99, "a gradient about zero has a direction of rounding"


def test_the_first_step_goes_as_far_in_each_pixel(linear: nn.Module) -> None:
    """By the sign of the gradient, in an L2 ball too, where its own step would go ``step_size`` in all."""
    x, y = torch.full((4, 1, 8, 8), 0.5), torch.arange(4) % 2
    rows = linear.weight.detach()
    expected = (0.01 * (rows[1 - y] - rows[y]).sign()).view_as(x)
    moved = PGD(L2(1.0), num_steps=1, step_size=0.01, adam=True)(linear, x, cross_entropy(y)) - x
    assert torch.allclose(moved, expected, atol=1e-5)
