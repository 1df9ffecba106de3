"""CW-L2 finds the nearest adversarial image of a linear model, sample by sample, and minds the house rules."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.cw import CW
from advgen_ray.models.wide_resnet import WideResNet
from tests.attacks.known_models import Constant, Counting, linear, near_grey, predictions

SHORT = CW(num_steps=20, num_search_steps=3, learning_rate=0.1, initial_c=1.0)


def l2(x_adv: Tensor, x: Tensor) -> Tensor:
    return (x_adv - x).flatten(1).norm(dim=1)


def nearest_boundary(model: nn.Sequential, x: Tensor, y: Tensor) -> Tensor:
    """``min_k (f_y - f_k) / |w_y - w_k|``, ``[N]``."""
    weight, logits = model[1].weight.detach(), model(x).detach()
    length = (weight[y][:, None] - weight[None]).norm(dim=2)
    return torch.where(length == 0, torch.inf, (logits.gather(1, y[:, None]) - logits) / length).amin(dim=1)


@pytest.mark.parametrize(("num_classes", "bias"), [(2, 0.0), (2, -1e3), (10, -1e3)])
def test_the_nearest_boundary_of_a_linear_model(num_classes: int, bias: float) -> None:
    """All logits negative changes nothing: a label masked by zero would be the best class there."""
    model, x = linear(num_classes, bias=bias), near_grey(256)
    y = predictions(model, x)
    far = (nearest_boundary(model, x, y) > 0.05).nonzero().squeeze(1)[:16]  # far against the length of Adam's steps
    x, y = x[far], y[far]
    x_adv = CW(num_steps=200, num_search_steps=6, learning_rate=0.002, initial_c=0.1)(model, x, y)
    ratio = l2(x_adv, x) / nearest_boundary(model, x, y)
    assert len(far) == 16
    assert (predictions(model, x_adv) != y).all()
    assert (ratio >= 0.999).all()
    # Of many classes' boundaries descent finds one that is nearest in its surroundings.
    assert (ratio <= 1.02).double().mean() >= (1.0 if num_classes == 2 else 0.8)


def test_images_with_pixels_of_exactly_zero_and_one() -> None:
    """atanh is infinite there; the walls themselves are no obstacle to the other pixels."""
    model = linear(2)
    x = (torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(2)) > 0.5).float()
    y = predictions(model, x)
    x_adv = CW(num_steps=300, num_search_steps=6, learning_rate=0.1, initial_c=1.0)(model, x, y)
    assert x_adv.isfinite().all()
    assert ((x_adv >= 0) & (x_adv <= 1)).all()
    assert (predictions(model, x_adv) != y).all()
    assert (l2(x_adv, x) >= nearest_boundary(model, x, y)).all()


def test_the_search_for_c_comes_down_again() -> None:
    """From a ``c`` that drowns the distance, each descent with half as much of it ends nearer."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    x = near_grey(16)
    y = predictions(model, x)
    few, many = (l2(CW(30, n, learning_rate=0.1, initial_c=100.0)(model, x, y), x) for n in (1, 6))
    assert (many <= few).all()
    assert (many < 0.8 * few).sum() > 8


def test_confidence_is_a_lead_of_the_logits() -> None:
    model, x = linear(3), near_grey(8)
    y = predictions(model, x)
    attack = CW(num_steps=200, num_search_steps=6, learning_rate=0.02, initial_c=1.0, confidence=2.0)
    logits = model(attack(model, x, y)).detach()
    lead = logits.scatter(1, y[:, None], -torch.inf).amax(dim=1) - logits.gather(1, y[:, None])[:, 0]
    assert (lead >= 2.0).all()
    assert (lead <= 2.2).all()


def test_near_enough_is_the_end_and_costs_nothing_more(wide_resnet: WideResNet, x: Tensor) -> None:
    x = x[:16]
    y = predictions(wide_resnet.eval(), x)
    free, ended = Counting(wide_resnet), Counting(wide_resnet)
    nearest = l2(SHORT(free, x, y), x)
    within = float(nearest.median())
    x_adv = SHORT(ended, x, y, within=within)
    assert ((l2(x_adv, x) <= within) == (nearest <= within)).all()
    assert ended.rows < 0.8 * free.rows


def test_a_stalled_descent_ends() -> None:
    """A constant model has nothing to descend: two checks of ten a search, not all the steps."""
    counting, x = Counting(Constant(3.0, -1.0, 0.0)), torch.full((4, 1, 3, 3), 0.5)
    CW(num_steps=100, num_search_steps=2)(counting, x, torch.zeros(4, dtype=torch.int64))
    assert counting.rows == 4 * (1 + 2 * 20)


def test_what_is_misclassified_already_is_its_own_nearest(x: Tensor, wide_resnet: WideResNet) -> None:
    y = predictions(wide_resnet.eval(), x)
    counting = Counting(wide_resnet)
    assert torch.equal(SHORT(counting, x, (y + 1) % 10), x)
    assert counting.rows == len(x)


def test_a_sample_alone_and_in_a_batch(wide_resnet: WideResNet, x: Tensor) -> None:
    x = x[:16]
    y = predictions(wide_resnet.eval(), x)
    together = SHORT(wide_resnet, x, y)
    assert (l2(together, x) > 0).sum() > 8
    for i in range(0, 16, 5):
        assert torch.allclose(SHORT(wide_resnet, x[i : i + 1], y[i : i + 1])[0], together[i], atol=1e-4)


def test_the_model_is_left_as_it_was(wide_resnet: WideResNet, x: Tensor) -> None:
    x = x[:8]
    y = predictions(wide_resnet.eval(), x)
    wide_resnet.train()
    wide_resnet.norm.eval()
    state = {name: value.clone() for name, value in wide_resnet.state_dict().items()}
    modes, images = [module.training for module in wide_resnet.modules()], x.clone()
    x_adv = SHORT(wide_resnet, x, y)
    assert all(torch.equal(value, state[name]) for name, value in wide_resnet.state_dict().items())
    assert [module.training for module in wide_resnet.modules()] == modes
    assert all(p.grad is None and p.requires_grad for p in wide_resnet.parameters())
    assert torch.equal(x, images)
    assert not x_adv.requires_grad
    assert torch.equal(x_adv, SHORT(wide_resnet.eval(), x, y))  # dropout drew nothing


def test_a_constant_model_gives_the_image_back() -> None:
    x = torch.rand(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(SHORT(Constant(3.0, -1.0, 0.0), x, torch.zeros(4, dtype=torch.int64)), x)


def test_huge_logits_stay_finite() -> None:
    model, x = linear(3), near_grey(8)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1e4)
    y = predictions(model, x)
    x_adv = CW(num_steps=200, num_search_steps=5, initial_c=1e-4)(model, x, y)
    assert x_adv.isfinite().all()
    assert (predictions(model, x_adv) != y).all()


def test_mistakes_in_one_line(x: Tensor, wide_resnet: WideResNet) -> None:
    y = torch.zeros(64, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"labels must lie in 0..9, the model's classes, got 10 to 10"):
        SHORT(wide_resnet, x, y + 10)
    with pytest.raises(ValueError, match="remove its softmax"):
        SHORT(nn.Sequential(wide_resnet, nn.Softmax(dim=1)), x, y)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        SHORT(wide_resnet, x - 1, y)
    with pytest.raises(ValueError, match="num_steps must be positive, got 0"):
        CW(num_steps=0)
    with pytest.raises(ValueError, match="confidence must be zero or positive, got -1"):
        CW(confidence=-1)
