"""S004's attack on generative classifiers, where its one candidate is known in closed form, and where it misleads."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.highest_logit import HighestLogit
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.config import AttackConfig
from advgen_ray.distributed.attacks import build_passes, build_suite, perturb_all

EPS = 0.2
ASCENT = PGD(L2(EPS), 20, 0.05, keep_best=True)


class _Linear(nn.Module):
    """``d_k(x) = w_k . x + b_k``."""

    def __init__(self, weights: list[list[float]], biases: list[float]) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights))
        self.register_buffer("biases", torch.tensor(biases))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weights.T + self.biases  # type: ignore[operator]


def _images(num_images: int) -> Tensor:
    return torch.full((num_images, 1, 2, 2), 0.5)


def test_on_linear_logits_it_is_the_step_along_the_weights_of_the_highest_class() -> None:
    weights = [[3.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 2.0, 2.0]]
    model = _Linear(weights, [0.0, 0.45, -1.5])
    x, y = _images(2), torch.tensor([0, 2])
    # d is (1.5, .95, .5) at x. Of class 0: d_1 reaches .95 + eps, d_2 .5 + eps sqrt(8); of class 2: d_0 1.5 + 3 eps.
    found = HighestLogit(ASCENT, 9)(model, x, y)
    assert 0.95 + EPS > 0.5 + EPS * 8**0.5
    expected = x.clone()
    expected[0, 0, 0, 1] += EPS
    expected[1, 0, 0, 0] += EPS
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    # Fewer targets: the likeliest wrong class as it is, whatever others could reach.
    lower = _Linear(weights, [0.0, 0.45, -1.1])
    one, two = (HighestLogit(ASCENT, n)(lower, x[:1], y[:1]) for n in (1, 2))
    torch.testing.assert_close(one, expected[:1], atol=1e-4, rtol=0)
    assert float(two[0, 0, 1, 0]) > 0.6


def test_the_one_candidate_may_stand_where_another_target_falls() -> None:
    """Class 1 rises fastest, along the label's own direction; class 2 would win."""
    model = _Linear([[4.0, 0, 0, 0], [3.9, 0, 0, 0], [0, 2.0, 0, 0]], [0.0, 0.0, 0.8])
    x, y, ids = _images(1), torch.tensor([0]), ["one"]
    attack = AttackConfig(kind="highest_logit", eps=EPS, num_steps=20, step_size=0.05, start="image")
    each = AttackConfig(objective="logit", targeted=True, eps=EPS, num_steps=20, step_size=0.05, start="image")
    for config, falls in ((attack, False), (each, True)):
        x_adv = perturb_all(model, x, y, ids, build_passes(config, 3, 0, until_fallen=True))
        assert bool(model(x_adv).argmax(dim=1) != y) == falls


def test_every_target_in_turn_takes_whatever_the_one_candidate_takes() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 6)).eval()
    x, ids = torch.rand(60, 1, 2, 2), [str(i) for i in range(60)]
    y = model(x).argmax(dim=1)
    fallen = {}
    for config in (
        AttackConfig(kind="highest_logit", eps=0.3, num_steps=10, start="image"),
        AttackConfig(objective="logit", targeted=True, eps=0.3, num_steps=10, start="image"),
    ):
        x_adv = perturb_all(model, x, y, ids, build_passes(config, 6, 0, until_fallen=True))
        fallen[config.label] = model(x_adv).argmax(dim=1) != y
    one, every = fallen["highest_logit"], fallen["pgd-logit-targeted"]
    assert 5 < int(one.sum()) < int(every.sum())
    assert bool((every | ~one).all())


def test_what_it_is_made_of_is_told() -> None:
    with pytest.raises(ValueError, match="num_targets must be at least 1"):
        HighestLogit(ASCENT, 0)
    names = [part.name for part in build_suite(AttackConfig(kind="highest_logit", num_restarts=2), 10, 0)]
    assert names == ["highest_logit/1", "highest_logit/2"], "one candidate a start, however many targets"
    for changes, message in (
        ({"objective": "logit"}, "of which class"),
        ({"objective": "kl", "targeted": True}, "aims at no target"),
        ({"kind": "square", "targeted": True}, "no targeted form"),
    ):
        with pytest.raises(ValueError, match=message):
            AttackConfig(**changes)  # type: ignore[arg-type]
