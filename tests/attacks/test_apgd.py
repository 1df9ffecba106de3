"""APGD against a plain one-sample retelling of its algorithm, its review schedule, and the cost of a step."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.apgd_ascent import checkpoints
from advgen_ray.attacks.objectives import cross_entropy
from advgen_ray.attacks.threat_model import L1, L2, Linf, Unconstrained
from advgen_ray.rng import Stream


def _noise(x: Tensor) -> Tensor:
    return Stream(0, "attack").normal(range(len(x)), x.shape[1:]).to(x.dtype)


class _Bumpy(nn.Module):
    """A small network in float64, curved enough for steps to overshoot."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Parameter(3 * torch.randn(16, 12, generator=generator, dtype=torch.float64))
        self.second = nn.Parameter(torch.randn(3, 16, generator=generator, dtype=torch.float64))
        self.num_passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.num_passes += 1
        return torch.sin((x.flatten(1) - 0.5) @ self.first.T) @ self.second.T


@pytest.fixture
def bumpy() -> _Bumpy:
    return _Bumpy()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(8, 3, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _algorithm_1(model: nn.Module, ball: L2 | Linf, x: Tensor, label: int, start: Tensor, num_steps: int):  # type: ignore[no-untyped-def]
    """Croce and Hein (2020), algorithm 1, for one image ``[1, C, H, W]``: best point, its value, number of halvings."""

    def value_and_gradient(point: Tensor) -> tuple[float, Tensor]:
        leaf = point.clone().requires_grad_()
        value = nn.functional.cross_entropy(model(leaf), torch.tensor([label]))
        return value.item(), torch.autograd.grad(value, leaf)[0]

    reviews = [0]
    window = 0.22
    while reviews[-1] + round(window * num_steps) <= num_steps:
        reviews.append(reviews[-1] + round(window * num_steps))
        window = max(window - 0.03, 0.06)

    step_size, num_halved = 2 * ball.eps, 0
    points, values, gradients = [start], [], []
    value, gradient = value_and_gradient(start)
    values.append(value)
    gradients.append(gradient)
    best, best_at_review, halved_at_review = 0, 0, True
    current, current_gradient, previous = start, gradient, start
    for k in range(num_steps):
        z = ball.project(current + step_size * ball.step(current_gradient, current), x)
        moved = z if k == 0 else ball.project(current + 0.75 * (z - current) + 0.25 * (current - previous), x)
        previous, current = current, moved
        value, current_gradient = value_and_gradient(moved)
        points.append(moved)
        values.append(value)
        gradients.append(current_gradient)
        if value > values[best]:
            best = k + 1
        if k + 1 in reviews:
            begin = reviews[reviews.index(k + 1) - 1]
            improved = sum(values[i + 1] > values[i] for i in range(begin, k + 1))
            stalled = improved <= 0.75 * (k + 1 - begin)
            unchanged = not halved_at_review and values[best_at_review] == values[best]
            halved_at_review = stalled or unchanged
            best_at_review = best
            if halved_at_review:
                step_size, num_halved = step_size / 2, num_halved + 1
                current, current_gradient = points[best], gradients[best]
    return points[best], num_halved


@pytest.mark.parametrize("ball", [L2(0.6), Linf(0.2)])
def test_the_batch_follows_algorithm_1_sample_by_sample(ball: L2 | Linf, bumpy: _Bumpy, images: Tensor) -> None:
    y = bumpy(images).argmax(1)
    x_adv = APGD(ball, num_steps=100, start_noise=_noise)(bumpy, images, cross_entropy(y))
    starts, halvings = ball.surface_start(images, _noise(images)), set()
    for i in range(len(images)):
        row = slice(i, i + 1)
        expected, num_halved = _algorithm_1(bumpy, ball, images[row], int(y[i]), starts[row], 100)
        assert torch.allclose(x_adv[row], expected, atol=1e-8)
        halvings.add(num_halved)
    assert len(halvings) > 1  # the samples went ways of their own
    assert max(halvings) > 2


def test_reviews() -> None:
    assert checkpoints(100) == {22: 22, 41: 19, 57: 16, 70: 13, 80: 10, 87: 7, 93: 6, 99: 6}
    assert checkpoints(1) == {1: 1}
    assert list(checkpoints(10)) == [2, 3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(("ball", "num_passes"), [(L1(1.0), 23), (L2(0.5), 21), (Linf(0.1), 21)])
def test_one_pass_a_step_and_one_more(ball: L1 | L2 | Linf, num_passes: int, bumpy: _Bumpy, images: Tensor) -> None:
    APGD(ball, num_steps=20)(bumpy, images, cross_entropy(torch.zeros(8).long()))
    assert bumpy.num_passes == num_passes


@pytest.mark.parametrize("ball", [L1(1.0), L2(0.5), Linf(0.1)])
def test_the_best_iterate_is_returned(ball: L1 | L2 | Linf, bumpy: _Bumpy, images: Tensor) -> None:
    objective, seen = cross_entropy(torch.zeros(8).long()), []

    def spy(outputs: Tensor) -> Tensor:
        seen.append(objective(outputs))
        return seen[-1]

    x_adv = APGD(ball, num_steps=20, start_noise=_noise)(bumpy, images, spy)
    within = seen[-9:] if isinstance(ball, L1) else seen  # the last eight of twenty steps are at the radius itself
    assert torch.equal(objective(bumpy(x_adv)), torch.stack(within).amax(0))


def test_the_l1_perturbation_gets_sparse(linear: nn.Module) -> None:
    """From a dense random start to the few pixels of largest weight, which is all that L1 rewards."""
    x, y = torch.full((4, 1, 8, 8), 0.5), torch.arange(4) % 2
    x_adv = APGD(L1(0.4), 100, _noise)(linear, x, cross_entropy(y))
    rows = linear.weight.detach()
    largest = (rows[0] - rows[1]).abs().argmax()
    change = (x_adv - x).flatten(1).abs()
    assert (change[:, largest] > 0.98 * 0.4).all()
    assert ((change > 0).sum(1) <= 3).all()


def test_start_without_noise_is_the_image(linear: nn.Module) -> None:
    x, y = torch.full((2, 1, 8, 8), 0.5), torch.tensor([0, 1])
    for ball in (L1(0.4), L2(0.4), Linf(0.1)):
        x_adv = APGD(ball, 20)(linear, x, cross_entropy(y), lambda outputs: outputs[:, 0] < torch.inf)
        assert ball.distance(x_adv, x).max() <= ball.eps
        if not isinstance(ball, L1):
            assert torch.equal(x_adv, x)


def test_settings_are_checked_when_built() -> None:
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        APGD(L2(0.5), 0)
    with pytest.raises(ValueError, match=r"radius of a ball, got Unconstrained\(\): give L1, L2 or Linf"):
        APGD(Unconstrained())  # type: ignore[arg-type]
