"""Energies against closed forms, their tie to probabilities, and logits that overflow a naive formula."""

import math

import pytest
import torch

from advgen_ray.energy.logits import energy_x, energy_xy


def test_energy_of_equal_logits() -> None:
    logits = torch.tensor([[2.0] * 10, [-3.0] * 10])
    assert energy_x(logits).tolist() == pytest.approx([-2 - math.log(10), 3 - math.log(10)])


def test_energy_of_two_logits_is_a_softplus() -> None:
    logits = torch.tensor([[0.5, 2.0]], dtype=torch.float64)
    assert energy_x(logits).item() == pytest.approx(-(0.5 + math.log1p(math.exp(1.5))))


def test_joint_energy_is_the_negative_logit() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert energy_xy(logits, torch.tensor([2, 0])).tolist() == [-3.0, -4.0]


def test_their_difference_is_the_log_probability() -> None:
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.tensor([0, 3, 6, 2, 2])
    expected = logits.log_softmax(1)[torch.arange(5), y]
    assert torch.allclose(energy_x(logits) - energy_xy(logits, y), expected)


def test_shifting_the_logits_shifts_the_energy() -> None:
    """A softmax does not see a shift; the energy does: that is what it adds."""
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(energy_x(logits + 3.0), energy_x(logits) - 3.0)


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_huge_logits_stay_finite(scale: float) -> None:
    logits = scale * torch.tensor([[1.0, 0.0, -1.0], [1.0, 1.0, 1.0]])
    assert energy_x(logits)[0].item() == -1e4
    assert energy_x(logits).isfinite().all()
    assert energy_xy(logits, torch.tensor([0, 1])).isfinite().all()


def test_labels_of_another_batch_are_refused() -> None:
    with pytest.raises(ValueError, match=r"labels have shape \[1\], expected \[2\]"):
        energy_xy(torch.zeros(2, 3), torch.tensor([0]))
