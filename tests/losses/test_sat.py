"""Adversarial training is cross-entropy at the attacked images, and plain cross-entropy without an attack."""

from functools import partial

import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import Objective
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.losses.sat import sat_loss
from advgen_ray.models.wide_resnet import WideResNet


def _setting() -> tuple[WideResNet, Tensor, Tensor]:
    torch.manual_seed(0)
    model = WideResNet((1, 8, 8), 10, (0.3,), (0.4,), depth=10, widen_factor=1, base_channels=4)
    return model, torch.rand(32, 1, 8, 8), torch.arange(32) % 10


def test_without_attack_it_is_cross_entropy() -> None:
    model, x, y = _setting()
    terms = sat_loss(model, x, y, None)
    logits = model(x)
    assert torch.equal(terms.loss, nn.functional.cross_entropy(logits, y))
    assert terms.metrics["train_accuracy"] == (logits.argmax(1) == y).float().mean()


def test_with_attack_it_is_cross_entropy_at_x_adv() -> None:
    model, x, y = _setting()
    attack = partial(PGD(L2(0.5), num_steps=3, step_size=0.3), model)
    x_adv = attack(x, lambda logits: nn.functional.cross_entropy(logits, y, reduction="none"))
    assert not torch.equal(x_adv, x)
    terms = sat_loss(model, x, y, attack)  # last: its training forward moves the statistics the attack sees
    assert torch.equal(terms.loss, nn.functional.cross_entropy(model(x_adv), y))


def test_the_attack_meets_the_label() -> None:
    """The objective handed over rises with the loss, whatever ascends it."""
    model, x, y = _setting()
    seen = []

    def attack(images: Tensor, objective: Objective) -> Tensor:
        seen.append(objective(torch.eye(10)[y]))
        return images

    sat_loss(model, x, y, attack)
    assert torch.allclose(seen[0], nn.functional.cross_entropy(torch.eye(10)[y], y, reduction="none"))


def test_gradients_reach_the_weights_only_through_the_loss() -> None:
    """Attacking first changes no gradient: the attack is a constant to the outer minimization."""
    model, x, y = _setting()
    attack = partial(PGD(L2(0.5), num_steps=3, step_size=0.3), model)
    sat_loss(model, x, y, attack).loss.backward()
    with_attack = [p.grad.clone() for p in model.parameters()]

    model.zero_grad()
    fresh, _, _ = _setting()
    x_adv = PGD(L2(0.5), num_steps=3, step_size=0.3)(
        fresh, x, lambda logits: nn.functional.cross_entropy(logits, y, reduction="none")
    )
    sat_loss(fresh, x_adv, y, None).loss.backward()
    assert all(torch.equal(p.grad, grad) for p, grad in zip(fresh.parameters(), with_attack, strict=True))


def test_metrics_are_detached_scalars_and_modes_are_kept() -> None:
    model, x, y = _setting()
    terms = sat_loss(model, x, y, partial(PGD(L2(0.5), num_steps=1, step_size=0.3), model))
    assert all(value.shape == () and not value.requires_grad for value in terms.metrics.values())
    assert all(module.training for module in model.modules())
