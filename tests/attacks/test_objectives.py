"""Objectives against their definitions, their signs, masks and invariances, and logits that overflow a naive one."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from advgen_ray.attacks.objectives import (
    Objective,
    class_logit,
    cross_entropy,
    dlr,
    high_energy,
    kl_divergence,
    margin,
    misclassified,
    targeted_cross_entropy,
    targeted_dlr,
    targeted_margin,
)
from advgen_ray.energy.logits import energy_x

# Each made from a label; the target is the next class, the clean logits those of another image.
MADE_FROM_LABELS: dict[str, Callable[[Tensor], Objective]] = {
    "cross_entropy": cross_entropy,
    "targeted_cross_entropy": targeted_cross_entropy,
    "margin": margin,
    "targeted_margin": lambda y: targeted_margin(y, (y + 1) % 5),
    "dlr": dlr,
    "targeted_dlr": lambda y: targeted_dlr(y, (y + 1) % 5),
    "class_logit": class_logit,
    "high_energy": lambda y: high_energy(y, 1.2),
    "kl_divergence": lambda y: kl_divergence(torch.eye(5)[y] * 1e4),
}
objectives = pytest.mark.parametrize("make", MADE_FROM_LABELS.values(), ids=MADE_FROM_LABELS.keys())


def _logits(num_samples: int, num_classes: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_samples, num_classes, generator=generator, dtype=torch.float64)


def test_cross_entropy_is_the_negative_log_probability() -> None:
    logits, y = _logits(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    probability = logits.exp() / logits.exp().sum(1, keepdim=True)
    expected = -probability[torch.arange(6), y].log()
    assert torch.allclose(cross_entropy(y)(logits), expected)
    assert torch.allclose(targeted_cross_entropy(y)(logits), -expected)


def test_a_class_s_logit_takes_no_notice_of_the_others() -> None:
    logits, y = _logits(3, 4), torch.tensor([2, 0, 3])
    assert torch.equal(class_logit(y)(logits), torch.stack([logits[0, 2], logits[1, 0], logits[2, 3]]))
    binary = _logits(3, 1)
    assert torch.equal(class_logit(torch.zeros(3, dtype=torch.int64))(binary), binary[:, 0])


def test_kl_divergence_from_clean_to_adversarial() -> None:
    clean, logits = _logits(6, 4), _logits(6, 4, seed=1)
    p, q = clean.softmax(1), logits.softmax(1)
    assert torch.allclose(kl_divergence(clean)(logits), (p * (p / q).log()).sum(1))
    assert torch.allclose(kl_divergence(clean)(clean), torch.zeros(6).double(), atol=1e-15)
    assert (kl_divergence(clean)(logits) > 0).all()


def test_kl_divergence_leaves_the_clean_side_alone() -> None:
    clean = _logits(2, 3).requires_grad_()
    assert not kl_divergence(clean)(_logits(2, 3, seed=1)).requires_grad


def test_high_energy_adds_weighted_energy() -> None:
    logits, y = _logits(4, 3), torch.tensor([0, 1, 2, 0])
    expected = cross_entropy(y)(logits) - 1.5 * logits.exp().sum(1).log()
    assert torch.allclose(high_energy(y, 1.5)(logits), expected)
    assert torch.equal(high_energy(y, 0.0)(logits), cross_entropy(y)(logits))


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


def test_targeted_margin_is_target_minus_label() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [-3.0, -1.0, -2.0]])
    y, y_target = torch.tensor([0, 0]), torch.tensor([2, 1])
    assert targeted_margin(y, y_target)(logits).tolist() == [-1.0, 2.0]


def test_dlr_by_hand() -> None:
    logits = torch.tensor([[5.0, 1.0, 4.0, 2.0], [5.0, 1.0, 4.0, 2.0], [-5.0, -9.0, -6.0, -8.0]])
    y = torch.tensor([0, 1, 0])
    assert torch.allclose(dlr(y)(logits), torch.tensor([-1 / 3, 4 / 3, -1 / 3]))
    y_target = torch.tensor([3, 0, 1])
    assert torch.allclose(targeted_dlr(y, y_target)(logits), torch.tensor([-3 / 3.5, 4 / 3.5, -4 / 3.5]))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("shift", [-10.0, 0.0, 10.0])
def test_dlr_does_not_change_with_scale_and_shift(scale: float, shift: float) -> None:
    logits, y = _logits(32, 6), torch.arange(32) % 6
    for objective in (dlr(y), targeted_dlr(y, (y + 1) % 6)):
        assert torch.allclose(objective(scale * (logits + shift)), objective(logits), rtol=1e-6)


def test_dlr_has_a_gradient_where_cross_entropy_has_none() -> None:
    """Logits scaled by 1e3 saturate the softmax: the CE gradient is zero in float32, that of DLR is as before."""
    logits, y = _logits(8, 5).float(), _logits(8, 5).argmax(1)
    gradients = {}
    for name, make in (("cross_entropy", cross_entropy), ("dlr", dlr)):
        for scale in (1.0, 1e3):
            leaf = logits.clone().requires_grad_()
            (gradients[name, scale],) = torch.autograd.grad(make(y)(scale * leaf).sum(), leaf)
    assert (gradients["cross_entropy", 1e3].abs() < 1e-6).all(dim=1).any()
    assert torch.allclose(gradients["dlr", 1e3], gradients["dlr", 1.0], atol=1e-5)


@pytest.mark.parametrize(
    ("objective", "num_classes", "message"),
    [
        (margin(torch.tensor([0])), 1, "a margin needs at least 2 classes, got logits of shape .1, 1."),
        (dlr(torch.tensor([0])), 2, "the DLR objective needs at least 3 classes, got logits of shape .1, 2."),
        (targeted_dlr(torch.tensor([0]), torch.tensor([1])), 3, "targeted DLR objective needs at least 4 classes"),
    ],
)
def test_too_few_classes(objective: Objective, num_classes: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        objective(torch.zeros(1, num_classes))
    objective(torch.zeros(1, num_classes + 1))


def test_margin_refuses_labels_of_another_batch() -> None:
    with pytest.raises(ValueError, match=r"labels have shape \[1\], expected \[2\]"):
        margin(torch.tensor([0]))(torch.zeros(2, 3))


@objectives
def test_huge_logits_stay_finite_with_their_gradients(make: Callable[[Tensor], Objective]) -> None:
    rows = [
        [1e4, -1e4, 0.0, 1.0, 2.0],
        [-1e4] * 5,
        [1e4] * 5,
        [-1e4, -1e4, -1e4, -1e4, 1e4],
        [1e4, 1e4, 1e4, -1e4, -1e4],
    ]
    logits = torch.tensor(rows, requires_grad=True)
    for y in range(5):
        values = make(torch.full((5,), y))(logits)
        (gradient,) = torch.autograd.grad(values.sum(), logits)
        assert values.isfinite().all()
        assert gradient.isfinite().all()


@objectives
def test_a_value_depends_on_its_row_alone(make: Callable[[Tensor], Objective]) -> None:
    logits, y = _logits(8, 5).float(), torch.arange(8) % 5
    together = make(y)(logits)
    assert all(torch.equal(make(y[i : i + 1])(logits[i : i + 1])[0], together[i]) for i in range(8))


def test_misclassified() -> None:
    logits = torch.tensor([[1.0, 2.0], [2.0, 1.0], [-1e4, -2e4]])
    assert misclassified(torch.tensor([0, 0, 1]))(logits).tolist() == [True, False, True]


def test_energy_is_an_objective_by_itself() -> None:
    logits = torch.zeros(2, 4)
    assert torch.allclose(energy_x(logits), -torch.full((2,), 4.0).log())
