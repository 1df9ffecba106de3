"""Objectives against their definitions, their signs, their masks, and logits that overflow a naive formula."""

import pytest
import torch

from advgen_ray.attacks.objectives import cross_entropy, margin, targeted_cross_entropy
from advgen_ray.energy.logits import energy_x


def test_cross_entropy_is_the_negative_log_probability() -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 3, 0, 1])
    probability = logits.exp() / logits.exp().sum(1, keepdim=True)
    expected = -probability[torch.arange(6), y].log()
    assert torch.allclose(cross_entropy(y)(logits), expected)
    assert torch.allclose(targeted_cross_entropy(y)(logits), -expected)


def test_margin_is_best_other_minus_label() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [1.0, 1.0, 0.0]])
    assert margin(torch.tensor([0, 1, 0]))(logits).tolist() == [-1.0, 2.0, 0.0]


def test_margin_masks_the_label_among_negative_logits() -> None:
    logits = torch.tensor([[-5.0, -7.0, -9.0], [-2e4, -3e4, -1e4]])
    assert margin(torch.tensor([0, 2]))(logits).tolist() == [-2.0, -1e4]


def test_margin_differentiates_two_logits_only() -> None:
    logits = torch.tensor([[-5.0, -7.0, -9.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(margin(torch.tensor([0]))(logits).sum(), logits)
    assert gradient.tolist() == [[-1.0, 1.0, 0.0]]


def test_margin_needs_two_classes() -> None:
    with pytest.raises(ValueError, match="at least 2 classes"):
        margin(torch.tensor([0]))(torch.zeros(1, 1))


def test_margin_refuses_labels_of_another_batch() -> None:
    with pytest.raises(ValueError, match=r"labels have shape \[1\], expected \[2\]"):
        margin(torch.tensor([0]))(torch.zeros(2, 3))


@pytest.mark.parametrize("objective", [cross_entropy, targeted_cross_entropy, margin])
def test_huge_logits_stay_finite_with_their_gradients(objective) -> None:  # type: ignore[no-untyped-def]
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4]], requires_grad=True)
    for y in range(3):
        values = objective(torch.full((3,), y))(logits)
        (gradient,) = torch.autograd.grad(values.sum(), logits)
        assert values.isfinite().all()
        assert gradient.isfinite().all()


def test_energy_is_an_objective_by_itself() -> None:
    logits = torch.zeros(2, 4)
    assert torch.allclose(energy_x(logits), -torch.full((2,), 4.0).log())
