"""Against a linear model the distance to the boundary is known: an attack succeeds from there on, and never before."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.objectives import cross_entropy, dlr, margin, misclassified
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L1, L2, Ball, Linf
from advgen_ray.rng import Stream

BALLS = [(L1, math.inf), (L2, 2.0), (Linf, 1.0)]  # with the dual norm
CASES = 6


def _noise(x: Tensor) -> Tensor:
    return Stream(0, "attack").normal(range(len(x)), x.shape[1:])


ATTACKS: dict[str, Callable[[Ball], PGD | APGD]] = {
    "pgd": lambda ball: PGD(ball, num_steps=100, step_size=0.05 * ball.eps),
    "pgd-random-start": lambda ball: PGD(ball, num_steps=100, step_size=0.05 * ball.eps, start_noise=_noise),
    "apgd": lambda ball: APGD(ball, num_steps=50),
    "apgd-random-start": lambda ball: APGD(ball, num_steps=50, start_noise=_noise),
}
attacks = pytest.mark.parametrize("make", ATTACKS.values(), ids=ATTACKS.keys())


def _near_the_boundary(linear: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
    """Images of logit gap 0.5 in the middle of the box, their labels, and the row of weights that lowers the gap."""
    rows = linear.weight.detach()
    y = torch.arange(CASES) % 2
    downhill = rows[1 - y] - rows[y]
    x = 0.5 + 0.05 * torch.randn(CASES, 64, generator=torch.Generator().manual_seed(1))
    gap = -(downhill * x).sum(1, keepdim=True)
    x = x - (0.5 - gap) * downhill / downhill.square().sum(1, keepdim=True)
    return x.view(-1, 1, 8, 8), y, downhill


@attacks
@pytest.mark.parametrize(("geometry", "dual"), BALLS)
def test_success_begins_at_the_dual_distance(
    make: Callable[[Ball], PGD | APGD], geometry: type[Ball], dual: float, linear: nn.Module
) -> None:
    x, y, downhill = _near_the_boundary(linear)
    distance = 0.5 / torch.linalg.vector_norm(downhill[0], dual).item()  # the same for all: downhill or its opposite
    for factor in (0.98, 1.02):
        x_adv = make(geometry(factor * distance))(linear, x, cross_entropy(y), misclassified(y))
        assert (misclassified(y)(linear(x_adv)) == (factor > 1)).all()


@pytest.mark.parametrize("name", ["pgd", "apgd", "apgd-random-start"])
def test_l1_in_an_active_box(name: str, linear: nn.Module) -> None:
    """The cheapest change fills the box pixel by pixel, largest weight first.

    PGD's steps of fixed length and sparsity get there from ``x``, but do not clear what a random start left behind.
    """
    rows, y = linear.weight.detach(), torch.arange(CASES) % 2
    downhill = rows[1 - y] - rows[y]
    x = 0.5 - 0.4 * downhill.sign() * torch.rand(CASES, 64, generator=torch.Generator().manual_seed(2))
    for i in range(3):
        gap, room = -(downhill[i] @ x[i]), 0.5 + (x[i] - 0.5).abs()
        order = downhill[i].abs().argsort(descending=True)
        gain, length = (downhill[i].abs() * room)[order].cumsum(0), room[order].cumsum(0)
        last = int((gain < gap).sum())  # the pixel that need not go all the way
        assert last > 2
        distance = length[last] - (gain[last] - gap) / downhill[i].abs()[order[last]]
        for factor in (0.98, 1.02):
            images, labels = x[i].view(1, 1, 8, 8), y[i : i + 1]
            x_adv = ATTACKS[name](L1(factor * float(distance)))(linear, images, margin(labels), misclassified(labels))
            assert misclassified(labels)(linear(x_adv)).item() == (factor > 1)


@pytest.mark.parametrize(("geometry", "dual"), BALLS)
def test_apgd_on_dlr_succeeds_where_cross_entropy_saturates(
    geometry: type[Ball], dual: float, linear: nn.Module
) -> None:
    """Weights of 1e4: the probability of the label is one and the CE gradient zero, at a distance as before."""
    x, y, downhill = _near_the_boundary(linear)
    eps = 1.1 * (0.5 / torch.linalg.vector_norm(downhill, dual, dim=1)).max().item()

    def huge(images: Tensor) -> Tensor:
        outputs = 1e4 * linear(images)
        return torch.cat([outputs, outputs.detach().mean(1, keepdim=True) - 1e4], dim=1)  # a third class, never first

    model = _Function(huge)
    attack = APGD(geometry(eps), num_steps=20)
    fooled = {}
    for name, objective in (("dlr", dlr(y)), ("cross_entropy", cross_entropy(y))):
        x_adv = attack(model, x, objective, misclassified(y))
        fooled[name] = misclassified(y)(model(x_adv)).float().mean().item()
    assert fooled == {"dlr": 1.0, "cross_entropy": 0.0}


class _Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)
