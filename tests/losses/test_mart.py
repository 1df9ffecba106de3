"""MART against its formula, and what the constants of the released code change."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from advgen_ray.losses.mart import mart_loss
from tests.losses.conftest import Given, Shifted


def _formula(logits: Tensor, logits_adv: Tensor, y: Tensor, beta: float) -> Tensor:
    p, q = logits.double().softmax(dim=1), logits_adv.double().softmax(dim=1)
    rows = torch.arange(len(y))
    wrong = q.clone()
    wrong[rows, y] = 0
    boosted = -q[rows, y].log() - (1 - wrong.max(dim=1).values).log()
    return (boosted + beta * (p * (p / q).log()).sum(dim=1) * (1 - p[rows, y])).mean()


def test_the_published_sum(given: Callable[[float], Any]) -> None:
    model, x, y, attack = given(2.0)
    expected = _formula(*model.both.detach().chunk(2), y, 5.0)
    torch.testing.assert_close(mart_loss(model, x, y, attack, beta=5.0).loss.double(), expected, rtol=1e-5, atol=1e-6)


def test_released_constants_hardly_matter_until_the_model_is_sure_of_the_wrong_class() -> None:
    y, x = torch.tensor([0]), torch.zeros(1, 1, 2, 2)
    for sure, far in ((1.0, False), (50.0, True)):
        model = Given(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, sure, 0.0]]))
        losses = [mart_loss(model, x, y, Shifted(model), beta=0.0, constants=c).loss for c in ("none", "released")]
        if far:  # 2 log(1 + e^50) - ..., against a last term of -log(1e-4) = 9.2
            assert losses[0].item() == pytest.approx(99.3, abs=0.1)
            assert losses[1].item() == pytest.approx(50 + 9.21, abs=0.1)
        else:
            torch.testing.assert_close(losses[0], losses[1], rtol=1e-3, atol=0)


def test_a_sure_natural_image_is_not_held_to_its_neighbours() -> None:
    """The divergence of an image that is right without doubt has no weight, that of a lost one full weight."""
    adversarial = torch.tensor([[0.0, 1.0, 0.0]])
    x = torch.zeros(1, 1, 2, 2)
    for label, weight in ((0, 0.0), (1, 1.0)):
        model = Given(torch.tensor([[60.0, 0.0, 0.0]]), adversarial)
        terms = mart_loss(model, x, torch.tensor([label]), Shifted(model), beta=1.0)
        kl = -adversarial.log_softmax(dim=1)[0, 0].item()
        assert terms.metrics["weighted_kl"].item() == pytest.approx(weight * kl, abs=1e-5)


def test_the_released_sum_has_two_ones_that_are_a_little_more(given: Callable[[float], Any]) -> None:
    """Released: BCE's second term on 1.0001 - q, the weight 1.0000001 - p."""
    model, x, y, attack = given(6.0)
    p, q = (logits.double().softmax(dim=1) for logits in model.both.detach().chunk(2))
    label, wrong = p.gather(1, y[:, None])[:, 0], q.scatter(1, y[:, None], 0).amax(dim=1)
    boosted = -q.gather(1, y[:, None])[:, 0].log() - (1.0001 - wrong).log()
    kl = (p * (p / q).log()).sum(dim=1)
    terms = mart_loss(model, x, y, attack, beta=5.0, constants="released")
    expected = (boosted + 5.0 * kl * (1.0000001 - label)).mean()
    torch.testing.assert_close(terms.loss.double(), expected, rtol=1e-5, atol=1e-6)
    assert terms.metrics["boosted_loss"].item() == pytest.approx(boosted.mean().item(), rel=1e-5)
    sure = Given(torch.tensor([[60.0, 0.0, 0.0]]), torch.tensor([[0.0, 1e8, 0.0]]))
    found = mart_loss(sure, x[:1], torch.tensor([0]), Shifted(sure), beta=1.0, constants="released")
    assert found.metrics["weighted_kl"].item() == pytest.approx(1e8 * 1e-7, rel=1e-4)
