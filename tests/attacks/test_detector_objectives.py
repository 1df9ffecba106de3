"""Attacks on detection by one-vs-rest detectors: values by hand, what their gradients see, and which is stronger."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.detector_objectives import (
    FOOLED,
    bypass_attack,
    classifier_attack,
    combined_attack,
    detector_attack,
    predicted_detector_attack,
)
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.models.one_vs_rest import OneVsRest, WithDetectors

# Three images of label 0, three classes: not fooled; fooled as 1 and detected; fooled as 1, all logits below zero.
Z_F = torch.tensor([[5.0, 2.0, 1.0], [1.0, 4.0, 2.0], [-9.0, -2.0, -7.0]])
Z_H = torch.tensor([[3.0, -4.0, -2.0], [-1.0, -6.0, 0.5], [8.0, -3.0, -5.0]])
OUTPUTS, Y = torch.cat([Z_F, Z_H], dim=1), torch.zeros(3, dtype=torch.int64)


def test_values_by_hand() -> None:
    assert classifier_attack(Y)(OUTPUTS).tolist() == [-3.0, 3.0, 7.0]
    assert detector_attack(Y)(OUTPUTS).tolist() == [-2.0, 0.5, -3.0]
    assert combined_attack(Y)(OUTPUTS).tolist() == [-3.0, FOOLED + 0.5, FOOLED - 3.0]
    assert predicted_detector_attack(Y)(OUTPUTS).tolist() == [-3.0, FOOLED - 6.0, FOOLED - 3.0]
    # z_g_{K+1}: (1 + 2) 5 = 15, (1 - .5) 4 = 2, (1 + 3) (-2) = -8; so 2 - 15, 4 - 4, -2 - max(-2, -8).
    assert bypass_attack(Y)(OUTPUTS).tolist() == [-13.0, 0.0, 0.0]


def test_once_it_is_fooled_the_gradient_is_the_detectors_alone() -> None:
    outputs = OUTPUTS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(combined_attack(Y)(outputs).sum(), outputs)
    expected = torch.zeros(3, 6)
    expected[0, 0], expected[0, 1] = -1, 1  # up with class 1, down with the label
    expected[1, 5] = expected[2, 4] = 1  # the largest detector but the label's
    assert torch.equal(gradient, expected)
    (gradient,) = torch.autograd.grad(predicted_detector_attack(Y)(outputs).sum(), outputs)
    expected[1, 5], expected[1, 4] = 0, 1  # that of the predicted class
    assert torch.equal(gradient, expected)


def test_outputs_of_another_width_are_refused() -> None:
    for width in (1, 2, 5):
        with pytest.raises(ValueError, match=r"as many detectors, \[N, 2 K\]"):
            combined_attack(Y)(torch.zeros(3, width))


class _Plane(nn.Module):
    """Logits that are linear in two pixels."""

    def __init__(self, weight: list[list[float]], bias: list[float]) -> None:
        super().__init__()
        self.weight, self.bias = torch.tensor(weight), torch.tensor(bias)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.T + self.bias


def test_the_adaptive_attacks_pass_where_the_others_are_caught() -> None:
    """f turns from 0 to 1 with the first pixel; the detector of 1 asks for the second, that of 2 for its absence."""
    classifier = _Plane([[0.0, 0.0], [8.0, 0.0], [0.0, 0.0]], [4.0, 0.0, -9.0])
    ones = [_Plane([weight], [bias]) for weight, bias in (([0.0, 0.0], 0.0), ([0.0, 8.0], -5.0), ([0.0, -20.0], 2.0))]
    model = WithDetectors(classifier, OneVsRest(ones))
    x, y = torch.tensor([0.2, 0.2]).view(1, 1, 1, 2), torch.tensor([0])
    attack = PGD(L2(0.8), 200, 0.02, keep_best=True)

    def found(objective: object) -> tuple[bool, float]:
        z_f, z_h = model(attack(model, x, objective(y)))[0].chunk(2)  # type: ignore[operator]
        return bool(z_f.argmax() != 0), float(z_h[z_f.argmax()])

    fooled, passed = found(classifier_attack)
    assert fooled
    assert passed < 0, "caught: it never looks at the detectors"
    fooled, _ = found(detector_attack)
    assert not fooled, "the easiest detector is that of 2, where nothing fools the classifier"
    fooled, of_easiest = found(combined_attack)
    assert fooled
    fooled, of_predicted = found(predicted_detector_attack)
    assert fooled
    assert of_predicted > max(of_easiest, 0.5)


def test_detectors_together_are_a_classifier_and_their_offsets_move_its_choice() -> None:
    ones = [_Plane([[1.0, 0.0]], [0.0]), _Plane([[0.0, 1.0]], [0.0])]
    x = torch.tensor([[0.6, 0.5], [0.1, 0.9]]).view(2, 1, 1, 2)
    assert OneVsRest(ones)(x).argmax(1).tolist() == [0, 1]
    assert OneVsRest(ones, offsets=[0.0, 0.2])(x).argmax(1).tolist() == [1, 1]
    both = WithDetectors(_Plane([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), OneVsRest(ones))
    assert both(x).shape == (2, 4)
    with pytest.raises(ValueError, match="detector 1 gives"):
        OneVsRest([ones[0], nn.Flatten()])(x)
