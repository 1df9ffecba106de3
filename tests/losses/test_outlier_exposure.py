"""Outlier exposure: the formula, its minimum, one forward for both sides, attacks on each side's own objective."""

import math
from functools import partial

import torch
from torch import Tensor, nn

from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.losses.outlier_exposure import outlier_exposure_loss, uniform_cross_entropy
from tests.losses.conftest import Counted, Given, Setting, Shifted


def test_cross_entropy_to_uniform_is_the_mean_of_all_labels() -> None:
    """And at least log K, where the prediction is flat."""
    logits = torch.randn(20, 7, generator=torch.Generator().manual_seed(0))
    by_label = [nn.functional.cross_entropy(logits, torch.full((20,), k), reduction="none") for k in range(7)]
    torch.testing.assert_close(uniform_cross_entropy(logits), torch.stack(by_label).mean(dim=0))
    assert (uniform_cross_entropy(logits) > math.log(7)).all()
    torch.testing.assert_close(uniform_cross_entropy(torch.full((1, 7), 3.0)), torch.tensor([math.log(7)]))
    assert uniform_cross_entropy(torch.tensor([[1e4, -1e4]])).isfinite().all()


def test_the_loss_is_that_of_the_data_and_half_that_of_outliers() -> None:
    logits, logits_out = torch.randn(4, 10), torch.randn(6, 10)
    y = torch.tensor([3, 1, 4, 1])
    model = Given(logits, logits_out)
    terms = outlier_exposure_loss(model, torch.rand(4, 1, 8, 8), y, torch.rand(6, 1, 8, 8), None)
    expected = nn.functional.cross_entropy(logits, y) + 0.5 * uniform_cross_entropy(logits_out).mean()
    torch.testing.assert_close(terms.loss, expected)
    assert terms.metrics["train_accuracy"] == (logits.argmax(1) == y).float().mean()
    torch.testing.assert_close(terms.metrics["outlier_confidence"], logits_out.softmax(1).amax(1).mean())


def test_a_step_forwards_the_model_once() -> None:
    setting = Setting()
    model = Counted(setting.model)
    outlier_exposure_loss(model, setting.x, setting.y, setting.x[:5], Shifted(setting.model), Shifted(setting.model))
    assert model.sizes == [37]


def test_each_side_is_attacked_on_its_own_objective() -> None:
    setting = Setting()
    attack, out_attack = Shifted(setting.model), Shifted(setting.model)
    outlier_exposure_loss(setting.model, setting.x, setting.y, setting.x, attack, out_attack)
    logits = torch.randn(32, 10)
    ce = nn.functional.cross_entropy(logits, setting.y, reduction="none")
    torch.testing.assert_close(attack.objectives[0](logits), ce)
    torch.testing.assert_close(out_attack.objectives[0](logits), uniform_cross_entropy(logits))


def test_the_attack_on_outliers_makes_them_confident() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))
    x_out = torch.rand(8, 1, 8, 8)
    found: Tensor = partial(PGD(L2(1.0), 10, 0.3), model)(x_out, uniform_cross_entropy)
    assert (model(found).softmax(1).amax(1) > model(x_out).softmax(1).amax(1)).all()
