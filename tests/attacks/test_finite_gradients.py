"""Gradients that are not finite end an attack with an error: their sign is zero, and would pass for robustness."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.checks import FiniteGradients
from advgen_ray.attacks.cw import CW
from advgen_ray.attacks.external import LBFGS, DeepFool
from advgen_ray.attacks.fab import FAB
from advgen_ray.attacks.least_distortion import PenalizedDescents
from advgen_ray.attacks.masking import probe, probe_warnings
from advgen_ray.attacks.objectives import Objective, margin, misclassified
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L1, L2, Linf, ThreatModel, Unconstrained

SPACES: list[ThreatModel] = [L1(2.0), L2(0.4), Linf(0.06), Unconstrained()]
NUM_IMAGES = 8
Y = torch.zeros(NUM_IMAGES, dtype=torch.int64)


class _SquareRoot(nn.Module):
    """Linear, plus the root of ``x[0]`` where that is above 0.5 and of 0 elsewhere: its slope there is ``0 inf``."""

    def __init__(self, smallest: float = 0.0) -> None:
        super().__init__()
        weight = torch.randn(16, 3, generator=torch.Generator().manual_seed(0)).abs()
        self.weight, self.smallest = nn.Parameter(weight - weight[:, :1] + torch.tensor([0.3, 0.0, 0.0])), smallest

    def forward(self, x: Tensor) -> Tensor:
        first = x.flatten(1)[:, :1]
        root = (first * (first > 0.5) + self.smallest).sqrt()
        return x.flatten(1) @ self.weight + torch.cat([1.0 + root, root.new_zeros(len(x), 2)], dim=1)


def _images() -> Tensor:
    x = 0.3 + 0.4 * torch.rand(NUM_IMAGES, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    x[:, 0, 0, 0] = torch.tensor([0.1, 0.9]).repeat(NUM_IMAGES // 2)
    return x


def _attacks() -> dict[str, Callable[[nn.Module, Tensor], object]]:
    """``attack(model, x)``, from the image; only images 0, 2, ... have a gradient that is not finite."""

    def ascent(attack: Callable[[nn.Module, Tensor, Objective], Tensor]) -> Callable[[nn.Module, Tensor], Tensor]:
        return lambda model, x: attack(model, x, margin(Y))

    attacks: dict[str, Callable[[nn.Module, Tensor], object]] = {}
    for space in SPACES:
        for keep_best in (False, True):
            attacks[f"pgd-{type(space).__name__}-{keep_best}"] = ascent(PGD(space, 3, 0.02, keep_best=keep_best))
    for ball in (L1(2.0), L2(0.4), Linf(0.06)):
        attacks[f"apgd-{type(ball).__name__}"] = ascent(APGD(ball, 10))
    for norm in (1.0, 2.0, math.inf):
        attacks[f"fab-{norm}"] = lambda model, x, norm=norm: FAB(norm, 3)(model, x, Y)  # type: ignore[misc]
        attacks[f"fab-t-{norm}"] = lambda model, x, norm=norm: FAB(norm, 3)(model, x, Y, Y + 1)  # type: ignore[misc]
    attacks["deepfool-2"] = lambda model, x: DeepFool(2.0, 5)(model, x, Y)
    attacks["deepfool-inf"] = lambda model, x: DeepFool(math.inf, 5)(model, x, Y)
    attacks["lbfgs"] = lambda model, x: LBFGS(5, 2)(model, x, Y)
    attacks["cw"] = lambda model, x: CW(20, 2)(model, x, Y)
    attacks["descents"] = lambda model, x: PenalizedDescents(3, 0.1, 2)(model, x, margin(Y), misclassified(Y))
    return attacks


@pytest.mark.parametrize("attack", [pytest.param(attack, id=name) for name, attack in _attacks().items()])
def test_an_attack_says_so(attack: Callable[[nn.Module, Tensor], object]) -> None:
    model, x = _SquareRoot().eval(), _images()
    assert (model(x).argmax(dim=1) == 0).all(), "the values themselves are finite and right"
    with pytest.raises(ValueError, match="outputs or gradients that are not finite"):
        attack(model, x)
    attack(_SquareRoot(smallest=1e-3).eval(), x)  # a root that has a slope everywhere


def test_a_sum_of_huge_gradients_is_finite() -> None:
    gradients = FiniteGradients()
    gradients.check()
    for _ in range(3):
        gradients.note(torch.full((2, 5), 3e38))
    gradients.check()
    for value in (math.nan, math.inf, -math.inf):
        gradients = FiniteGradients()
        assert gradients.note(torch.tensor([0.0, value])).isnan().any() == math.isnan(value)
        gradients.note(torch.zeros(2))
        with pytest.raises(ValueError, match="not finite"):
            gradients.check()


def test_the_probe_counts_them() -> None:
    found = probe(_SquareRoot().eval(), _images(), Y)
    assert found.not_finite == 0.5
    assert found.flat_margin == found.flat_cross_entropy == 0
    assert probe_warnings(found, 3)[0].startswith("50.0% of the samples have an input gradient that is not finite")
    assert probe(_SquareRoot(smallest=1e-3).eval(), _images(), Y).not_finite == 0
