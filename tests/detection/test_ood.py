"""Scores of OOD detection: closed forms, a reference library, and worst cases image by image."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.detection.ood import SCORES, binary_logit, energy, max_logit, msp, worst_case

LOGITS = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [-50.0, 40.0, 3.0], [5.0, 5.0, -5.0]])


class _Reaches(nn.Module):
    """Logit of one direction; its gradient is the same everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1).sum(dim=1, keepdim=True)


def test_scores_by_hand() -> None:
    """Of three equal logits: p = 1/3, logsumexp = log 3."""
    assert max_logit(LOGITS).tolist() == [-3, 0, -40, -5]
    assert msp(LOGITS)[1] == pytest.approx(2 / 3)
    assert energy(LOGITS)[1] == pytest.approx(-math.log(3))
    assert msp(LOGITS)[2] == pytest.approx(math.exp(3 - 40), rel=1e-4)
    assert binary_logit(LOGITS[:, :1]).tolist() == [-1, 0, 50, -5]
    with pytest.raises(ValueError, match="one logit a sample"):
        binary_logit(LOGITS)


def test_the_energy_of_one_logit_is_its_binary_score() -> None:
    torch.testing.assert_close(energy(LOGITS[:, :1]), binary_logit(LOGITS[:, :1]))


@pytest.mark.parametrize(("name", "ours"), [("MaxSoftmax", msp), ("MaxLogit", max_logit), ("EnergyBased", energy)])
def test_scores_are_those_of_pytorch_ood(name: str, ours: Callable[[Tensor], Tensor]) -> None:
    """Theirs of MSP is minus the probability, ours one minus it."""
    detectors = pytest.importorskip("pytorch_ood.detector")
    theirs = getattr(detectors, name)(nn.Identity()).predict(LOGITS)
    torch.testing.assert_close(ours(LOGITS), theirs + (1 if name == "MaxSoftmax" else 0), atol=1e-6, rtol=1e-6)


def test_scores_stay_finite_with_gradients_at_logits_of_ten_thousand() -> None:
    for name, score in SCORES.items():
        logits = torch.tensor([[1e4, -1e4], [30.0, 0.0]], requires_grad=True)
        outputs = logits[:, :1] if name == "binary_logit" else logits
        (gradient,) = torch.autograd.grad(score(outputs).sum(), logits)
        assert score(outputs).isfinite().all(), name
        assert gradient.isfinite().all(), name
        assert gradient[1].abs().max() > 1e-14, f"{name}: a sure model still tells the way"


def test_the_worst_case_reaches_the_ball_and_never_scores_above_the_clean_image() -> None:
    x = torch.full((3, 1, 2, 2), 0.5)
    found = worst_case(_Reaches(), x, binary_logit, lambda start: APGD(L2(0.4), 20, start), [None])
    # The sum rises by eps times the root of the number of pixels.
    torch.testing.assert_close(found.detection_score, torch.full((3,), -(2.0 + 0.4 * 2)), atol=1e-4, rtol=0)
    assert found.start == ["image"] * 3
    flat = worst_case(
        nn.Flatten(), torch.zeros(2, 1, 1, 1), binary_logit, lambda start: APGD(L2(0.0), 2, start), [None]
    )
    assert flat.start == ["clean"] * 2, "equal to the clean score is no worse"


def test_the_worst_case_is_taken_image_by_image_over_all_starts() -> None:
    """Of two attacks the first works on one image and harms its cause on the other; the second the other way round."""
    x = torch.full((2, 1, 1, 1), 0.5)
    moves = {None: [0.2, -0.1], "noise": [-0.2, 0.3]}

    def attack(noise: Any) -> Any:
        return lambda model, images, objective: images + torch.tensor(moves[noise]).view(2, 1, 1, 1)

    starts: Any = [None, "noise"]
    found = worst_case(_Reaches(), x, binary_logit, attack, starts)
    torch.testing.assert_close(found.detection_score, torch.tensor([-0.7, -0.8]))
    torch.testing.assert_close(found.x.flatten(), torch.tensor([0.7, 0.8]))
    assert found.start == ["image", "noise-1"]
    assert worst_case(_Reaches(), x, binary_logit, attack, starts[1:]).start == ["clean", "noise-0"]


def test_an_image_has_the_same_worst_case_alone_and_in_a_batch() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 3)).eval()
    x = torch.rand(8, 1, 4, 4)
    together = worst_case(model, x, energy, lambda start: APGD(L2(0.5), 15, start), [None])
    alone = worst_case(model, x[3:4], energy, lambda start: APGD(L2(0.5), 15, start), [None])
    torch.testing.assert_close(together.detection_score[3:4], alone.detection_score, atol=1e-4, rtol=1e-4)
