"""Every attack a config can name: bound, keyed by image, in its ball when it must be."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.config import AttackConfig
from advgen_ray.config.attacks import NORMS_OF
from advgen_ray.data import datasets
from advgen_ray.distributed.attacks import THREAT_MODELS, build_passes, perturb_all

KINDS: dict[str, dict[str, Any]] = {
    "pgd": {"num_steps": 3},
    "pgd-margin": {"num_steps": 3, "objective": "margin", "start": "image"},
    "pgd-kl": {"num_steps": 3, "objective": "kl", "start": "near"},
    "pgd-high_energy": {"num_steps": 3, "objective": "high_energy"},
    "apgd": {"kind": "apgd", "num_steps": 5},
    "apgd-dlr": {"kind": "apgd", "num_steps": 5, "objective": "dlr"},
    "apgd-targeted": {"kind": "apgd", "num_steps": 3, "targeted": True, "num_targets": 2},
    "apgd-margin-targeted": {"kind": "apgd", "num_steps": 3, "objective": "margin", "targeted": True, "num_targets": 2},
    "pgd-logit-targeted": {"num_steps": 3, "objective": "logit", "targeted": True, "num_targets": 2},
    "highest_logit": {"kind": "highest_logit", "num_steps": 3},
    "fab": {"kind": "fab", "num_steps": 5},
    "fab-targeted": {"kind": "fab", "num_steps": 5, "targeted": True, "num_targets": 2},
    "square": {"kind": "square", "num_steps": 30},
    "cw": {"kind": "cw", "num_steps": 20},
    "lbfgs": {"kind": "lbfgs", "num_steps": 10},
    "deepfool": {"kind": "deepfool", "num_steps": 10},
    "boundary": {"kind": "boundary", "num_steps": 20},
    "jsma": {"kind": "jsma"},
}
LIBRARIES = {"deepfool": "foolbox", "boundary": "foolbox", "jsma": "art"}


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def batch(model: nn.Module) -> tuple[Tensor, Tensor, list[str]]:
    images = datasets.load("digits", "", "test")
    x = images.tensor(range(12))
    return x, model(x).argmax(1), images.item_ids(range(12))  # labels that the model gives: all stand at first


CASES = [(label, norm) for label in KINDS for norm in ("l1", "l2", "linf") if norm in NORMS_OF.get(label, (norm,))]


@pytest.mark.parametrize(("label", "norm"), CASES)
def test_every_kind_gives_each_image_the_same_alone(
    model: nn.Module, batch: tuple[Tensor, Tensor, list[str]], label: str, norm: Any
) -> None:
    if label in LIBRARIES:
        pytest.importorskip(LIBRARIES[label], reason="the extra attacks is not installed")
    x, y, ids = batch
    eps = {"l1": 4.0, "l2": 0.5, "linf": 0.08}[norm]
    attack = AttackConfig(norm=norm, eps=eps, **KINDS[label])
    assert attack.label == label
    passes = build_passes(attack, 10, seed=3, until_fallen=True)
    assert len(passes) == (2 if attack.targeted else 1)
    x_adv = perturb_all(model, x, y, ids, passes)
    alone = torch.cat([perturb_all(model, x[i : i + 1], y[i : i + 1], ids[i : i + 1], passes) for i in (0, 5)])
    # The divergence is flat where the attack on it starts: of its gradient fewer digits are more than rounding.
    torch.testing.assert_close(x_adv[[0, 5]], alone, atol=2e-3 if label == "pgd-kl" else 2e-5, rtol=0)
    distance = THREAT_MODELS[norm](eps).distance(x_adv, x)
    assert float(distance.max()) <= eps * (1 + 1e-5)
    assert float(x_adv.min()) >= 0
    assert float(x_adv.max()) <= 1


RESTARTED: dict[str, dict[str, Any]] = {
    "pgd": {"num_steps": 1},
    "near": {"num_steps": 1, "start": "near"},
    "highest_logit": {"kind": "highest_logit", "num_steps": 1},
    "apgd": {"kind": "apgd", "num_steps": 1},
    "fab": {"kind": "fab", "num_steps": 1},
    "square": {"kind": "square", "num_steps": 2},
    "boundary": {"kind": "boundary", "num_steps": 2},
}


@pytest.mark.parametrize("until_fallen", [False, True])
@pytest.mark.parametrize("label", RESTARTED)
def test_restarts_begin_elsewhere_and_another_seed_too(
    model: nn.Module, batch: tuple[Tensor, Tensor, list[str]], label: str, until_fallen: bool
) -> None:
    if label in LIBRARIES:
        pytest.importorskip(LIBRARIES[label], reason="the extra attacks is not installed")
    x, y, ids = batch
    attack = AttackConfig(norm="l2", eps=4.0, num_restarts=3, **RESTARTED[label])
    _, second, third = (p(model, x, y, ids) for p in build_passes(attack, 10, seed=0, until_fallen=until_fallen))
    *_, other = (p(model, x, y, ids) for p in build_passes(attack, 10, seed=1, until_fallen=until_fallen))
    assert not torch.equal(second, third)
    assert not torch.equal(third, other)


@pytest.mark.parametrize("until_fallen", [False, True])
def test_fab_begins_at_the_image_and_its_restarts_beside_it(
    model: nn.Module, batch: tuple[Tensor, Tensor, list[str]], until_fallen: bool
) -> None:
    """At half of eps, as in AutoAttack, whether the nearest image is wanted or any in the ball."""
    x, y, ids = batch
    seen: list[Tensor] = []
    hook = model.register_forward_hook(lambda module, images, logits: seen.append(images[0].detach().clone()))
    attack = AttackConfig(kind="fab", norm="l2", eps=0.5, num_steps=1, num_restarts=2)
    starts = []
    for perturb in build_passes(attack, 10, seed=0, until_fallen=until_fallen):
        seen.clear()
        perturb(model, x, y, ids)
        starts.append((seen[1] - x).flatten(1).norm(dim=1))
    hook.remove()
    assert starts[0].max() == 0
    # Pixels at 0 and 1 may not leave the box, which brings a start nearer.
    assert ((starts[1] > 0.05) & (starts[1] <= 0.25 * (1 + 1e-5))).all()


def test_the_first_pass_that_fools_counts_and_the_last_where_none_does(
    model: nn.Module, batch: tuple[Tensor, Tensor, list[str]]
) -> None:
    x, y, ids = batch
    calls: list[int] = []

    def harmless(model: nn.Module, x: Tensor, y: Tensor, item_ids: Any) -> Tensor:
        calls.append(len(x))
        return (x + 1e-6 * len(calls)).clamp(0, 1)

    def fools_first(model: nn.Module, x: Tensor, y: Tensor, item_ids: Any) -> Tensor:
        moved = x.clone()
        moved[0] = batch[0][(y != y[0]).nonzero()[0, 0]]  # an image of another class
        return moved

    x_adv = perturb_all(model, x, y, ids, [harmless, fools_first, harmless])
    assert calls == [12, 11]
    assert model(x_adv[:1]).argmax(1) != y[0]
    torch.testing.assert_close(x_adv[1:], (x[1:] + 2e-6).clamp(0, 1), atol=1e-8, rtol=0)


def test_high_energy_pgd_keeps_the_energy_up(model: nn.Module, batch: tuple[Tensor, Tensor, list[str]]) -> None:
    x, y, ids = batch
    sure = nn.Linear(10, 10, bias=False).requires_grad_(False)
    sure.weight.copy_(20 * torch.eye(10))
    confident = nn.Sequential(*model, sure)
    energies = {}
    for weight in (0.0, 2.0):
        attack = AttackConfig(eps=1.0, num_steps=20, objective="high_energy", energy_weight=weight)
        x_adv = perturb_all(confident, x, y, ids, build_passes(attack, 10, seed=0, until_fallen=False))
        energies[weight] = float(-confident(x_adv).logsumexp(1).mean())
    plain = build_passes(AttackConfig(eps=1.0, num_steps=20), 10, seed=0, until_fallen=False)
    assert energies[2.0] > energies[0.0] + 0.5
    assert energies[0.0] == pytest.approx(
        float(-confident(perturb_all(confident, x, y, ids, plain)).logsumexp(1).mean()), abs=1.0
    )  # without the weight it is PGD, from another random start
