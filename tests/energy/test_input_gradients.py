"""Input gradients against closed forms, how they become pictures, and the two numbers that describe them."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.energy.input_gradients import (
    alignment,
    cross_entropy_gradient,
    sparsity,
    targeted_alignment,
    to_picture,
    value_and_gradient,
)
from advgen_ray.energy.logits import energy_x
from advgen_ray.models.wide_resnet import WideResNet


def _linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 5)).eval()


def _images(num_images: int = 6, seed: int = 0) -> Tensor:
    return torch.rand(num_images, 3, 4, 4, generator=torch.Generator().manual_seed(seed))


def _spread(seed: int = 1) -> Tensor:
    return torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(seed))


def test_gradient_of_a_linear_model_is_probabilities_minus_label_times_weights() -> None:
    model, x, y = _linear(), _images(), torch.tensor([0, 1, 2, 3, 4, 0])
    expected = (model(x).softmax(1) - nn.functional.one_hot(y, 5)) @ model[1].weight
    assert torch.allclose(cross_entropy_gradient(model, x, y).flatten(1), expected, atol=1e-6)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_huge_logits_give_finite_gradients() -> None:
    model = _linear()
    with torch.no_grad():
        model[1].weight.mul_(1e4)
    values, gradient = value_and_gradient(model, _images(), energy_x)
    assert values.abs().max() > 1e3
    assert values.isfinite().all()
    assert gradient.isfinite().all()


def test_a_sample_alone_has_the_gradient_it_has_in_a_batch() -> None:
    torch.manual_seed(0)
    model = WideResNet((3, 8, 8), 4, (0.5,) * 3, (0.5,) * 3, depth=10, widen_factor=1, base_channels=4, dropout=0.3)
    model(torch.rand(32, 3, 8, 8))
    model.eval()
    x = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    y = torch.arange(16) % 4
    together = cross_entropy_gradient(model, x, y)
    for i in (0, 7):
        assert torch.allclose(cross_entropy_gradient(model, x[i : i + 1], y[i : i + 1])[0], together[i], atol=1e-6)


def test_what_would_couple_samples_is_refused() -> None:
    model = _linear()
    with pytest.raises(ValueError, match="training mode"):
        cross_entropy_gradient(model.train(), _images(), torch.zeros(6, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"one value a sample, \[6\], got shape \[\]"):
        value_and_gradient(model.eval(), _images(), lambda logits: logits.sum())


def test_picture_is_signed_per_image_and_clipped_at_the_quantile() -> None:
    gradient = torch.zeros(1, 1, 10, 10)
    gradient[0, 0].view(-1)[:] = torch.arange(1, 101) / 100  # the 99th percentile of 100 values is the 99th
    gradient = torch.cat([gradient, -1e-6 * gradient])
    picture = to_picture(gradient)
    expected = 0.5 + 0.5 * (torch.arange(1, 101) / 99).clamp(max=1)
    assert torch.allclose(picture[0].flatten(), expected)
    assert torch.allclose(picture[1].flatten(), 1 - expected)  # the scale of a gradient does not show


def test_picture_of_a_sparse_gradient_shows_its_pixel_and_of_none_is_grey() -> None:
    gradient = torch.zeros(2, 1, 20, 20)
    gradient[0, 0, 3, 4] = -0.007
    picture = to_picture(gradient)
    assert picture[0, 0, 3, 4] == 0
    assert (picture[1] == 0.5).all()


def test_alignment_is_the_cosine_with_the_way_out_of_the_class() -> None:
    x, mean = _images(), _images(seed=1)
    assert torch.allclose(alignment(1e-30 * (x - mean), x, mean), torch.ones(6), atol=1e-5)
    assert torch.allclose(alignment(mean - x, x, mean), -torch.ones(6), atol=1e-5)
    expected = nn.functional.cosine_similarity(_spread().flatten(1), (x - mean).flatten(1))
    assert torch.allclose(alignment(_spread(), x, mean), expected, atol=1e-6)
    assert (alignment(torch.zeros_like(x), x, mean) == 0).all()


def test_a_model_that_measures_distances_to_the_class_means_is_fully_aligned() -> None:
    """With logits ``-a |x - mean_k|^2`` and two classes every gradient lies along ``mean_0 - mean_1``."""

    class Distances(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return -4 * (x[:, None] - means).square().flatten(2).sum(2)

    means = torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)])
    x, y = torch.full((2, 3, 4, 4), 0.4), torch.tensor([0, 1])
    assert torch.allclose(targeted_alignment(Distances().eval(), x, y, means), torch.ones(2), atol=1e-5)


def test_targeted_alignment_is_the_mean_over_all_other_classes() -> None:
    model, x, y, means = _linear(), _images(), torch.tensor([0, 1, 2, 3, 4, 0]), _images(5, seed=2)
    by_class = [alignment(cross_entropy_gradient(model, x, y * 0 + k), x, means[[k] * 6]) for k in range(5)]
    others = torch.stack(by_class, dim=1)[nn.functional.one_hot(y, 5) == 0].view(6, 4)
    assert torch.allclose(targeted_alignment(model, x, y, means), others.mean(1), atol=1e-6)


def test_sparsity_is_zero_when_flat_and_almost_one_for_a_spike() -> None:
    gradient = torch.ones(3, 1, 4, 4)
    gradient[1] = 0
    gradient[1, 0, 2, 2] = -1e-30
    gradient[2] = 0
    assert sparsity(gradient).tolist() == pytest.approx([0, 1 - 1 / 16, 0], abs=1e-6)


def test_sparsity_equals_half_the_relative_mean_difference() -> None:
    """The Gini index is ``sum_ij |c_i - c_j| / (2 D sum c)``."""
    size = _spread().flatten(1).abs().double()
    expected = (size[:, :, None] - size[:, None, :]).abs().sum((1, 2)) / (2 * 48 * size.sum(1))
    assert torch.allclose(sparsity(_spread()).double(), expected, atol=1e-6)
    assert torch.allclose(sparsity(-3e-20 * _spread()), sparsity(_spread()), atol=1e-6)
