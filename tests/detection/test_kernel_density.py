"""Kernel densities against scikit-learn, how a bandwidth is chosen, and features that lie far out."""

import math

import pytest
import torch
from sklearn.neighbors import KernelDensity as Reference

from advgen_ray.detection.kernel_density import choose_bandwidth, fit_kernel_density


def _normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("bandwidth", [0.3, 1.0, 4.0])
def test_log_density_equals_scikit_learn(bandwidth: float) -> None:
    features, y = _normal(90, 6, seed=0), torch.arange(90) % 3
    queries, predicted = 2 * _normal(20, 6, seed=1), torch.arange(20) % 3
    density = fit_kernel_density(features, y, 3, bandwidth)
    got = density.log_density(queries, predicted)
    for label in range(3):
        reference = Reference(bandwidth=bandwidth, rtol=1e-10).fit(features[y == label].numpy())
        expected = reference.score_samples(queries[predicted == label].numpy())
        assert got[predicted == label].tolist() == pytest.approx(expected.tolist(), rel=1e-6)


def test_one_training_image_is_one_gaussian() -> None:
    density = fit_kernel_density(torch.tensor([[1.0, 2.0]]), torch.tensor([0]), 1, bandwidth=0.5)
    got = density.log_density(torch.tensor([[1.0, 4.0]]), torch.tensor([0])).item()
    assert got == pytest.approx(-4 / (2 * 0.25) - 2 * math.log(0.5 * math.sqrt(2 * math.pi)))


def test_far_features_stay_finite_and_alone_is_as_in_a_batch() -> None:
    features, y = _normal(50, 8, seed=0).float(), torch.arange(50) % 2
    density = fit_kernel_density(features, y, 2, bandwidth=0.01)
    queries = 1e4 * _normal(40, 8, seed=1).float()
    predicted = torch.arange(40) % 2
    together = density.log_density(queries, predicted)
    assert together.isfinite().all()
    assert torch.allclose(density.log_density(queries[7:8], predicted[7:8]), together[7:8], rtol=1e-9)


def test_the_predicted_class_decides() -> None:
    features = torch.cat([torch.zeros(10, 2), torch.full((10, 2), 9.0)])
    density = fit_kernel_density(features, torch.tensor([0] * 10 + [1] * 10), 2, bandwidth=1.0)
    own, other = density.log_density(torch.zeros(2, 2), torch.tensor([0, 1])).tolist()
    assert own - other == pytest.approx(81)


def test_the_bandwidth_is_that_of_the_data() -> None:
    """Of a standard normal in one dimension with n samples, the best is near ``(4 / 3n)^(1/5)`` (Silverman)."""
    y = torch.zeros(400, dtype=torch.int64)
    candidates = [0.001, 0.03, 0.3, 3.0, 30.0]
    assert choose_bandwidth(_normal(400, 1, seed=0), y, _normal(400, 1, seed=1), y, candidates) == 0.3
    assert choose_bandwidth(5 * _normal(400, 1, seed=0), y, 5 * _normal(400, 1, seed=1), y, candidates) == 3.0


def test_bad_input_is_refused() -> None:
    features = _normal(4, 2, seed=0)
    with pytest.raises(ValueError, match=r"no training features of the classes \[1, 3\]"):
        fit_kernel_density(features, torch.tensor([0, 2, 0, 2]), 4, 1.0)
    for bandwidth in (0.0, math.nan):
        with pytest.raises(ValueError, match="bandwidth must be positive"):
            fit_kernel_density(features, torch.zeros(4, dtype=torch.int64), 1, bandwidth)
