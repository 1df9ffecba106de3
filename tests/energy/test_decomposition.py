"""S001 section A.5: the divergence is two energy terms, TRADES is energies, to rounding, at any size of the logits."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from advgen_ray.energy.decomposition import divergence, divergence_terms, trades_as_energies


def _logits(scale: float, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    first, second = (scale * torch.randn(64, 10, generator=generator, dtype=torch.float64) for _ in range(2))
    return first.to(dtype), second.to(dtype), torch.arange(64) % 10


def _textbook(logits: Tensor, logits_adv: Tensor) -> Tensor:
    p, q = (torch.softmax(both.double(), dim=1) for both in (logits, logits_adv))
    return (p * (p.log() - q.log())).sum(dim=1)


def test_divergence_is_the_textbooks() -> None:
    logits, logits_adv, _ = _logits(3.0)
    torch.testing.assert_close(
        divergence(logits, logits_adv).double(), _textbook(logits, logits_adv), rtol=1e-5, atol=1e-6
    )
    assert not divergence(logits, logits).any()
    two = divergence(torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(3.0), 0.0]]))  # halves against 3/4 and 1/4
    assert two.item() == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25), rel=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1.0, 5.0])
def test_proposition_1(scale: float) -> None:
    logits, logits_adv, _ = _logits(scale)
    terms = divergence_terms(logits, logits_adv)
    torch.testing.assert_close(terms.conditional + terms.marginal, divergence(logits, logits_adv), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("beta", [1.0, 6.0])
def test_corollary_1(beta: float) -> None:
    logits, logits_adv, y = _logits(3.0)
    trades = functional.cross_entropy(logits, y, reduction="none") + beta * divergence(logits, logits_adv)
    torch.testing.assert_close(trades_as_energies(logits, logits_adv, y, beta), trades, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scale", [1e3, 1e4])
def test_huge_logits_stay_finite_and_keep_the_identities(scale: float) -> None:
    logits, logits_adv, y = _logits(scale)
    kl, terms = divergence(logits, logits_adv), divergence_terms(logits, logits_adv)
    tolerance = {"rtol": 1e-5, "atol": 1e-6 * scale}  # float32 resolves logits of 1e4 to 1e-3
    torch.testing.assert_close(terms.conditional + terms.marginal, kl, **tolerance)
    trades = functional.cross_entropy(logits, y, reduction="none") + 6 * kl
    torch.testing.assert_close(trades_as_energies(logits, logits_adv, y, 6.0), trades, rtol=1e-5, atol=1e-5 * scale)
    assert kl.isfinite().all()


def test_both_sides_carry_finite_gradients() -> None:
    for scale in (1.0, 1e4):
        logits, logits_adv, _ = _logits(scale)
        gradients = torch.autograd.grad(
            divergence(logits.requires_grad_(), logits_adv.requires_grad_()).sum(), [logits, logits_adv]
        )
        assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)


def test_rows_are_independent() -> None:
    logits, logits_adv, y = _logits(3.0)
    alone = trades_as_energies(logits[7:8], logits_adv[7:8], y[7:8], 6.0)
    assert torch.equal(alone[0], trades_as_energies(logits, logits_adv, y, 6.0)[7])
