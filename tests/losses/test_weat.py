"""WEAT's weight of an energy, and the two sums that it weighs."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

from advgen_ray.losses.weat import weat_adv_loss, weat_nat_loss, weat_weights


def _of_energy(energy: float) -> torch.Tensor:
    """Logits of two classes with that energy."""
    return torch.full((1, 2), -energy - math.log(2.0))


@pytest.mark.parametrize(
    ("energy", "weight"), [(0.0, 1.4427), (3.0, 0.3280), (-3.0, 0.3280), (-20.0, 0.05), (1e4, 1e-4)]
)
def test_the_weight_of_an_energy(energy: float, weight: float) -> None:
    assert weat_weights(_of_energy(energy)).item() == pytest.approx(weight, rel=1e-3)


def test_the_weight_is_positive_where_exp_overflows_and_highest_at_zero() -> None:
    for energy in (-1e4, -100.0, 100.0, 1e4):
        weight = weat_weights(_of_energy(energy))
        assert 0 < weight.item() < 1.4427
        assert weight.isfinite().all()
    assert not weat_weights(_of_energy(3.0).requires_grad_()).requires_grad


@pytest.mark.parametrize("loss", [weat_adv_loss, weat_nat_loss])
def test_algorithm_1(loss: Callable[..., Any], given: Callable[[float], Any]) -> None:
    model, x, y, attack = given(2.0)
    logits, logits_adv = model.both.detach().double().chunk(2)
    weights = 1 / torch.log1p(torch.exp(logits.exp().sum(dim=1).log().abs()))  # of natural images in both variants
    p, q = logits.softmax(dim=1), logits_adv.softmax(dim=1)
    trained_on = logits_adv if loss is weat_adv_loss else logits
    cross_entropy = functional.cross_entropy(trained_on, y, reduction="none")
    expected = (weights * cross_entropy).mean() + 7.0 * (weights * (p * (p / q).log()).sum(dim=1)).mean()
    terms = loss(model, x, y, attack, beta=7.0)
    torch.testing.assert_close(terms.loss.double(), expected, rtol=1e-5, atol=1e-6)
    assert terms.metrics["energy_weight"].item() == pytest.approx(weights.mean().item(), rel=1e-5)
