"""The PCA start against numpy's eigenvectors, its share of variance, and classes that have little to offer."""

import numpy as np
import pytest
import torch

from advgen_ray.energy.pca_start import fit_pca_start
from advgen_ray.rng import Stream


def _images(num_images: int, seed: int) -> torch.Tensor:
    """Images around 0.5 with a few strong directions, far from the borders of the box."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(num_images, 5, generator=generator) * torch.tensor([0.05, 0.03, 0.01, 0.004, 0.001])
    directions = torch.linalg.qr(torch.randn(16, 5, generator=generator))[0]
    return 0.5 + (scores @ directions.T).view(num_images, 1, 4, 4)


IMAGES = torch.cat([_images(60, 0), _images(40, 1)])
LABELS = torch.tensor([0] * 60 + [1] * 40)


def test_directions_are_the_eigenvectors_of_the_class_covariance() -> None:
    start = fit_pca_start(IMAGES, LABELS, 2, variance=0.999)
    for label in (0, 1):
        images = IMAGES[label == LABELS].flatten(1).double().numpy()
        eigenvalues, vectors = np.linalg.eigh(np.cov(images.T, bias=True) * len(images))
        got = start.directions[label].double().numpy()
        num_kept = len(got)
        np.testing.assert_allclose(np.linalg.norm(got, axis=1), np.sqrt(eigenvalues[::-1][:num_kept]), rtol=1e-3)
        unit = got / np.linalg.norm(got, axis=1, keepdims=True)
        np.testing.assert_allclose(np.abs(unit @ vectors[:, ::-1][:, :num_kept]), np.eye(num_kept), atol=1e-3)
        assert (unit[np.arange(num_kept), np.abs(unit).argmax(1)] > 0).all()


@pytest.mark.parametrize("variance", [0.3, 0.9, 0.99, 1.0])
def test_the_fewest_components_that_hold_the_share(variance: float) -> None:
    singular = np.linalg.svd((IMAGES[:60] - IMAGES[:60].mean(0)).flatten(1).double().numpy(), compute_uv=False)
    held = np.cumsum(singular**2) / np.sum(singular**2)
    num_kept = len(fit_pca_start(IMAGES, LABELS, 2, variance).directions[0])
    assert held[num_kept - 1] >= variance - 1e-6
    assert num_kept == 1 or held[num_kept - 2] < variance


def test_start_is_the_mean_plus_scaled_directions() -> None:
    start = fit_pca_start(IMAGES, LABELS, 2)
    y = torch.tensor([1, 0, 1])
    noise = Stream(0, "start").normal(["a", "b", "c"], (1, 4, 4))
    for label, row in zip(y.tolist(), range(3), strict=True):
        directions = start.directions[label]
        offset = sum(0.005 * noise[row].flatten()[k] * directions[k] for k in range(len(directions)))
        expected = IMAGES[label == LABELS].mean(0) + offset.view(1, 4, 4)
        assert torch.allclose(start(y, noise)[row], expected, atol=1e-6)
        alone = start(y[row : row + 1], noise[row : row + 1])[0]
        assert torch.allclose(alone, start(y, noise)[row], atol=1e-6)


def test_spread_of_the_starts_is_that_of_the_data_times_sigma_root_n() -> None:
    start = fit_pca_start(IMAGES, LABELS, 2, variance=1.0)
    noise = Stream(0, "start").normal(range(4000), (1, 4, 4))
    starts = start(torch.zeros(4000, dtype=torch.int64), noise, sigma=1 / 59**0.5)
    assert torch.allclose(starts.std(0), IMAGES[:60].std(0), rtol=0.06)


def test_starts_are_images() -> None:
    noise = 1e4 * Stream(0, "start").normal(range(8), (1, 4, 4))
    starts = fit_pca_start(IMAGES, LABELS, 2)(torch.zeros(8, dtype=torch.int64), noise)
    assert ((starts >= 0) & (starts <= 1)).all()


def test_order_of_the_images_does_not_flip_signs() -> None:
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    one, other = fit_pca_start(IMAGES[:60], LABELS[:60], 1), fit_pca_start(IMAGES[:60][order], LABELS[:60], 1)
    assert torch.allclose(one.directions[0], other.directions[0], atol=1e-4)


def test_a_class_of_equal_images_starts_at_its_mean() -> None:
    x = torch.full((5, 1, 4, 4), 0.25)
    for images in (x, x[:1]):
        start = fit_pca_start(images, torch.zeros(len(images), dtype=torch.int64), 1)
        assert torch.equal(start(torch.tensor([0]), torch.ones(1, 1, 4, 4)), x[:1])


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="class 2 has no images"):
        fit_pca_start(IMAGES, LABELS, 3)
    for variance in (0.0, 1.1):
        with pytest.raises(ValueError, match="a share in"):
            fit_pca_start(IMAGES, LABELS, 2, variance)
