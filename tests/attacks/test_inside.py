"""Pixels held fixed: closed forms of the smaller space, and what an ascent within it leaves alone."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.inside import Inside
from advgen_ray.attacks.objectives import logit
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L1, L2, Ball, Linf, ThreatModel, Unconstrained

BALLS = (L1(0.6), L2(0.3), Linf(0.05), Unconstrained())


def _mask(num_images: int = 3) -> Tensor:
    mask = torch.zeros(num_images, 1, 4, 4, dtype=torch.bool)
    mask[:, :, 1:3, :2] = True
    return mask


def _images(num_images: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(num_images, 2, 4, 4, generator=torch.Generator().manual_seed(seed))


def _normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("ball", BALLS, ids=lambda one: type(one).__name__)
def test_it_is_the_threat_model_of_the_pixels_that_may_change(ball: ThreatModel) -> None:
    """Cut those pixels out, and every method gives what it gives with the others there and held."""
    inside, mask, x, moved = Inside(ball, _mask()), _mask(), _images(), _images(seed=1)

    def cut(images: Tensor) -> Tensor:
        return images[:, :, 1:3, :2]

    projected = inside.project(moved, x)
    assert torch.equal(torch.where(mask, 0.0, projected), torch.where(mask, 0.0, x)), "bit for bit"
    assert torch.allclose(cut(projected), ball.project(cut(moved), cut(x)), atol=2e-6)
    assert torch.equal(inside.project(projected, x), projected)
    assert not torch.equal(projected, x)
    assert torch.allclose(inside.distance(projected, x), ball.distance(cut(projected), cut(x)), atol=1e-6)
    gradient = moved - 0.5
    step = inside.step(gradient, x)
    assert (step[:, :, 0] == 0).all()
    assert torch.allclose(cut(step), ball.step(cut(gradient), cut(x)), atol=1e-6)


class Linear(nn.Module):
    """``f(x) = w . x``."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(32, generator=torch.Generator().manual_seed(5)))

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.weight)[:, None]


def test_an_ascent_goes_along_the_gradient_of_the_mask_alone() -> None:
    x, model = torch.full((3, 2, 4, 4), 0.5), Linear()
    shown: list[Tensor] = []
    found = PGD(Inside(Unconstrained(), _mask()), 4, 0.05)(
        model, x, logit, on_step=lambda step, images: shown.append(images)
    )
    direction = model.weight.detach().view(1, 2, 4, 4) * _mask()
    direction = direction / direction.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    assert torch.allclose(found, x + 0.2 * direction, atol=1e-6)
    for step, images in enumerate(shown, start=1):
        assert torch.allclose(images, x + 0.05 * step * direction, atol=1e-6)
    assert len(shown) == 4


@pytest.mark.parametrize("ball", [L1(5.0), L2(0.5), Linf(0.05)], ids=lambda one: type(one).__name__)
def test_random_starts_and_sparse_steps_are_those_of_the_pixels_that_may_change(ball: Ball) -> None:
    """Row by row, at sizes where the whole image's dimension would leave every start at the image itself."""
    x, noise, num_free = torch.full((4, 3, 32, 32), 0.5), _normal(4, 3, 32, 32), [300, 600, 0, 3072]
    mask = torch.stack([torch.randperm(3072, generator=torch.Generator().manual_seed(i)) < n for i, n in
                        enumerate(num_free)]).view_as(x)  # fmt: skip
    inside = Inside(ball, mask)
    start, step = inside.random_start(x, noise), inside.step(noise, x)
    for i in (0, 1, 3):
        cut = [images[i][mask[i]][None] for images in (x, noise, start, step)]
        assert torch.allclose(cut[2], ball.random_start(cut[0], cut[1]), atol=1e-6)
        assert torch.allclose(cut[3], ball.step(cut[1], cut[0]), atol=1e-6)
        assert float(ball.distance(cut[2], cut[0])) > 0.9 * ball.eps, "in 300 dimensions a ball is all surface"
    for moved, unmoved in ((start, x), (step, torch.zeros_like(x))):
        assert torch.equal(torch.where(mask, 0.0, moved), torch.where(mask, 0.0, unmoved)), "the third row, too"
    assert torch.equal(start[3], ball.random_start(x[3:], noise[3:])[0]), "a full mask is none, bit for bit"


def _bad() -> list[tuple[Callable[[], object], str]]:
    return [
        (lambda: Inside(L2(1.0), torch.ones(3, 1, 4, 4)), "truth values"),
        (lambda: Inside(L2(1.0), _mask(2)).project(_images(), _images()), "mask of shape"),
    ]


@pytest.mark.parametrize(("make", "message"), _bad())
def test_a_mask_of_another_batch_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
