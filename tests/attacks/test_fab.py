"""FAB finds the nearest adversarial image of a linear model, in every norm, and minds the house rules."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.fab import FAB
from advgen_ray.attacks.hyperplane import NORMS, vector_norm
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.rng import Stream
from tests.attacks.known_models import Constant, Counting, linear, near_grey, predictions

ROUNDING = 1e-6  # of images near one half, in any norm
DUAL = {1.0: math.inf, 2.0: 2.0, math.inf: 1.0}


def distances(x_adv: Tensor, x: Tensor, norm: float) -> Tensor:
    return vector_norm((x_adv - x).flatten(1), norm)


def nearest_boundary(model: nn.Sequential, x: Tensor, y: Tensor, norm: float) -> Tensor:
    """``min_k |f_y - f_k| / |w_y - w_k|_q``, and that of each ``k``: ``[N]`` and ``[N, K]``."""
    weight, logits = model[1].weight.detach(), model(x).detach()
    lead = logits.gather(1, y[:, None]) - logits
    length = torch.linalg.vector_norm(weight[y][:, None] - weight[None], DUAL[norm], dim=2)
    return torch.where(length == 0, math.inf, lead / length)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_the_nearest_boundary_of_a_linear_model(norm: float, num_classes: int) -> None:
    model, x = linear(num_classes), near_grey(16)
    y = predictions(model, x)
    x_adv = FAB(norm, num_steps=20)(model, x, y)
    expected = nearest_boundary(model, x, y, norm).amin(dim=1)
    found = distances(x_adv, x, norm)
    assert (predictions(model, x_adv) != y).all()
    assert (found >= expected - ROUNDING).all()
    assert (found <= expected * 1.02 + ROUNDING).all()


@pytest.mark.parametrize("norm", NORMS)
def test_the_boundary_of_the_target(norm: float) -> None:
    """Rank by rank the search goes to another boundary; only the nearest class's own is free of others' regions."""
    model, x = linear(3), near_grey(16)
    y = predictions(model, x)
    boundaries = nearest_boundary(model, x, y, norm)
    x_adv = FAB(norm, num_steps=20)(model, x, y, boundaries.argmin(dim=1))
    assert (distances(x_adv, x, norm) <= boundaries.amin(dim=1) * 1.02 + ROUNDING).all()
    farther = boundaries.masked_fill(boundaries.isinf(), -1).argmax(dim=1)
    beyond = FAB(norm, num_steps=20)(model, x, y, farther)
    assert (predictions(model, beyond) != y).all()
    assert (distances(beyond, x, norm) > 1.02 * boundaries.amin(dim=1)).any()


@pytest.mark.parametrize("norm", NORMS)
def test_a_network(norm: float, wide_resnet: WideResNet, x: Tensor) -> None:
    """Images in the box and misclassified, on the whole nearer than those of a search for one class."""
    x = x[:8]
    y = predictions(wide_resnet.eval(), x)
    free, aimed = (FAB(norm, num_steps=15)(wide_resnet, x, y, target) for target in (None, (y + 1) % 10))
    found = predictions(wide_resnet, aimed) != y
    assert (predictions(wide_resnet, free) != y).all()
    assert found.any()
    assert ((free >= 0) & (free <= 1) & (aimed >= 0) & (aimed <= 1)).all()
    assert torch.equal(aimed[~found], x[~found])
    assert distances(free, x, norm)[found].mean() < distances(aimed, x, norm)[found].mean()


def test_more_steps_find_nearer_images(wide_resnet: WideResNet, x: Tensor) -> None:
    y = predictions(wide_resnet.eval(), x)
    few, many = (distances(FAB(2.0, num_steps=n)(wide_resnet, x, y, (y + 1) % 10), x, 2.0) for n in (5, 20))
    assert (many[few > 0] <= few[few > 0]).all()
    assert (many < few).sum() > len(x) / 2


def test_a_step_is_drawn_to_the_original_image() -> None:
    """Equation 8 with the plane ``x_1 = 0.6``, where the weight of the original lies below its cap and at it."""
    normal, origin = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.4, 0.4]])
    for start, alpha in ((0.59, 0.01 / 0.21), (0.5, 0.1)):
        point = torch.tensor([[start, 0.6]])
        moved = FAB(2.0)._step(point, origin, normal, lead=0.6 - point[:, 0])
        beyond, original_beyond = start + 1.05 * (0.6 - start), 0.4 + 1.05 * 0.2
        expected = [(1 - alpha) * beyond + alpha * original_beyond, (1 - alpha) * 0.6 + alpha * 0.4]
        assert moved[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_near_enough_is_the_end_and_costs_nothing_more(x: Tensor, wide_resnet: WideResNet) -> None:
    y = predictions(wide_resnet.eval(), x)
    attack, y_target = FAB(2.0, num_steps=20), (y + 1) % 10
    nearest = distances(attack(wide_resnet, x, y, y_target), x, 2.0)
    within = float(nearest.median())
    counting = Counting(wide_resnet)
    x_adv = attack(counting, x, y, y_target, within=within)
    distance = distances(x_adv, x, 2.0)
    assert ((distance <= within) == (nearest <= within)).all()
    assert torch.allclose(distance[nearest > within], nearest[nearest > within], rtol=1e-4)
    assert (distance[nearest <= within] >= nearest[nearest <= within] * (1 - 1e-4)).all()
    assert counting.rows < 0.8 * len(x) * (1 + 2 * 20)


def test_what_is_misclassified_already_is_its_own_nearest(x: Tensor, wide_resnet: WideResNet) -> None:
    y = predictions(wide_resnet.eval(), x)
    counting = Counting(wide_resnet)
    assert torch.equal(FAB(2.0)(counting, x, (y + 1) % 10), x)
    assert counting.rows == len(x)


@pytest.mark.parametrize("norm", NORMS)
def test_a_restart_begins_at_its_radius(norm: float, wide_resnet: WideResNet) -> None:
    """The first images looked at after ``x`` are the starts; no end is needed to begin elsewhere."""
    x, noise = torch.full((8, 1, 8, 8), 0.5), Stream(0, "attack").normal(range(8), (1, 8, 8))
    y = predictions(wide_resnet.eval(), x)
    seen: list[Tensor] = []
    wide_resnet.register_forward_hook(lambda module, images, logits: seen.append(images[0].detach().clone()))
    fab = partial(FAB(norm, num_steps=3), wide_resnet, x, y, (y + 1) % 10)
    x_adv = fab(start_noise=lambda _: noise, start_radius=0.1)
    assert torch.allclose(distances(seen[1], x, norm), torch.full((8,), 0.1), rtol=1e-4)
    assert not torch.equal(x_adv, fab())
    with pytest.raises(ValueError, match="expected start_radius above 0"):
        fab(start_noise=lambda _: noise)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("targeted", [False, True])
def test_a_sample_alone_and_in_a_batch_of_64(norm: float, targeted: bool, wide_resnet: WideResNet, x: Tensor) -> None:
    y = predictions(wide_resnet.eval(), x)
    y_target = (y + 1) % 10

    def run(rows: slice) -> Tensor:
        return FAB(norm, num_steps=3)(wide_resnet, x[rows], y[rows], y_target[rows] if targeted else None, within=0.1)

    together = run(slice(None))
    for i in range(0, 64, 16):
        assert torch.allclose(run(slice(i, i + 1))[0], together[i], atol=1e-5)


def test_the_model_is_left_as_it_was(wide_resnet: WideResNet, x: Tensor) -> None:
    y = predictions(wide_resnet.eval(), x)
    wide_resnet.train()
    wide_resnet.norm.eval()
    state = {name: value.clone() for name, value in wide_resnet.state_dict().items()}
    modes, images = [module.training for module in wide_resnet.modules()], x.clone()
    x_adv = FAB(2.0, num_steps=3)(wide_resnet, x, y)
    assert all(torch.equal(value, state[name]) for name, value in wide_resnet.state_dict().items())
    assert [module.training for module in wide_resnet.modules()] == modes
    assert all(p.grad is None and p.requires_grad for p in wide_resnet.parameters())
    assert torch.equal(x, images)
    assert not x_adv.requires_grad
    assert torch.equal(x_adv, FAB(2.0, num_steps=3)(wide_resnet.eval(), x, y))  # dropout drew nothing


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("target", [None, 1])
def test_a_constant_model_gives_the_image_back(norm: float, target: int | None) -> None:
    x = torch.rand(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    y_target = None if target is None else torch.full((4,), target)
    model, y = Constant(3.0, -1.0, 0.0), torch.zeros(4, dtype=torch.int64)
    assert torch.equal(FAB(norm, num_steps=5)(model, x, y, y_target), x)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale", [1e-8, 1e4])
def test_the_scale_of_the_logits_does_not_matter(norm: float, scale: float) -> None:
    model, x = linear(3), near_grey(8)
    y = predictions(model, x)
    expected = distances(FAB(norm, num_steps=10)(model, x, y), x, norm)
    with torch.no_grad():
        model[1].weight.mul_(scale)
        model[1].bias.mul_(scale)
    found = distances(FAB(norm, num_steps=10)(model, x, y), x, norm)
    assert torch.allclose(found, expected, rtol=0.02, atol=ROUNDING)


def test_mistakes_in_one_line(x: Tensor, wide_resnet: WideResNet) -> None:
    y = torch.zeros(64, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"labels must lie in 0..9, the model's classes, got 10 to 10"):
        FAB(2.0)(wide_resnet, x, y + 10)
    with pytest.raises(ValueError, match=r"labels must lie in 0..9"):
        FAB(2.0)(wide_resnet, x, y, y - 1)
    with pytest.raises(ValueError, match="remove its softmax"):
        FAB(2.0)(nn.Sequential(wide_resnet, nn.Softmax(dim=1)), x, y)
    with pytest.raises(ValueError, match="at least 2 classes"):
        FAB(2.0)(linear(1), x, y)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        FAB(2.0)(wide_resnet, 2 * x, y)
    with pytest.raises(ValueError, match="norm must be 1, 2 or infinity, got 3"):
        FAB(3)
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        FAB(2.0, num_steps=0)


def test_double_precision() -> None:
    model, x = linear(3).double(), near_grey(4).double()
    y = predictions(model, x)
    x_adv = FAB(2.0, num_steps=20)(model, x, y, within=1e-9)
    assert x_adv.dtype == torch.float64
    assert torch.allclose(distances(x_adv, x, 2.0), nearest_boundary(model, x, y, 2.0).amin(dim=1), rtol=0.02)
