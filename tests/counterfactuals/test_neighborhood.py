"""Neighborhood scores against numerical convolution, the paper's gamma, and the limits that they must keep."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import erfcx
from torch import Tensor

from advgen_ray.counterfactuals.neighborhood import (
    Neighborhood,
    boltzmann_exact,
    boltzmann_hardtanh,
    bounded,
    gamma,
    gaussian,
)
from advgen_ray.diffusion.vp_sde import VPSDE

SDE = VPSDE()
SIGMA = 0.4


def _score(neighborhood: Neighborhood, y: Tensor, t: float, sigma: float = SIGMA, mu: float = 0.0) -> Tensor:
    """The score at ``alpha_t mu + y``, for every y as a pixel of one image."""
    time = torch.tensor([t])
    x_t = (float(SDE.alpha(time)) * mu + y.double()).float().view(1, 1, 1, -1)
    return neighborhood(torch.full_like(x_t, mu), sigma, SDE)(x_t, time).flatten()


def _convolved_laplace_score(y: float, t: float, sigma: float) -> float:
    """``d/dy log of int Laplace(z; s) Normal(y - z; sigma_t) dz`` by quadrature, split where the integrand bends."""
    time = torch.tensor([t], dtype=torch.float32)
    s, sigma_t = float(SDE.alpha(time)) * sigma, float(SDE.sigma(time))

    def exponent(z: float) -> float:
        return -math.sqrt(2) * abs(z) / s - (y - z) ** 2 / (2 * sigma_t**2)

    mode = math.copysign(max(0.0, abs(y) - math.sqrt(2) * sigma_t**2 / s), y)

    def density(z: float) -> float:
        return math.exp(exponent(z) - exponent(mode))

    cuts = sorted({0.0, mode, *(c + k * w for c, w in ((mode, sigma_t), (0.0, s)) for k in (-30, -8, -2, 2, 8, 30))})
    pieces = list(pairwise(cuts))
    options = {"epsabs": 0, "epsrel": 1e-11, "limit": 200}
    mass = sum(quad(density, low, high, **options)[0] for low, high in pieces)
    slope = sum(quad(lambda z: -(y - z) / sigma_t**2 * density(z), a, b, **options)[0] for a, b in pieces)
    return slope / mass


@pytest.mark.parametrize("t", [1e-3, 0.02, 0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("sigma", [0.2, 0.4])
def test_exact_score_is_the_convolutions_to_1e_4(t: float, sigma: float) -> None:
    sigma_t = float(SDE.sigma(torch.tensor([t])))
    y = torch.tensor([-3.0, -0.7, 0.05, 0.3, 1.0, 2.5]) * sigma_t
    expected = torch.tensor([_convolved_laplace_score(float(value), t, sigma) for value in y])
    torch.testing.assert_close(_score(boltzmann_exact, y, t, sigma), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("t", [1e-5, 1e-3, 0.05, 0.3, 0.6, 0.8, 1.0])
def test_exact_score_keeps_its_digits_from_the_source_to_the_far_tail(t: float) -> None:
    """Against fp64 where that has digits to spare; the slope at 0 where it has not."""
    time = torch.tensor([t])
    s, sigma_t = float(SDE.alpha(time)) * SIGMA, float(SDE.sigma(time))
    y = torch.cat([torch.logspace(-5, 0.7, 60) * sigma_t, torch.logspace(-6, 0.7, 40)])
    u, v = sigma_t / s, y.double().numpy() / (math.sqrt(2) * sigma_t)
    near, far = erfcx(np.maximum(u - v, -25)), erfcx(u + v)
    expected = torch.from_numpy(-math.sqrt(2) / s * (near - far) / (near + far))
    slope = math.sqrt(2) / s * float(gamma(time, SIGMA, SDE))
    expected = torch.where(torch.from_numpy(v < 1e-5 * (1 + u)), slope * y.double(), expected)
    ours = _score(boltzmann_exact, y, t)
    torch.testing.assert_close(ours.double(), expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(_score(boltzmann_exact, -y, t), -ours, rtol=0, atol=0)


def test_exact_score_saturates_where_erfcx_overflows() -> None:
    for t in (1e-5, 1e-3):
        limit = math.sqrt(2) / (float(SDE.alpha(torch.tensor([t]))) * SIGMA)
        far = _score(boltzmann_exact, torch.tensor([-4.0, -2.0, 2.0, 4.0]), t)
        torch.testing.assert_close(far, limit * torch.tensor([1.0, 1.0, -1.0, -1.0]))


def _convolved_box_score(y: float, t: float, sigma: float) -> float:
    """``d/dy log of int_{-h}^{h} Normal(y - z; sigma_t) dz`` by quadrature, in units that keep it from underflow."""
    time = torch.tensor([t], dtype=torch.float32)
    h, sigma_t = math.sqrt(3) * float(SDE.alpha(time)) * sigma, float(SDE.sigma(time))
    mode = min(max(y, -h), h)

    def density(z: float) -> float:
        return math.exp(((y - mode) ** 2 - (y - z) ** 2) / (2 * sigma_t**2))

    cuts = sorted({-h, h, *(min(max(mode + k * sigma_t, -h), h) for k in (-30, -8, -2, -0.1, 0, 0.1, 2, 8, 30))})
    pieces, options = list(pairwise(cuts)), {"epsabs": 0, "epsrel": 1e-11, "limit": 200}
    mass = sum(quad(density, low, high, **options)[0] for low, high in pieces)
    return (density(-h) - density(h)) / mass  # the integral of a derivative: its values at the walls


@pytest.mark.parametrize("t", [1e-3, 0.02, 0.1, 0.3, 0.6, 0.8, 1.0])
@pytest.mark.parametrize("sigma", [0.2, 0.4])
def test_bounded_score_is_the_convolutions_to_1e_4(t: float, sigma: float) -> None:
    time = torch.tensor([t])
    h, sigma_t = math.sqrt(3) * float(SDE.alpha(time)) * sigma, float(SDE.sigma(time))
    y = torch.tensor([-3 * sigma_t - h, -h - 0.2 * sigma_t, -h + 0.5 * sigma_t, 0.05 * sigma_t, h, h + 9 * sigma_t])
    expected = torch.tensor([_convolved_box_score(float(value), t, sigma) for value in y])
    scale = 1e-5 / sigma_t  # inside a wide box the score is nothing to speak of
    torch.testing.assert_close(_score(bounded, y, t, sigma), expected, rtol=1e-4, atol=scale)


def test_bounded_score_of_a_box_just_too_narrow_to_be_told_from_a_gaussian() -> None:
    t, time = 0.8, torch.tensor([0.8])
    sigma_t = float(SDE.sigma(time))
    sigma = 0.049 * sigma_t / (math.sqrt(3) * float(SDE.alpha(time)))
    y = torch.tensor([0.2, 1.0, 3.0]) * sigma_t
    expected = torch.tensor([_convolved_box_score(float(value), t, sigma) for value in y])
    torch.testing.assert_close(_score(bounded, y, t, sigma), expected, rtol=2e-5, atol=0)


def test_bounded_score_is_a_wall_without_noise_and_a_gaussian_in_much() -> None:
    time = torch.tensor([1e-5])
    h, sigma_t = math.sqrt(3) * float(SDE.alpha(time)) * SIGMA, float(SDE.sigma(time))
    inside = _score(bounded, torch.tensor([-0.9 * h, 0.0, 0.9 * h]), 1e-5)
    torch.testing.assert_close(inside, torch.zeros(3))
    torch.testing.assert_close(
        _score(bounded, torch.tensor([2 * h]), 1e-5), torch.tensor([-h / sigma_t**2]), rtol=1e-3, atol=0
    )
    y = torch.tensor([-2.0, 0.3])
    torch.testing.assert_close(_score(bounded, y, 1.0), _score(gaussian, y, 1.0), rtol=1e-5, atol=0)


@pytest.mark.parametrize("t", [1e-3, 0.3, 1.0])
def test_gaussian_score_is_that_of_the_convolved_density(t: float) -> None:
    time = torch.tensor([t])
    deviation = math.hypot(float(SDE.alpha(time)) * SIGMA, float(SDE.sigma(time)))
    y = torch.tensor([-1.0, 0.0, 0.2, 3.0], requires_grad=True)
    torch.distributions.Normal(0.0, deviation).log_prob(y).sum().backward()
    torch.testing.assert_close(_score(gaussian, y.detach(), t), y.grad)


@pytest.mark.parametrize(("t", "expected"), [(0.5, -0.0430), (0.6, -0.02348), (0.8, -0.00564), (1.0, -0.00093)])
def test_gamma_is_the_oracles(t: float, expected: float) -> None:
    """Computed independently for sigma 0.2 in the diffusion's space; the paper's line from u = 20 misses them."""
    assert float(gamma(torch.tensor([t]), 0.2, SDE)) == pytest.approx(expected, abs=5e-6 if t > 0.55 else 5e-5)


@pytest.mark.parametrize("t", [0.01, 0.2, 0.5, 1.0])
def test_gamma_is_the_slope_of_the_exact_score_at_the_source(t: float) -> None:
    time = torch.tensor([t], dtype=torch.float32)
    s, sigma_t = float(SDE.alpha(time)) * SIGMA, float(SDE.sigma(time))
    step = 1e-3 * (sigma_t + s * (sigma_t / s) ** 2)
    score = _convolved_laplace_score(step, t, SIGMA)
    assert math.sqrt(2) / s * float(gamma(time, SIGMA, SDE)) * step == pytest.approx(score, rel=1e-4)


def test_gamma_falls_to_its_tail() -> None:
    """For u >> 1 the convolved density is nearly Gaussian: the slope of the score tends to -1 / sigma_t^2."""
    t = torch.tensor([1.0])
    slope = math.sqrt(2) / (SDE.alpha(t) * 0.05) * gamma(t, 0.05, SDE)
    torch.testing.assert_close(slope, -1 / SDE.sigma(t) ** 2, rtol=1e-5, atol=0)


def test_hardtanh_is_the_paper_formula_within_its_range() -> None:
    for t in (0.05, 0.3, 1.0):
        time = torch.tensor([t])
        limit = math.sqrt(2) / (float(SDE.alpha(time)) * SIGMA)
        slope = float(gamma(time, SIGMA, SDE))
        y = torch.tensor([-1e4, -0.5 / abs(slope), 0.0, 0.5 / abs(slope), 1e4])
        expected = limit * torch.tensor([1.0, 0.5, 0.0, -0.5, -1.0])
        torch.testing.assert_close(_score(boltzmann_hardtanh, y, t), expected, rtol=1e-4, atol=1e-6)


def test_hardtanh_bounds_the_exact_score() -> None:
    y = torch.linspace(0, 3, 301)
    for t in (0.01, 0.1, 0.3, 0.7):
        exact, hard = _score(boltzmann_exact, y, t).abs(), _score(boltzmann_hardtanh, y, t).abs()
        assert (exact <= hard * (1 + 1e-4)).all()


@pytest.mark.parametrize("neighborhood", [gaussian, boltzmann_hardtanh, boltzmann_exact])
def test_every_neighborhood_pulls_towards_the_scaled_source(neighborhood: Neighborhood) -> None:
    y = torch.tensor([-0.5, -0.01, 0.01, 0.5])
    for t in (1e-3, 0.1, 1.0):
        for mu in (-1.0, 0.3):
            score = _score(neighborhood, y, t, mu=mu)
            assert (score.sign() == -y.sign()).all()
            torch.testing.assert_close(score, _score(neighborhood, y, t), rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("neighborhood", [gaussian, boltzmann_hardtanh, boltzmann_exact, bounded])
def test_each_image_has_its_own_time(neighborhood: Neighborhood) -> None:
    x_t = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    mu, t = torch.zeros_like(x_t), torch.tensor([0.1, 0.9])
    together = neighborhood(mu, SIGMA, SDE)(x_t, t)
    for i in range(2):
        alone = neighborhood(mu[i : i + 1], SIGMA, SDE)(x_t[i : i + 1], t[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=0)


@pytest.mark.parametrize("neighborhood", [gaussian, boltzmann_hardtanh, boltzmann_exact, bounded])
def test_sigma_must_be_positive(neighborhood: Neighborhood) -> None:
    with pytest.raises(ValueError, match=r"sigma must be positive, got 0"):
        neighborhood(torch.zeros(1, 1, 1, 1), 0.0, SDE)


@pytest.mark.parametrize("make", [gaussian, boltzmann_hardtanh, boltzmann_exact, bounded])
@pytest.mark.parametrize("time", [0.05, 0.9])
def test_a_neighborhood_lies_where_its_source_does(make: Any, time: float) -> None:
    """Moving source and image alike, by alpha_t of what the source moves, leaves the score."""
    t = torch.full((4,), time, dtype=torch.float64)
    mu = torch.linspace(-1, 1, 16, dtype=torch.float64).view(4, 1, 2, 2)
    offset = torch.linspace(-0.9, 1.3, 16, dtype=torch.float64).view(4, 1, 2, 2)
    alpha = SDE.alpha(t).view(4, 1, 1, 1)
    at_zero = make(torch.zeros_like(mu), 0.3, SDE)(offset, t)
    torch.testing.assert_close(make(mu, 0.3, SDE)(alpha * mu + offset, t), at_zero)
    assert (at_zero.sign() * offset.sign() <= 0).all()
