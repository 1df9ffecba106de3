"""Frechet distance: closed forms, itself, another implementation, and covariances without full rank."""

import numpy as np
import pytest
import torch
from pytorch_fid.fid_score import calculate_frechet_distance

from advgen_ray.synthesis.frechet import Moments, frechet_distance, moments, moments_without


def _features(count: int, dimensions: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dimensions, dimensions, generator=generator, dtype=torch.float64)
    return torch.randn(count, dimensions, generator=generator, dtype=torch.float64) @ mixing + seed


def test_covariances_that_commute_have_a_closed_form() -> None:
    """With one basis the distance is ``|m_1 - m_2|^2 + sum (s_1 - s_2)^2`` of standard deviations."""
    basis, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    deviations = torch.rand(2, 6, dtype=torch.float64) * 3
    means = torch.randn(2, 6, dtype=torch.float64)
    one, other = (Moments(m, basis @ torch.diag(s**2) @ basis.T, 100) for m, s in zip(means, deviations, strict=True))
    expected = (means[0] - means[1]).square().sum() + (deviations[0] - deviations[1]).square().sum()
    assert frechet_distance(one, other) == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize(("count", "dimensions"), [(500, 20), (50, 400)])
def test_images_have_no_distance_to_themselves(count: int, dimensions: int) -> None:
    """With fewer samples than dimensions too, where a root of rounding would be large."""
    own = moments(_features(count, dimensions, 1))
    assert 0 <= frechet_distance(own, own) < 1e-12 * float(own.covariance.trace())


def test_small_features_of_any_rank_are_within_the_promise() -> None:
    own = moments(_features(64, 256, 2) / 50)
    assert frechet_distance(own, own) < 1e-6


def test_it_is_what_the_standard_port_computes() -> None:
    one, other = _features(300, 12, 3), _features(200, 12, 4)
    expected = calculate_frechet_distance(
        one.mean(0).numpy(),
        np.cov(one.numpy(), rowvar=False),
        other.mean(0).numpy(),
        np.cov(other.numpy(), rowvar=False),
    )
    found = frechet_distance(moments(one), moments(other))
    assert found == pytest.approx(expected, rel=1e-6)
    assert found == pytest.approx(frechet_distance(moments(other), moments(one)), rel=1e-12)


def test_sums_do_not_lose_what_float32_would() -> None:
    """Features far from zero: a covariance by float32 squares would be noise."""
    features = (torch.randn(2000, 4, generator=torch.Generator().manual_seed(5)) + 4096).float()
    assert moments(features).covariance.diagonal().mean() == pytest.approx(1, abs=0.1)


def test_moments_of_what_is_left() -> None:
    """Far from zero too, where sums of squares would be all there is."""
    features = _features(60, 5, 5) + 1e5
    chosen = torch.tensor([3, 4, 40])
    left = torch.ones(60, dtype=torch.bool)
    left[chosen] = False
    found, expected = moments_without(moments(features), features[chosen]), moments(features[left])
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.covariance, expected.covariance, rtol=1e-8, atol=1e-8)
    assert found.count == 57
    with pytest.raises(ValueError, match="at least two samples left, got 1"):
        moments_without(moments(features[:3]), features[:2])


def test_what_has_no_distance_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two samples"):
        moments(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="not finite"):
        moments(torch.full((3, 3), torch.nan))
    with pytest.raises(ValueError, match="2 and of 3 dimensions"):
        frechet_distance(moments(torch.rand(5, 2)), moments(torch.rand(5, 3)))
