"""What counts as fooled: a finite image in the box and in the ball that a fresh forward pass misclassifies."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.suite import recheck
from advgen_ray.attacks.threat_model import L1, L2, Linf
from tests.attacks.known_models import BrightOrDark


@pytest.mark.parametrize("ball", [L1(0.5), L2(0.25), Linf(2 / 255)])
def test_only_images_in_the_ball_that_fool_count(ball: L1 | L2 | Linf) -> None:
    x = torch.full((6, 1, 2, 2), 0.501)
    y = torch.ones(6, dtype=torch.int64)
    delta = {L1: -ball.eps / 4, L2: -ball.eps / 2, Linf: -ball.eps}[type(ball)]
    x_adv = x + delta  # on the surface, and dark
    x_adv[1] = x[1] + 1.001 * delta  # too far
    x_adv[2] = x[2] + 0.001 * delta  # still bright
    x_adv[3, 0, 0, 0] = torch.nan
    x[4] = x_adv[4] = torch.tensor([1.0, 0.0, 0.0, 0.9]).view(1, 2, 2)  # dark, but out of the box:
    x_adv[4, 0, 0, 1] = -1e-4
    y[4] = 1
    x_adv[5] = ball.project(torch.zeros_like(x[5:]), x[5:])[0]
    assert (recheck(BrightOrDark(), x_adv, x, y, ball) != y).tolist() == [True, False, False, False, False, True]


@pytest.mark.parametrize("eps", [0.0011, 0.0022, 0.0033, 0.3])
def test_what_a_projection_rounds_is_in_the_ball(eps: float) -> None:
    """Taking eps from a pixel near one rounds it by up to 3e-8, more than 1e-6 of a small eps."""
    x = torch.linspace(0.5 + eps, 1, 1000).view(-1, 1, 1, 1)
    x_adv = Linf(eps).project(torch.zeros_like(x), x)
    darker = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    with torch.no_grad():
        darker[1].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        darker[1].bias.copy_(torch.tensor([-9.0, 9.0]))  # class 1 whatever the image
    y = torch.zeros(1000, dtype=torch.int64)
    assert (recheck(darker, x_adv, x, y, Linf(eps)) == 1).all()
    assert (recheck(darker, x_adv - 1e-6, x, y, Linf(eps)) == y).all()


def test_outputs_that_are_not_finite_do_not_count() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([x.flatten(1)[:, 0] / 0, x.flatten(1)[:, 0]], dim=1)

    x, y = torch.full((2, 1, 2, 2), 0.5), torch.ones(2, dtype=torch.int64)
    assert torch.equal(recheck(Broken(), x, x, y, L2(1.0)), y)


def test_an_image_brighter_than_white_does_not_count() -> None:
    """It lies in the ball; only the box has no place for it."""
    x, y = torch.full((2, 1, 2, 2), 0.95), torch.zeros(2, dtype=torch.int64)
    x_adv = torch.stack([torch.full((1, 2, 2), 1.0), torch.full((1, 2, 2), 1.01)])
    assert recheck(BrightOrDark(), x_adv, x, y, Linf(0.1)).tolist() == [1, 0]
