"""Least distortion against planes, whose distance is known: never below it, a few percent above; what is not found."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks import least_distortion
from advgen_ray.attacks.least_distortion import (
    Found,
    PenalizedDescents,
    cw,
    fab,
    found_at,
    growing_radii,
    halfway_back,
    nearest_passing,
)
from advgen_ray.attacks.passing import Passing, TwoClasses, any_but, leads, only, threshold_at
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2

RADII = tuple(0.02 * 1.25**i for i in range(24))


class _Planes(nn.Module):
    """Logits ``W x + b`` of three classes, twice where a classifier stands before the detectors."""

    def __init__(self, twice: bool, bias: float = 0.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.weight = nn.Parameter(0.5 * torch.randn(3, 64, generator=generator))
        self.bias, self.twice = bias, twice

    def forward(self, x: Tensor) -> Tensor:
        logits = (x - 0.5).flatten(1) @ self.weight.T + self.bias
        return torch.cat([logits, 2 * logits], dim=1) if self.twice else logits


def _grey(count: int = 6) -> Tensor:
    """Near the middle of the box, whose walls are far."""
    return 0.5 + 0.02 * torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(1))


Search = Callable[[nn.Module, Tensor, Passing], Found]
SEARCHES: dict[str, tuple[Search, float]] = {
    "last": (lambda m, x, p: PenalizedDescents(40, 0.03, 12, 64.0)(m, x, p.objective, p.passes)[0], 1.15),
    "adam": (lambda m, x, p: PenalizedDescents(60, 0.01, 12, 64.0, adam=True)(m, x, p.objective, p.passes)[1], 1.15),
    "every": (lambda m, x, p: PenalizedDescents(40, 0.03, 6, 64.0)(m, x, p.objective, p.passes)[1], 1.08),
    "radii": (lambda m, x, p: growing_radii(m, x, p.objective, p.passes, radii=RADII, num_steps=20), 1.03),
    "fab": (lambda m, x, p: nearest_passing(m, x, p, fab(20)), 1.03),
    "cw": (lambda m, x, p: nearest_passing(m, x, p, cw(60)), 1.08),
}


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("integrated", [False, True])
def test_the_distance_to_a_plane_is_found_and_never_undercut(name: str, integrated: bool) -> None:
    """Target 1 where its logit must reach a threshold far above the others: the half space ``z_1 >= T``."""
    model, x = _Planes(integrated), _grey()
    z = model(x)[:, -3:].detach()
    threshold = float(z[:, 1].max()) + 3.0
    w = (1 + integrated) * model.weight.detach()[1]
    exact = (threshold - z[:, 1]) / w.norm()
    straight = x + per_row(exact / w.norm(), x) * w.view(1, 1, 8, 8)
    assert straight.min() >= 0
    assert straight.max() <= 1, "else the box is in the way, and the distance another one"
    assert (leads(model(straight)[:, :3])[:, 1] > 0).all(), "else another plane counts"
    search, slack = SEARCHES[name]
    found = search(model, x, Passing(only(torch.full((len(x),), 1), 3), threshold, integrated))
    assert found.success.all()
    ratio = found.distance / exact
    assert ratio.min() > 1 - 1e-5
    assert ratio.max() < slack
    assert torch.allclose((found.x_adv - x).flatten(1).norm(dim=1), found.distance)


def test_any_class_but_the_label_is_the_nearest_of_its_targets() -> None:
    model, x = _Planes(False), _grey()
    y = model(x).argmax(dim=1)
    passing = Passing(any_but(y, 3), -50.0, False)  # every detector is content: the nearest boundary decides
    gaps = (model(x).gather(1, y[:, None]) - model(x)).detach()
    norms = (model.weight[y][:, None] - model.weight[None]).norm(dim=2).detach()
    exact = torch.where(gaps > 0, gaps / norms, math.inf).amin(dim=1)
    for found in (
        nearest_passing(model, x, passing, fab(50)),
        growing_radii(model, x, passing.margin, passing.passes, radii=RADII),
    ):
        assert ((found.distance / exact > 1 - 1e-4) & (found.distance / exact < 1.05)).all()


class _Counted(_Planes):
    """Remembers how many rows each pass had."""

    def __init__(self) -> None:
        super().__init__(False)
        self.rows: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.rows.append(len(x))
        return super().forward(x)


def test_growing_radii_take_steps_of_their_radius_and_none_for_a_sample_that_has_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    balls: list[tuple[float, int, float]] = []

    class Seen(PGD):
        def __init__(self, ball: L2, num_steps: int, step_size: float) -> None:
            balls.append((ball.eps, num_steps, step_size))
            super().__init__(ball, num_steps, step_size)

    monkeypatch.setattr(least_distortion, "PGD", Seen)
    model, x = _Counted(), _grey(2)
    thresholds = torch.tensor([-100.0, 100.0])  # the first passes as it is, the second never
    weight = torch.tensor([[0.0, 1.0, 0.0]])

    def passes(outputs: Tensor) -> Tensor:
        return outputs[:, 1] > thresholds

    growing_radii(model, x, lambda z: (z * weight).sum(1), passes, radii=(0.5, 1.0), num_steps=8, num_halvings=1)
    assert balls == [(0.5, 8, 0.15625), (1.0, 8, 0.3125)]
    assert model.rows.count(2) < model.rows.count(1)


@pytest.mark.parametrize("name", SEARCHES)
def test_what_cannot_be_reached_is_not_found(name: str) -> None:
    model, x = _Planes(False), _grey(3)
    most = float((model.weight[1].abs().sum() / 2).detach())  # in the corner of the box
    passing = Passing(only(torch.full((3,), 1), 3), most + 1, False)
    found = SEARCHES[name][0](model, x, passing)
    assert not found.success.any()
    assert torch.isinf(found.distance).all()
    assert torch.equal(found.x_adv, x)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_sample_alone_finds_what_it_finds_among_others(name: str) -> None:
    model, x = _Planes(True), _grey()
    targets = torch.tensor([0, 1, 2, 0, 1, 2])
    threshold = 2.0
    together = SEARCHES[name][0](model, x, Passing(only(targets, 3), threshold, True))
    for i in (0, 4):
        alone = SEARCHES[name][0](model, x[i : i + 1], Passing(only(targets[i : i + 1], 3), threshold, True))
        assert torch.allclose(alone.distance, together.distance[i : i + 1], rtol=1e-3)
        assert torch.allclose(alone.x_adv, together.x_adv[i : i + 1], atol=1e-2)


def test_an_image_that_passes_as_it_is_lies_at_distance_zero() -> None:
    model, x = _Planes(False), _grey(4)
    z = model(x).detach()
    passing = Passing(only(z.argmax(dim=1), 3), float(z.max(dim=1).values.min()) - 0.1, False)
    for name, (search, _) in SEARCHES.items():
        found = search(model, x, passing)
        assert (found.distance == 0).any() == (name != "last"), "the dissertation's counts where descents end alone"
    assert (found_at(model, x, x, passing.passes).distance == 0).all()


def test_the_nearer_of_two_keeps_its_picture() -> None:
    one = Found(torch.zeros(3, 1, 1, 1), torch.tensor([1.0, 3.0, math.inf]))
    two = Found(torch.ones(3, 1, 1, 1), torch.tensor([2.0, 2.0, math.inf]))
    both = one.nearer(two)
    assert both.distance.tolist() == [1.0, 2.0, math.inf]
    assert both.x_adv.flatten().tolist() == [0.0, 1.0, 0.0]
    assert both.success.tolist() == [True, True, False]


def test_bisection_goes_back_to_where_it_begins_to_pass() -> None:
    x = torch.full((1, 1, 1, 1), 0.1)
    far = Found(torch.full((1, 1, 1, 1), 0.9), torch.tensor([0.8]))
    found = halfway_back(nn.Flatten(), x, far, lambda outputs: outputs[:, 0] >= 0.3, 20)
    assert found.distance.item() == pytest.approx(0.2, abs=1e-5)


def test_passing_by_hand() -> None:
    """Three images, two classes: the classifier and the largest detector may differ."""
    z_f = torch.tensor([[2.0, 1.0], [0.0, 3.0], [0.0, 5.0]])
    z_h = torch.tensor([[4.0, 5.0], [-1.0, 0.5], [2.0, 1.0]])
    y = torch.zeros(3, dtype=torch.int64)
    integrated = Passing(any_but(y, 2), 0.6, True)
    outputs = torch.cat([z_f, z_h], dim=1)
    assert integrated.passes(outputs).tolist() == [False, False, True]  # its own; detected; passes
    assert integrated.margin(outputs).tolist() == pytest.approx([-1.0, -0.1, 0.4])
    assert integrated.objective(outputs).tolist() == pytest.approx([-1.0, 1e4 + 0.5, 1e4 + 1.0])
    generative = Passing(any_but(y, 2), 0.6, False)
    assert generative.passes(z_h).tolist() == [True, False, False]
    assert generative.margin(z_h).tolist() == pytest.approx([1.0, -0.1, -1.0])
    assert generative.objective(z_h).tolist() == [5.0, 0.5, 1.0]
    exact = Passing(any_but(y, 2), 0.5, True)  # the second image's detector is at the threshold: it passes
    z = outputs.clone().requires_grad_()
    margin = exact.margin(z)
    assert exact.passes(z).tolist() == (margin > 0).tolist() == [False, True, True]
    assert margin[1] < 1e-30
    assert torch.autograd.grad(margin.sum(), z)[0][1].tolist() == [0, 0, 0, 1], "and the gradient is the detector's"
    tie = Passing(only(y, 2), 0.0, False)
    assert not tie.passes(torch.zeros(3, 2)).any(), "what says nothing lets nothing pass"
    with pytest.raises(ValueError, match="a classifier and as many detectors"):
        integrated.passes(z_h)
    with pytest.raises(ValueError, match=r"\[1, K\]"):
        TwoClasses(nn.Flatten(), generative)


def test_the_threshold_lets_the_share_pass() -> None:
    logits = torch.arange(200.0)
    assert threshold_at(logits, 0.95) == 10.0  # 190 of 200 reach it
    assert threshold_at(logits[:41], 0.95) == 2.0  # 39 of 41; 38 would be too few
    assert threshold_at(logits, 1.0) == 0.0
    assert threshold_at(logits, 1e-12) == threshold_at(logits, 1 / 200) == float(logits.max())  # at least one of them
    with pytest.raises(ValueError, match="tpr"):
        threshold_at(logits, 0.0)


def per_row(values: Tensor, x: Tensor) -> Tensor:
    return values.view(-1, *(1,) * (x.dim() - 1))
