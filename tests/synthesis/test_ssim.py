"""SSIM against a direct computation window by window, its bounds, and the neighbors it finds."""

import math

import numpy as np
import pytest
import torch

from advgen_ray.synthesis.ssim import nearest, ssim


def _images(num_images: int, channels: int, side: int, seed: int = 0, width: int | None = None) -> torch.Tensor:
    return torch.rand(num_images, channels, side, width or side, generator=torch.Generator().manual_seed(seed))


def _direct(x: np.ndarray, other: np.ndarray, window_size: int) -> float:
    """Wang et al. 2004, equation 13, at every window of one pair ``[C, H, W]``."""
    offsets = np.arange(window_size) - window_size // 2
    weights = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    channels, height, width = x.shape
    for c in range(channels):
        for i in range(height - window_size + 1):
            for j in range(width - window_size + 1):
                a, b = (image[c, i : i + window_size, j : j + window_size] for image in (x, other))
                mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
                variance_a, variance_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
                covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
                values.append(
                    (2 * mean_a * mean_b + 0.01**2)
                    * (2 * covariance + 0.03**2)
                    / ((mean_a**2 + mean_b**2 + 0.01**2) * (variance_a + variance_b + 0.03**2))
                )
    return float(np.mean(values))


@pytest.mark.parametrize(
    ("channels", "height", "width", "window_size"), [(1, 16, 16, 11), (3, 13, 16, 11), (1, 8, 13, 7), (1, 12, 9, 9)]
)
def test_ssim_equals_the_direct_computation(channels: int, height: int, width: int, window_size: int) -> None:
    x = _images(3, channels, height, width=width)
    other = (0.7 * x + 0.3 * _images(3, channels, height, seed=1, width=width)).clamp(0, 1)
    expected = [_direct(a, b, window_size) for a, b in zip(x.double().numpy(), other.double().numpy(), strict=True)]
    assert ssim(x, other).tolist() == pytest.approx(expected, abs=2e-5)
    assert 0.1 < min(expected) < max(expected) < 0.95


def test_bounds_and_symmetry() -> None:
    x, other = _images(4, 3, 16), _images(4, 3, 16, seed=1)
    assert ssim(x, x).tolist() == pytest.approx([1] * 4, abs=1e-5)
    assert torch.allclose(ssim(x, other), ssim(other, x), atol=1e-6)
    assert (ssim(x, 1 - x) < 0).all()


def test_flat_images_compare_by_luminance_alone() -> None:
    black, white = torch.zeros(1, 1, 12, 12), torch.ones(1, 1, 12, 12)
    assert ssim(black, black).item() == pytest.approx(1)
    assert ssim(black, white).item() == pytest.approx(0.01**2 / (1 + 0.01**2), rel=1e-2)


def test_nearest_are_the_largest_of_all_pairs() -> None:
    x, candidates = _images(3, 1, 12), _images(1100, 1, 12, seed=1)  # more than one chunk
    candidates[1050] = (x[1] + 0.02).clamp(0, 1)
    indices, values = nearest(x, candidates, 5)
    everything = torch.stack([ssim(one.expand_as(candidates), candidates) for one in x[:, None]])
    assert torch.allclose(values, everything.sort(dim=1, descending=True).values[:, :5], atol=1e-6)
    assert torch.allclose(everything.gather(1, indices), values, atol=1e-6)
    assert indices[1, 0] == 1050
    assert values[1, 0] > 0.9


def test_equal_candidates_come_in_their_order() -> None:
    x = _images(1, 1, 12)
    candidates = torch.cat([1 - x, x, x, x])
    indices, values = nearest(x, candidates, 4)
    assert indices.tolist() == [[1, 2, 3, 0]]
    assert not math.isnan(values.sum())


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="two batches of one shape"):
        ssim(_images(2, 1, 8), _images(1, 1, 8))
    with pytest.raises(ValueError, match="at least 3 of them"):
        nearest(_images(2, 1, 8), _images(2, 1, 8), 3)
    with pytest.raises(ValueError, match="candidates like"):
        nearest(_images(2, 1, 8), _images(5, 3, 8), 1)
